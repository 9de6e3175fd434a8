import { MemoryNode, stateDir, vfPci } from '../../support/memory-node.ts';
import { operate } from '../../support/operate.ts';
import { assert, suite } from '../../support/suite.ts';
import { isReaped, leftover, putOffSweep, refuseNetns, whileLocking } from './fixture.ts';

const test = suite('commands/reap');

const [EIO, EMFILE] = [5, 24];
const ipam = { type: 'host-local' };

test('a dead pod’s VF is reclaimed by the ADD that is to have it, its address included', () => {
  const { node, other } = leftover();
  node.succeed('ADD', node.conf({ vlan: 6, ipam }), node.of(other));
  assert.ok(isReaped(node));
  assert.equal([...node.leases.keys()], ['c2/net1']);
  const release = node.platform.startedProcesses.find(({ env }) => env['CNI_COMMAND'] === 'DEL');
  const { CNI_CONTAINERID: of, CNI_NETNS: netns } = release?.env ?? {};
  assert.equal([of, netns], ['c1', ''], 'and not the namespace of the pod that starts');
  assert.is(node.vfs[0]?.vlan, 6);
  assert.is(node.readRecord(node.recordPath(other))['phase'], 'attached');
  const record = node.readRecord(node.recordPath(other)) as {
    snapshot: { netdev: { name: string }; admin: { vlan: number } };
  };
  assert.is(record.snapshot.netdev.name, 'vf0', 'the snapshot is of the VF as it was before both');
  assert.is(record.snapshot.admin.vlan, 0);
});

test('an ADD that was killed half-way is undone by the next one on its VF, though its pod lives', () => {
  const node = new MemoryNode();
  const other = node.addPod();
  node.succeed('ADD', node.conf({ vlan: 5, ipam }));
  node.editRecord({ phase: 'pending', podIfindex: null });
  node.succeed('ADD', node.conf({ ipam }), node.of(other));
  assert.ok(isReaped(node));
  assert.is(node.vfs[0]?.vlan, 0);
});

test('an ADD that was killed half-way is undone by its own repetition', () => {
  const node = new MemoryNode();
  const before = node.picture();
  node.succeed('ADD', node.conf({ vlan: 5, ipam }));
  node.editRecord({ phase: 'pending', podIfindex: null });
  node.succeed('ADD', node.conf({ deviceID: vfPci(1), ipam }));
  assert.ok(node.host.links.includes(node.link(0)));
  node.succeed('DEL', node.conf({ ipam }));
  assert.equal(node.picture(), before);
});

test('who holds a VF is named by pod, where the record knows it', () => {
  const node = new MemoryNode();
  node.succeed('ADD', node.conf(), { env: { CNI_ARGS: 'K8S_POD_NAMESPACE=ns;K8S_POD_NAME=web' } });
  const error = node.fail('ADD', node.conf(), node.of(node.addPod()));
  assert.match(error.msg, /net1 .*ns\/web .*vf-net/);
});

test('the VF is held by the living: 102', () => {
  const node = new MemoryNode();
  node.succeed('ADD');
  const error = node.fail('ADD', node.conf(), node.of(node.addPod()));
  assert.is(error.code, 102);
  assert.match(error.msg, 'net1 of container c1');
});

test('a pod that can’t be looked at keeps its VF', () => {
  const node = new MemoryNode();
  const other = node.addPod();
  node.succeed('ADD', node.conf({ vlan: 5 }));
  node.changes.length = 0;
  refuseNetns(node, node.pod.path, EMFILE);
  assert.match(node.fail('ADD', node.conf(), node.of(other)).msg, 'EMFILE');
  assert.equal(node.changes, []);
  assert.is(node.vfs[0]?.vlan, 5);
});

