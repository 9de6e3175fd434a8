import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { bytesFromText } from '../../lib/byte-text.ts';
import { SystemError } from '../../lib/system-error.ts';
import { sleepMs } from './sleep.ts';
import { errno, isErrno, systemCall } from './system-call.ts';

const chunkBytes = 64 * 1024;
const fullPipePauseMs = 1;

/** Most files are far smaller, and an ADD may read hundreds of them: one buffer to read into, and copies of what came. */
const scratch = Buffer.allocUnsafe(chunkBytes);

/** A path as Node takes it: its bytes where it is no UTF-8 (lib/byte-text.ts). */
export function systemPath(path: string): string | Buffer {
  return path.isWellFormed() ? path : bytesFromText(path);
}

/** Opens, hands the descriptor to `use` and closes it. Node adds O_CLOEXEC to every open(2). */
export function withDescriptor<T>(path: string, flags: number, mode: number, use: (fd: number) => T): T {
  const fd = openSync(systemPath(path), flags, mode);
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Opens what must be a regular file, as withDescriptor. O_NONBLOCK lets a FIFO, a socket or a device be opened without
 * waiting, so that fstat can refuse it; it means nothing to a regular file.
 */
export function withRegularFile<T>(what: string, path: string, flags: number, use: (fd: number) => T): T {
  return systemCall(what, () =>
    withDescriptor(path, flags | constants.O_NONBLOCK | constants.O_NOCTTY, 0o600, (fd) => {
      if (!fstatSync(fd).isFile()) throw new SystemError(what, errno.EINVAL, 'not a regular file');
      return use(fd);
    }),
  );
}

/** read(2); waits where a non-blocking pipe has nothing yet. */
function readSome(fd: number, into: Buffer): number {
  for (;;) {
    try {
      return readSync(fd, into, 0, into.length, null);
    } catch (thrown) {
      if (!isErrno(thrown, errno.EAGAIN)) throw thrown;
      sleepMs(fullPipePauseMs);
    }
  }
}

/** Reads until the end, whatever size fstat claims (sysfs says 4096, procfs 0). Throws EOVERFLOW past `maxBytes`. */
export function readAll(what: string, fd: number, maxBytes: number): Buffer {
  const chunks: Buffer[] = [];
  for (let total = 0; ; ) {
    const count = readSome(fd, scratch);
    if (count === 0) return Buffer.concat(chunks, total);
    chunks.push(Buffer.from(scratch.subarray(0, count)));
    total += count;
    if (total > maxBytes) throw new SystemError(what, errno.EOVERFLOW, `more than ${maxBytes} bytes`);
  }
}

/** Copies from where `from` stands to its end, a piece at a time: an executable may be larger than memory is free. */
export function copyAll(from: number, to: number): void {
  for (let count = readSome(from, scratch); count > 0; count = readSome(from, scratch)) {
    writeAll(to, scratch.subarray(0, count));
  }
}

/** Writes all; waits where a non-blocking pipe is full. */
export function writeAll(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(fd, bytes, done);
    } catch (thrown) {
      if (!isErrno(thrown, errno.EAGAIN)) throw thrown;
      sleepMs(fullPipePauseMs);
    }
  }
}
