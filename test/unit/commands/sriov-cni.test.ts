import { igbvfDriver, MemoryNode, type MemoryNodeOptions, pfPci, stateDir, vfPci } from '../../support/memory-node.ts';
import { assert, suite } from '../../support/suite.ts';
import { putOffSweep, whileLocking } from './fixture.ts';
import {
  attach,
  attachedTwice,
  clocks,
  directory,
  mac,
  migrated,
  reboot,
  settings,
  sriovCniFiles,
} from './sriov-cni-fixture.ts';

const test = suite('commands/sriov-cni');

test('DEL of a pod that sriov-cni attached gives back VF, settings, address and files; a second one finds nothing', () => {
  const { node, conf, before } = migrated();
  for (let time = 0; time < 2; time++) {
    node.succeed('DEL', conf);
    assert.equal(node.picture(), before);
    assert.equal(sriovCniFiles(node), []);
  }
});

test('an address that can’t be released: the VF is back at once, and DEL ends as for pods of our own', () => {
  const { node, conf, before } = migrated();
  node.platform.executables.delete('/opt/cni/bin/host-local');
  for (let minute = 0; minute < 5; minute++) {
    assert.is(node.fail('DEL', conf).code, 109);
    assert.equal(sriovCniFiles(node), []);
    assert.equal([node.vfs[0]?.vlan, node.link(0).name], [0, 'vf0']);
    node.platform.clock.nowMs += 60_000;
  }
  assert.match(node.cni('DEL', conf).stderr, /level=error .*address/);
  node.leases.clear();
  assert.equal(node.picture(), before);
});

test('the record of an address that can’t be released has what its next DEL needs, and no VF', () => {
  const { node, conf } = migrated();
  const [args, path] = ['K8S_POD_UID=u1', '/opt/cni/bin/host-local'];
  const { device, inode } = node.pod.namespace;
  node.platform.executables.delete(path);
  assert.is(node.fail('DEL', conf, { args }).code, 109);
  const { failedRelease, createdAt, ...record } = node.readRecord();
  assert.equal(record, {
    version: 1,
    phase: 'attached',
    vfGivenUp: true,
    key: { network: 'vf-net', containerId: 'c1', ifname: 'net1' },
    pod: null,
    identity: {
      pci: vfPci(0),
      pfPci,
      pfName: 'pf0',
      pfDriver: 'igb',
      vfIndex: 0,
      driver: 'igbvf',
      kind: 'netdev',
    },
    resolvedFrom: `${directory}/c1-net1`,
    snapshot: { admin: null, netdev: null },
    mac,
    netns: { path: node.pod.path, device: `${device}`, inode: `${inode}` },
    bootId: node.platform.bootId(),
    podIfindex: null,
    addresses: [],
    routes: [],
    ipam: { type: 'host-local', stdin: JSON.stringify(conf), args, pluginDirs: ['/opt/cni/bin'] },
    config: JSON.stringify(conf),
    cniArgs: '',
  });
  assert.is(createdAt, new Date(node.platform.epochMs() - 1000).toISOString());
  node.platform.executables.add(path);
  node.succeed('DEL', conf);
  assert.is(node.platform.startedProcesses.at(-1)?.env['CNI_ARGS'], args);
  assert.equal([node.recordPaths(), [...node.leases]], [[], []]);
});

test('the record of such an address says what is there of VF, PF and namespace', () => {
  const driverOf = (pci: string): string => `/sys/bus/pci/devices/${pci}/driver`;
  const [withPf, noPf] = [
    { pfPci, pfName: 'pf0', pfDriver: 'igb', vfIndex: 0 },
    { pfPci: null, pfName: null },
  ];
  const ofNetdev = { driver: 'igbvf', kind: 'netdev' };
  const cases: readonly (readonly [MemoryNodeOptions, (node: MemoryNode) => unknown, object, string])[] = [
    [{}, (node) => node.removeVf(0), { ...noPf, driver: 'none', kind: 'netdev' }, 'pod1'],
    [{}, (node) => node.platform.links.delete(driverOf(pfPci)), { ...withPf, ...ofNetdev, pfDriver: 'none' }, 'pod1'],
    [{}, (node) => node.endPod(node.pod), { ...withPf, ...ofNetdev }, ''],
    [{ userspace: [0] }, () => undefined, { ...withPf, driver: 'vfio-pci', kind: 'userspace' }, 'pod1'],
  ];
  for (const [options, change, identity, netns] of cases) {
    const { node, conf } = migrated(options);
    node.platform.executables.delete('/opt/cni/bin/host-local');
    change(node);
    assert.is(node.fail('DEL', conf).code, 109);
    const record = node.readRecord() as { readonly identity: object; readonly netns: object };
    assert.equal(record.identity, { ...record.identity, ...identity });
    const { device, inode } = node.pod.namespace;
    const gone = { path: '', device: '', inode: '' };
    assert.equal(record.netns, netns === '' ? gone : { path: node.pod.path, device: `${device}`, inode: `${inode}` });
    assert.is((node.readRecord()['ipam'] as { readonly args: string }).args, '');
    node.platform.executables.add('/opt/cni/bin/host-local');
    node.succeed('DEL', conf);
    assert.equal([node.recordPaths(), [...node.leases]], [[], []]);
  }
});

