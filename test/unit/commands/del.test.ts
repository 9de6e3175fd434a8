import type { ProcessResult } from '../../../src/platform/platform.ts';
import { igbvfDriver, MemoryNode, stateDir, vfPci } from '../../support/memory-node.ts';
import { assert, suite } from '../../support/suite.ts';
import { putOffSweep, refuseNetns, whileLocking } from './fixture.ts';

const test = suite('commands/del');

const [EPERM, EIO] = [1, 5];
const mac = '02:00:00:00:00:01';
const keys = { vlan: 100, vlanQoS: 5, spoofchk: 'off', trust: 'on', mac, mtu: 1400, ipam: { type: 'host-local' } };

interface Attached {
  readonly node: MemoryNode;
  readonly conf: Record<string, unknown>;
  readonly before: unknown;
}

function attached(): Attached {
  const node = new MemoryNode({ driver: igbvfDriver });
  Object.assign(node.link(0), { altnames: ['net1', 'ens1f0v0'], up: true });
  const before = node.picture();
  const conf = node.conf(keys);
  node.succeed('ADD', conf);
  node.changes.length = 0;
  return { node, conf, before };
}

test('everything is as before, and stdout is empty', () => {
  const { node, conf, before } = attached();
  assert.is(node.cni('DEL', conf).stdout, '');
  assert.equal(node.picture(), before);
});

test('the address is released only when the VF has left the pod, and the record goes last', () => {
  const { node, conf } = attached();
  node.succeed('DEL', conf);
  const at = (line: string): number => node.changes.indexOf(line);
  assert.ok(at('pod1: net1 to host as vf0') >= 0);
  assert.ok(at('ipam DEL') > at('pod1: net1 to host as vf0'));
  assert.is(node.changes.at(-1), 'record removed');
  assert.is(at('ipam DEL'), node.changes.length - 2, 'and after the VF is restored');
});

test('DEL may be repeated; without a record IPAM is asked all the same', () => {
  const { node, conf, before } = attached();
  for (let time = 0; time < 3; time++) node.succeed('DEL', conf);
  assert.is(node.changes.filter((change) => change === 'ipam DEL').length, 3);
  assert.equal(node.picture(), before);
});

test('an RDMA device that the chain left in the pod comes back, before the netdev', () => {
  const node = new MemoryNode();
  const device = node.addRdmaDevice(0, 'mlx5_2');
  const before = node.picture();
  const conf = node.conf(keys);
  node.succeed('ADD', conf);
  node.edit(() => {
    device.namespace = node.pod.namespace;
  });
  node.changes.length = 0;
  node.succeed('DEL', conf);
  assert.equal(node.changes.slice(0, 2), ['pod1: RDMA device mlx5_2 to host', 'pod1: net1 to host as vf0']);
  assert.is(device.namespace, node.host);
  assert.equal(node.picture(), before);
});

test('without CNI_NETNS the VF comes back all the same', () => {
  for (const CNI_NETNS of ['', undefined]) {
    const { node, conf, before } = attached();
    node.succeed('DEL', conf, { env: { CNI_NETNS } });
    assert.equal(node.picture(), before);
  }
});

test('the pod’s namespace died first: the VF is found by its address, renamed and restored', () => {
  const { node, conf } = attached();
  node.endPod(node.pod);
  assert.is(node.link(0).name, 'net1');
  node.succeed('DEL', conf);
  const { name, mac: now, mtu, up } = node.link(0);
  assert.equal({ name, now, mtu, up }, { name: 'vf0', now: '52:54:00:00:00:03', mtu: 1500, up: true });
  assert.equal(node.recordPaths(), []);
});

test('the runtime has the namespace at another path than at ADD', () => {
  const { node, conf, before } = attached();
  node.platform.netnsPaths.delete(node.pod.path);
  node.platform.netnsPaths.set('/proc/7/ns/net', node.pod.namespace);
  node.succeed('DEL', conf, { netns: '/proc/7/ns/net' });
  assert.equal(node.picture(), before);
});

test('CNI_NETNS that is another pod’s by now is not searched: the VF is where the record says', () => {
  const { node, conf } = attached();
  const other = node.addPod();
  node.succeed('DEL', conf, { netns: other.path });
  assert.ok(node.host.links.includes(node.link(0)));
  assert.is(node.changes[0]?.startsWith('pod1:'), true);
});

