import {
  chmodSync,
  constants,
  fchmodSync,
  fsyncSync,
  mkdirSync,
  renameSync,
  rmdirSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { SystemError } from '../../lib/system-error.ts';
import type { FileWriters } from '../platform.ts';
import { copyAll, systemPath, withDescriptor, withRegularFile, writeAll } from './descriptor.ts';
import { absent, errno, nullOn, systemCall } from './system-call.ts';

const { O_APPEND, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_TRUNC, O_WRONLY } = constants;

let temporaryFiles = 0;

/**
 * Makes a new file beside `path` and returns its name. A name that is taken (a killed process of the same number, or of
 * another PID namespace) is passed over.
 */
function writeTemporary(path: string, fill: (fd: number) => void, mode: number, durable: boolean): string {
  for (;;) {
    const temporary = join(dirname(path), `.dra-sriov-${process.pid}-${temporaryFiles++}.tmp`);
    let isOurs = false;
    try {
      withDescriptor(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600, (fd) => {
        isOurs = true;
        fill(fd);
        // after the content, and not through open(2): the umask doesn't apply, and nobody reads a half-written file
        fchmodSync(fd, mode);
        if (durable) fsyncSync(fd);
      });
      return temporary;
    } catch (thrown) {
      if (isOurs) unlinkSync(systemPath(temporary));
      if (isOurs || (thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
    }
  }
}

function replaceFile(path: string, fill: (fd: number) => void, mode: number, durable: boolean): void {
  const temporary = writeTemporary(path, fill, mode, durable);
  try {
    renameSync(systemPath(temporary), systemPath(path));
  } catch (thrown) {
    unlinkSync(systemPath(temporary));
    throw thrown;
  }
  if (durable) withDescriptor(dirname(path), O_RDONLY | O_DIRECTORY, 0, fsyncSync);
}

/** sysfs and procfs take a value in one write(2) only. */
function writeOnce(what: string, fd: number, bytes: Buffer): void {
  const count = writeSync(fd, bytes);
  if (count !== bytes.length) throw new SystemError(what, errno.EIO, `took ${count} of ${bytes.length} bytes`);
}

const parentMode = 0o755;

/** Makes a directory of exactly `mode`, whatever the umask; one that another process made meanwhile stays as it is. */
function makeDirs(path: string, mode: number): void {
  try {
    mkdirSync(systemPath(path), { mode });
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'EEXIST' && statSync(systemPath(path)).isDirectory()) return;
    if (code !== 'ENOENT' || dirname(path) === path) throw thrown;
    makeDirs(dirname(path), parentMode);
    makeDirs(path, mode);
    return;
  }
  chmodSync(systemPath(path), mode);
}

/** The operations that change the file system. */
export function createWriters(): FileWriters {
  return {
    writeFileAtomic(path, content, { mode, durable }) {
      const fill = (fd: number): void => writeAll(fd, Buffer.from(content));
      systemCall(`write ${path}`, () => replaceFile(path, fill, mode, durable));
    },
    copyFileAtomic(from, to, mode) {
      const what = `copy ${from} to ${to}`;
      withRegularFile(what, from, O_RDONLY, (source) => replaceFile(to, (fd) => copyAll(source, fd), mode, true));
    },
    writeSystemFile(path, content) {
      const what = `write '${content.trimEnd()}' to ${path}`;
      // O_TRUNC means nothing to sysfs and procfs, and makes a tree of plain files behave alike
      withRegularFile(what, path, O_WRONLY | O_TRUNC, (fd) => writeOnce(what, fd, Buffer.from(content)));
    },
    appendFile(path, content) {
      const flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW;
      withRegularFile(`append to ${path}`, path, flags, (fd) => writeAll(fd, Buffer.from(content)));
    },
    makeDir(path, mode) {
      systemCall(`make directory ${path}`, () => makeDirs(path, mode));
    },
    unlink: (path) => nullOn(absent, `unlink ${path}`, () => unlinkSync(systemPath(path))) !== null,
    rename(from, to) {
      systemCall(`rename ${from} to ${to}`, () => renameSync(systemPath(from), systemPath(to)));
    },
    removeDir: (path) =>
      nullOn([...absent, errno.ENOTEMPTY], `remove directory ${path}`, () => rmdirSync(systemPath(path))) !== null,
  };
}
