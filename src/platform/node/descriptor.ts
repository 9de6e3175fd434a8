import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { bytesFromText } from '../../lib/byte-text.ts';
import { errno } from '../../lib/system-error.ts';
import { isErrno, LibcError } from './libc.ts';
import { sleepMs } from './waiting.ts';

const chunkBytes = 64 * 1024;
const fullPipePauseMs = 1;

/**
 * One buffer serves all reads, whose bytes are copied: an ADD may read hundreds of files, most of them far smaller.
 */
const scratch = Buffer.allocUnsafeSlow(chunkBytes);

/** A path as Node takes it: as bytes if it is no UTF-8 (lib/byte-text.ts). */
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

/** O_NONBLOCK lets a FIFO or a device be opened without waiting, so that it can be refused. */
export const withoutWaiting = constants.O_NONBLOCK | constants.O_NOCTTY;

/** As open(2), but with EINVAL in place of ENXIO for a unix socket, and `refusal` as its detail. */
export function openNoSocket(path: string, flags: number, refusal: string): number {
  try {
    return openSync(systemPath(path), flags, 0o600);
  } catch (thrown) {
    if (isErrno(thrown, errno.ENXIO)) throw new LibcError(errno.EINVAL, refusal);
    throw thrown;
  }
}

/** Opens what must be a regular file, hands the descriptor to `use` and closes it. */
export function withRegularFile<T>(path: string, flags: number, use: (fd: number) => T): T {
  const refusal = 'not a regular file';
  const fd = openNoSocket(path, flags | withoutWaiting, refusal);
  try {
    if (!fstatSync(fd).isFile()) throw new LibcError(errno.EINVAL, refusal);
    return use(fd);
  } finally {
    closeSync(fd);
  }
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
export function readAll(fd: number, maxBytes: number): ArrayBuffer {
  const chunks: ArrayBuffer[] = [];
  for (let total = 0; ; ) {
    const count = readSome(fd, scratch);
    if (count === 0) return joined(chunks, total);
    chunks.push(scratch.buffer.slice(0, count));
    total += count;
    if (total > maxBytes) throw new LibcError(errno.EOVERFLOW);
  }
}

function joined(chunks: readonly ArrayBuffer[], total: number): ArrayBuffer {
  const [only] = chunks;
  if (only !== undefined && chunks.length === 1) return only;
  const bytes = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(new Uint8Array(chunk), at);
    at += chunk.byteLength;
  }
  return bytes.buffer;
}

/** Copies the rest of `from`, a piece at a time, because an executable may be larger than the free memory. */
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
