import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

const limitMs = 5000;

/** Whoever adopts an orphan may take its time to reap it: a zombie has ended. */
function isRunning(pid: string): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/**
 * Throws where one of the processes, which have been killed, is still there after some time: the kernel needs a little
 * of it.
 */
export async function expectEnded(pids: readonly string[]): Promise<void> {
  for (const deadline = performance.now() + limitMs; pids.some(isRunning); await pause(5)) {
    if (performance.now() > deadline) throw new Error(`of the processes ${pids.join(', ')} some are still there`);
  }
}
