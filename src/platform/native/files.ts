import { textFromBytes } from '../../lib/byte-text.ts';
import { SystemError } from '../../lib/system-error.ts';
import type { FileKind, FileStatus, FileWriters, HeldLock, Platform } from '../platform.ts';
import type { Host, Name } from './host.ts';
import { absent, errno, nullOn, systemCall } from './system-call.ts';

const defaultMaxBytes = 1024 * 1024;

/** Runs `read`, whose EOVERFLOW means more than `maxBytes`. */
export function limited<T>(what: string, maxBytes: number, read: () => T): T {
  try {
    return systemCall(what, read);
  } catch (thrown) {
    if (!(thrown instanceof SystemError) || thrown.errno !== errno.EOVERFLOW) throw thrown;
    throw new SystemError(what, errno.EOVERFLOW, `more than ${maxBytes} bytes`);
  }
}

export function textOf(name: Name): string {
  return typeof name === 'string' ? name : textFromBytes(Buffer.from(name));
}

function statusOf([kind, mode, uid, sizeBytes, modifiedMs, device, inode]: ReturnType<Host['lstat']>): FileStatus {
  return { kind: kind as FileKind, mode, uid, sizeBytes, modifiedMs, device: BigInt(device), inode: BigInt(inode) };
}

/** The operations that change nothing. */
export function createReaders(
  host: Host,
): Pick<Platform, 'readFile' | 'filesHolding' | 'readDir' | 'readLink' | 'stat' | 'isExecutable' | 'isBusy'> {
  return {
    readFile: (path, { maxBytes = defaultMaxBytes, followLinks = true } = {}) => {
      const what = `read ${path}`;
      const read = () => limited(what, maxBytes, () => host.readFile(path, maxBytes, followLinks));
      const bytes = nullOn(absent, what, read);
      return bytes === null ? null : Buffer.from(bytes);
    },
    filesHolding: (directory, names, text) => host.filesHolding(directory, names, text, defaultMaxBytes).map(textOf),
    readDir: (path) => nullOn(absent, `list ${path}`, () => host.readDir(path).map(textOf).sort()),
    readLink: (path) => nullOn([...absent, errno.EINVAL], `read link ${path}`, () => textOf(host.readLink(path))),
    stat: (path) => nullOn(absent, `stat ${path}`, () => statusOf(host.lstat(path))),
    isExecutable: (path) => nullOn([...absent, errno.EACCES], `stat ${path}`, () => host.isExecutable(path)) ?? false,
    isBusy: (path) => host.isBusy(path),
  };
}

/** The operations that change the file system. */
export function createWriters(host: Host): FileWriters {
  return {
    writeFileAtomic: (path, content, { mode, durable }) =>
      systemCall(`write ${path}`, () => host.writeFileAtomic(path, content, mode, durable)),
    copyFileAtomic: (from, to, mode) => systemCall(`copy ${from} to ${to}`, () => host.copyFileAtomic(from, to, mode)),
    writeSystemFile: (path, content) =>
      systemCall(`write '${content.trimEnd()}' to ${path}`, () => host.writeSystemFile(path, content)),
    appendFile: (path, content) => systemCall(`append to ${path}`, () => host.appendFile(path, content)),
    makeDir: (path, mode) => systemCall(`make directory ${path}`, () => host.makeDir(path, mode)),
    unlink: (path) => nullOn(absent, `unlink ${path}`, () => host.unlink(path)) !== null,
    rename: (from, to) => systemCall(`rename ${from} to ${to}`, () => host.rename(from, to)),
    removeDir: (path) =>
      nullOn([...absent, errno.ENOTEMPTY], `remove directory ${path}`, () => host.removeDir(path)) !== null,
  };
}

/** See `Platform.lock`. */
export function createLock(host: Host): Platform['lock'] {
  return (path, timeoutMs, note): HeldLock | null => {
    const number = systemCall(`lock ${path}`, () => host.lock(path, timeoutMs, note ?? undefined));
    // the host forgets a number that was given back
    return number === undefined ? null : { unlock: () => host.unlock(path, number) };
  };
}
