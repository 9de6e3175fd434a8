import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';

/** What `read` gives, or undefined where the process ended before it was read (ENOENT, then ESRCH). */
function ofLiving<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** A zombie has ended, because whoever adopts an orphan may reap it late. */
export function isRunning(pid: number | string): boolean {
  const stat = ofLiving(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  return stat !== undefined && !/\) [ZX] /.test(stat);
}

/** The ids of the processes in these network namespaces, given by path. */
export function processesIn(...netnsPaths: readonly string[]): readonly string[] {
  const links = new Set(netnsPaths.map((path) => `net:[${statSync(path).ino}]`));
  return readdirSync('/proc').filter(
    (pid) => /^\d+$/.test(pid) && links.has(ofLiving(() => readlinkSync(`/proc/${pid}/ns/net`)) ?? ''),
  );
}
