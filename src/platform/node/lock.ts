import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  lstatSync,
  openSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { SystemError } from '../../lib/system-error.ts';
import type { HeldLock } from '../platform.ts';
import { systemPath } from './descriptor.ts';
import { tryLibc } from './libc.ts';
import { monotonicMs, sleepMs } from './sleep.ts';
import { errno, systemCall } from './system-call.ts';

// sys/file.h
const LOCK_EX = 2;
const LOCK_NB = 4;

const firstPauseMs = 2;
const maxPauseMs = 20;
/** Far more newcomers than can take the file away in a row: past it, the file system gives one file two identities. */
const maxReplacements = 1000;

function openLockFile(what: string, path: string, existing: boolean): number {
  const { O_CREAT, O_RDONLY, O_RDWR, O_NOFOLLOW, O_NONBLOCK } = constants;
  const flags = existing ? O_RDONLY : O_CREAT | O_RDWR;
  const fd = openSync(systemPath(path), flags | O_NOFOLLOW | O_NONBLOCK, 0o600);
  if (existing || fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw new SystemError(what, errno.EINVAL, 'not a regular file');
}

/** False where another took the file away after we opened it: then the lock on it means nothing to newcomers. */
function isStillAt(path: string, fd: number): boolean {
  const opened: BigIntStats = fstatSync(fd, { bigint: true });
  const found = lstatSync(systemPath(path), { bigint: true, throwIfNoEntry: false });
  return found !== undefined && found.ino === opened.ino && found.dev === opened.dev;
}

type Attempt = number | 'held' | 'gone';

/** Opens and locks without waiting; the descriptor, or why there is none. */
function tryLock(what: string, path: string, existing: boolean): Attempt {
  const fd = openLockFile(what, path, existing);
  const result = tryLibc((libc) => libc.flock(fd, LOCK_EX | LOCK_NB));
  if (result === 0 && isStillAt(path, fd)) return fd;
  closeSync(fd);
  if (result === 0) return 'gone';
  if (result === -errno.EAGAIN) return 'held';
  throw new SystemError(what, -result);
}

/** The note is for people; a full disk is no reason not to lock, since DEL must work on one. */
function writeNote(fd: number, note: string): void {
  try {
    ftruncateSync(fd, 0);
    writeSync(fd, note, 0);
  } catch {}
}

const heldFds = new Set<number>();

/** Descriptors of the locks that this process holds. */
export function heldLockFds(): readonly number[] {
  return [...heldFds];
}

function held(path: string, fd: number, isOurs: boolean): HeldLock {
  let isHeld = true;
  heldFds.add(fd);
  return {
    unlock() {
      if (!isHeld) return;
      isHeld = false;
      heldFds.delete(fd);
      try {
        // before the close: after it, the file may be a newcomer's
        if (isOurs && isStillAt(path, fd)) unlinkSync(systemPath(path));
      } catch {
        // a file that can't be unlinked is no lock either
      }
      closeSync(fd);
    },
  };
}

/** flock(2), see `Platform.lock`. The kernel gives the lock up when its holder ends, however that ends. */
export function lock(path: string, timeoutMs: number, note: string | null): HeldLock | null {
  const what = `lock ${path}`;
  const deadlineMs = monotonicMs() + timeoutMs;
  let replacements = 0;
  for (let pauseMs = firstPauseMs; ; ) {
    const attempt = systemCall(what, () => tryLock(what, path, note === null));
    if (typeof attempt === 'number') {
      if (note !== null) writeNote(attempt, note);
      return held(path, attempt, note !== null);
    }
    if (attempt === 'gone') {
      if (++replacements > maxReplacements) throw new SystemError(what, errno.EIO, 'it is another file at every look');
      continue;
    }
    const leftMs = deadlineMs - monotonicMs();
    if (leftMs <= 0) return null;
    sleepMs(Math.min(pauseMs, leftMs));
    pauseMs = Math.min(pauseMs * 2, maxPauseMs);
  }
}
