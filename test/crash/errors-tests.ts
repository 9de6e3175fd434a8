import { holdsNode } from '../support/executable-kind.ts';
import { asRoot } from '../support/netns.ts';
import { builtExecutable } from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';
import { failAt, listFaults } from './errors.ts';
import { isFull } from './extent.ts';
import { learnCalls, type Verb } from './kill.ts';
import { report, reportMeasured } from './report.ts';
import { withStandInSite } from './stand-in-site.ts';

/** Of the failures, every 40th is tried, unless all are. */
const step = 40;

/** Registers the test that makes a verb's system calls fail, on stand-ins. */
export function registerErrorsTest(verb: Verb): void {
  const name = `${verb}: a system call fails, ${isFull ? 'every one' : 'one after the other'}, with every errno`;
  const test = suite(`crash/errors-${verb.toLowerCase()}`);
  if (holdsNode(builtExecutable)) {
    test.skip(
      name,
      'most of the calls are those with which Node itself starts, whose failure ends it; build the native executable',
    );
    return;
  }
  asRoot(test)(name, () => {
    withStandInSite((site) => {
      const all = listFaults(learnCalls(site, verb));
      const faults = isFull ? all : all.filter((_, at) => at % step === 0);
      const { overcome, undone, kept, failures } = failAt(site, verb, faults);
      reportMeasured(
        `${verb}: ${faults.length} of ${all.length} failures: ${overcome} overcome, ${undone} undone, ${kept} with the record kept`,
      );
      report(failures);
      assert.ok(all.length > 700, `only ${all.length} failures`);
    });
  });
}