test('an attachment that another DEL gives back while this one waits for the VF is done', () => {
  const { node, conf } = migrated();
  whileLocking(node, vfPci(0), () => node.platform.files.delete(`${directory}/c1-net1`));
  node.changes.length = 0;
  node.succeed('DEL', conf);
  assert.equal(node.changes, []);
});

test('the address is released once, and what a killed ADD of ours has left of the container goes', () => {
  const { node, conf } = migrated();
  const left = `${stateDir}/vf-net/c1/.dra-sriov-17-1.tmp`;
  node.platform.files.set(left, '');
  // A sweep would remove it, too.
  putOffSweep(node);
  node.changes.length = 0;
  node.succeed('DEL', conf);
  assert.is(node.changes.filter((change) => change === 'ipam DEL').length, 1);
  assert.not(node.platform.files.has(left));
});

test('a PF whose netdev tells no device, as a stand-in’s: its VF is known by name and MAC', () => {
  const { node, conf, before } = migrated({ withoutParents: true });
  node.succeed('DEL', conf);
  assert.equal(node.picture(), before);
});

test('the PF’s settings that sriov-cni didn’t change, altnames and a MAC of the pod’s own', () => {
  const node = new MemoryNode();
  const before = node.picture();
  attach(node, node.conf({ vlan: 100 }));
  Object.assign(node.vfs[0] ?? {}, { spoofchk: 1, trust: 1, maxTxRate: 0, mac: '00:00:00:00:00:00' });
  node.link(0).altnames = ['enp3s0f0v0'];
  node.succeed('DEL', node.conf({ vlan: 100 }));
  assert.equal(node.link(0).altnames, ['enp3s0f0v0']);
  node.link(0).altnames = [];
  assert.is(node.vfs[0]?.trust, 1, 'set by somebody else since');
  Object.assign(node.vfs[0] ?? {}, { trust: 0 });
  assert.equal(node.picture(), before);
});

test('without CNI_NETNS, and at another path than at ADD', () => {
  for (const netns of ['', '/proc/7/ns/net']) {
    const { node, conf, before } = migrated();
    if (netns !== '') {
      node.platform.netnsPaths.delete(node.pod.path);
      node.platform.netnsPaths.set(netns, node.pod.namespace);
    }
    node.succeed('DEL', conf, { env: { CNI_NETNS: netns } });
    assert.equal(node.picture(), before);
    assert.equal(sriovCniFiles(node), []);
  }
});

test('the pod’s namespace died first: DEL renames and restores the VF', () => {
  const { node, conf, before } = migrated();
  node.endPod(node.pod);
  assert.is(node.link(0).name, 'net1');
  node.succeed('DEL', conf);
  assert.equal(node.picture(), before);
});

function setClock(node: MemoryNode, epochMs: number): void {
  Object.assign(node.platform, { epochMs: () => epochMs });
}

test('after a reboot the VF is left alone, and the address released, whatever the clock says', () => {
  for (const epochMs of clocks) {
    const { node, conf } = migrated();
    reboot(node);
    setClock(node, epochMs);
    const now = [structuredClone(node.vfs[0]), structuredClone(node.link(0).name), node.link(0).mac];
    node.succeed('DEL', conf);
    assert.equal([node.vfs[0], node.link(0).name, node.link(0).mac], now);
    assert.equal([...node.leases], []);
    assert.equal(sriovCniFiles(node), []);
  }
});

test('without a reboot the VF is given back, whatever the clock says', () => {
  for (const epochMs of clocks) {
    for (const isDead of [false, true]) {
      const { node, conf, before } = migrated();
      setClock(node, epochMs);
      if (isDead) node.endPod(node.pod);
      node.succeed('DEL', conf);
      assert.equal(node.picture(), before);
      assert.equal(sriovCniFiles(node), []);
    }
  }
});

