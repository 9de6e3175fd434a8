import process from 'node:process';
import { errno } from '../../lib/system-error.ts';
import { LibcError, tryLibcOnce } from './libc.ts';

const neverNotified = new Int32Array(new SharedArrayBuffer(4));

/** Blocks the thread. */
export function sleepMs(ms: number): void {
  if (ms > 0) Atomics.wait(neverNotified, 0, 0, ms);
}

/** Milliseconds of CLOCK_MONOTONIC. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

// asm-generic/poll.h
export const POLLIN = 0x1;
export const POLLOUT = 0x4;

export interface Polled {
  readonly fd: number;
  /** POLL* bits */
  readonly events: number;
}

const pollfdBytes = 8;

/** poll(2) until there is something to do; false when time is up. A signal doesn't start the time anew. */
export function poll(polled: readonly Polled[], timeoutMs: number): boolean {
  // struct pollfd: i32 fd, i16 events, i16 revents
  const pollfds = Buffer.alloc(pollfdBytes * polled.length);
  for (const [at, { fd, events }] of polled.entries()) {
    pollfds.writeInt32LE(fd, pollfdBytes * at);
    pollfds.writeInt16LE(events, pollfdBytes * at + 4);
  }
  const deadlineMs = monotonicMs() + timeoutMs;
  for (;;) {
    const leftMs = Math.max(0, Math.ceil(deadlineMs - monotonicMs()));
    const ready = tryLibcOnce((libc) => libc.poll(pollfds, BigInt(polled.length), leftMs));
    if (ready >= 0) return ready > 0;
    if (ready !== -errno.EINTR) throw new LibcError(-ready);
  }
}
