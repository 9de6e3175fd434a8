import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cargo } from '../../scripts/build/crates.ts';

/** What one run took, the children that it waited for included. */
export interface Sample {
  readonly wallMs: number;
  /** In user mode and in the kernel. */
  readonly cpuMs: number;
  /** The largest resident set, its own or a child's: whichever is larger. */
  readonly peakMb: number;
}

/** Measures programs with native/src/measure.rs: Node itself would be most of what it measured. */
export class Measure {
  readonly #program: string;
  readonly #output: string;

  /** Builds it where it isn't. `directory` is for what it writes. */
  constructor(directory: string) {
    const crate = join(import.meta.dirname, '../../native');
    cargo(crate, 'build', '--release', '--locked', '--quiet', '--bin', 'measure');
    this.#program = join(crate, 'target/release/measure');
    this.#output = join(directory, 'measured.json');
  }

  /** The command line that runs another and measures it. */
  around(...command: readonly string[]): string[] {
    return [this.#program, this.#output, ...command];
  }

  /** What the last command took. */
  read(): Sample {
    const { wallUs, cpuUs, peakKib } = JSON.parse(readFileSync(this.#output, 'utf8'));
    return { wallMs: wallUs / 1e3, cpuMs: cpuUs / 1e3, peakMb: (peakKib * 1024) / 1e6 };
  }
}

/** Of commands that ran one after the other. */
export function inSequence(samples: readonly Sample[]): Sample {
  return {
    wallMs: samples.reduce((sum, { wallMs }) => sum + wallMs, 0),
    cpuMs: samples.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
    peakMb: Math.max(...samples.map(({ peakMb }) => peakMb)),
  };
}
