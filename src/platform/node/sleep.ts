import process from 'node:process';

const neverNotified = new Int32Array(new SharedArrayBuffer(4));

/** Blocks the thread. */
export function sleepMs(ms: number): void {
  if (ms > 0) Atomics.wait(neverNotified, 0, 0, ms);
}

/** Milliseconds of CLOCK_MONOTONIC. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
