import {
  accessSync,
  type BigIntStats,
  closeSync,
  constants,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  statSync,
} from 'node:fs';
import { textFromBytes } from '../../lib/byte-text.ts';
import { isSystemError, SystemError } from '../../lib/system-error.ts';
import type { FileKind, FileStatus, Platform } from '../platform.ts';
import { readAll, systemPath, withRegularFile } from './descriptor.ts';
import { absent, asSystemError, errno, isErrno, nullOn } from './system-call.ts';

const defaultMaxBytes = 1024 * 1024;

function kindOf(stats: BigIntStats): FileKind {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  return stats.isSymbolicLink() ? 'link' : 'other';
}

function statusOf(stats: BigIntStats): FileStatus {
  return {
    kind: kindOf(stats),
    mode: Number(stats.mode & 0o7777n),
    uid: Number(stats.uid),
    sizeBytes: Number(stats.size),
    modifiedMs: Number(stats.mtimeNs / 1_000_000n),
    device: stats.dev,
    inode: stats.ino,
  };
}

function readRegularFile(path: string, maxBytes: number, followLinks: boolean): Buffer {
  const what = `read ${path}`;
  const flags = constants.O_RDONLY | (followLinks ? 0 : constants.O_NOFOLLOW);
  try {
    return withRegularFile(what, path, flags, (fd) => readAll(what, fd, maxBytes));
  } catch (thrown) {
    // open(2) of a unix socket, before fstat could tell that it is one
    if (isSystemError(thrown) && thrown.errno === errno.ENXIO) {
      throw new SystemError(what, errno.EINVAL, 'not a regular file');
    }
    throw thrown;
  }
}

function holds(path: string, text: string): boolean {
  try {
    return readRegularFile(path, defaultMaxBytes, false).includes(text);
  } catch (thrown) {
    if (isSystemError(asSystemError(`read ${path}`, thrown))) return false;
    throw thrown;
  }
}

function readNames(path: string): string[] {
  return readdirSync(systemPath(path), 'buffer').map(textFromBytes);
}

/** The operations that change nothing. */
export function createReaders(): Pick<
  Platform,
  'readFile' | 'filesHolding' | 'readDir' | 'readLink' | 'stat' | 'isExecutable' | 'isBusy'
> {
  return {
    readFile: (path, { maxBytes = defaultMaxBytes, followLinks = true } = {}) =>
      nullOn(absent, `read ${path}`, () => readRegularFile(path, maxBytes, followLinks)),
    filesHolding: (directory, names, text) => names.filter((name) => holds(`${directory}/${name}`, text)),
    readDir: (path) => nullOn(absent, `list ${path}`, () => readNames(path).sort()),
    readLink: (path) =>
      nullOn([...absent, errno.EINVAL], `read link ${path}`, () =>
        textFromBytes(readlinkSync(systemPath(path), 'buffer')),
      ),
    stat: (path) => nullOn(absent, `stat ${path}`, () => statusOf(lstatSync(systemPath(path), { bigint: true }))),
    isExecutable: (path) =>
      nullOn([...absent, errno.EACCES], `stat ${path}`, () => {
        accessSync(systemPath(path), constants.X_OK);
        return statSync(systemPath(path)).isFile();
      }) ?? false,
    isBusy: (path) => {
      try {
        closeSync(openSync(systemPath(path), constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOCTTY));
        return false;
      } catch (thrown) {
        return isErrno(thrown, errno.EBUSY);
      }
    },
  };
}