test('the VF of the record is freed, whatever stdin says of it', () => {
  const { node, before } = attached();
  node.succeed('DEL', node.conf({ deviceID: vfPci(1), vlan: 'nonsense', ipam: 5 }));
  assert.equal(node.picture(), before);
});

test('the IPAM plugin gets the runtime’s config of today if that names it, else that of ADD; the arguments are those of ADD', () => {
  const args = 'K8S_POD_UID=u1';
  const prevResult = { cniVersion: '1.1.0', ips: [{ address: '10.0.2.5/24' }] };
  const runtimeConfig = { ips: ['10.0.2.5/24'] };
  for (const [change, isOwn] of [
    [{ ipam: { type: 'host-local', changed: true }, prevResult, runtimeConfig }, true],
    [{ ipam: { type: 'static' }, prevResult }, false],
    [{ ipam: { type: 'host-local' }, prevResult: 'gone' }, false],
    [{ ipam: { type: 'host-local' }, runtimeConfig: [] }, false],
    [{ ipam: 5 }, false],
    [{}, false],
  ] as const) {
    const node = new MemoryNode();
    node.succeed('ADD', node.conf(keys), { env: { CNI_ARGS: args } });
    node.succeed('DEL', node.conf(change), { env: { CNI_ARGS: 'A=B=C' } });
    const [adding, release] = node.platform.startedProcesses;
    assert.is(release?.path, '/opt/cni/bin/host-local');
    assert.is(release?.stdin, isOwn ? JSON.stringify(node.conf(change)) : adding?.stdin);
    assert.is(release?.env['CNI_ARGS'], args);
  }
});

test('the release has the identity of the attachment', () => {
  const { node, conf } = attached();
  node.succeed('DEL', conf);
  const release = node.platform.startedProcesses.at(-1);
  assert.is(release?.env['CNI_COMMAND'], 'DEL');
  assert.is(release?.env['CNI_CONTAINERID'], 'c1');
  assert.is(release?.env['CNI_IFNAME'], 'net1');
});

test('the PF’s netdev is away: 109, the record stays, and the next DEL finishes', () => {
  const { node, conf, before } = attached();
  const { links } = node.host;
  node.edit(() => links.splice(links.indexOf(node.pf), 1));
  const error = node.fail('DEL', conf);
  assert.is(error.code, 109);
  assert.match(error.msg, '0000:3b:00.0');
  assert.is(node.recordPaths().length, 1);
  assert.is(node.leases.size, 0, 'the VF has left the pod: its address is free');
  node.edit(() => links.push(node.pf));
  node.succeed('DEL', conf);
  assert.equal(node.picture(), before);
});

test('the VF’s device is gone: the address is free, the record is gone', () => {
  const { node, conf } = attached();
  node.removeVf(0);
  node.succeed('DEL', conf);
  assert.equal([...node.leases], []);
  assert.equal(node.recordPaths(), []);
  assert.equal(node.stateFiles('.vfs/'), []);
});

test('the VF has no driver any more: DEL succeeds, and its PF’s settings are restored', () => {
  const { node, conf } = attached();
  const { links } = node.pod.namespace;
  node.edit(() => links.splice(links.indexOf(node.link(0)), 1));
  node.platform.links.delete(`/sys/bus/pci/devices/${vfPci(0)}/driver`);
  node.succeed('DEL', conf);
  assert.is(node.vfs[0]?.vlan, 0);
  assert.is(node.platform.clock.nowMs < 1000, true, 'without a wait');
});

test('a step that fails: 109, all others are done, the record stays; the next DEL completes, and so does an ADD', () => {
  for (const step of ['vlan 0', 'mtu 1500', 'spoofchk 1', 'trust 0']) {
    const { node, conf, before } = attached();
    node.kernel.refuse(step, EIO);
    const error = node.fail('DEL', conf);
    assert.is(error.code, 109, step);
    for (const word of [vfPci(0), 'net1 of container c1', 'EIO']) assert.match(error.msg, word);
    assert.is(node.recordPaths().length, 1);
    assert.ok(node.host.links.includes(node.link(0)));
    node.kernel.allowAll();
    node.succeed('DEL', conf);
    assert.equal(node.picture(), before, step);
    node.succeed('ADD', conf);
  }
});