test('a VF that can’t be reclaimed is refused, with the reason, and its record stays', () => {
  const { node, other } = leftover();
  node.kernel.refuse('vlan 0', EIO);
  const error = node.fail('ADD', node.conf(), node.of(other));
  assert.is(error.code, 109);
  assert.match(error.msg, /net1 of container c1.*EIO/);
  assert.not(isReaped(node));
});

test('an owner whose record is of another VF, or lost with the VF on the host or in user space, holds nothing', () => {
  const key = { network: 'vf-net', containerId: 'c9', ifname: 'net1' };
  for (const lost of [new MemoryNode(), new MemoryNode({ userspace: [0] })]) {
    lost.platform.files.set(`${stateDir}/.vfs/${vfPci(0)}`, JSON.stringify({ version: 1, key }));
    const added = lost.cni('ADD');
    assert.is(added.status, 0, added.stdout);
    assert.match(added.stderr, /level=warning .*c9/);
  }
  const node = new MemoryNode();
  node.succeed('ADD', node.conf({ deviceID: vfPci(1) }));
  node.platform.files.set(`${stateDir}/.vfs/${vfPci(0)}`, JSON.stringify(node.readRecord()));
  node.succeed('ADD', node.conf(), node.of(node.addPod()));
});

test('a living pod keeps its VF though its record is damaged or gone: the VF’s copy tells', () => {
  for (const spoil of [
    (node: MemoryNode) => node.platform.files.set(node.recordPath(), '{"version":1,'),
    (node: MemoryNode) => node.platform.files.delete(node.recordPath()),
  ]) {
    const node = new MemoryNode();
    const other = node.addPod();
    node.succeed('ADD', node.conf({ vlan: 5 }));
    spoil(node);
    const error = node.fail('ADD', node.conf(), node.of(other));
    assert.is(error.code, 102);
    assert.match(error.msg, 'net1 of container c1');
    assert.is(node.vfs[0]?.vlan, 5);
    node.endPod(node.pod);
    node.succeed('ADD', node.conf({ vlan: 6 }), node.of(other));
    node.succeed('DEL', node.conf(), node.of(other));
    assert.is(node.vfs[0]?.vlan, 0);
    assert.equal(node.recordPaths(), []);
  }
});

test('a VF that is away, and whose record is lost with its copy, is refused by name, and comes back with its pod’s end', () => {
  const node = new MemoryNode();
  const other = node.addPod();
  node.succeed('ADD');
  const broken = JSON.stringify({ ...node.readRecord(), phase: 'none' });
  for (const path of [node.recordPath(), `${stateDir}/.vfs/${vfPci(0)}`]) node.platform.files.set(path, broken);
  const error = node.fail('ADD', node.conf(), node.of(other));
  assert.is(error.code, 102);
  assert.match(error.msg, /net1 .*c1/);
  node.succeed('ADD', node.conf({ deviceID: vfPci(1) }), node.of(other, 'net2'));
  node.endPod(node.pod);
  node.succeed('ADD', node.conf(), node.of(other));
});

test('an ADD is repeated where its DEL was killed when the VF was given up', () => {
  const node = new MemoryNode();
  node.succeed('ADD', node.conf({ ipam }));
  node.platform.failNext('unlink', node.recordPath(), EIO);
  assert.is(node.fail('DEL', node.conf({ ipam })).code, 109);
  node.succeed('ADD', node.conf({ ipam }));
  assert.equal([...node.leases.keys()], ['c1/net1']);
});

test('a VF whose dead pod’s IPAM plugin is gone is free all the same; the record waits for its address', () => {
  const { node, other } = leftover();
  node.platform.executables.delete('/opt/cni/bin/host-local');
  node.succeed('ADD', node.conf({ vlan: 6 }), node.of(other));
  assert.is(node.vfs[0]?.vlan, 6);
  assert.not(isReaped(node));
  node.succeed('DEL', node.conf({ vlan: 6 }), node.of(other));
  assert.is(node.vfs[0]?.vlan, 0);
});

