import { isSystemError } from '../lib/system-error.ts';
import type { Netns, Platform } from '../platform/platform.ts';
import { hasInode, isNetns, type NetnsId, openIfNamespace } from './namespace.ts';

// Finds network namespaces in processes and bound to files (man 7 namespaces; fs/proc/namespaces.c, fs/nsfs.c). That
// looks at every process of the node, so it serves rare cases only.

/**
 * A network namespace, opened through a process that lives in it, or through a file that it is bound to in this mount
 * namespace or in that of process 1. `out of reach`: only other mount namespaces have it bound, and pods may have a
 * hand in their paths. Null: it is nowhere. Throws SystemError if it can't look, which must not be taken for null.
 */
export function searchNetns(platform: Platform, id: NetnsId): Netns | 'out of reach' | null {
  if (id.inode === '') return null;
  let isOutOfReach = false;
  for (const path of listPlaces(platform, id.inode)) {
    const netns = path === null ? 'denied' : openIfAllowed(platform, path);
    if (netns === 'denied') {
      isOutOfReach = true;
      continue;
    }
    if (netns !== null && isNetns(platform, netns, id)) return netns;
    const isAnother = netns !== null && hasInode(netns, id);
    netns?.close();
    if (isAnother) return null;
  }
  return isOutOfReach ? 'out of reach' : null;
}

/** Another process's root may be closed even to root. */
function openIfAllowed(platform: Platform, path: string): Netns | 'denied' | null {
  try {
    return openIfNamespace(platform, path);
  } catch (thrown) {
    if (isSystemError(thrown, 'EACCES', 'EPERM')) return 'denied';
    throw thrown;
  }
}

/**
 * As openIfNamespace; if nothing is at the path here, opens what process 1 has there, because containers and debug
 * shells have mounts of their own.
 */
export function openNetnsOfNode(platform: Platform, path: string): Netns | null {
  // /var/run is a link to the absolute path /run, which would lead into our own root.
  const there = `${platform.paths.procfs}/1/root${path.replace(/^\/var\/run\//, '/run/')}`;
  const here = openIfNamespace(platform, path) ?? openIfAllowed(platform, there);
  return here === 'denied' ? null : here;
}

/**
 * Visits each network namespace but our own that is bound to a file here or that a process lives in. It is opened by
 * that path, and closed after the visit. Finds none that only an open descriptor keeps or that can't be opened. Throws
 * SystemError.
 */
export function visitOtherNamespaces(platform: Platform, visit: (netns: Netns, path: string) => void): void {
  const seen = new Set([`net:[${platform.ownNetns().inode}]`]);
  for (const { target, path } of listPlacesHere(platform)) {
    if (seen.has(target)) continue;
    const netns = openIfAllowed(platform, path);
    if (netns === null || netns === 'denied') continue;
    seen.add(target);
    try {
      visit(netns, path);
    } finally {
      netns.close();
    }
  }
}

/** Files come before processes, because their names tell people more. */
function* listPlacesHere(platform: Platform): Generator<NetnsPlace> {
  yield* listMountedNetns(platform, 'self');
  yield* listProcessNetns(platform);
}

/** Paths of the namespace with that inode; null for a path that only other mount namespaces have. */
function* listPlaces(platform: Platform, inode: string): Generator<string | null> {
  const { procfs } = platform.paths;
  const wanted = `net:[${inode}]`;
  for (const { path, target } of listProcessNetns(platform)) if (target === wanted) yield path;
  const roots: Readonly<Record<string, string>> = { self: '', 1: `${procfs}/1/root` };
  for (const pid of ['self', '1', ...listMountNamespaces(platform)]) {
    const mount = listMountedNetns(platform, pid).find(({ target }) => target === wanted);
    const root = roots[pid];
    if (mount !== undefined) yield root === undefined ? null : `${root}${mount.path}`;
  }
}

/** A node may have thousands of mounts. */
const maxMountsBytes = 64 * 1024 * 1024;

const unescapeOctal = (name: string): string =>
  name.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