/** What is left of an attachment whose pod has died, at the PF and of the netdev. */
const traces: readonly (readonly [conf: object, vf: object, link: object])[] = [
  [{}, {}, { name: 'net1' }],
  [{}, {}, { name: 'dev7' }],
  [{ vlan: 100 }, { vlan: 100 }, {}],
  [{ trust: 'on' }, { trust: 1 }, {}],
  [{ spoofchk: 'off' }, { spoofchk: 0 }, {}],
  [{ max_tx_rate: 200 }, { maxTxRate: 200 }, {}],
  [{ mac }, { mac }, {}],
  [{ mac }, {}, { mac }],
];

test('any single change of ADD tells that it was in this boot, because an earlier DEL may have undone the others', () => {
  for (const [keys, atPf, ofLink] of traces) {
    const node = new MemoryNode({ driver: igbvfDriver });
    const before = node.picture();
    const [vf, link] = [structuredClone(node.vfs[0]), { name: 'vf0', mac: node.link(0).mac }];
    attach(node, node.conf({ ...keys }));
    node.endPod(node.pod);
    Object.assign(node.vfs[0] ?? {}, vf, atPf);
    node.edit(() => Object.assign(node.link(0), link, ofLink));
    node.succeed('DEL', node.conf({ ...keys }));
    assert.equal(node.picture(), before, JSON.stringify([keys, atPf, ofLink]));
  }
});

test('a VF of vfio-pci: its settings come back', () => {
  const node = new MemoryNode({ userspace: [0] });
  const before = node.picture();
  attach(node, node.conf(settings));
  node.succeed('DEL', node.conf(settings));
  assert.equal(node.picture(), before);
});

test('the VF is gone, or its PF: DEL releases the address and removes the files', () => {
  const { node, conf } = migrated();
  node.removeVf(0);
  node.succeed('DEL', conf);
  assert.equal([...node.leases], []);
  assert.equal(sriovCniFiles(node), []);
});

test('DEL that fails keeps the files, and the next one goes on', () => {
  const { node, conf, before } = migrated();
  node.kernel.refuse(/vlan/, 5, { times: 2 });
  const error = node.fail('DEL', conf);
  assert.is(error.code, 109);
  assert.is(sriovCniFiles(node).length, 2);
  node.succeed('DEL', conf);
  assert.equal(node.picture(), before);
  assert.equal(sriovCniFiles(node), []);
});

test('a late DEL of a pod whose VF sriov-cni gave to another one leaves that alone, whatever the clock said', () => {
  for (const firstMs of clocks) {
    for (const netns of ['', '/run/netns/pod1']) {
      const { node, conf, later } = attachedTwice(firstMs);
      const vf = structuredClone(node.vfs[0]);
      node.succeed('DEL', conf, { containerId: 'c1', netns });
      assert.equal(node.vfs[0], vf);
      assert.ok(later.namespace.links.includes(node.link(0)));
      assert.equal(sriovCniFiles(node).sort(), [`${directory}/c2-net1`, `${directory}/pci/${vfPci(0)}`]);
      node.succeed('DEL', conf, node.of(later));
      assert.ok(node.host.links.includes(node.link(0)));
      assert.equal(sriovCniFiles(node), []);
    }
  }
});

test('two pods on one VF, both dead: it is as before the first, in whatever order their DELs come, or as ADD comes first', () => {
  for (const firstMs of clocks) {
    for (const order of [
      ['c1', 'c2'],
      ['c2', 'c1'],
      ['ADD', 'c1', 'c2'],
      ['c2', 'ADD', 'c1'],
    ]) {
      const { node, conf, before, later } = attachedTwice(firstMs);
      node.endPod(later);
      const third = node.addPod();
      for (const step of order) {
        if (step !== 'ADD') node.succeed('DEL', conf, { containerId: step, netns: '' });
        else {
          node.succeed('ADD', node.conf(), node.of(third));
          assert.is(node.vfs[0]?.vlan, 0);
        }
      }
      node.succeed('DEL', node.conf(), node.of(third));
      assert.equal(node.picture(), before, order.join(', '));
      assert.equal(sriovCniFiles(node), []);
    }
  }
});

test('the PF’s netdev is away: DEL and ADD wait for it', () => {
  const { node, conf, before } = migrated();
  node.edit(() => node.host.links.splice(node.host.links.indexOf(node.pf), 1));
  for (let time = 0; time < 2; time++) {
    const error = node.fail('DEL', conf);
    assert.is(error.code, 109);
    assert.match(error.msg, pfPci);
  }
  assert.is(sriovCniFiles(node).length, 2);
  node.edit(() => node.host.links.push(node.pf));
  node.succeed('DEL', conf);
  assert.equal(node.picture(), before);
});

