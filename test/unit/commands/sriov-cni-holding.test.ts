import { countTraces } from '../../../src/commands/sriov-cni-holding.ts';
import { Namespace } from '../../../src/kernel/namespace.ts';
import type { MacAddress } from '../../../src/lib/mac-address.ts';
import type { SriovCniAttachment } from '../../../src/state/sriov-cni-cache.ts';
import { igbvfDriver, MemoryNode, vfPci } from '../../support/memory-node.ts';
import { assert, suite } from '../../support/suite.ts';
import {
  attach,
  attachedTwice,
  directory,
  mac,
  migrated,
  reboot,
  settings,
  sriovCniFiles,
} from './sriov-cni-fixture.ts';

const test = suite('commands/sriov-cni-holding');

const driverLink = `/sys/bus/pci/devices/${vfPci(0)}/driver`;

test('a VF with two attachments belongs to the one whose namespace the runtime names, by whatever path', () => {
  const of = (path: string, containerId: string): MemoryNode => {
    const { node, conf, later } = attachedTwice(0);
    node.platform.netnsPaths.set('/proc/7/ns/net', later.namespace);
    node.addPod();
    node.succeed('DEL', conf, { containerId, netns: path });
    return node;
  };
  const other = of('/run/netns/pod3', 'c1');
  assert.equal([other.vfs[0]?.vlan, other.host.links.includes(other.link(0))], [100, false]);
  assert.equal(sriovCniFiles(other).sort(), [`${directory}/c2-net1`, `${directory}/pci/${vfPci(0)}`]);
  for (const path of ['/proc/7/ns/net', '/run/netns/pod2']) {
    const holder = of(path, 'c2');
    assert.ok(holder.host.links.includes(holder.link(0)));
    assert.equal(sriovCniFiles(holder), [`${directory}/c1-net1`]);
  }
});

test('if the pods of both attachments are dead, the VF belongs to the one that knows its state of before, in any order', () => {
  for (const order of [
    ['c1', 'c2'],
    ['c2', 'c1'],
  ]) {
    const node = new MemoryNode({ driver: igbvfDriver });
    const before = node.picture();
    const first = node.addPod();
    for (const pod of [first, node.pod]) {
      attach(node, node.conf(settings), pod);
      node.endPod(pod);
    }
    for (const containerId of order) node.succeed('DEL', node.conf(settings), { containerId, netns: '' });
    assert.equal(node.picture(), before, order.join(', '));
    assert.equal(sriovCniFiles(node), []);
  }
});

test('two attachments, and another pod’s namespace at the path of the second: with the VF on the host both are dead', () => {
  const { node, conf, before, later } = attachedTwice(0);
  node.endPod(later);
  node.platform.netnsPaths.set(later.path, node.addPod().namespace);
  for (const containerId of ['c1', 'c2']) node.succeed('DEL', conf, { containerId, netns: '' });
  assert.equal(node.picture(), before);
  assert.equal(sriovCniFiles(node), []);
});

test('two attachments, and the VF in a namespace that can’t be reached: what is known of it is kept', () => {
  const { node, conf, later } = attachedTwice(0);
  node.platform.netnsPaths.delete(later.path);
  assert.is(node.fail('DEL', conf, { containerId: 'c1', netns: '' }).code, 109);
  assert.ok(node.platform.files.has(`${directory}/c1-net1`));
});

test('two attachments, and the PF’s netdev away: DEL waits for it', () => {
  const { node, conf, before, later } = attachedTwice(0);
  node.endPod(later);
  node.edit(() => node.host.links.splice(node.host.links.indexOf(node.pf), 1));
  assert.is(node.fail('DEL', conf, { containerId: 'c1', netns: '' }).code, 109);
  node.edit(() => node.host.links.push(node.pf));
  for (const containerId of ['c1', 'c2']) node.succeed('DEL', conf, { containerId, netns: '' });
  assert.equal(node.picture(), before);
});

/** Asserts that the node's own settings stay where nothing is to be seen of what ADD changed. */
function leavesAlone(conf: Readonly<Record<string, unknown>>, change: (node: MemoryNode) => void, name = 'vf0'): void {
  const node = new MemoryNode();
  node.edit(() => Object.assign(node.link(0), { name }));
  const own = node.link(0).mac;
  attach(node, node.conf(conf));
  reboot(node);
  node.edit(() => Object.assign(node.link(0), { name, mac: own }));
  Object.assign(node.vfs[0] ?? {}, { vlan: 300 });
  node.edit(() => change(node));
  const now = structuredClone([node.vfs[0], node.host.links.map((link) => [link.name, link.mac])]);
  node.succeed('DEL', node.conf(conf));
  assert.equal([node.vfs[0], node.host.links.map((link) => [link.name, link.mac])], now);
  assert.equal(sriovCniFiles(node), []);
}