/** The network namespaces that are bound to files where a process has its mounts. Throws SystemError. */
function listMountedNetns(platform: Platform, pid: string): NetnsPlace[] {
  const path = `${platform.paths.procfs}/${pid}/mountinfo`;
  const mounts = unlessEnded(platform, pid, () => platform.readFile(path, { maxBytes: maxMountsBytes }));
  return (mounts?.toString('utf8') ?? '').split('\n').flatMap((line): NetnsPlace[] => {
    // A line of man 5 proc: number of the mount, that of its parent, device, what of it is mounted, mount point.
    const [, , , target = '', mountPoint = ''] = line.split(' ', 5);
    return target.startsWith('net:[') ? [{ target, path: unescapeOctal(mountPoint) }] : [];
  });
}

/** A path that opens a network namespace. */
interface NetnsPlace {
  readonly path: string;
  /** `net:[4026531840]`, with its inode. */
  readonly target: string;
}

/**
 * The network namespace of each process; if its first thread has ended, those of its other threads. Throws SystemError.
 */
export function* listProcessNetns(platform: Platform): Generator<NetnsPlace> {
  const { procfs } = platform.paths;
  for (const pid of listProcesses(platform)) {
    const path = `${procfs}/${pid}/ns/net`;
    const target = readNetnsLink(platform, pid, path);
    if (target !== null) yield { path, target };
    if (target !== null) continue;
    for (const thread of platform.readDir(`${procfs}/${pid}/task`) ?? []) {
      const ofThread = `${procfs}/${pid}/task/${thread}/ns/net`;
      const other = readNetnsLink(platform, pid, ofThread);
      if (other !== null) yield { path: ofThread, target: other };
    }
  }
}

/**
 * Root may not look into every process, such as process 1 of some nodes. Another process of the same network tells
 * then.
 */
function readNetnsLink(platform: Platform, pid: string, path: string): string | null {
  try {
    return unlessEnded(platform, pid, () => platform.readLink(path));
  } catch (thrown) {
    if (!isSystemError(thrown, 'EACCES')) throw thrown;
    const target = readNetnsLinkOfPeer(platform, pid);
    if (target === null) throw thrown;
    return target;
  }
}

/** Each network namespace has a file net/dev of its own, which everybody may look at (fs/proc/proc_net.c). */
function readNetnsLinkOfPeer(platform: Platform, pid: string): string | null {
  const { procfs } = platform.paths;
  const networkOf = (process: string): bigint | undefined => platform.stat(`${procfs}/${process}/net/dev`)?.inode;
  const network = networkOf(pid);
  if (network === undefined) return null;
  for (const peer of listProcesses(platform)) {
    if (networkOf(peer) !== network) continue;
    try {
      const target = platform.readLink(`${procfs}/${peer}/ns/net`);
      if (target !== null) return target;
    } catch (thrown) {
      if (!isSystemError(thrown)) throw thrown;
    }
  }
  return null;
}

/**
 * A process for each mount namespace, and for each root directory that processes there have, because mountinfo shows a
 * process only what is below its root.
 */
function listMountNamespaces(platform: Platform): readonly string[] {
  const seen = new Map<string, string>();
  for (const pid of listProcesses(platform)) {
    const read = (name: string): string | null =>
      unlessEnded(platform, pid, () => platform.readLink(`${platform.paths.procfs}/${pid}/${name}`));
    const view = viewOf(read, pid);
    if (!seen.has(view)) seen.set(view, pid);
  }
  return [...seen.values()];
}

/** A process that can't be looked at counts as a view of its own. */
function viewOf(read: (name: string) => string | null, pid: string): string {
  try {
    return `${read('ns/mnt')} ${read('root')}`;
  } catch (thrown) {
    if (isSystemError(thrown, 'EACCES')) return pid;
    throw thrown;
  }
}

function listProcesses(platform: Platform): readonly string[] {
  return (platform.readDir(platform.paths.procfs) ?? []).filter((name) => /^\d+$/.test(name));
}

/**
 * Null if the process has ended meanwhile: the kernel then answers EACCES for its namespaces, ESRCH, or EINVAL for its
 * mounts.
 */
function unlessEnded<T>(platform: Platform, pid: string, look: () => T | null): T | null {
  try {
    return look();
  } catch (thrown) {
    if (isSystemError(thrown, 'ESRCH', 'ENOENT', 'EINVAL')) return null;
    if (isSystemError(thrown, 'EACCES') && platform.stat(`${platform.paths.procfs}/${pid}`) === null) return null;
    throw thrown;
  }
}
