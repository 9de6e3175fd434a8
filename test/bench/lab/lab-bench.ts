// Measures the plugin beside other plugins on real VFs, in the lab's guest: same VFs, same pods, in turn. Run by
// scripts/bench.sh --lab. Nothing runs in the guest meanwhile but what is measured.
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import type { VirtualFunction } from '../../lab/lab.ts';
import { type LabNode, type LabNodeOptions, withLabNode } from '../../lab/lab-node.ts';
import { describeMachine, load } from '../machine.ts';
import { buildMeasure, type Sample } from '../measure.ts';
import { type Contestant, createContestants } from './contestants.ts';
import { type CaseFindings, formatCase, formatSizes } from './report.ts';
import { type Case, measureProgram, Rounds, type Verb, verbs } from './rounds.ts';
import { traceRequests } from './traces.ts';

const usage = `Usage: npm run bench:lab -- [--runs N]

  --runs N  how often one attachment is measured (20); four at once half as often, fourteen a quarter

SRIOV_CNI=PATH: sriov-cni's executable, of a release of today, in the place of 2.1.0.
`;

const node14: LabNodeOptions = { vfs: [7, 7] };
const warmUpRuns = 1;

function casesOf(node: LabNode): readonly Case[] {
  const addressed = { ipam: node.ipam() };
  const settings = { vlan: 100, vlanQoS: 3, spoofchk: 'off', trust: 'on', max_tx_rate: 200 };
  return [
    { title: 'one, no IPAM', attachments: 1, keys: {}, needsSettings: false },
    { title: 'one, host-local', attachments: 1, keys: addressed, needsSettings: false },
    { title: 'one, settings', attachments: 1, keys: settings, needsSettings: true },
    { title: '4 at once, host-local', attachments: 4, keys: addressed, needsSettings: false },
    { title: '14 at once, host-local', attachments: 14, keys: addressed, needsSettings: false },
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
  runs: number,
): Promise<CaseFindings> {
  const all = new Map<string, Rounds>();
  for (const contestant of contestants) {
    const rounds = new Rounds(node, which, contestant);
    await rounds.prepare(vfs);
    all.set(contestant.name, rounds);
  }
  const samples = new Map([...all.keys()].map((name) => [name, { ADD: [], DEL: [] } as Record<Verb, Sample[]>]));
  for (let run = -warmUpRuns; run < runs; run++) {
    for (const [name, rounds] of all) {
      for (const verb of verbs) {
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

async function bench(runs: number): Promise<void> {
  const measure = buildMeasure();
  await withLabNode(node14, async (node, vfs) => {
    copyFileSync(measure, join(node.lab.share.host, 'measure'));
    await node.sh(`mkdir -p /run/bench && cp ${node.lab.share.guest}/measure ${measureProgram}`);
    for (let number = 3; number <= vfs.length; number++) await node.addPod(`pod${number}`);
    const contestants = await createContestants(node);
    const { cpu, cpus, memoryGb } = describeMachine();
    process.stdout.write(
      `a guest of 2 CPUs on ${cpu}, ${cpus} CPUs, ${memoryGb.toFixed(0)} GB; load ${load().toFixed(1)} before\n\n`,
    );
    process.stdout.write(`${formatSizes(contestants)}\n`);
    for (const which of casesOf(node)) {
      const able = contestants.filter(({ hasSettings }) => hasSettings || !which.needsSettings);
      const findings = await measureCase(node, vfs, which, able, runsOf(which, runs));
      process.stdout.write(`${formatCase(findings)}\n`);
    }
    process.stdout.write(`load ${load().toFixed(1)} after\n`);
  });
}

function readRuns(): number {
  const { values } = parseArgs({ options: { runs: { type: 'string', default: '20' } } });
  const runs = Number(values.runs);
  if (Number.isInteger(runs) && runs >= 1) return runs;
  throw new Error(`--runs ${values.runs}: a whole number from 1 on is allowed`);
}

async function main(): Promise<number> {
  let runs: number;
  try {
    runs = readRuns();
  } catch (thrown) {
    process.stderr.write(`bench:lab: ${(thrown as Error).message}\n${usage}`);
    return 2;
  }
  await bench(runs);
  return 0;
}

process.exitCode = await main();