test('no DEL, GC or sweep restores a VF that was given up, neither under its next user nor after that one', () => {
  const { node, other } = leftover();
  node.platform.executables.delete('/opt/cni/bin/host-local');
  const late = { ...node.of(node.pod), netns: '' };
  assert.is(node.fail('DEL', node.conf({ ipam }), late).code, 109);
  assert.is(node.vfs[0]?.vlan, 0);
  assert.is(node.readRecord()['vfGivenUp'], true);
  node.succeed('ADD', node.conf({ vlan: 6, mtu: 1400 }), node.of(other));
  assert.equal(node.host.links.includes(node.link(0)), false);
  const used = node.picture();
  node.platform.clock.nowMs += 1;
  assert.is(node.fail('DEL', node.conf({ ipam }), late).code, 109);
  assert.is(operate(node.platform, 'gc').code, 1);
  assert.equal(node.picture(), used);
  node.succeed('DEL', node.conf(), node.of(other));
  // The node uses it now.
  Object.assign(node.link(0), { mtu: 9000, up: true });
  Object.assign(node.vfs[0] ?? {}, { vlan: 9 });
  const byNode = node.picture();
  assert.is(node.fail('DEL', node.conf({ ipam }), late).code, 109);
  node.forgetSweep();
  node.succeed('ADD', node.conf({ deviceID: vfPci(1) }), node.of(other));
  node.succeed('DEL', node.conf(), node.of(other));
  assert.equal(node.picture(), byNode);
  node.platform.executables.add('/opt/cni/bin/host-local');
  node.succeed('DEL', node.conf({ ipam }), late);
  assert.equal([...node.leases.keys()], []);
  assert.equal(node.recordPaths(), []);
});

test('a DEL that was killed while it gave the VF up: the next pod gets it as it is', () => {
  const { node, other } = leftover();
  node.platform.executables.delete('/opt/cni/bin/host-local');
  node.platform.failNext('unlink', `${stateDir}/.vfs/${vfPci(0)}`, EIO);
  assert.is(node.fail('DEL', node.conf({ ipam }), { ...node.of(node.pod), netns: '' }).code, 109);
  assert.is(node.readRecord()['vfGivenUp'], true);
  Object.assign(node.link(0), { mtu: 1600 });
  node.changes.length = 0;
  node.succeed('ADD', node.conf(), node.of(other));
  assert.not(node.changes.some((line) => line.includes('mtu')));
});

test('a namespace that has the path and inode of an ended one doesn’t keep its VF, with or without cookies', () => {
  for (const hasCookie of [true, false]) {
    const node = new MemoryNode();
    const other = node.addPod();
    node.succeed('ADD', node.conf({ vlan: 5, ipam }));
    if (!hasCookie) node.editRecord({ netns: { ...(node.readRecord()['netns'] as object), cookie: undefined } });
    const reused = node.platform.netnsPaths.get(node.pod.path);
    if (reused === undefined) throw new Error('the pod has no namespace');
    node.endPod(node.pod);
    node.platform.netnsPaths.set(node.pod.path, reused);
    node.kernel.addNamespace('another pod', reused);
    node.succeed('ADD', node.conf({ vlan: 6, ipam }), node.of(other));
    assert.ok(isReaped(node));
  }
});

/** The pod lives, and had VF 0 of vfio-pci. DEL has given the VF up, but can't release the address. */
function givenUp(isKilled: boolean): MemoryNode {
  const node = new MemoryNode({ userspace: [0] });
  node.succeed('ADD', node.conf({ ipam }));
  node.platform.executables.delete('/opt/cni/bin/host-local');
  if (isKilled) node.platform.failNext('unlink', `${stateDir}/.vfs/${vfPci(0)}`, EIO);
  assert.is(node.fail('DEL', node.conf({ ipam })).code, 109);
  assert.is(node.readRecord()['vfGivenUp'], true);
  return node;
}

