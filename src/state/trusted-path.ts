import { CniError } from '../cni/errors.ts';
import type { FileStatus, Platform } from '../platform/platform.ts';

// linux/stat.h: S_IWGRP | S_IWOTH, S_ISVTX
const writableByOthers = 0o022;
const sticky = 0o1000;

/** As many as the kernel follows (MAXSYMLINKS, linux/namei.h). */
const maxLinks = 40;

/** Null where only root can have written it. */
export function whoElseWrites({ uid, mode }: FileStatus): string | null {
  if (uid !== 0) return `it belongs to user ${uid}, not to root`;
  return (mode & writableByOthers) === 0 ? null : `its mode 0${mode.toString(8)} lets others than root write to it`;
}

/**
 * Throws CniError io where somebody but root may write to the directory at `path`, or decide what lies there: every directory on the way, also
 * behind links, has to be root's alone. One with the sticky bit (/tmp) will do on the way, because others can't replace root's files there. What
 * is absent is fine, and the answer false. `what` names it in errors: `the state directory`.
 */
export function requireTrustedPath(platform: Platform, path: string, what: string): boolean {
  const names = namesIn(path);
  let at = '';
  let links = 0;
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    if (name === '..') {
      at = at.slice(0, Math.max(0, at.lastIndexOf('/')));
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

/** For a directory of ours, that is never a link. Throws CniError io. */
export function requirePrivateDirectory(path: string, status: FileStatus, what: string): void {
  const problem = problemOnTheWay(status, true);
  if (problem !== null) throw distrust(what, path, path, problem);
}

function distrust(what: string, path: string, culprit: string, problem: string): CniError {
  const whose = culprit === path ? `${what} ${path} can't be trusted` : `${what} ${path} can't be trusted: ${culprit}`;
  return new CniError('io', `${whose}: ${problem}; look through it, then: chown root:root and chmod go-w`);
}
