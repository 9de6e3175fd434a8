import { listProcessNetns, maxMountsBytes, unescapeOctal } from '../kernel/namespace-search.ts';
import { isSystemError } from '../lib/system-error.ts';
import type { Netns, Platform } from '../platform/platform.ts';

/**
 * Each network namespace but our own that a process lives in or that is mounted somewhere, opened for `visit` and closed after it. One that nobody
 * but an open descriptor keeps is not found.
 */
export function visitOtherNamespaces(platform: Platform, visit: (netns: Netns) => void): void {
  const seen = new Set([`net:[${platform.ownNetns().inode}]`]);
  for (const [name, path] of [...ofProcesses(platform), ...ofMounts(platform)]) {
    if (seen.has(name)) continue;
    seen.add(name);
    const netns = openQuietly(platform, path);
    try {
      if (netns !== null) visit(netns);
    } finally {
      netns?.close();
    }
  }
}

type Found = readonly [name: string, path: string];

function ofProcesses(platform: Platform): Found[] {
  return Array.from(listProcessNetns(platform), ({ path, target }): Found => [target, path]);
}

/** Of each mount: its number, its parent's, the device, what of it is mounted, and where (man 5 proc). */
function ofMounts({ paths, readFile }: Platform): Found[] {
  const mounts = readFile(`${paths.procfs}/self/mountinfo`, { maxBytes: maxMountsBytes })?.toString('utf8') ?? '';
  return mounts.split('\n').flatMap((line): Found[] => {
    const [, , , name = '', path = ''] = line.split(' ', 5);
    return name.startsWith('net:[') ? [[name, unescapeOctal(path)]] : [];
  });
}

/** A process may end while it is looked at, and a mount may go. */
function openQuietly(platform: Platform, path: string): Netns | null {
  try {
    return platform.openNetns(path);
  } catch (thrown) {
    if (isSystemError(thrown, 'ESRCH', 'ENOENT', 'EINVAL', 'EACCES')) return null;
    throw thrown;
  }
}