test('the VF can’t leave the pod: 109, and its address stays taken', () => {
  const { node, conf } = attached();
  node.kernel.refuse('to host', EPERM);
  const error = node.fail('DEL', conf);
  assert.is(error.code, 109);
  assert.match(error.msg, 'EPERM');
  assert.not(node.changes.includes('ipam DEL'));
  assert.is(node.vfs[0]?.vlan, 100, 'a VF in a pod is not given another VLAN');
  assert.is(node.recordPaths().length, 1);
});

test('IPAM fails to release: 109 with its words, the VF is home, and the record stays for the next DEL', () => {
  const { node, conf } = attached();
  node.runIpam = () => ({ status: 1, stdout: JSON.stringify({ code: 5, msg: 'store is locked' }) });
  const error = node.fail('DEL', conf);
  assert.is(error.code, 109);
  assert.match(error.msg, 'store is locked');
  assert.ok(node.host.links.includes(node.link(0)));
  assert.is(node.recordPaths().length, 1);
  node.runIpam = () => undefined;
  node.succeed('DEL', conf);
  assert.equal(node.recordPaths(), []);
});

test('a record that can’t be removed: 109, and the next DEL completes', () => {
  const { node, conf, before } = attached();
  node.platform.failNext('unlink', `${stateDir}/vf-net`, EIO);
  const error = node.fail('DEL', conf);
  assert.is(error.code, 109, error.msg);
  assert.match(error.msg, 'EIO');
  node.succeed('DEL', conf);
  assert.equal(node.picture(), before);
});

test('what can’t be looked at is a failure and no absence', () => {
  for (const [operation, path] of [
    ['readFile', `${stateDir}/.vfs/`],
    ['stat', '/sys/bus/pci/devices/'],
  ] as const) {
    const { node, conf } = attached();
    node.platform.failNext(operation, path, EIO);
    assert.is(node.fail('DEL', conf).code, 109, path);
    assert.is(node.recordPaths().length, 1);
    node.succeed('DEL', conf);
  }
});

test('a late DEL of the old pod leaves the VF to the new one', () => {
  const node = new MemoryNode();
  const conf = node.conf({ vlan: 5, ipam: { type: 'host-local' } });
  node.succeed('ADD', conf);
  const [path, record] = [node.recordPath(), JSON.stringify(node.readRecord())];
  node.succeed('DEL', conf);
  const other = node.addPod();
  node.succeed('ADD', { ...conf, vlan: 6 }, node.of(other));
  node.platform.files.set(path, record);
  node.changes.length = 0;
  node.succeed('DEL', conf);
  assert.equal(node.changes, ['ipam DEL', 'record removed']);
  assert.is(node.vfs[0]?.vlan, 6);
  assert.ok(other.namespace.links.includes(node.link(0)));
  assert.is(node.leases.has('c2/net1'), true);
});

test('a damaged record: it is set aside, and its copy serves as well', () => {
  for (const text of ['{"version":1,', null]) {
    const { node, conf, before } = attached();
    if (text === null) node.platform.files.delete(node.recordPath());
    else node.platform.files.set(node.recordPath(), text);
    const { status, stderr } = node.cni('DEL', conf);
    assert.is(status, 0);
    if (text !== null) assert.match(stderr, 'set aside');
    assert.equal(node.picture(), before);
  }
});

test('a record that is damaged with its copy: it is set aside, the address is released', () => {
  const { node, conf } = attached();
  for (const path of [node.recordPath(), `${stateDir}/.vfs/${vfPci(0)}`])
    node.platform.files.set(path, '{"version":1,');
  const { status, stderr } = node.cni('DEL', conf);
  assert.is(status, 0);
  assert.match(stderr, 'damaged');
  assert.equal([...node.leases], []);
});

test('no record, but what a killed ADD left before it had one: that goes', () => {
  const node = new MemoryNode();
  const remains = ['vf-net/c1/.dra-sriov-17-0.tmp', 'vf-net/c1/.dra-sriov-17-1.tmp'];
  for (const name of remains) node.platform.files.set(`${stateDir}/${name}`, '');
  // A sweep would remove it, too.
  putOffSweep(node);
  node.succeed('DEL', node.conf());
  assert.equal(
    [...node.platform.files.keys()].filter((path) => path.includes('.tmp')),
    [],
  );
});

test('no record and no IPAM: nothing to do', () => {
  const node = new MemoryNode();
  node.succeed('DEL', node.conf());
  assert.equal(node.changes, []);
});

