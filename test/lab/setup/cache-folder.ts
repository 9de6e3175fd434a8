import { createHash } from 'node:crypto';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

/** Everything the lab keeps between runs: packages, unpacked programs, kernels, snapshots. */
export function cacheFolder(): string {
  return join(process.env['XDG_CACHE_HOME'] || '/var/cache', 'dra-sriov-lab');
}

export function digest(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex').slice(0, 16);
}

/** Keeps the `count` entries of a folder that were used or made last. */
export function dropAllButNewest(folder: string, count: number): void {
  const paths = readdirSync(folder).map((name) => join(folder, name));
  const newestFirst = paths.toSorted((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  for (const path of newestFirst.slice(count)) rmSync(path, { recursive: true, force: true });
}
