import { cpus, loadavg, release, totalmem } from 'node:os';

export interface Machine {
  readonly cpu: string;
  readonly cpus: number;
  readonly kernel: string;
  readonly memoryGb: number;
}

/** What the figures belong to. */
export function describeMachine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model ?? 'unknown CPU',
    cpus: all.length,
    kernel: release(),
    memoryGb: totalmem() / 1e9,
  };
}

/** Processes that ran or wanted to, on average of the last minute. */
export function load(): number {
  return loadavg()[0] ?? 0;
}
