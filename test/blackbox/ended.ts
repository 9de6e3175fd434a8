import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

const limitMs = 5000;

/** A zombie has ended, because whoever adopts an orphan may reap it late. */
function isRunning(pid: string): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/**
 * Throws if one of these killed processes is still there after some time, which the kernel needs to end them.
 */
export async function expectEnded(pids: readonly string[]): Promise<void> {
  for (const deadline = performance.now() + limitMs; pids.some(isRunning); await pause(5)) {
    if (performance.now() > deadline) throw new Error(`of the processes ${pids.join(', ')} some are still there`);
  }
}
