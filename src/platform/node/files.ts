import {
  accessSync,
  type BigIntStats,
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { textFromBytes } from '../../lib/byte-text.ts';
import { errno, failureOf } from '../../lib/system-error.ts';
import type { Os, Status } from '../os.ts';
import type { FileKind } from '../platform.ts';
import {
  copyAll,
  readAll,
  systemPath,
  withDescriptor,
  withoutWaiting,
  withRegularFile,
  writeAll,
} from './descriptor.ts';
import { isErrno, LibcError } from './libc.ts';

const { O_APPEND, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } = constants;

function kindOf(stats: BigIntStats): FileKind {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  return stats.isSymbolicLink() ? 'link' : 'other';
}

function lstat(path: string): Status {
  const stats = lstatSync(systemPath(path), { bigint: true });
  const modifiedMs = Number(stats.mtimeNs / 1_000_000n);
  const [mode, uid, size] = [stats.mode & 0o7777n, stats.uid, stats.size].map(Number) as [number, number, number];
  return [kindOf(stats), mode, uid, size, modifiedMs, String(stats.dev), String(stats.ino)];
}

function readFile(path: string, maxBytes: number, followLinks: boolean): ArrayBuffer {
  return withRegularFile(path, O_RDONLY | (followLinks ? 0 : O_NOFOLLOW), (fd) => readAll(fd, maxBytes));
}

function readIfAllowed(path: string, maxBytes: number): Buffer | null {
  try {
    return Buffer.from(readFile(path, maxBytes, false));
  } catch (thrown) {
    if (failureOf(thrown) === null) throw thrown;
    return null;
  }
}

const readDir = (path: string): string[] => readdirSync(systemPath(path), 'buffer').map(textFromBytes);

const searchFiles: Os['searchFiles'] = (directory, endings, mark, texts, maxFiles, maxBytes) => {
  const names = readDir(directory).filter((name) => endings.some((ending) => name.endsWith(ending)));
  if (names.length > maxFiles) throw new LibcError(errno.EOVERFLOW, 'more than the allowed files');
  return names.filter((name) => {
    const isMarked = name.includes(mark);
    if (isMarked && texts.length === 0) return true;
    const content = readIfAllowed(`${directory}/${name}`, maxBytes);
    if (content === null || !(isMarked || content.includes(mark))) return isMarked;
    return texts.length === 0 || texts.some((text) => content.includes(text));
  });
};

function isBusy(path: string): boolean {
  try {
    closeSync(openSync(systemPath(path), O_RDWR | withoutWaiting));
    return false;
  } catch (thrown) {
    if (failureOf(thrown) === null) throw thrown;
    return isErrno(thrown, errno.EBUSY);
  }
}

let temporaryFiles = 0;

/**
 * Makes a new file in a directory and returns its name. Passes over a name that is taken by a process of the same
 * number that was killed or is in another PID namespace.
 */
function writeTemporary(directory: string, fill: (fd: number) => void, mode: number, syncs: boolean): string {
  for (;;) {
    const temporary = join(directory, `.dra-sriov-${process.pid}-${temporaryFiles++}.tmp`);
    let isOurs = false;
    try {
      withDescriptor(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600, (fd) => {
        isOurs = true;
        fill(fd);
        // The mode comes after the content, so nobody reads a half-written file, and not by open(2), which has a umask.
        fchmodSync(fd, mode);
        if (syncs) fsyncSync(fd);
      });
      return temporary;
    } catch (thrown) {
      if (isOurs) unlinkSync(systemPath(temporary));
      if (isOurs || !isErrno(thrown, errno.EEXIST)) throw thrown;
    }
  }
}

function replaceFile(
  path: string,
  fill: (fd: number) => void,
  mode: number,
  syncsContent: boolean,
  syncsName: boolean,
  temporaryIn = dirname(path),
): void {
  const temporary = writeTemporary(temporaryIn, fill, mode, syncsContent);
  try {
    renameSync(systemPath(temporary), systemPath(path));
  } catch (thrown) {
    unlinkSync(systemPath(temporary));
    throw thrown;
  }
  if (syncsName) withDescriptor(dirname(path), O_RDONLY | O_DIRECTORY, 0, fsyncSync);
}

/** sysfs and procfs take a value in one write(2) only. */
function writeOnce(fd: number, bytes: Buffer): void {
  const count = writeSync(fd, bytes);
  if (count !== bytes.length) throw new LibcError(errno.EIO, `took ${count} of ${bytes.length} bytes`);
}

const parentMode = 0o755;

/** Makes a directory of exactly `mode`, whatever the umask; one that another process made meanwhile stays as it is. */
function makeDirs(path: string, mode: number): boolean {
  try {
    mkdirSync(systemPath(path), { mode });
  } catch (thrown) {
    if (isErrno(thrown, errno.EEXIST) && statSync(systemPath(path)).isDirectory()) return false;
    if (!isErrno(thrown, errno.ENOENT) || dirname(path) === path) throw thrown;
    makeDirs(dirname(path), parentMode);
    return makeDirs(path, mode);
  }
  chmodSync(systemPath(path), mode);
  return true;
}

type FileCalls = Pick<
  Os,
  | 'readFile'
  | 'searchFiles'
  | 'readDir'
  | 'readLink'
  | 'lstat'
  | 'isExecutable'
  | 'isBusy'
  | 'writeFileAtomic'
  | 'copyFileAtomic'
  | 'writeSystemFile'
  | 'appendFile'
  | 'makeDir'
  | 'unlink'
  | 'rename'
  | 'removeDir'
>;

export const fileCalls: FileCalls = {
  readFile,
  searchFiles,
  readDir,
  readLink: (path) => textFromBytes(readlinkSync(systemPath(path), 'buffer')),
  lstat,
  isExecutable(path) {
    accessSync(systemPath(path), constants.X_OK);
    return statSync(systemPath(path)).isFile();
  },
  isBusy,
  writeFileAtomic(path, content, mode, syncsContent, syncsName, temporaryIn) {
    replaceFile(path, (fd) => writeAll(fd, Buffer.from(content)), mode, syncsContent, syncsName, temporaryIn);
  },
  copyFileAtomic(from, to, mode) {
    withRegularFile(from, O_RDONLY, (source) => replaceFile(to, (fd) => copyAll(source, fd), mode, true, true));
  },
  writeSystemFile(path, content) {
    // sysfs and procfs ignore O_TRUNC; with it a tree of plain files behaves like them.
    withRegularFile(path, O_WRONLY | O_TRUNC, (fd) => writeOnce(fd, Buffer.from(content)));
  },
  appendFile(path, content) {
    const flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW;
    withRegularFile(path, flags, (fd) => writeAll(fd, Buffer.from(content)));
  },
  makeDir: makeDirs,
  unlink: (path) => unlinkSync(systemPath(path)),
  rename: (from, to) => renameSync(systemPath(from), systemPath(to)),
  removeDir: (path) => rmdirSync(systemPath(path)),
};
