import { createHash } from 'node:crypto';
import { readdirSync, realpathSync, rmSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

/** The folder of this checkout, without links on the way. */
export const checkout = realpathSync(join(import.meta.dirname, '../../..'));

/** Everything the lab keeps between runs: packages, unpacked programs, kernels, snapshots. */
export function cacheFolder(): string {
  const own = process.getuid?.() === 0 ? '/var/cache' : join(homedir(), '.cache');
  return join(process.env['XDG_CACHE_HOME'] || own, 'dra-sriov-lab');
}

export function digest(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex').slice(0, 16);
}

/** Keeps the `count` entries of a folder that were used or made last. Others may do the same at the same time. */
export function dropAllButNewest(folder: string, count: number): void {
  const entries = readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat === undefined ? [] : [{ path, mtimeMs: stat.mtimeMs }];
  });
  const newestFirst = entries.toSorted((a, b) => b.mtimeMs - a.mtimeMs);
  for (const { path } of newestFirst.slice(count)) rmSync(path, { recursive: true, force: true });
}
