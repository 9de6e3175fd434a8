import { execFileSync } from 'node:child_process';
import { cpus, loadavg, release, tmpdir, totalmem } from 'node:os';

export interface Machine {
  readonly cpu: string;
  readonly cpus: number;
  readonly kernel: string;
  readonly memoryGb: number;
  /** Type of the file system on which records lie in the benchmark: `ext4`. */
  readonly fileSystem: string;
}

/** The machine on which figures were measured. */
export function describeMachine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model ?? 'unknown CPU',
    cpus: all.length,
    kernel: release().split('-', 1)[0] ?? '',
    memoryGb: totalmem() / 1e9,
    fileSystem: execFileSync('stat', ['-f', '-c', '%T', tmpdir()], { encoding: 'utf8' }).trim(),
  };
}

/** How many processes ran or wanted to, on average over the last minute. */
export function load(): number {
  return loadavg()[0] ?? 0;
}