test('no record: DEL ends whatever the IPAM plugin says, with a warning', () => {
  const answers: readonly (() => Partial<ProcessResult>)[] = [
    () => ({ status: 1, stdout: JSON.stringify({ code: 11, msg: 'later' }) }),
    () => ({ status: null, timedOut: true }),
    () => ({ status: 2, stderr: 'panic' }),
  ];
  for (const ipam of answers) {
    const node = new MemoryNode();
    node.runIpam = ipam;
    const { status, stdout, stderr } = node.cni('DEL', node.conf(keys));
    assert.equal([status, stdout], [0, '']);
    assert.match(stderr, /level=warning .*IPAM.* type=host-local reason=/);
  }
  for (const type of ['absent', 'sriov', 'dra-sriov', '../x', 'name with blanks']) {
    const { status } = new MemoryNode().cni('DEL', new MemoryNode().conf({ ipam: { type } }));
    assert.is(status, 0, type);
  }
});

test('an ADD whose IPAM plugin ended by itself with an error leaves no record that its DEL could keep', () => {
  const refusing = { status: 1, stdout: JSON.stringify({ code: 999, msg: 'no range set' }) };
  for (const type of ['host-local', 'dhcp']) {
    const node = new MemoryNode();
    node.platform.executables.add('/opt/cni/bin/dhcp');
    const before = node.picture();
    node.runIpam = () => refusing;
    const { status, stdout, stderr } = node.cni('ADD', node.conf({ ipam: { type } }));
    assert.equal([status, (JSON.parse(stdout) as { code: number }).code], [1, 999]);
    assert.match(stderr, /level=warning .*IPAM/);
    assert.equal(node.picture(), before);
  }
});

test('DEL undoes what ADD could not, and an IPAM plugin that gave nothing doesn’t keep it from that', () => {
  const node = new MemoryNode();
  const before = node.picture();
  node.runIpam = () => ({ status: 1, stdout: JSON.stringify({ code: 999, msg: 'no range set' }) });
  node.kernel.refuse('to host', EPERM);
  const error = node.fail('ADD', node.conf(keys));
  assert.is(error.code, 108);
  assert.match(error.msg, /no range set.*\(code 999\).*EPERM/);
  node.kernel.allowAll();
  node.succeed('DEL', node.conf(keys));
  assert.equal(node.picture(), before);
});

test('an ADD whose IPAM plugin was killed may have an address: the record is kept until it is released, or given up', () => {
  const node = new MemoryNode();
  node.runIpam = () => ({ status: null, signal: 'SIGKILL' });
  assert.is(node.fail('ADD', node.conf(keys)).code, 108);
  for (let minute = 1; minute <= 4; minute++) {
    node.platform.clock.nowMs += 60_000;
    assert.is(node.fail('DEL', node.conf(keys)).code, 109);
  }
  node.platform.clock.nowMs += 60_000;
  const { status, stderr } = node.cni('DEL', node.conf(keys));
  assert.is(status, 0);
  assert.match(stderr, /level=error .*addresses="not known"/);
  assert.equal(node.recordPaths(), []);
});

test('tries in quick succession are no reason to give an address up, nor is the first after a reboot; those of before count', () => {
  const { node, conf } = attached();
  node.runIpam = () => ({ status: 1, stdout: JSON.stringify({ code: 5, msg: 'store is locked' }) });
  for (let count = 0; count < 8; count++) assert.is(node.fail('DEL', conf).code, 109);
  node.editRecord({ failedRelease: { tries: 8, firstMs: 0, bootId: 'of before' } });
  node.platform.clock.nowMs += 600_000;
  assert.is(node.fail('DEL', conf).code, 109);
  node.platform.clock.nowMs += 600_000;
  node.succeed('DEL', conf);
});

test('a plugin that uses the interface fails, and the VF can’t come home: both are told', () => {
  const node = new MemoryNode();
  node.platform.executables.add('/opt/cni/bin/dhcp');
  const conf = node.conf({ ipam: { type: 'dhcp' } });
  node.succeed('ADD', conf);
  node.runIpam = () => ({ status: 1, stdout: JSON.stringify({ code: 999, msg: 'no daemon' }) });
  node.kernel.refuse('net1 to host', EIO);
  const { code, msg } = node.fail('DEL', conf);
  assert.is(code, 109);
  for (const failure of ['EIO', 'no daemon']) assert.match(msg, failure);
});

