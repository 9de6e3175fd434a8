import { hasInode, isNetns, openIfNamespace, seesAllProcesses } from '../kernel/namespace.ts';
import { searchNetns } from '../kernel/namespace-search.ts';
import type { Netns, Platform } from '../platform/platform.ts';
import type { AttachedVf, AttachmentRecord } from './attachment-record.ts';

/** `unknown`: the pod's namespace is not to be seen, but this process doesn't see all of the node. */
export type Life = 'alive' | 'dead' | 'unknown';

/**
 * Whether an attachment's pod lives. It is dead if the node has booted since, or if no process and no bind mount that
 * can be seen has its network namespace. An empty path proves nothing, because a debug shell has mounts of its own. So
 * if the path doesn't lead to the namespace, this looks at all processes. Throws SystemError if something can't be
 * looked at.
 */
export function lifeOf(platform: Platform, record: AttachmentRecord): Life {
  if (record.bootId !== platform.bootId()) return 'dead';
  const atPath = openIfNamespace(platform, record.netns.path);
  try {
    if (atPath !== null && isNetns(platform, atPath, record.netns)) return 'alive';
  } finally {
    atPath?.close();
  }
  const found = searchNetns(platform, record.netns);
  if (found !== null) {
    if (found !== 'out of reach') found.close();
    return 'alive';
  }
  const seesAll = seesAllProcesses(platform) || record.seenFrom === viewOf(platform);
  return seesAll ? 'dead' : 'unknown';
}

/**
 * True if the attachment's pod is certainly dead. Throws SystemError if it can't be looked at, which doesn't make it
 * dead.
 */
export function isDead(platform: Platform, record: AttachmentRecord): boolean {
  return lifeOf(platform, record) === 'dead';
}

/**
 * The part of the node that is seen from here, for a record; absent if that is all of it. A node that is a container
 * itself (kind) has a PID namespace of its own. A later run with the same processes and mounts sees what ADD saw.
 */
export function describeView(platform: Platform): Pick<AttachmentRecord, 'seenFrom'> {
  return seesAllProcesses(platform) ? {} : { seenFrom: viewOf(platform) };
}

/**
 * The PID namespace, the start of its first process (in ticks since boot, field 22, because inodes are given again),
 * and the mount namespace.
 */
function viewOf(platform: Platform): string {
  const { procfs } = platform.paths;
  const stat = platform.readFile(`${procfs}/1/stat`)?.toString('utf8') ?? '';
  const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  return `${platform.readLink(`${procfs}/self/ns/pid`)} ${started} ${platform.readLink(`${procfs}/self/ns/mnt`)}`;
}

/**
 * The pod's namespace at the path of ADD; null if it is gone or another one has its path now. Throws SystemError.
 */
export function openRecordedNetns(platform: Platform, record: AttachmentRecord): Netns | null {
  return record.bootId === platform.bootId() ? openNetnsOf(platform, record) : null;
}

/**
 * The namespace of a VF that this boot has attached, at its path or at another one by which the runtime knows it; null
 * as above. Throws SystemError.
 */
export function openNetnsOf(platform: Platform, { netns: id }: AttachedVf, otherPath = ''): Netns | null {
  if (id === null) return null;
  for (const path of [id.path, otherPath]) {
    const netns = path === '' ? null : openIfNamespace(platform, path);
    if (netns !== null && hasInode(netns, id)) return netns;
    netns?.close();
  }
  return null;
}
