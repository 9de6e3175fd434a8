import { setTimeout as pause } from 'node:timers/promises';
import { isRunning } from '../support/processes.ts';

const limitMs = 60_000;

/** Throws if one of these killed processes is still there after the time that the kernel may need to end it. */
export async function expectEnded(pids: readonly string[]): Promise<void> {
  for (const deadline = performance.now() + limitMs; pids.some(isRunning); await pause(5)) {
    if (performance.now() > deadline) throw new Error(`of the processes ${pids.join(', ')} some are still there`);
  }
}
