import { asRoot, withNetns } from '../support/netns.ts';
import { withStandInNode } from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';
import { linkNames } from './pod-view.ts';

const test = suite('concurrent');
const root = asRoot(test);

root('two attachments of one pod at once get two VFs', async () => {
  await withStandInNode({ built: true }, async (node) => {
    node.writePodSpec('uid-1');
    const calls = ['net1', 'net2', 'net3'].map((ifname) => ({ args: 'IgnoreUnknown=1;K8S_POD_UID=uid-1', ifname }));
    const outcomes = await Promise.all(calls.map((call) => node.start('ADD', node.conf(), call)));
    assert.equal(outcomes.map(({ status }) => status).sort(), [0, 0, 1]);
    const refused = outcomes.find(({ status }) => status === 1);
    assert.is((refused?.json as { code: number } | undefined)?.code, 100);
    assert.is(linkNames(node.pod).length, 3);
    for (const call of calls) node.succeed('DEL', node.conf(), call);
    assert.equal(node.stateFiles(), []);
  });
});

root('of two pods that ask for one VF at once one gets it', async () => {
  await withStandInNode({ built: true }, async (node) => {
    await withNetns(async (other) => {
      const calls = [node.pod.path, other.path].map((netns, at) => ({ containerId: `c${at}`, netns }));
      const conf = node.conf({ deviceID: node.vfPcis[0] });
      const outcomes = await Promise.all(calls.map((call) => node.start('ADD', conf, call)));
      assert.equal(outcomes.map(({ status }) => status).sort(), [0, 1]);
      const refused = outcomes.find(({ status }) => status === 1);
      assert.is((refused?.json as { code: number } | undefined)?.code, 102);
      for (const call of calls) node.succeed('DEL', conf, call);
      assert.equal(
        linkNames(node.host)
          .filter((name) => name.startsWith('vf'))
          .sort(),
        ['vf0', 'vf1'],
      );
    });
  });
});
