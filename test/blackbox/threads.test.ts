import { expectPicture, learnCalls } from '../crash/kill.ts';
import { withStandInSite } from '../crash/stand-in-site.ts';
import { type Fault, isThread } from '../crash/strace.ts';
import { holdsNode } from '../support/executable-kind.ts';
import { asRoot } from '../support/netns.ts';
import { assert, suite } from '../support/suite.ts';

const test = asRoot(suite('blackbox/threads'));

// The native executable makes no threads, so nothing can fail. Node makes some before it runs a line of the program,
// and waits for ever, or aborts, if it can't make one (README.md). Nothing must have changed on the node by then.
test('a thread that can’t be made leaves everything as it was, and a runtime that gives up can start again', () => {
  withStandInSite((site) => {
    const begin = performance.now();
    const threads = learnCalls(site, 'ADD').filter(isThread);
    // A run that takes twice as long as two ADDs and two DELs waits for ever.
    const limitMs = Math.max(5000, 2 * (performance.now() - begin));
    if (holdsNode(site.options.executable)) assert.ok(threads.length > 0, 'Node makes threads');
    else assert.equal(threads, []);
    const before = site.picture();
    // The threads of Node's pool are alike, so three of them are enough.
    for (const { name, nth } of [threads[0], threads[1], threads.at(-1)].filter((call) => call !== undefined)) {
      const fault: Fault = { name, nth, kind: { errno: 'EAGAIN' } };
      const status = site.tryRun('ADD', 0, fault, limitMs)?.status;
      if (status === 0) site.succeed('DEL', 0);
      expectPicture(site, before, `after EAGAIN at thread ${nth}`);
    }
    site.succeed('ADD', 0);
    site.succeed('DEL', 0);
  });
});
