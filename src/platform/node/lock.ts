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
import { errno, failureOf } from '../../lib/system-error.ts';
import type { Os } from '../os.ts';
import { systemPath } from './descriptor.ts';
import { LibcError, tryLibc } from './libc.ts';
import { monotonicMs, sleepMs } from './waiting.ts';

// sys/file.h
const LOCK_EX = 2;
const LOCK_NB = 4;

const firstPauseMs = 2;
const maxPauseMs = 20;
/** Far more than newcomers can replace the file in a row: beyond it, the file system gives one file two identities. */
const maxReplacements = 1000;

function openLockFile(path: string, existing: boolean): number {
  const { O_CREAT, O_RDONLY, O_RDWR, O_NOFOLLOW, O_NONBLOCK } = constants;
  const flags = existing ? O_RDONLY : O_CREAT | O_RDWR;
  const fd = openSync(systemPath(path), flags | O_NOFOLLOW | O_NONBLOCK, 0o600);
  if (existing || fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw new LibcError(errno.EINVAL, 'not a regular file');
}

/** False if another process removed the file after we opened it: then the lock on it means nothing to newcomers. */
function isStillAt(path: string, fd: number): boolean {
  const opened: BigIntStats = fstatSync(fd, { bigint: true });
  const found = lstatSync(systemPath(path), { bigint: true, throwIfNoEntry: false });
  return found !== undefined && found.ino === opened.ino && found.dev === opened.dev;
}

type Attempt = number | 'held' | 'gone';

/** Opens and locks without waiting; the descriptor, or why there is none. */
function tryLock(path: string, existing: boolean): Attempt {
  const fd = openLockFile(path, existing);
  const result = tryLibc((libc) => libc.flock(fd, LOCK_EX | LOCK_NB));
  if (result === 0 && isStillAt(path, fd)) return fd;
  closeSync(fd);
  if (result === 0) return 'gone';
  if (result === -errno.EAGAIN) return 'held';
  throw new LibcError(-result);
}

/** The note is for people. A full disk is no reason not to lock, because DEL must work on one. */
function writeNote(fd: number, note: string): void {
  try {
    ftruncateSync(fd, 0);
    writeSync(fd, note, 0);
  } catch (thrown) {
    if (failureOf(thrown) === null) throw thrown;
  }
}

interface Held {
  readonly fd: number;
  /** unlock() removes the file. */
  readonly isOurs: boolean;
}

/** The locks that this process holds, by numbers that are given once. */
const held = new Map<number, Held>();
let taken = 0;

/** Descriptors of the locks that this process holds. */
export function heldLockFds(): readonly number[] {
  return Array.from(held.values(), ({ fd }) => fd);
}

/** flock(2), see `Platform.lock`. The kernel gives the lock up when its holder ends, however that ends. */
function lock(path: string, timeoutMs: number, note: string | undefined): number | undefined {
  const fd = waitForLock(path, timeoutMs, note === undefined);
  if (fd === undefined) return undefined;
  if (note !== undefined) writeNote(fd, note);
  held.set(++taken, { fd, isOurs: note !== undefined });
  return taken;
}

function waitForLock(path: string, timeoutMs: number, existing: boolean): number | undefined {
  const deadlineMs = monotonicMs() + timeoutMs;
  let replacements = 0;
  for (let pauseMs = firstPauseMs; ; ) {
    const attempt = tryLock(path, existing);
    if (typeof attempt === 'number') return attempt;
    if (attempt === 'gone') {
      if (++replacements > maxReplacements) throw new LibcError(errno.EIO, 'it is another file at every look');
      continue;
    }
    const leftMs = deadlineMs - monotonicMs();
    if (leftMs <= 0) return undefined;
    sleepMs(Math.min(pauseMs, leftMs));
    pauseMs = Math.min(pauseMs * 2, maxPauseMs);
  }
}

/** Unlinks before it closes: after that, the file may be a newcomer's. */
function unlock(path: string, number: number): void {
  const lost = held.get(number);
  if (lost === undefined) return;
  held.delete(number);
  const { fd, isOurs } = lost;
  try {
    if (isOurs && isStillAt(path, fd)) unlinkSync(systemPath(path));
  } catch (thrown) {
    // A file that can't be unlinked holds no lock.
    if (failureOf(thrown) === null) throw thrown;
  }
  closeSync(fd);
}

export const lockCalls: Pick<Os, 'lock' | 'unlock'> = { lock, unlock };
