import { asRoot, withNetns } from '../../support/netns.ts';
import { type StandInNode, withStandInNode } from '../../support/stand-in-node.ts';
import { assert, suite } from '../../support/suite.ts';
import { dressVf, fullConf, runWithFault } from './faulty-run.ts';

const test = suite('plugin/killed');
const root = asRoot(test);

/**
 * Kills `command` straight after each changing call in turn; for the node that is the same as before the next call.
 * `prepare` runs before each, `recover` after it, and then the node has to be as before. Returns the calls.
 */
function killAtEveryCall(
  node: StandInNode,
  command: string,
  prepare: () => void,
  recover: () => void,
): readonly string[] {
  const before = node.picture();
  const killed: string[] = [];
  for (let at = 1; ; at++) {
    prepare();
    const run = runWithFault(node, command, 'kill-after', at);
    const call = run.calls[at - 1];
    if (call === undefined) assert.is(run.status, 0, run.stdout);
    else killed.push(call);
    recover();
    assert.equal(node.picture(), before, `killed after ${call}`);
    if (call === undefined) return killed;
  }
}

root('ADD killed at any step: DEL gives everything back', () => {
  withStandInNode({ fakePf: true }, (node) => {
    dressVf(node);
    const nothing = (): void => undefined;
    const killed = killAtEveryCall(node, 'ADD', nothing, () => node.succeed('DEL', fullConf(node)));
    assert.ok(killed.length >= 15, `only ${killed.length} places: ${killed.join(', ')}`);
  });
});

root('ADD killed at any step, and never a DEL: the next pod on the VF gets it whole', () => {
  withStandInNode({ fakePf: true }, (node) => {
    dressVf(node);
    withNetns((other) => {
      const call = { containerId: 'c2', netns: other.path };
      const nothing = (): void => undefined;
      let takenOver = 0;
      const killed = killAtEveryCall(node, 'ADD', nothing, () => {
        // If the ADD is killed after its last step, the attachment is complete, and the VF belongs to its living pod.
        if (node.cni('ADD', fullConf(node), call).status === 0) takenOver++;
        else node.succeed('DEL', fullConf(node));
        node.succeed('DEL', fullConf(node), call);
        node.succeed('DEL', fullConf(node));
      });
      assert.ok(killed.length >= 15, `only ${killed.length} places`);
      assert.ok(takenOver >= killed.length - 2, `${takenOver} of ${killed.length} were taken over`);
    });
  });
});

root('DEL killed at any step: the next DEL completes', () => {
  withStandInNode({ fakePf: true }, (node) => {
    dressVf(node);
    const attach = (): void => {
      node.succeed('ADD', fullConf(node));
    };
    const killed = killAtEveryCall(node, 'DEL', attach, () => node.succeed('DEL', fullConf(node)));
    assert.ok(killed.length >= 8, `only ${killed.length} places: ${killed.join(', ')}`);
  });
});
