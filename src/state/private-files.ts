import { CniError } from '../cni/errors.ts';
import { isSystemError } from '../lib/system-error.ts';
import type { FileStatus, Platform } from '../platform/platform.ts';

const directoryMode = 0o700;
const fileMode = 0o600;

/** Each is lost only where another process removes the directory at that very moment. */
const maxWriteAttempts = 10;

/** S_IWGRP | S_IWOTH, linux/stat.h */
const writableByOthers = 0o022;

/** What lies where a file of ours should be isn't one: a link, a directory, a FIFO, too long, or somebody else's. Told by name. */
export class NotOurs extends Error {
  override readonly name = 'NotOurs';
}

/** Null where only root can have written it. */
function whoElseWrites({ uid, mode }: FileStatus): string | null {
  if (uid !== 0) return `it belongs to user ${uid}, not to root`;
  return (mode & writableByOthers) === 0 ? null : `its mode 0${mode.toString(8)} lets others than root write to it`;
}

/**
 * Throws CniError io where others than root may write to `directory`: what lies there can't be trusted, and records name
 * programs that root runs. A link counts as what it points to; an absent directory is fine.
 */
export function requirePrivateDirectory(platform: Platform, directory: string): void {
  const status = platform.stat(`${directory}/.`);
  const problem = status === null ? null : whoElseWrites(status);
  if (problem === null) return;
  throw new CniError(
    'io',
    `the state directory ${directory} can't be trusted: ${problem}; look through it, then: chown -R root:root and chmod -R go-w`,
  );
}

/** A file of ours below directories of ours; null where it is absent. Throws NotOurs, CniError io, SystemError. */
export function readPrivateFile(platform: Platform, path: string, maxBytes: number): string | null {
  const status = platform.stat(path);
  if (status === null) return null;
  if (status.kind !== 'file') throw new NotOurs(`it is a ${status.kind === 'other' ? 'special file' : status.kind}`);
  const problem = whoElseWrites(status);
  if (problem !== null) throw new NotOurs(problem);
  try {
    return platform.readFile(path, { maxBytes, followLinks: false })?.toString('utf8') ?? null;
  } catch (cause) {
    if (isSystemError(cause, 'EOVERFLOW')) throw new NotOurs(`it holds more than ${maxBytes} bytes`);
    throw cause;
  }
}

/** The directory may be removed by another process between its making and the write: then once more. Throws SystemError. */
export function writePrivateFile(
  platform: Platform,
  directory: string,
  name: string,
  content: string,
  options: { readonly durable: boolean },
): void {
  for (let attempt = 1; ; attempt++) {
    try {
      makePrivateDirectory(platform, directory);
      platform.writeFileAtomic(`${directory}/${name}`, content, { mode: fileMode, durable: options.durable });
      return;
    } catch (thrown) {
      if (attempt === maxWriteAttempts || !isSystemError(thrown, 'ENOENT')) throw thrown;
    }
  }
}

export function makePrivateDirectory(platform: Platform, directory: string): void {
  platform.makeDir(directory, directoryMode);
}
