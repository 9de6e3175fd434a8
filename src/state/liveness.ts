import { hasInode, isNetns, openIfNamespace, seesAllProcesses } from '../kernel/namespace.ts';
import { searchNetns } from '../kernel/namespace-search.ts';
import type { Netns, Platform } from '../platform/platform.ts';
import type { AttachedVf, AttachmentRecord } from './attachment-record.ts';

/** `unknown`: nothing is to be seen of the pod's namespace, but who looks doesn't see all of the node. */
export type Life = 'alive' | 'dead' | 'unknown';

/**
 * Whether an attachment's pod lives. It is dead where the node has booted since, or no process and no bind mount that
 * can be seen has its network namespace. That nothing is at the namespace's path says little: a debug shell has mounts
 * of its own. Looks at all processes where the path doesn't lead there. Throws SystemError where something can't be
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
 * True where the attachment's pod is certainly dead. Throws SystemError where it can't be looked at: that is not dead.
 */
export function isDead(platform: Platform, record: AttachmentRecord): boolean {
  return lifeOf(platform, record) === 'dead';
}

/**
 * What is seen from here, for a record: absent where that is the whole node. A node that is a container itself (kind)
 * has a PID namespace of its own; what an ADD saw there, who has the same processes and mounts sees later.
 */
export function describeView(platform: Platform): Pick<AttachmentRecord, 'seenFrom'> {
  return seesAllProcesses(platform) ? {} : { seenFrom: viewOf(platform) };
}

/**
 * The PID namespace, when its first process was started (in ticks since boot, field 22; inodes come again), and the
 * mount namespace.
 */
function viewOf(platform: Platform): string {
  const { procfs } = platform.paths;
  const stat = platform.readFile(`${procfs}/1/stat`)?.toString('utf8') ?? '';
  const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  return `${platform.readLink(`${procfs}/self/ns/pid`)} ${started} ${platform.readLink(`${procfs}/self/ns/mnt`)}`;
}

/**
 * The pod's namespace at the path of ADD; null where it is gone or another one has its path now. Throws SystemError.
 */
export function openRecordedNetns(platform: Platform, record: AttachmentRecord): Netns | null {
  return record.bootId === platform.bootId() ? openNetnsOf(platform, record) : null;
}

/**
 * Of a VF that this boot has attached: the same, or at another path by which the runtime knows it. Throws SystemError.
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
