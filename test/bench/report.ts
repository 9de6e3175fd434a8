import { largestExecutableMb, type Outcome, type Samples } from './comparisons.ts';
import type { CountedCase } from './count-cases.ts';
import type { Counts } from './counts.ts';
import type { Machine } from './machine.ts';
import type { Sample } from './measure.ts';
import { type Spread, spreadOf } from './spread.ts';
import { phases } from './subjects.ts';

/** All that one run of the benchmark found. */
export interface Findings {
  readonly machine: Machine;
  readonly runs: number;
  readonly pauseMs: number;
  readonly load: { readonly before: number; readonly after: number };
  readonly executableMb: Readonly<Record<string, number>>;
  readonly samples: Samples;
  readonly comparisons: readonly Outcome[];
  /** Null where valgrind or strace is missing. */
  readonly counts: CountFindings | null;
}

export interface CountFindings {
  /** Instructions of VERSION. */
  readonly version: number;
  readonly usual: readonly CountedCase[];
  /** The last case of `usual` on nodes that have much of something. */
  readonly curves: readonly CountedCase[];
  /** For several numbers of VFs in what the kernel says of the PF. */
  readonly vfs: readonly CountedCase[];
}

const nameWidth = 18;
const phaseWidth = 20;
const quantityNames = { wallMs: 'wall', cpuMs: 'CPU', peakMb: 'peak' } as const;

function range({ q1, q3 }: Spread, digits: number): string {
  return `${q1.toFixed(digits)}-${q3.toFixed(digits)}`;
}

function row(name: string, samples: readonly Sample[]): string {
  const spread = (quantity: keyof Sample): Spread => spreadOf(samples.map((sample) => sample[quantity]));
  const [wall, cpu, peak] = [spread('wallMs'), spread('cpuMs'), spread('peakMb')];
  const numbers = [
    wall.min.toFixed(1).padStart(7),
    wall.median.toFixed(1).padStart(7),
    range(wall, 1).padStart(13),
    cpu.min.toFixed(1).padStart(8),
    cpu.median.toFixed(1).padStart(7),
    peak.min.toFixed(1).padStart(8),
    peak.median.toFixed(1).padStart(7),
  ];
  return `  ${name.padEnd(nameWidth)}${numbers.join('')}`;
}

const columns = `${' '.repeat(20)}${'min'.padStart(7)}${'median'.padStart(7)}${'middle half'.padStart(13)}${'min'.padStart(8)}${'median'.padStart(7)}${'min'.padStart(8)}${'median'.padStart(7)}`;

function heading(phase: string): string {
  return `${phase.padEnd(phaseWidth)}${'wall, ms'.padStart(27)}${'CPU, ms'.padStart(15)}${'peak, MB'.padStart(15)}`;
}

/** One line of the last table: quantity, subject beside, ratio, aim. */
function comparisonRow(
  what: string,
  than: string,
  value: string,
  middle: string,
  most: string,
  verdict: string,
): string {
  const cells = [what.padEnd(28), than.padEnd(18), value.padStart(7), middle.padStart(13), most.padStart(5)];
  return `${cells.join('')} ${verdict}`.trimEnd();
}

function verdictOn(value: number, most: number): string {
  return value <= most ? 'met' : 'MISSED';
}

function comparisonTable({ comparisons, executableMb }: Findings): string[] {
  const size = executableMb['dra-sriov'] ?? Number.NaN;
  const rows = comparisons.map(({ phase, quantity, than, ratio, most }) =>
    comparisonRow(
      `  ${phase}: ${quantityNames[quantity]}`,
      than,
      ratio.median.toFixed(2),
      range(ratio, 2),
      most?.toFixed(1) ?? '',
      most === undefined ? '' : verdictOn(ratio.median, most),
    ),
  );
  return [
    comparisonRow('a multiple of', '', 'median', 'middle half', 'most', ''),
    ...rows,
    comparisonRow(
      '  size of the executable, MB',
      '',
      size.toFixed(2),
      '',
      largestExecutableMb.toFixed(1),
      verdictOn(size, largestExecutableMb),
    ),
  ];
}

const millions = (instructions: number): string => (instructions / 1e6).toFixed(1);

function countCells({ instructions, systemCalls, netlinkMessages }: Counts): string {
  return `${millions(instructions).padStart(9)}${String(systemCalls).padStart(7)}${String(netlinkMessages).padStart(9)}`;
}

/** Counts of the native executable alone, in user mode. */
function countTable({ version, usual, curves, vfs }: CountFindings): string[] {
  const columns = `${'million'.padStart(9)}${'calls'.padStart(7)}${'netlink'.padStart(9)}`;
  const rowOf = ({ name, add, del }: CountedCase): string => `  ${name.padEnd(28)}${countCells(add)}${countCells(del)}`;
  return [
    `${'instructions, system calls'.padEnd(30)}${'ADD'.padStart(25)}${'DEL'.padStart(25)}`,
    `${' '.repeat(30)}${columns}${columns}`,
    ...usual.map(rowOf),
    `  VERSION${millions(version).padStart(30)}`,
    'the last of them on a node that also has',
    ...curves.map(rowOf),
    'a PF that tells of',
    ...vfs.map(rowOf),
  ];
}

/** For a terminal of 80 columns. */
export function formatFindings(findings: Findings): string {
  const { machine, runs, pauseMs, load, samples } = findings;
  const lines = [
    `${machine.cpu}, ${machine.cpus} CPUs, ${machine.memoryGb.toFixed(0)} GB; Linux ${machine.kernel};`,
    runs === 0
      ? 'counted, and nothing timed'
      : `records on ${machine.fileSystem}; ${runs} runs of each, in changing order, ${pauseMs} ms between;`,
    `load ${load.before.toFixed(1)} before, ${load.after.toFixed(1)} after`,
  ];
  for (const phase of runs === 0 ? [] : phases) {
    lines.push('', heading(phase), columns);
    for (const [name, each] of samples[phase] ?? []) lines.push(row(name, each));
  }
  lines.push('', ...comparisonTable(findings));
  lines.push(
    '',
    ...(findings.counts === null
      ? ['nothing was counted: valgrind or strace is missing']
      : countTable(findings.counts)),
  );
  return `${lines.join('\n')}\n`;
}
