// Runs in the lab's guest, on a real VF: node in-lab.ts JSON (LabRun) prints its outcome as JSON.
import process from 'node:process';
import { failAt, listFaults } from './errors.ts';
import { choose, killAt, learnCalls, type Recovery, type Verb } from './kill.ts';
import { Site, type SiteOptions } from './site.ts';
import { isChange } from './strace.ts';

export interface LabRun {
  readonly site: SiteOptions;
  readonly verb: Verb;
  /** What follows a kill; `errors`: the calls fail instead. */
  readonly next: Recovery | 'errors';
  /** Every `step`th of the calls that change something is tried, or of their failures. */
  readonly step: number;
  /** The first of them. */
  readonly first: number;
}

export interface LabRunOutcome {
  readonly tried: number;
  readonly failures: readonly string[];
  readonly summary: string;
}

function run({ site: options, verb, next, step, first }: LabRun): LabRunOutcome {
  const site = new Site(options);
  const trace = learnCalls(site, verb);
  const changes = trace.filter(isChange);
  if (next === 'errors') {
    const all = listFaults(changes);
    const faults = all.filter((_, at) => at % step === first);
    const { overcome, undone, kept, failures } = failAt(site, verb, faults);
    const ends = `${overcome} overcome, ${undone} undone, ${kept} with the record kept`;
    return { tried: faults.length, failures, summary: `${verb}: ${faults.length} of ${all.length} failures: ${ends}` };
  }
  const { killed, takenOver, failures } = killAt(site, verb, choose(trace, step, first), next);
  const summary = `${verb}: killed at ${killed} of ${changes.length} calls, then ${next} (${takenOver} taken over)`;
  return { tried: killed, failures, summary };
}

const wanted = JSON.parse(process.argv[2] ?? '') as LabRun;
const outcome = run(wanted);
// GC removes the lock files that the last kill left.
new Site(wanted.site).collect();
process.stdout.write(JSON.stringify(outcome));