test('no verb leaves a namespace open', () => {
  const node = new MemoryNode();
  const conf = node.conf({ vlan: 5, ipam: { type: 'host-local' } });
  const prevResult = node.attach(conf);
  node.succeed('CHECK', { ...conf, prevResult });
  assert.is(node.platform.openNamespaces.size, 0);
  node.succeed('DEL', conf);
  assert.is(node.platform.openNamespaces.size, 0);
});

test('a plugin that uses the interface releases while it is there, and again when it is not', () => {
  const node = new MemoryNode();
  node.platform.executables.add('/opt/cni/bin/dhcp');
  const conf = node.conf({ ipam: { type: 'dhcp' } });
  node.succeed('ADD', conf);
  const added = node.changes.filter((change) => /ipam|up$|address|as net1/.test(change));
  assert.equal(added, ['host: vf0 to pod1 as net1', 'pod1: net1 up', 'ipam ADD', 'pod1: net1 address 10.0.2.5/24']);
  node.changes.length = 0;
  node.runIpam = () => ({ status: 1, stdout: JSON.stringify({ code: 999, msg: 'no daemon' }) });
  assert.is(node.fail('DEL', conf).code, 109);
  assert.is(node.changes[0], 'ipam DEL');
  assert.ok(node.host.links.includes(node.link(0)));
  assert.is(node.platform.startedProcesses.at(-1)?.env['CNI_NETNS'], node.pod.path);
  node.runIpam = () => undefined;
  node.succeed('DEL', conf);
  assert.equal([node.recordPaths(), [...node.leases]], [[], []]);
});

test('an attachment of two networks or names is freed by itself', () => {
  const node = new MemoryNode();
  node.succeed('ADD', node.conf());
  const second = node.conf({ deviceID: vfPci(1), name: 'other' });
  node.succeed('ADD', second, { ifname: 'net2' });
  node.succeed('DEL', node.conf());
  assert.ok(node.pod.namespace.links.includes(node.link(1)));
  assert.equal(node.recordPaths(), ['other/c1/net2.json']);
  node.succeed('DEL', second, { ifname: 'net2' });
  assert.equal(node.recordPaths(), []);
});

test('a lock that stays taken is 11, and nothing has changed', () => {
  const { node, conf } = attached();
  for (const name of ['container-c1', `vf-${vfPci(0)}`]) {
    const path = `${stateDir}/.locks/${name}`;
    node.platform.heldLocks.set(path, 'x');
    assert.is(node.fail('DEL', conf).code, 11);
    node.platform.heldLocks.delete(path);
  }
  assert.equal(node.changes, []);
});

test('one that is detached while DEL waits for its VF is done', () => {
  const { node, conf } = attached();
  whileLocking(node, vfPci(0), () => {
    for (const path of [node.recordPath(), `${stateDir}/.vfs/${vfPci(0)}`]) node.platform.files.delete(path);
  });
  node.succeed('DEL', conf);
  assert.equal(node.changes, []);
});

test('after a reboot the VF is the node’s, as it has been made anew: only the address is released', () => {
  const { node, conf } = attached();
  node.endPod(node.pod);
  node.editRecord({ bootId: 'of before' });
  Object.assign(node.vfs[0] ?? {}, { vlan: 300 });
  node.edit(() => Object.assign(node.link(0), { name: 'vf0', mtu: 9000 }));
  node.changes.length = 0;
  node.succeed('DEL', conf);
  assert.equal(node.changes, ['ipam DEL', 'record removed']);
});

test('a device of the node on the VF keeps it from coming home from a pod, but not after an ADD that never moved it', () => {
  for (const phase of ['attached', 'pending']) {
    const { node, conf } = attached();
    node.endPod(node.pod);
    node.editRecord({ phase });
    node.platform.files.set(`/sys/bus/pci/devices/${vfPci(0)}/net/net1/upper_vlan5/ifindex`, '9\n');
    if (phase === 'pending') node.succeed('DEL', conf);
    else assert.match(node.fail('DEL', conf).msg, 'vlan5');
  }
});

