// Measures the plugin beside other plugins on real VFs, in the lab's guest: same VFs, same pods, in turn. Nothing else
// runs in the guest meanwhile. scripts/bench.sh --lab runs it.
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import type { VirtualFunction } from '../../lab/lab.ts';
import { type LabNode, type LabNodeOptions, withLabNode } from '../../lab/lab-node.ts';
import { describeMachine, load } from '../machine.ts';
import { buildMeasure, type Sample } from '../measure.ts';
import { defaultPauseMs, inTurn, pause, wholeNumber } from '../turns.ts';
import { writeFindings } from '../write.ts';
import { type Contestant, createContestants } from './contestants.ts';
import { type CaseFindings, formatCase, formatSizes } from './report.ts';
import { type Case, measureProgram, Rounds, type Verb, verbs } from './rounds.ts';
import { traceRequests } from './traces.ts';

const usage = `Usage: npm run bench:lab -- [--runs N] [--pause MS] [--write]

  --runs N    how often one attachment is measured (20); four at once half as
              often, fourteen a quarter
  --pause MS  before each that is measured (${defaultPauseMs})
  --write     into docs/performance.md, too

SRIOV_CNI=PATH: sriov-cni's executable, of a release of today, in the place of 2.1.0.
`;

/** How often each is measured, and the pause before. */
interface Pace {
  readonly runs: number;
  readonly pauseMs: number;
}

const node14: LabNodeOptions = { vfs: [7, 7] };
const warmUpRuns = 1;

function casesOf(node: LabNode): readonly Case[] {
  const addressed = { ipam: node.ipam() };
  const settings = { vlan: 100, vlanQoS: 3, spoofchk: 'off', trust: 'on', max_tx_rate: 200 };
  // With IPAM the peak is host-local's.
  return [
    {
      title: 'one, no IPAM',
      attachments: 1,
      keys: {},
      needsSettings: false,
      most: { ADD: { wallMs: 0.7, cpuMs: 0.8, peakMb: 0.25 }, DEL: { wallMs: 0.85, cpuMs: 0.75, peakMb: 0.25 } },
    },
    {
      title: 'one, host-local',
      attachments: 1,
      keys: addressed,
      needsSettings: false,
      most: { ADD: { wallMs: 0.5, cpuMs: 0.75 }, DEL: { wallMs: 0.9, cpuMs: 0.8 } },
    },
    { title: 'one, settings', attachments: 1, keys: settings, needsSettings: true, most: {} },
    { title: '4 at once, host-local', attachments: 4, keys: addressed, needsSettings: false, most: {} },
    {
      title: '14 at once, host-local',
      attachments: 14,
      keys: addressed,
      needsSettings: false,
      most: { DEL: { wallMs: 0.95, cpuMs: 0.85 } },
    },
  ];
}

function runsOf({ attachments }: Case, runs: number): number {
  if (attachments === 1) return runs;
  return Math.max(1, Math.round(runs / (attachments === 4 ? 2 : 4)));
}

async function measureCase(
  node: LabNode,
  vfs: readonly VirtualFunction[],
  which: Case,
  contestants: readonly Contestant[],
  { runs, pauseMs }: Pace,
): Promise<CaseFindings> {
  const all = new Map<string, Rounds>();
  for (const contestant of contestants) {
    const rounds = new Rounds(node, which, contestant);
    await rounds.prepare(vfs);
    all.set(contestant.name, rounds);
  }
  const samples = new Map([...all.keys()].map((name) => [name, { ADD: [], DEL: [] } as Record<Verb, Sample[]>]));
  for (let run = -warmUpRuns; run < runs; run++) {
    for (const [name, rounds] of inTurn([...all], run + warmUpRuns)) {
      for (const verb of verbs) {
        pause(pauseMs);
        const sample = await rounds.run(verb);
        if (run >= 0) samples.get(name)?.[verb].push(sample);
      }
    }
  }
  if (which.attachments > 1) return { case: which, samples, requests: null };
  const requests = new Map<string, Awaited<ReturnType<typeof traceRequests>>>();
  for (const [name, rounds] of all) requests.set(name, await traceRequests(rounds));
  return { case: which, samples, requests };
}

/** Prints each case when it is done; returns the whole text. */
async function bench({ runs, pauseMs }: Pace): Promise<string> {
  const measure = buildMeasure();
  const parts: string[] = [];
  const report = (text: string): void => {
    process.stdout.write(text);
    parts.push(text);
  };
  await withLabNode(node14, async (node, vfs) => {
    copyFileSync(measure, join(node.lab.share.host, 'measure'));
    await node.sh(`mkdir -p /run/bench && cp ${node.lab.share.guest}/measure ${measureProgram}`);
    for (let number = 3; number <= vfs.length; number++) await node.addPod(`pod${number}`);
    const contestants = await createContestants(node);
    const { cpu, cpus, memoryGb } = describeMachine();
    report(`a guest of 2 emulated CPUs on ${cpu}, ${cpus} CPUs, ${memoryGb.toFixed(0)} GB;\n`);
    report(`in changing order, ${pauseMs} ms between; load ${load().toFixed(1)} before\n\n`);
    report(`${formatSizes(contestants)}\n`);
    for (const which of casesOf(node)) {
      const able = contestants.filter(({ hasSettings }) => hasSettings || !which.needsSettings);
      const findings = await measureCase(node, vfs, which, able, { runs: runsOf(which, runs), pauseMs });
      report(`${formatCase(findings)}\n`);
    }
    report(`load ${load().toFixed(1)} after\n`);
  });
  return parts.join('');
}

interface Options extends Pace {
  readonly write: boolean;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '20' },
      pause: { type: 'string', default: `${defaultPauseMs}` },
      write: { type: 'boolean', default: false },
    },
  });
  const { runs, pause, write } = values;
  return { runs: wholeNumber('runs', runs, 1), pauseMs: wholeNumber('pause', pause, 0), write };
}

async function main(): Promise<number> {
  let options: Options;
  try {
    options = readOptions();
  } catch (thrown) {
    process.stderr.write(`bench:lab: ${(thrown as Error).message}\n${usage}`);
    return 2;
  }
  const findings = await bench(options);
  if (options.write) writeFindings('bench:lab', 'npm run bench:lab -- --write', findings);
  return 0;
}

process.exitCode = await main();
