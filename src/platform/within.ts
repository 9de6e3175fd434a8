import type { Netns } from './platform.ts';

/** Enters a namespace, runs `task`, comes back. */
export type Within = <T>(netns: Netns, task: () => T) => T;

/**
 * Makes a `Within` for a thread that is in its own namespace. A thread that can't come back would configure the wrong host: that is
 * thrown, and from then on every task, those of the own namespace too, enters its namespace first. `enter` throws SystemError.
 */
export function createWithin(ownNetns: () => Netns, enter: (netns: Netns, what: string) => void): Within {
  let current: Netns | undefined;
  let isLost = false;
  return (netns, task) => {
    const before = current ?? ownNetns();
    if (netns === before && !isLost) return task();
    const { device, inode } = netns;
    enter(netns, `enter network namespace ${device}:${inode}`);
    current = netns;
    isLost = false;
    try {
      const result = task();
      refusePromise(result);
      return result;
    } finally {
      if (netns !== before) {
        current = before;
        isLost = true;
        enter(before, "return to the host's network namespace");
        isLost = false;
      }
    }
  };
}

function refusePromise(result: unknown): void {
  if (typeof (result as { readonly then?: unknown } | null | undefined)?.then !== 'function') return;
  throw new Error('a task inside a network namespace must be done when it returns: it may not return a promise');
}