test('an address is given up with the fifth try, no earlier, and no earlier than five minutes after the first', () => {
  const { node, conf } = attached();
  node.runIpam = () => ({ status: 1 });
  for (let tries = 0; tries < 8; tries++) {
    assert.is(node.fail('DEL', conf).code, 109);
    node.platform.clock.nowMs += 30_000;
  }
  node.platform.clock.nowMs += 60_000;
  node.succeed('DEL', conf);
  const late = attached();
  late.node.runIpam = () => ({ status: 1 });
  for (let tries = 0; tries < 4; tries++) {
    assert.is(late.node.fail('DEL', late.conf).code, 109);
    late.node.platform.clock.nowMs += 600_000;
  }
  late.node.succeed('DEL', late.conf);
});

test('the addresses that may have leaked are all named', () => {
  const node = new MemoryNode();
  node.ipamResult = (address) => ({ ips: [{ address: `${address}/24` }, { address: 'fd00::5/64' }] });
  node.succeed('ADD', node.conf(keys));
  node.runIpam = () => ({ status: 1 });
  node.editRecord({ failedRelease: { tries: 4, firstMs: 0, bootId: node.platform.bootId() } });
  node.platform.clock.nowMs += 300_000;
  assert.match(node.cni('DEL', node.conf(keys)).stderr, 'addresses="10.0.2.5/24 fd00::5/64"');
});

test('a plugin that refuses the CNI version gave a killed ADD nothing; an attachment that is whole has its address', () => {
  for (const [phase, code, status] of [
    ['pending', 1, 0],
    ['pending', 11, 1],
    ['attached', 1, 1],
  ] as const) {
    const { node, conf } = attached();
    node.editRecord({ phase });
    node.runIpam = () => ({ status: 1, stdout: JSON.stringify({ code, msg: 'no' }) });
    assert.is(node.cni('DEL', conf).status, status, `${phase} ${code}`);
  }
});

/** CNI_NETNS that the IPAM plugin was last given. */
const givenNetns = (node: MemoryNode): string | undefined => node.platform.startedProcesses.at(-1)?.env['CNI_NETNS'];

test('the release has the runtime’s path of the namespace, else that of ADD, as long as it leads there', () => {
  const elsewhere = attached();
  elsewhere.node.platform.netnsPaths.set('/proc/7/ns/net', elsewhere.node.pod.namespace);
  elsewhere.node.succeed('DEL', elsewhere.conf, { netns: '/proc/7/ns/net' });
  assert.is(givenNetns(elsewhere.node), '/proc/7/ns/net');
  const without = attached();
  without.node.succeed('DEL', without.conf, { netns: '' });
  assert.is(givenNetns(without.node), without.node.pod.path);
  const ended = attached();
  ended.node.endPod(ended.node.pod);
  ended.node.succeed('DEL', ended.conf, { netns: '' });
  assert.is(givenNetns(ended.node), '');
});

test('the release has no namespace where its path can’t be opened', () => {
  const node = new MemoryNode();
  node.platform.executables.add('/opt/cni/bin/dhcp');
  const conf = node.conf({ ipam: { type: 'dhcp' } });
  node.succeed('ADD', conf);
  refuseNetns(node, node.pod.path, 24);
  assert.match(node.fail('DEL', conf, { netns: '' }).msg, 'EMFILE');
  assert.is(givenNetns(node), '');
});

test('without a record the IPAM plugin gets any path but that of the host’s namespace, which it would refuse', () => {
  for (const [netns, given] of [
    ['/proc/self/ns/net', ''],
    ['/run/netns/file', '/run/netns/file'],
    ['/run/netns/gone', '/run/netns/gone'],
    ['/run/netns/pod1', '/run/netns/pod1'],
  ] as const) {
    const node = new MemoryNode();
    node.platform.files.set('/run/netns/file', '');
    node.succeed('DEL', node.conf(keys), { netns });
    assert.is(givenNetns(node), given);
    assert.is(node.platform.openNamespaces.size, 0);
  }
  const node = new MemoryNode();
  node.succeed('DEL', node.conf(keys), { netns: '/proc/self/ns/net', env: { CNI_NETNS_OVERRIDE: '1' } });
  assert.is(givenNetns(node), '/proc/self/ns/net');
});

test('the plugin is where the runtime says, else where it was at ADD', () => {
  for (const [CNI_PATH, used] of [
    ['/opt/other:/opt/cni/bin', '/opt/other:/opt/cni/bin'],
    ['', '/opt/cni/bin'],
  ] as const) {
    const { node, conf } = attached();
    node.succeed('DEL', conf, { env: { CNI_PATH } });
    assert.is(node.platform.startedProcesses.at(-1)?.env['CNI_PATH'], used);
  }
});