test('after a reboot: a name of the node’s own, or like those that the kernel gives, tells nothing', () => {
  for (const name of ['ens1f0v0', 'mydev7', 'dev7x', 'dev']) {
    leavesAlone({}, (node) => Object.assign(node.link(0), { name }));
  }
  leavesAlone({}, () => undefined, 'net1');
  leavesAlone({}, () => undefined, 'dev7');
});

test('after a reboot: a MAC that the VF had before, or that was not asked for, tells nothing', () => {
  leavesAlone({ mac: new MemoryNode().link(0).mac }, () => undefined);
  leavesAlone({ mac }, () => undefined);
});

test('after a reboot: a VF that has no driver, or one of user space, has no netdev in a pod', () => {
  const unplug = (node: MemoryNode): void => void node.host.links.splice(node.host.links.indexOf(node.link(0)), 1);
  leavesAlone({}, (node) => {
    unplug(node);
    node.platform.links.delete(driverLink);
  });
  leavesAlone({}, (node) => {
    unplug(node);
    node.platform.links.set(driverLink, '../../../drivers/vfio-pci');
  });
});

test('a VF of vfio-pci that has a network driver by now: its settings come back, its netdev is the node’s', () => {
  const node = new MemoryNode({ userspace: [0] });
  attach(node, node.conf(settings));
  node.platform.links.set(driverLink, '../../../drivers/igbvf');
  const link = node.kernel.addLink(node.host, 'net1', { parent: vfPci(0), mac });
  node.platform.files.set(`/sys/bus/pci/devices/${vfPci(0)}/net/net1/ifindex`, `${link.ifindex}\n`);
  node.succeed('DEL', node.conf(settings));
  assert.equal([node.vfs[0]?.vlan, link.name, link.mac], [0, 'net1', mac]);
});

test('several traces add up', () => {
  for (const [conf, atPf, ofLink] of [
    [{ mac }, {}, {}],
    [{ vlan: 100 }, { vlan: 100 }, { mac: '02:00:00:00:99:99' }],
  ] as const) {
    const node = new MemoryNode();
    const vf = structuredClone(node.vfs[0]);
    attach(node, node.conf(conf));
    node.endPod(node.pod);
    Object.assign(node.vfs[0] ?? {}, vf, atPf);
    Object.assign(node.link(0), ofLink);
    node.succeed('DEL', node.conf(conf));
    assert.equal([node.link(0).name, node.vfs[0]?.vlan], ['vf0', 0]);
  }
});

test('the PF is gone, and its VF stays: DEL releases the address and removes the files', () => {
  const { node, conf } = migrated();
  node.removePf();
  node.succeed('DEL', conf);
  assert.equal([...node.leases], []);
  assert.equal(sriovCniFiles(node), []);
});

test('a VF on the host has traces of ADD: the name in the pod or the kernel’s for it, and a MAC that isn’t its own', () => {
  const own = '52:54:00:00:00:03';
  const traces = (
    link: { readonly name?: string; readonly mac?: string },
    given: string | null = null,
    file = 'c1-net1',
  ): number => {
    const node = new MemoryNode();
    node.edit(() => Object.assign(node.link(0), link));
    const host = new Namespace(node.platform, node.platform.ownNetns());
    const attachment: Partial<SriovCniAttachment> = {
      pci: vfPci(0) as SriovCniAttachment['pci'],
      path: `${directory}/${file}`,
      settings: {},
      netdev: { name: 'vf0', mac: own as MacAddress, mtu: 1500 },
      mac: given as MacAddress | null,
    };
    return countTraces({ platform: node.platform, host }, attachment as SriovCniAttachment);
  };
  assert.equal(
    ['vf0', 'other', 'dev1x', 'net1', 'dev3', 'dev12'].map((name) => traces({ name })),
    [0, 0, 0, 1, 1, 1],
  );
  assert.is(traces({}, null, 'c1-vf0'), 0, 'the name in the pod was that on the host');
  assert.is(traces({ mac }, mac), 1);
  assert.is(traces({ mac: '02:00:00:00:00:02' }, mac), 0);
  assert.is(traces({}, own), 0, 'it was its own before');
  assert.is(traces({ mac }, null), 0);
});