test('a VF of vfio-pci that was given up is free, though its pod lives', () => {
  for (const isKilled of [false, true]) {
    const node = givenUp(isKilled);
    node.succeed('ADD', node.conf(), node.of(node.addPod()));
  }
});

test('an attachment whose VF was given up isn’t whole: its ADD may be repeated, and a sweep goes on with it', () => {
  const repeated = givenUp(false);
  repeated.platform.executables.add('/opt/cni/bin/host-local');
  repeated.succeed('ADD', repeated.conf({ ipam }));
  assert.is(repeated.readRecord()['vfGivenUp'], undefined);
  const swept = givenUp(false);
  swept.platform.executables.add('/opt/cni/bin/host-local');
  swept.forgetSweep();
  swept.succeed('DEL', swept.conf(), swept.of(swept.addPod()));
  assert.equal([swept.recordPaths(), [...swept.leases]], [[], []]);
});

test('an ADD’s sweep leaves alone an attachment whose address failed before, and says nothing of it', () => {
  const node = givenUp(false);
  node.platform.executables.add('/opt/cni/bin/host-local');
  node.forgetSweep();
  const { status, stderr } = node.cni('ADD', node.conf({ deviceID: vfPci(1) }), node.of(node.addPod()));
  assert.equal([status, /level=warning .*c1/.test(stderr)], [0, false], stderr);
  assert.ok(node.recordPaths().includes('vf-net/c1/net1.json'));
});

test('an ADD that gets the VF of one whose address failed before doesn’t ask for it again', () => {
  const node = givenUp(true);
  node.platform.executables.add('/opt/cni/bin/host-local');
  node.changes.length = 0;
  node.succeed('ADD', node.conf(), node.of(node.addPod()));
  assert.not(node.changes.includes('ipam DEL'));
  assert.equal([...node.leases.keys()], ['c1/net1']);
});

test('a VF of vfio-pci that got a network driver while its pod lives is still the pod’s', () => {
  const node = new MemoryNode({ userspace: [0] });
  const other = node.addPod();
  node.succeed('ADD', node.conf());
  node.platform.links.set(`/sys/bus/pci/devices/${vfPci(0)}/driver`, '../../../drivers/igbvf');
  const link = node.kernel.addLink(node.host, 'vf0', { parent: vfPci(0) });
  node.platform.files.set(`/sys/bus/pci/devices/${vfPci(0)}/net/vf0/ifindex`, `${link.ifindex}\n`);
  assert.is(node.fail('ADD', node.conf(), node.of(other)).code, 102);
});

test('a VF that somebody took out of its living pod stays the pod’s for its own ADD and for sweeps', () => {
  const node = new MemoryNode();
  const other = node.addPod();
  node.succeed('ADD', node.conf({ vlan: 5, ipam }));
  const { links } = node.pod.namespace;
  node.edit(() => node.host.links.push(...links.splice(links.indexOf(node.link(0)), 1)));
  assert.is(node.fail('ADD', node.conf({ ipam })).code, 112);
  node.forgetSweep();
  node.succeed('ADD', node.conf({ deviceID: vfPci(1) }), node.of(other));
  assert.equal([node.vfs[0]?.vlan, node.leases.size], [5, 1]);
});

test('an ADD whose own leftover is damaged, or reclaimed by another process meanwhile, goes on', () => {
  const damaged = new MemoryNode();
  damaged.platform.files.set(damaged.recordPath(), '{');
  damaged.succeed('ADD');
  const { node } = leftover();
  putOffSweep(node);
  node.platform.netnsPaths.set(node.pod.path, node.addPod().namespace);
  whileLocking(node, '/vf-', () => {
    for (const path of [node.recordPath(), `${stateDir}/.vfs/${vfPci(0)}`]) node.platform.files.delete(path);
  });
  node.succeed('ADD', node.conf({ deviceID: vfPci(1) }));
});
