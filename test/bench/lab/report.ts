import type { Sample } from '../measure.ts';
import { ratiosOf, spreadOf } from '../spread.ts';
import { type Contestant, our, sriovCni } from './contestants.ts';
import { type Case, type Verb, verbs } from './rounds.ts';
import type { Requests } from './traces.ts';

/** One case: by verb and contestant, a sample for each run; and what one attachment asks of the kernel. */
export interface CaseFindings {
  readonly case: Case;
  readonly samples: ReadonlyMap<string, Readonly<Record<Verb, readonly Sample[]>>>;
  readonly requests: ReadonlyMap<string, Readonly<Record<Verb, Requests>>> | null;
}

/** The aim for the executable, as a multiple of sriov-cni's. host-device does less, and has no aims. */
const mostSize = 0.5;

type Phase = Verb | 'ADD+DEL';
type Quantity = keyof Sample;

const phases: readonly Phase[] = [...verbs, 'ADD+DEL'];
const quantities: Readonly<Record<Quantity, string>> = { wallMs: 'wall, ms', cpuMs: 'CPU, ms', peakMb: 'peak, MB' };

function valuesOf(samples: Readonly<Record<Verb, readonly Sample[]>>, phase: Phase, quantity: Quantity): number[] {
  if (phase !== 'ADD+DEL') return samples[phase].map((sample) => sample[quantity]);
  const add = valuesOf(samples, 'ADD', quantity);
  const del = valuesOf(samples, 'DEL', quantity);
  const join = quantity === 'peakMb' ? Math.max : (one: number, other: number): number => one + other;
  return add.map((value, run) => join(value, del[run] ?? Number.NaN));
}

function mostOf({ most: aims }: Case, phase: Phase, quantity: Quantity): number | null {
  return phase === 'ADD+DEL' ? null : (aims[phase]?.[quantity] ?? null);
}

function verdictOn(name: string, ratio: number, aim: number): string {
  if (!name.startsWith(sriovCni)) return '';
  return ratio <= aim ? ` met (${aim})` : ` MISSED (${aim})`;
}

function ratioCells(name: string, ours: readonly number[], theirs: readonly number[], aim: number | null): string {
  if (name === our) return '';
  const { min, median } = ratiosOf(ours, theirs);
  const verdict = aim === null ? '' : verdictOn(name, median, aim);
  return `${min.toFixed(2).padStart(8)}${median.toFixed(2).padStart(7)}${verdict}`;
}

function rowsOf(findings: CaseFindings, phase: Phase): string[] {
  return (Object.keys(quantities) as Quantity[]).flatMap((quantity) => {
    const values = new Map([...findings.samples].map(([name, each]) => [name, valuesOf(each, phase, quantity)]));
    return [...values].map(([name, theirs]) => {
      const { min, median } = spreadOf(theirs);
      const what = `  ${phase.padEnd(8)}${quantities[quantity].padEnd(10)}${name.padEnd(17)}`;
      const ratio = ratioCells(name, values.get(our) ?? [], theirs, mostOf(findings.case, phase, quantity));
      return `${what}${min.toFixed(1).padStart(8)}${median.toFixed(1).padStart(9)}${ratio}`;
    });
  });
}

function requestRows(requests: NonNullable<CaseFindings['requests']>): string[] {
  return verbs.flatMap((verb) =>
    [...requests].map(([name, each]) => {
      const { systemCalls, netlink } = each[verb];
      const counts = `${String(systemCalls).padStart(6)} system calls, ${String(netlink).padStart(3)} netlink messages`;
      return `  ${verb.padEnd(8)}${name.padEnd(17)}${counts}`;
    }),
  );
}

/** For a terminal. */
export function formatCase(findings: CaseFindings): string {
  const { title } = findings.case;
  const runs = [...findings.samples.values()][0]?.ADD.length ?? 0;
  const heading = `${`${title}; ${runs} runs of each, in turn`.padEnd(34)}${'min'.padStart(7)}${'median'.padStart(9)}  ours/theirs: min, median`;
  const lines = [heading, ...phases.flatMap((phase) => rowsOf(findings, phase))];
  if (findings.requests !== null) lines.push(...requestRows(findings.requests));
  return `${lines.join('\n')}\n`;
}

export function formatSizes(contestants: readonly Contestant[]): string {
  const ours = contestants.find(({ name }) => name === our)?.executableMb ?? Number.NaN;
  const rows = contestants.map(({ name, executableMb }) => {
    const ratio = ours / executableMb;
    const compared = name === our ? '' : `${ratio.toFixed(2).padStart(8)}${verdictOn(name, ratio, mostSize)}`;
    return `  ${name.padEnd(17)}${executableMb.toFixed(2).padStart(8)}${compared}`;
  });
  return ['executable, MB', ...rows, ''].join('\n');
}
