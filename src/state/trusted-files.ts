import { CniError } from '../cni/errors.ts';
import { isSystemError } from '../lib/system-error.ts';
import type { FileStatus, Platform, WriteOptions } from '../platform/platform.ts';

// linux/stat.h: S_IWGRP | S_IWOTH, S_ISVTX
const writableByOthers = 0o022;
const sticky = 0o1000;

/** As many as the kernel follows (MAXSYMLINKS, linux/namei.h). */
const maxLinks = 40;

/** Null if only root can write to the file. */
function whoElseWrites({ uid, mode }: FileStatus): string | null {
  if (uid !== 0) return `it belongs to user ${uid}, not to root`;
  return (mode & writableByOthers) === 0 ? null : `its mode 0${mode.toString(8)} lets others than root write to it`;
}

/**
 * Throws CniError io if somebody but root may write to the directory at `path`, or decide what lies there: every
 * directory on the way, also behind links, has to be root's alone. One with the sticky bit (/tmp) is fine on the way,
 * because others can't replace root's files there. False if the directory is absent. `what` names it in errors: `the
 * state directory`.
 */
export function requireTrustedPath(platform: Platform, path: string, what: string): boolean {
  const names = namesIn(path);
  let at = '';
  let links = 0;
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    if (name === '..') {
      at = at.slice(0, at.lastIndexOf('/'));
      continue;
    }
    const next = `${at}/${name}`;
    const status = platform.stat(next);
    if (status === null) return false;
    if (status.kind === 'link' && status.uid === 0 && ++links <= maxLinks) {
      const target = platform.readLink(next) ?? '';
      names.unshift(...namesIn(target));
      if (target.startsWith('/')) at = '';
      continue;
    }
    const problem = problemOnTheWay(status, names.length === 0);
    if (problem !== null) throw distrust(what, path, next, problem);
    at = next;
  }
  return true;
}

function namesIn(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}

function problemOnTheWay(status: FileStatus, isLast: boolean): string | null {
  if (status.kind !== 'directory') return `it is a ${status.kind === 'other' ? 'special file' : status.kind}`;
  const isShared = !isLast && (status.mode & sticky) !== 0;
  return whoElseWrites(isShared ? { ...status, mode: status.mode & ~writableByOthers } : status);
}

/** Checks a directory of ours, which is never a link. Throws CniError io. */
export function requirePrivateDirectory(path: string, status: FileStatus, what: string): void {
  const problem = problemOnTheWay(status, true);
  if (problem !== null) throw distrust(what, path, path, problem);
}

function distrust(what: string, path: string, culprit: string, problem: string): CniError {
  const whose = culprit === path ? `${what} ${path} can't be trusted` : `${what} ${path} can't be trusted: ${culprit}`;
  return new CniError('io', `${whose}: ${problem}; look through it, then: chown root:root and chmod go-w`);
}

const fileMode = 0o600;

/** An attempt fails only if another process removes the directory at that very moment. */
const maxWriteAttempts = 10;

/** A file of ours is none: a link, a directory, a FIFO, too long, or somebody else's. */
export class NotOurs extends Error {}

/** A file as it was read last. */
export interface SeenFile {
  readonly status: FileStatus;
  readonly text: string;
}

/** A DEL reads two. A look at all records shall not keep them all in memory. */
const maxSeen = 2;

/** A file that is written anew is another one, with another inode or a later time. */
function isSame(one: FileStatus, other: FileStatus): boolean {
  const keys = ['device', 'inode', 'modifiedMs', 'sizeBytes', 'kind', 'mode', 'uid'] as const;
  return keys.every((key) => one[key] === other[key]);
}

/**
 * Reads a file of ours in a directory that is trusted; null if it is absent. A file that is still as in `seen` isn't
 * read again. Throws NotOurs, SystemError.
 */
export function readPrivateFile(
  platform: Platform,
  path: string,
  maxBytes: number,
  seen: Map<string, SeenFile> = new Map(),
): string | null {
  const status = platform.stat(path);
  if (status === null) return null;
  const last = seen.get(path);
  if (last !== undefined && isSame(last.status, status)) return last.text;
  if (status.kind !== 'file') throw new NotOurs(`it is a ${status.kind === 'other' ? 'special file' : status.kind}`);
  const problem = whoElseWrites(status);
  if (problem !== null) throw new NotOurs(problem);
  try {
    const text = platform.readFile(path, { maxBytes, followLinks: false })?.toString('utf8') ?? null;
    if (seen.size >= maxSeen) seen.clear();
    if (text !== null) seen.set(path, { status, text });
    return text;
  } catch (cause) {
    if (isSystemError(cause, 'EOVERFLOW')) throw new NotOurs(`it holds more than ${maxBytes} bytes`);
    throw cause;
  }
}

/**
 * `directory` returns the file's directory, which it makes if it is absent. It is asked to make the directory again if
 * a write has failed because another process removed it in between. Throws SystemError.
 */
export function writePrivateFile(
  platform: Platform,
  directory: (make: boolean) => string,
  name: string,
  content: string,
  options: Omit<WriteOptions, 'mode'>,
): void {
  for (let attempt = 1; ; attempt++) {
    try {
      const path = `${directory(attempt > 1)}/${name}`;
      platform.writeFileAtomic(path, content, { mode: fileMode, ...options });
      return;
    } catch (thrown) {
      if (attempt === maxWriteAttempts || !isSystemError(thrown, 'ENOENT')) throw thrown;
    }
  }
}

/** Names of temporary files of `Platform.writeFileAtomic`. */
const temporaryFile = /^\.dra-sriov-(\d+)-\d+\.tmp$/;

export const isTemporary = (name: string): boolean => temporaryFile.test(name);

/**
 * Removes the temporary files of killed processes from a directory. If another process has the number of such a process
 * by now, the file stays until that one has ended, too.
 */
export function removeDeadTemporaries(platform: Platform, directory: string): void {
  for (const name of platform.readDir(directory) ?? []) {
    const pid = temporaryFile.exec(name)?.[1];
    if (pid !== undefined && isGone(platform, pid)) platform.unlink(`${directory}/${name}`);
  }
}

/** True of this process, too, which has no temporary file while it looks for those of others. */
function isGone(platform: Platform, pid: string): boolean {
  return Number(pid) === platform.pid || platform.stat(`${platform.paths.procfs}/${pid}`) === null;
}
