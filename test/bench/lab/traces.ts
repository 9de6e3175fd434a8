import type { Rounds, Verb } from './rounds.ts';

/** What one attachment asks of the kernel, children included. */
export interface Requests {
  readonly systemCalls: number;
  /** How many datagrams are sent to it. */
  readonly netlink: number;
}

/** The total of strace -c: `100.00 0.012345 12 345 6 total`. */
export function readTotal(summary: string): number {
  const line = summary.split('\n').find((each) => each.trimEnd().endsWith(' total'));
  const calls = Number(line?.trim().split(/\s+/)[3]);
  if (!Number.isInteger(calls)) throw new Error(`no total in what strace wrote: ${summary}`);
  return calls;
}

/** Counts in what strace -yy printed, which tells of each descriptor what it is. */
export function countNetlinkSends(trace: string): number {
  return trace.split('\n').filter((line) => /\bsend(to|msg|mmsg)\(\d+<NETLINK:/.test(line)).length;
}

/** Runs each verb twice: strace counts in one run and prints in the other. */
export async function traceRequests(rounds: Rounds): Promise<Readonly<Record<Verb, Requests>>> {
  const [addSummary, delSummary] = [await rounds.trace('ADD', '-c'), await rounds.trace('DEL', '-c')];
  const options = '-yy -e trace=sendto,sendmsg,sendmmsg';
  const [addTrace, delTrace] = [await rounds.trace('ADD', options), await rounds.trace('DEL', options)];
  return {
    ADD: { systemCalls: readTotal(addSummary), netlink: countNetlinkSends(addTrace) },
    DEL: { systemCalls: readTotal(delSummary), netlink: countNetlinkSends(delTrace) },
  };
}