test('if the PF’s netdev is away, settings that are not the PF’s don’t wait for it, nor does an attachment without the VF', () => {
  const unplugPf = (node: MemoryNode): void =>
    node.edit(() => node.host.links.splice(node.host.links.indexOf(node.pf), 1));
  const plain = new MemoryNode();
  attach(plain, plain.conf());
  Object.assign(plain.vfs[0] ?? {}, { vlan: 0, qos: 0, spoofchk: 1, trust: 0, maxTxRate: 0 });
  unplugPf(plain);
  plain.succeed('DEL', plain.conf());
  assert.equal([plain.link(0).name, sriovCniFiles(plain)], ['vf0', []]);
  const { node, conf } = attachedTwice(0);
  unplugPf(node);
  node.succeed('DEL', conf, { containerId: 'c1', netns: '' });
  assert.equal(sriovCniFiles(node).sort(), [`${directory}/c2-net1`, `${directory}/pci/${vfPci(0)}`]);
});

test('a damaged file counts as none: it is named in the log and kept, and the address is released', () => {
  const { node, conf } = migrated();
  node.platform.files.set(`${directory}/c1-net1`, '{');
  const { status, stderr } = node.cni('DEL', conf);
  assert.is(status, 0);
  assert.match(stderr, `${directory}/c1-net1`);
  assert.equal([...node.leases], []);
  assert.is(sriovCniFiles(node).length, 2);
  const prevResult = { interfaces: [{ name: 'net1', mac, sandbox: node.pod.path }] };
  assert.is(node.fail('CHECK', { ...conf, prevResult }).code, 110);
});

test('ADD refuses a VF that a living pod of sriov-cni’s holds, of a network driver or not', () => {
  for (const userspace of [[], [0]]) {
    const node = new MemoryNode({ userspace });
    attach(node, node.conf(settings));
    const picture = node.picture();
    const error = node.fail('ADD', node.conf(), node.of(node.addPod()));
    assert.is(error.code, 102);
    assert.match(error.msg, /sriov-cni attached, in \/run\/netns\/pod1/);
    assert.equal(node.picture(), picture);
    node.succeed('ADD', node.conf({ deviceID: vfPci(1) }), node.of(node.addPod()));
  }
});

test('ADD takes the VF of a dead one, restored; its late DEL only releases the address', () => {
  const { node, conf } = migrated();
  node.endPod(node.pod);
  const pod = node.addPod();
  node.succeed('ADD', node.conf({ vlan: 7 }), node.of(pod));
  const { vlan, spoofchk, trust, maxTxRate } = node.vfs[0] ?? {};
  assert.equal({ vlan, spoofchk, trust, maxTxRate }, { vlan: 7, spoofchk: 1, trust: 0, maxTxRate: 0 });
  assert.equal(sriovCniFiles(node), [`${directory}/c1-net1`]);
  const now = node.picture() as { readonly leases: unknown };
  node.succeed('DEL', conf, node.of(node.pod));
  assert.equal(node.picture(), { ...now, leases: [] });
  assert.equal(sriovCniFiles(node), []);
  node.succeed('DEL', node.conf({ vlan: 7 }), node.of(pod));
  assert.is(node.link(0).name, 'vf0');
  assert.is(node.vfs[0]?.vlan, 0);
});

test('an ADD that can’t restore a dead pod’s VF is refused, names the VF, and leaves it for the next one', () => {
  const { node } = migrated();
  node.endPod(node.pod);
  node.kernel.refuse(/vlan/, 5, { times: 2 });
  const call = node.of(node.addPod());
  const error = node.fail('ADD', node.conf(), call);
  assert.is(error.code, 109);
  for (const named of [vfPci(0), / container c1-net1\b/, 'vf-net']) assert.match(error.msg, named);
  assert.is(sriovCniFiles(node).length, 2);
  node.succeed('ADD', node.conf(), call);
  assert.is(node.vfs[0]?.vlan, 0);
});

/** A node where sriov-cni has locked VFs, and its lock of VF 0. */
function withItsLock(node: MemoryNode): string {
  node.platform.files.set(`${directory}/pci/vf_lock/${vfPci(1)}.lock`, '');
  return `${directory}/pci/vf_lock/${vfPci(0)}.lock`;
}

