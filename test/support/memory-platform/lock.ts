import { SystemError } from '../../../src/lib/system-error.ts';
import type { HeldLock, Platform } from '../../../src/platform/platform.ts';
import { errno, type FileTree } from './file-tree.ts';
import { type FailurePoint, place } from './files.ts';

/** Locks of a tree: the path that was asked for -> note. A test that adds an entry plays another holder. */
export function createMemoryLock(
  tree: FileTree,
  failurePoint: FailurePoint,
  heldLocks: Map<string, string>,
  sleepMs: (ms: number) => void,
): Platform['lock'] {
  return (path, timeoutMs, note): HeldLock | null => {
    failurePoint('lock', path);
    const what = `lock ${path}`;
    const at = place(tree, what, path);
    const kind = tree.kindOf(at);
    if (kind === 'link') throw new SystemError(what, errno.ELOOP);
    if (kind === null && note === null) throw new SystemError(what, errno.ENOENT);
    if (kind === 'directory' && note !== null) throw new SystemError(what, errno.EISDIR);
    if (heldLocks.has(path)) {
      sleepMs(timeoutMs);
      return null;
    }
    heldLocks.set(path, note ?? '');
    if (note !== null) {
      tree.files.set(at, note);
      tree.modes.set(at, 0o600);
    }
    let held = true;
    return {
      unlock() {
        if (!held) return;
        held = false;
        heldLocks.delete(path);
        if (note !== null) tree.remove(at);
      },
    };
  };
}
