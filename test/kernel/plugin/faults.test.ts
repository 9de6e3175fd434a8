import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { newFakeVf } from '../../support/fake-pf.ts';
import { asRoot } from '../../support/netns.ts';
import { type StandInNode, withStandInNode } from '../../support/stand-in-node.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('plugin/faults');
const root = asRoot(test);

/** A config in which ADD has every kind of step. */
function fullConf(node: StandInNode): Record<string, unknown> {
  const settings = { vlan: 100, vlanQoS: 5, spoofchk: 'off', trust: 'on', mac: '02:00:00:00:00:01', mtu: 1400 };
  return node.conf({
    deviceID: node.vfPcis[0],
    ...settings,
    ipam: node.ipam('10.0.2.0/24', { routes: [{ dst: '10.9.0.0/16' }] }),
  });
}

interface FaultyRun {
  readonly status: number | null;
  readonly stdout: string;
  /** `number what` of every call that changes something, up to the end. */
  readonly calls: readonly string[];
}

function runWithFault(node: StandInNode, command: string, failAt: number): FaultyRun {
  const log = join(node.directory, 'fault.log');
  rmSync(log, { force: true });
  const { status, stdout } = node.cni(command, fullConf(node), { env: { FAULT_AT: String(failAt), FAULT_LOG: log } });
  return { status, stdout, calls: readFileSync(log, 'utf8').trimEnd().split('\n') };
}

/** An ADD that gets over a failure (a refused MAC is tried again, an announcement is a courtesy) has done all the same. */
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
    node.host.run('ip', 'link', 'property', 'add', 'dev', 'vf0', 'altname', 'net1');
    node.host.run('ip', 'link', 'set', 'vf0', 'up');
    const before = node.picture();
    const tried: string[] = [];
    for (let step = 1; ; step++) {
      const run = runWithFault(node, 'ADD', step);
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
    node.host.run('ip', 'link', 'property', 'add', 'dev', 'vf0', 'altname', 'net1');
    node.host.run('ip', 'link', 'set', 'vf0', 'up');
    const before = node.picture();
    let tried = 0;
    for (let step = 1; ; step++) {
      node.succeed('ADD', fullConf(node));
      const run = runWithFault(node, 'DEL', step);
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
