import { newFakeVf } from '../../support/fake-pf.ts';
import { asRoot } from '../../support/netns.ts';
import { type StandInNode, withStandInNode } from '../../support/stand-in-node.ts';
import { assert, suite } from '../../support/suite.ts';
import { dressVf, fullConf, runWithFault } from './faulty-run.ts';

const test = suite('plugin/faults');
const root = asRoot(test);

/**
 * An ADD that succeeds in spite of a failure (a refused MAC is tried again, an announcement is a courtesy) is complete.
 */
function assertAttached(node: StandInNode): void {
  const { mac, vlan, qos, spoofchk, trust } = node.fakePf.vfs[0] ?? newFakeVf;
  assert.equal(
    { mac, vlan, qos, spoofchk, trust },
    { mac: '02:00:00:00:00:01', vlan: 100, qos: 5, spoofchk: 0, trust: 1 },
  );
  const [link] = node.pod.ip('addr', 'show', 'net1') as [
    { address: string; mtu: number; addr_info: { local: string }[] },
  ];
  assert.equal([link.address, link.mtu], ['02:00:00:00:00:01', 1400]);
  assert.ok(link.addr_info.some((info) => node.leases().includes(info.local)));
}

root('a failure at any step of ADD leaves VF, IPAM and files exactly as before', () => {
  withStandInNode({ fakePf: true }, (node) => {
    dressVf(node);
    const before = node.picture();
    const tried: string[] = [];
    for (let step = 1; ; step++) {
      const run = runWithFault(node, 'ADD', 'error', step);
      const failed = run.calls[step - 1];
      if (failed === undefined) {
        assert.is(run.status, 0, run.stdout);
        break;
      }
      tried.push(failed);
      if (run.status === 0) {
        assertAttached(node);
        node.succeed('DEL', fullConf(node));
      } else {
        assert.match(run.stdout, 'injected');
      }
      assert.equal(node.picture(), before, `after a failure at ${failed}: ${run.stdout}`);
    }
    assert.ok(tried.length >= 12, `only ${tried.length} steps were found: ${tried.join(', ')}`);
  });
});

root('a failure at any step of DEL keeps the record, and the next DEL completes', () => {
  withStandInNode({ fakePf: true }, (node) => {
    dressVf(node);
    const before = node.picture();
    let tried = 0;
    for (let step = 1; ; step++) {
      node.succeed('ADD', fullConf(node));
      const run = runWithFault(node, 'DEL', 'error', step);
      if (run.calls[step - 1] === undefined) {
        assert.is(run.status, 0, run.stdout);
        break;
      }
      tried++;
      if (run.status !== 0) {
        assert.is((JSON.parse(run.stdout) as { code: number }).code, 109, run.stdout);
        assert.ok(node.stateFiles().length > 0, 'the record is kept');
        node.succeed('DEL', fullConf(node));
      }
      assert.equal(node.picture(), before, `after a failure at ${run.calls[step - 1]}`);
    }
    assert.ok(tried >= 6, `only ${tried} steps were found`);
  });
});
