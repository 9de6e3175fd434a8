// What several verbs are tried on: what a dead pod left, and what happens meanwhile.
import { SystemError } from '../../../src/lib/system-error.ts';
import { MemoryNode, type Pod, stateDir } from '../../support/memory-node.ts';

export interface Leftover {
  readonly node: MemoryNode;
  readonly other: Pod;
}

/** Pod 1 had VF 0 and died; its DEL never came. */
export function leftover(vfs = 2): Leftover {
  const node = new MemoryNode({ vfs });
  const other = node.addPod();
  node.succeed('ADD', node.conf({ vlan: 5, ipam: { type: 'host-local' } }));
  node.endPod(node.pod);
  node.changes.length = 0;
  return { node, other };
}

export const isReaped = (node: MemoryNode): boolean => !node.recordPaths().includes('vf-net/c1/net1.json');

/** `happen` comes to pass whenever a verb waits for a lock whose path has `part` in it. */
export function whileLocking(node: MemoryNode, part: string, happen: () => void): void {
  const { lock } = node.platform;
  const waiting: typeof lock = (path, ...rest) => {
    if (path.includes(part)) happen();
    return lock(path, ...rest);
  };
  Object.assign(node.platform, { lock: waiting });
}

/** Opening what is at `path` as a namespace fails. */
export function refuseNetns(node: MemoryNode, path: string, errno: number): void {
  const { openNetns } = node.platform;
  const refusing: typeof openNetns = (asked) => {
    if (asked === path) throw new SystemError(`open ${path}`, errno);
    return openNetns(asked);
  };
  Object.assign(node.platform, { openNetns: refusing });
}

/** No verb looks for others' leftovers within the next minute. */
export function putOffSweep({ platform }: MemoryNode): void {
  const dueMs = platform.monotonicMs() + 59_000;
  platform.files.set(`${stateDir}/.swept`, `${platform.bootId()} ${dueMs} `);
}
