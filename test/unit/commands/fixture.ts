// For the tests of several verbs: what a dead pod has left, and things that happen while a verb runs.
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

/** Calls `happen` whenever a verb is about to take a lock whose path has `part` in it. */
export function whileLocking(node: MemoryNode, part: string, happen: () => void): void {
  const { lock } = node.platform;
  const waiting: typeof lock = (path, ...rest) => {
    if (path.includes(part)) happen();
    return lock(path, ...rest);
  };
  Object.assign(node.platform, { lock: waiting });
}

/** Lets the opening of the namespace at `path` fail. */
export function refuseNetns(node: MemoryNode, path: string, errno: number): void {
  const { openNetns } = node.platform;
  const refusing: typeof openNetns = (asked) => {
    if (asked === path) throw new SystemError(`open ${path}`, errno);
    return openNetns(asked);
  };
  Object.assign(node.platform, { openNetns: refusing });
}

/** Keeps verbs from looking for others' leftovers, which they do once a minute. */
export function putOffSweep({ platform }: MemoryNode): void {
  const dueMs = platform.monotonicMs() + 59_000;
  platform.files.set(`${stateDir}/.swept`, `${platform.bootId()} ${dueMs} `);
}
