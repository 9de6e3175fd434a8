import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';

/** What `read` returns; undefined if the process ended before (ENOENT) or while (ESRCH) it was read. */
function ofLiving<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** A zombie counts as ended: whoever has adopted it may reap it late. */
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
