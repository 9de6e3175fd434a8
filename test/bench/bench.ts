// Measures the plugin, the kernel's own work and others' plugins, in turn, on one veth that plays a VF.
// scripts/bench.sh runs it.
import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { withStandInNode } from '../support/stand-in-node.ts';
import { withTemporaryDirectory } from '../support/temporary-directory.ts';
import { compare, type Samples } from './comparisons.ts';
import { countCurves, countManyVfs, countUsual } from './count-cases.ts';
import { canCount } from './counts.ts';
import { describeMachine, load } from './machine.ts';
import { buildWithManyVfs } from './many-vfs/build.ts';
import { Measure, type Sample } from './measure.ts';
import { type CountFindings, type Findings, formatFindings } from './report.ts';
import {
  benchVfs,
  createSubjects,
  nativeExecutable,
  nodeExecutable,
  type Phase,
  phases,
  type Subject,
} from './subjects.ts';
import { defaultPauseMs, inTurn, pause, wholeNumber } from './turns.ts';
import { writeFindings } from './write.ts';

const usage = `Usage: npm run bench -- [--runs N] [--pause MS] [--json] [--write]

  --runs N    how often each is timed (30); 0: what is counted alone
  --pause MS  before each that is timed (150): what ends in the kernel after one
              program's exit otherwise counts for the next
  --json      every sample, for other programs
  --write     into docs/performance.md, too
`;

/** The first run of each finds cold files. */
const warmUpRuns = 2;

interface Options {
  readonly runs: number;
  readonly pauseMs: number;
  readonly json: boolean;
  readonly write: boolean;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '30' },
      pause: { type: 'string', default: `${defaultPauseMs}` },
      json: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
    },
  });
  const { json, write } = values;
  return { runs: wholeNumber('runs', values.runs, 0), pauseMs: wholeNumber('pause', values.pause, 0), json, write };
}

/** One run of all: each subject goes through its phases before the next one's turn. */
function runAll(
  subjects: readonly Subject[],
  pauseMs: number,
  record: (phase: Phase, name: string, sample: Sample) => void,
): void {
  for (const subject of subjects) {
    for (const phase of phases) {
      const run = subject.phases[phase];
      if (run === undefined) continue;
      pause(pauseMs);
      record(phase, subject.name, run());
    }
  }
}

function collect(subjects: readonly Subject[], runs: number, pauseMs: number): Samples {
  const samples: Partial<Record<Phase, Map<string, Sample[]>>> = {};
  for (let run = 0; run < warmUpRuns; run++) runAll(subjects, pauseMs, () => {});
  for (let run = 0; run < runs; run++) {
    runAll(inTurn(subjects, run), pauseMs, (phase, name, sample) => {
      samples[phase] ??= new Map();
      const ofPhase = samples[phase];
      ofPhase.set(name, [...(ofPhase.get(name) ?? []), sample]);
    });
  }
  return samples;
}

async function count(): Promise<CountFindings | null> {
  if (!canCount()) return null;
  const { version, cases } = countUsual(nativeExecutable);
  const vfs = countManyVfs(await buildWithManyVfs());
  return { version, usual: cases, curves: countCurves(nativeExecutable), vfs };
}

function time(runs: number, pauseMs: number): Samples {
  return withTemporaryDirectory((directory) =>
    withStandInNode({ built: true, vfs: benchVfs }, (node) => {
      // Its other end gets carrier, as with a cable in the PF.
      execFileSync('ip', ['-n', node.host.name, 'link', 'set', node.vfName(1), 'up']);
      return collect(createSubjects({ node, measure: new Measure(directory) }), runs, pauseMs);
    }),
  );
}

async function bench({ runs, pauseMs }: Options): Promise<Findings> {
  const before = load();
  const samples = runs === 0 ? {} : time(runs, pauseMs);
  return {
    machine: describeMachine(),
    runs,
    pauseMs,
    load: { before, after: load() },
    executableMb: {
      'dra-sriov': statSync(nativeExecutable).size / 1e6,
      'dra-sriov on Node': statSync(nodeExecutable).size / 1e6,
    },
    samples,
    comparisons: compare(samples),
    counts: await count(),
  };
}

function jsonOf({ samples, ...rest }: Findings): string {
  const plain = Object.entries(samples).map(([phase, bySubject]) => [phase, Object.fromEntries(bySubject)]);
  return `${JSON.stringify({ ...rest, samples: Object.fromEntries(plain) }, null, 2)}\n`;
}

async function main(): Promise<number> {
  let options: Options;
  try {
    options = readOptions();
  } catch (thrown) {
    process.stderr.write(`bench: ${(thrown as Error).message}\n${usage}`);
    return 2;
  }
  const findings = await bench(options);
  process.stdout.write(options.json ? jsonOf(findings) : formatFindings(findings));
  if (options.write) writeFindings('bench', 'npm run bench -- --write', formatFindings(findings));
  return 0;
}

process.exitCode = await main();
