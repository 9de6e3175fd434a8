import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { hasGo } from './go.ts';
import { asRoot } from './netns.ts';
import type { Suite, TestBody } from './suite.ts';

/** A Go module with programs to test with: `.` is test/peers, the others are folders in it. */
export type PeerModule =
  | '.'
  | 'cluster'
  | 'containerd'
  | 'kubernetes'
  | 'multus-4.0'
  | 'openmetrics'
  | 'rdma-cni'
  | 'sriov-cni';

const directories = new Map<PeerModule, string>();
const versionsOf = new Map<string, readonly string[]>();

function findDirectory(module: PeerModule): string {
  const script = join(import.meta.dirname, '../../scripts/peers.sh');
  return execFileSync(script, [module], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();
}

/**
 * The directory of a module's programs, for CNI_PATH. Builds missing ones. '' if this machine can't build them.
 */
export function peerDir(module: PeerModule = '.'): string {
  const directory = directories.get(module) ?? findDirectory(module);
  directories.set(module, directory);
  return directory;
}

/** Path of a program, e.g. `host-local` or `cnitool`; null if this machine doesn't have it. */
export function peer(name: string, module: PeerModule = '.'): string | null {
  const directory = peerDir(module);
  const path = join(directory, name);
  return directory !== '' && existsSync(path) ? path : null;
}

function askVersions(path: string): readonly string[] {
  // No stdin: a plugin may answer without reading it, and a pipe would break then.
  const answer = execFileSync(path, {
    encoding: 'utf8',
    env: { CNI_COMMAND: 'VERSION' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return (JSON.parse(answer) as { readonly supportedVersions: readonly string[] }).supportedVersions;
}

/** True if the plugin is there and speaks that version of CNI, by its own VERSION. */
export function peerSupports(name: string, cniVersion: string): boolean {
  const path = peer(name);
  if (path === null) return false;
  const versions = versionsOf.get(name) ?? askVersions(path);
  versionsOf.set(name, versions);
  return versions.includes(cniVersion);
}

/** Registers tests that need a host-local that speaks CNI 1.1; Debian's does not. */
export function withHostLocal11(test: Suite): (name: string, body: TestBody) => void {
  if (peerSupports('host-local', '1.1.0')) return asRoot(test);
  return (name) => test.skip(name, 'host-local here speaks no CNI 1.1.0', { allowedInCi: !hasGo() });
}
