import { SystemError } from '../../../src/lib/system-error.ts';
import type { Netns, Platform } from '../../../src/platform/platform.ts';
import { errno, type FileTree } from './file-tree.ts';
import { nullIfAbsent } from './files.ts';

export interface NetnsIdentity {
  readonly device: bigint;
  readonly inode: bigint;
}

export type MemoryNamespaces = Pick<Platform, 'ownNetns' | 'openNetns' | 'inNetns'> & {
  readonly netnsPaths: Map<string, NetnsIdentity>;
  readonly openNamespaces: Set<Netns>;
  /** Where the task of inNetns is; null: in the own one. */
  current(): Netns | null;
};

/** Namespaces that are identities only; `paths` tells which lie where. */
export function createMemoryNamespaces(
  paths: Readonly<Record<string, NetnsIdentity>>,
  ownIdentity: NetnsIdentity,
  tree: FileTree,
): MemoryNamespaces {
  const netnsPaths = new Map(Object.entries(paths));
  const openNamespaces = new Set<Netns>();
  const own: Netns = { fd: 3, ...ownIdentity, close: () => undefined };
  let nextFd = 10;
  let current: Netns | null = null;
  return {
    netnsPaths,
    openNamespaces,
    current: () => current,
    ownNetns: () => own,
    openNetns(path) {
      const identity = netnsPaths.get(path);
      if (identity === undefined) {
        const kind = nullIfAbsent(() => tree.kindOf(tree.resolve(`open namespace ${path}`, path)));
        if (kind === null) return null;
        throw new SystemError(`open namespace ${path}`, errno.EINVAL, 'no network namespace');
      }
      const netns: Netns = { fd: nextFd++, ...identity, close: () => openNamespaces.delete(netns) };
      openNamespaces.add(netns);
      return netns;
    },
    inNetns(netns, task) {
      const before = current;
      current = netns;
      try {
        return task();
      } finally {
        current = before;
      }
    },
  };
}
