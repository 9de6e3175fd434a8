import { existsSync, readFileSync } from 'node:fs';

/** Whoever adopts an orphan may take its time to reap it: a zombie has ended. */
export function isRunning(pid: string): boolean {
  const path = `/proc/${pid}/stat`;
  return existsSync(path) && !/\) [ZX] /.test(readFileSync(path, 'utf8'));
}
