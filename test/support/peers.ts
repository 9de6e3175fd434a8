import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

let directory: string | undefined;
const versionsOf = new Map<string, readonly string[]>();

/** The directory of the programs that the tests run beside ours, for CNI_PATH; built where they are missing. */
export function peerDir(): string {
  const script = join(import.meta.dirname, '../../scripts/peers.sh');
  directory ??= execFileSync(script, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();
  return directory;
}

/** Path of one of them, e.g. `host-local` or `cnitool`; null where this machine has none. */
export function peer(name: string): string | null {
  const path = join(peerDir(), name);
  return existsSync(path) ? path : null;
}

function askVersions(path: string): readonly string[] {
  const env = { CNI_COMMAND: 'VERSION' };
  const answer = execFileSync(path, { encoding: 'utf8', env, input: '{"cniVersion":"1.0.0"}' });
  return (JSON.parse(answer) as { readonly supportedVersions: readonly string[] }).supportedVersions;
}

/** True where the plugin is there and speaks that version of CNI, by its own VERSION. */
export function peerSupports(name: string, cniVersion: string): boolean {
  const path = peer(name);
  if (path === null) return false;
  const versions = versionsOf.get(name) ?? askVersions(path);
  versionsOf.set(name, versions);
  return versions.includes(cniVersion);
}
