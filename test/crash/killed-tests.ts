import { asRoot } from '../support/netns.ts';
import { assert, suite } from '../support/suite.ts';
import { isFull } from './extent.ts';
import { choose, killAt, learnCalls, type Recovery, type Verb } from './kill.ts';
import { report, reportMeasured } from './report.ts';
import { withStandInSite } from './stand-in-site.ts';

/** Of the calls that change something, every 2nd or 5th is tried, unless all calls are. */
const steps: Readonly<Record<Recovery, number>> = { DEL: 2, GC: 5, 'next pod': 5 };

/** Registers the tests that kill a verb at its system calls, on stand-ins. */
export function registerKilledTests(verb: Verb): void {
  const test = asRoot(suite(`crash/killed-${verb.toLowerCase()}`));
  for (const recovery of ['DEL', 'GC', 'next pod'] as const satisfies Recovery[]) {
    test(`${verb} killed at ${isFull ? 'every' : 'one after the other'} system call, then ${recovery}`, () => {
      withStandInSite((site) => {
        const trace = learnCalls(site, verb);
        const calls = isFull ? trace : choose(trace, steps[recovery]);
        const { killed, takenOver, failures } = killAt(site, verb, calls, recovery);
        const taken = recovery === 'next pod' ? `, ${takenOver} times the next pod had the VF without a DEL` : '';
        reportMeasured(`${verb}: killed at ${killed} of ${trace.length} calls, then ${recovery}${taken}`);
        report(failures);
        // A run that waits less than the traced one has a call or two less.
        assert.ok(killed >= calls.length - 5, `killed at ${killed} of ${calls.length} calls only`);
        assert.ok(calls.length >= (isFull ? 300 : 5), `only ${calls.length} calls`);
      });
    });
  }
}