test('ADD, and DEL of what it attached, take sriov-cni’s lock of the VF, and leave its file', () => {
  for (const isMigrated of [false, true]) {
    const { node, conf } = isMigrated ? migrated() : { node: new MemoryNode(), conf: {} };
    const lock = withItsLock(node);
    const verb = isMigrated ? 'DEL' : 'ADD';
    const config = isMigrated ? conf : node.conf();
    const before = node.picture();
    node.platform.files.set(lock, '');
    node.platform.heldLocks.set(lock, 'sriov-cni');
    const error = node.fail(verb, config);
    assert.is(error.code, 11);
    assert.match(error.msg, new RegExp(`${lock} .*30000 ms`));
    node.platform.heldLocks.delete(lock);
    assert.equal(node.picture(), before);
    node.platform.files.delete(lock);
    node.succeed(verb, config);
    assert.is(node.platform.files.get(lock), '');
    assert.equal([...node.platform.heldLocks.keys()], []);
  }
});

test('where sriov-cni has never locked a VF, ADD makes no lock of its', () => {
  const node = new MemoryNode();
  node.succeed('ADD', node.conf());
  assert.equal(sriovCniFiles(node), []);
});

test('a namespace made later at the path of a dead one doesn’t hold its VF', () => {
  const { node } = migrated();
  node.endPod(node.pod);
  node.platform.netnsPaths.set(node.pod.path, node.addPod().namespace);
  node.succeed('ADD', node.conf(), node.of(node.addPod()));
});

test('a VF in a namespace that can’t be reached: DEL says so, and keeps the files', () => {
  const { node, conf } = migrated();
  node.platform.netnsPaths.delete(node.pod.path);
  assert.is(node.fail('DEL', conf).code, 109);
  assert.is(sriovCniFiles(node).length, 2);
});

test('ADD passes over a VF’s file whose attachment is gone, and one that is only a lock', () => {
  for (const content of ['/run/netns/gone', '']) {
    const node = new MemoryNode();
    node.platform.files.set(`${directory}/pci/${vfPci(0)}`, content);
    node.succeed('ADD');
  }
});

test('ADD refuses a VF whose file can’t be trusted', () => {
  const { node } = migrated();
  node.platform.modes.set(`${directory}/pci/${vfPci(0)}`, 0o666);
  const error = node.fail('ADD', node.conf(), node.of(node.addPod()));
  assert.is(error.code, 5);
  assert.match(error.msg, `${directory}/pci/${vfPci(0)}`);
});

test('CHECK of a pod that sriov-cni attached compares settings and interface', () => {
  const { node, conf } = migrated();
  const prevResult = { interfaces: [{ name: 'net1', mac, sandbox: node.pod.path }] };
  node.succeed('CHECK', { ...conf, prevResult });
  Object.assign(node.vfs[0] ?? {}, { vlan: 101 });
  const error = node.fail('CHECK', { ...conf, prevResult });
  assert.is(error.code, 110);
  assert.match(error.msg, /\bvlan .*\b101\b.*\b100\b/);
});

test('CHECK of such a pod whose VF is gone from the node, or from the pod: 110, naming the VF', () => {
  const vanish: readonly ((node: MemoryNode) => unknown)[] = [
    (node) => node.removeVf(0),
    (node) => node.edit(() => node.pod.namespace.links.splice(node.pod.namespace.links.indexOf(node.link(0)), 1)),
  ];
  for (const change of vanish) {
    const { node, conf } = migrated();
    const prevResult = { interfaces: [{ name: 'net1', mac, sandbox: node.pod.path }] };
    change(node);
    const [files, changes] = [sriovCniFiles(node), node.changes.length];
    const error = node.fail('CHECK', { ...conf, prevResult });
    assert.is(error.code, 110, error.msg);
    assert.match(error.msg, vfPci(0));
    assert.equal([sriovCniFiles(node), node.changes.length], [files, changes]);
  }
});

test('CHECK of a VF that such a pod has in user space looks at its settings, and that it is there', () => {
  const { node, conf } = migrated({ userspace: [0] });
  const prevResult = { interfaces: [{ name: 'net1', mac, sandbox: node.pod.path }] };
  node.succeed('CHECK', { ...conf, prevResult });
  node.removeVf(0);
  const error = node.fail('CHECK', { ...conf, prevResult });
  assert.is(error.code, 110, error.msg);
  assert.match(error.msg, vfPci(0));
});

test('a PF with another name than at ADD', () => {
  const { node, conf, before } = migrated();
  node.edit(() => {
    node.pf.name = 'renamed';
  });
  node.succeed('DEL', conf);
  node.edit(() => {
    node.pf.name = 'pf0';
  });
  assert.equal(node.picture(), before);
  assert.ok(node.platform.files.has(`/sys/bus/pci/devices/${pfPci}/net/pf0/ifindex`));
});
