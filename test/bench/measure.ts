import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildCrate } from '../../scripts/build/crates.ts';

/** What one run took, the children that it waited for included. */
export interface Sample {
  readonly wallMs: number;
  /** In user mode and in the kernel. */
  readonly cpuMs: number;
  /** The largest resident set of it or of a child. */
  readonly peakMb: number;
}

const crate = join(import.meta.dirname, '../../native');

/** Builds native/src/measure.rs where that wasn't done; returns the program's path. */
export function buildMeasure(): string {
  return buildCrate(crate, 'measure');
}

/** Reads what the program wrote about one run. */
export function parseSample(text: string): Sample {
  const { wallUs, cpuUs, peakKib } = JSON.parse(text) as Record<'wallUs' | 'cpuUs' | 'peakKib', number>;
  return { wallMs: wallUs / 1e3, cpuMs: cpuUs / 1e3, peakMb: (peakKib * 1024) / 1e6 };
}

/** Measures programs with native/src/measure.rs: Node itself would be most of what it measured. */
export class Measure {
  readonly #program: string;
  readonly #output: string;

  /** Builds the program where that wasn't done. `directory` is for what it writes. */
  constructor(directory: string) {
    this.#program = buildMeasure();
    this.#output = join(directory, 'measured.json');
  }

  /** The command line that runs another and measures it. */
  around(...command: readonly string[]): string[] {
    return [this.#program, this.#output, ...command];
  }

  /** What the last command took. */
  read(): Sample {
    return parseSample(readFileSync(this.#output, 'utf8'));
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
