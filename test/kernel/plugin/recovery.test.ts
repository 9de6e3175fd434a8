import { chmodSync, chownSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { asRoot, withNetns } from '../../support/netns.ts';
import { type StandInNode, withStandInNode } from '../../support/stand-in-node.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('plugin/recovery');
const root = asRoot(test);

function recordPath(node: StandInNode, containerId: string, ifname = 'net1'): string {
  return join(node.directory, 'state', 'vf-test1', containerId, `${ifname}.json`);
}

function editRecord(node: StandInNode, containerId: string, change: Record<string, unknown>): void {
  const path = recordPath(node, containerId);
  writeFileSync(path, JSON.stringify({ ...(JSON.parse(readFileSync(path, 'utf8')) as object), ...change }));
}

root('an ADD that was killed half-way is taken back by the next ADD of the same attachment', () => {
  withStandInNode({ fakePf: true }, (node) => {
    const conf = node.conf({ deviceID: node.vfPcis[0], vlan: 5, ipam: node.ipam() });
    const before = node.picture();
    node.succeed('ADD', conf);
    editRecord(node, 'c1', { phase: 'pending', podIfindex: null });
    node.succeed('ADD', conf);
    assert.is(node.leases().length, 1);
    node.succeed('DEL', conf);
    assert.equal(node.picture(), before);
  });
});

root('an ADD that was killed half-way is taken back by another pod’s ADD on the same VF', () => {
  withStandInNode({ fakePf: true }, (node) => {
    const conf = node.conf({ deviceID: node.vfPcis[0], vlan: 5, ipam: node.ipam() });
    const before = node.picture();
    node.succeed('ADD', conf);
    editRecord(node, 'c1', { phase: 'pending', podIfindex: null });
    withNetns((other) => {
      node.succeed('ADD', conf, { containerId: 'c2', netns: other.path });
      assert.is(node.leases().length, 1);
      node.succeed('DEL', conf, { containerId: 'c2', netns: other.path });
    });
    assert.equal(node.picture(), before);
  });
});

root('a second ADD of a living attachment is refused, and changes nothing', () => {
  withStandInNode({}, (node) => {
    const conf = node.conf({ deviceID: node.vfPcis[0] });
    node.succeed('ADD', conf);
    const during = node.picture();
    assert.is(node.fail('ADD', conf).code, 112);
    const taken = node.fail('ADD', conf, { ifname: 'net2' });
    assert.is(taken.code, 102);
    assert.match(taken.msg, 'net1');
    assert.equal(node.picture(), during);
  });
});

root('a late DEL of the old pod leaves the new pod’s VF alone', () => {
  withStandInNode({ fakePf: true }, (node) => {
    const conf = node.conf({ deviceID: node.vfPcis[0], vlan: 5 });
    node.succeed('ADD', conf);
    const record = readFileSync(recordPath(node, 'c1'), 'utf8');
    node.succeed('DEL', conf);
    withNetns((other) => {
      node.succeed('ADD', { ...conf, vlan: 6 }, { containerId: 'c2', netns: other.path });
      // The record is put back, as if the first DEL had never come.
      node.succeed('ADD', node.conf({ deviceID: node.vfPcis[1] }), { containerId: 'c1', ifname: 'net9' });
      writeFileSync(recordPath(node, 'c1'), record);
      node.succeed('DEL', conf);
      assert.is(node.fakePf.vfs[0]?.vlan, 6);
      assert.is((other.ip('link', 'show', 'net1') as unknown[]).length, 1);
    });
  });
});

root('DEL frees the VF of the record, whatever stdin says', () => {
  withStandInNode({}, (node) => {
    const before = node.picture();
    node.succeed('ADD', node.conf({ deviceID: node.vfPcis[0] }));
    node.succeed('DEL', node.conf({ deviceID: node.vfPcis[1], vlan: 'nonsense' }));
    assert.equal(node.picture(), before);
  });
});

root('without CNI_NETNS the VF and the address are given back all the same, twice', () => {
  withStandInNode({ fakePf: true }, (node) => {
    const conf = node.conf({ deviceID: node.vfPcis[0], trust: 'on', ipam: node.ipam() });
    const before = node.picture();
    for (const netns of ['', undefined]) {
      node.succeed('ADD', conf);
      for (let time = 0; time < 2; time++) node.succeed('DEL', conf, { env: { CNI_NETNS: netns } });
      assert.equal(node.picture(), before);
    }
  });
});

root('a VF or PF that is gone: DEL succeeds, the address is free', () => {
  withStandInNode({}, (node) => {
    const conf = node.conf({ deviceID: node.vfPcis[0], ipam: node.ipam() });
    node.succeed('ADD', conf);
    node.removeDevice(0);
    node.pod.run('ip', 'link', 'del', 'net1');
    node.succeed('DEL', conf);
    assert.equal(node.leases(), []);
    assert.equal(node.stateFiles(), []);
  });
});

root('a dead pod whose DEL never came is reclaimed by the next ADD on the node, its address included', () => {
  withStandInNode({ fakePf: true, vfs: 2 }, (node) => {
    const conf = node.conf({ deviceID: node.vfPcis[0], vlan: 9, ipam: node.ipam() });
    node.succeed('ADD', conf);
    editRecord(node, 'c1', { netns: { path: '/run/netns/that-is-gone', device: '4', inode: '1' } });
    node.pod.run('ip', 'link', 'set', 'net1', 'netns', node.host.name, 'name', 'vf0');
    node.forgetSweep();
    withNetns((other) => {
      node.succeed('ADD', node.conf({ deviceID: node.vfPcis[1] }), { containerId: 'c2', netns: other.path });
      assert.equal(node.leases(), []);
      assert.is(node.fakePf.vfs[0]?.vlan, 0);
      assert.equal(
        node.stateFiles().filter((name) => name.includes('c1')),
        [],
      );
    });
  });
});

root('a record from before a reboot costs the VF nothing: it was made anew; address and record are given back', () => {
  withStandInNode({ fakePf: true }, (node) => {
    const conf = node.conf({ deviceID: node.vfPcis[0], vlan: 9, ipam: node.ipam() });
    node.succeed('ADD', conf);
    editRecord(node, 'c1', { bootId: 'an-earlier-boot' });
    for (let time = 0; time < 2; time++) {
      node.succeed('DEL', conf);
      assert.equal(node.leases(), []);
      assert.equal(node.stateFiles(), []);
      assert.is(node.fakePf.vfs[0]?.vlan, 9);
      assert.is((node.pod.ip('link', 'show', 'net1') as unknown[]).length, 1);
    }
  });
});

root('a damaged record is set aside and blocks nothing; the VF’s copy of it gives all back', () => {
  withStandInNode({ fakePf: true }, (node) => {
    const conf = node.conf({ deviceID: node.vfPcis[0], vlan: 9, ipam: node.ipam() });
    const before = node.picture();
    node.succeed('ADD', conf);
    writeFileSync(recordPath(node, 'c1'), '{"version":1,"phase"');
    node.succeed('ADD', node.conf({ deviceID: node.vfPcis[1] }), { containerId: 'c2', ifname: 'net2' });
    node.succeed('DEL', node.conf({ deviceID: node.vfPcis[1] }), { containerId: 'c2', ifname: 'net2' });
    const { stderr } = node.succeed('DEL', conf);
    assert.match(stderr, 'set aside');
    const aside = node.stateFiles().filter((name) => name.startsWith('.damaged/'));
    assert.is(aside.length, 1);
    rmSync(join(node.directory, 'state', aside[0] ?? ''));
    assert.equal(node.picture(), before);
  });
});

root('state that others than root own or may write to is set aside as well; a directory of that kind stops all', () => {
  withStandInNode({}, (node) => {
    const conf = node.conf({ deviceID: node.vfPcis[0], ipam: node.ipam() });
    node.succeed('ADD', conf);
    chownSync(recordPath(node, 'c1'), 65_534, 65_534);
    assert.match(node.succeed('DEL', conf).stderr, /\b65534\b/);
    assert.equal(node.leases(), []);
    const state = join(node.directory, 'state');
    chmodSync(state, 0o777);
    const error = node.fail('ADD', conf);
    assert.is(error.code, 5);
    assert.match(error.msg, /0777.*chmod/);
    chmodSync(state, 0o755);
    node.succeed('ADD', conf);
    node.succeed('DEL', conf);
  });
});
