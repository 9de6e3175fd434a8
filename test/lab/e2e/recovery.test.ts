import { assert, suite } from '../../support/suite.ts';
import type { VirtualFunction } from '../lab.ts';
import { type LabCall, type LabNode, nth } from '../lab-node.ts';
import { onSharedNode } from '../shared-node.ts';

const test = onSharedNode(suite('lab/recovery'), { vfs: [2] });

interface PodLink {
  readonly ifname: string;
  readonly address: string;
  readonly mtu: number;
  readonly parentdev?: string;
}

const mac = '02:00:00:00:01:01';

/** All that ADD can change on this card. */
function fullConf(node: LabNode, vf: VirtualFunction): Record<string, unknown> {
  const settings = { vlan: 100, vlanQoS: 3, spoofchk: 'off', trust: 'on', max_tx_rate: 200, mtu: 1400, mac };
  return node.conf({ deviceID: vf.pciAddress, ...settings, ipam: node.ipam() });
}

/** Kills the pod's namespace, as a crash of the container runtime would, and waits for the VF on the host. */
async function destroyPod(node: LabNode, pod: string, vf: VirtualFunction, cameBackAs: string): Promise<void> {
  await node.removePod(pod);
  await node.sh(`until [ -d /sys/bus/pci/devices/${vf.pciAddress}/net/${cameBackAs} ]; do sleep 0.05; done`);
}

async function vfInPod(node: LabNode, pod: string, vf: VirtualFunction): Promise<PodLink | undefined> {
  const links = await node.ip<PodLink[]>('-n', pod, 'link', 'show');
  return links.find((link) => link.parentdev === vf.pciAddress);
}

async function assertNothingHeld(node: LabNode): Promise<void> {
  assert.equal(await node.leases(), {});
  assert.is(await node.sh(`find ${node.paths.state} -name '*.json' -o -path '*/.vfs/*'`), '');
}

test('DEL a second time, and without CNI_NETNS, and of what never was', async (node, vfs) => {
  const conf = fullConf(node, nth(vfs, 0));
  await node.succeed('DEL', conf);
  await node.succeed('ADD', conf);
  assert.is((await vfInPod(node, 'pod1', nth(vfs, 0)))?.mtu, 1400);
  for (let time = 0; time < 2; time++) {
    await node.succeed('DEL', conf, { pod: '', containerId: 'pod1' });
    assert.is(await vfInPod(node, 'pod1', nth(vfs, 0)), undefined);
    await assertNothingHeld(node);
  }
  await node.succeed('DEL', conf);
});

test('the pod’s namespace is gone before DEL; the VF came back as net1', async (node, vfs) => {
  const conf = fullConf(node, nth(vfs, 0));
  await node.succeed('ADD', conf);
  await destroyPod(node, 'pod1', nth(vfs, 0), 'net1');
  const [stray] = await node.ip<[PodLink]>('link', 'show', 'net1');
  assert.is(stray.mtu, 1400, 'the kernel brings it back with what ADD set');
  await node.succeed('DEL', conf);
  await assertNothingHeld(node);
  await node.addPod('pod1');
});

test('the same where another device has the name net1 on the host, and where one has the VF’s own', async (node, vfs) => {
  const vf = nth(vfs, 0);
  const conf = fullConf(node, vf);
  await node.sh('ip link add net1 type dummy');
  await node.succeed('ADD', conf);
  await destroyPod(node, 'pod1', vf, 'dev*');
  await node.succeed('DEL', conf);
  await assertNothingHeld(node);
  const [other] = await node.ip<[{ linkinfo?: { info_kind?: string } }]>('link', 'show', 'net1');
  assert.is(other.linkinfo?.info_kind, 'dummy', 'the other device keeps its name');
  await node.sh('ip link del net1');
  await node.addPod('pod1');

  await node.succeed('ADD', conf);
  await node.sh(`ip link add ${vf.netdev} type dummy`);
  const { status, stderr } = await node.cni('DEL', conf);
  assert.is(status, 0, stderr);
  assert.match(stderr, vf.netdev);
  await assertNothingHeld(node);
  const name = (await node.sh(`ls /sys/bus/pci/devices/${vf.pciAddress}/net`)).trim();
  await node.sh(`ip link del ${vf.netdev} && ip link set ${name} name ${vf.netdev}`);
});

test('a process lives in the namespace whose path is gone', async (node, vfs) => {
  const vf = nth(vfs, 0);
  const conf = fullConf(node, vf);
  await node.succeed('ADD', conf);
  const holder = await node.lab.start(['nsenter', '--net=/run/netns/pod1', 'sleep', '1000']);
  await node.sh('until [ -n "$(ip netns pids pod1)" ]; do sleep 0.05; done');
  // Only the namespaces count in which processes live, for threads of the kernel come and go.
  const find = 'readlink /proc/[0-9]*/ns/net | sort -u';
  const namespaces = await node.sh(find);
  assert.is(namespaces.trim().split('\n').length, 2, 'the host and the pod');
  await node.removePod('pod1');
  assert.is(await node.sh(find), namespaces, 'the namespace lives on');
  assert.is((await node.sh(`ls /sys/bus/pci/devices/${vf.pciAddress}/net`)).trim(), '');
  await node.succeed('DEL', conf);
  await assertNothingHeld(node);
  assert.is((await node.sh(`ls /sys/bus/pci/devices/${vf.pciAddress}/net`)).trim(), vf.netdev);
  await holder.stop('KILL');
  await node.addPod('pod1');
});

async function unbind(node: LabNode, vf: VirtualFunction): Promise<void> {
  await node.sh(`echo ${vf.pciAddress} >/sys/bus/pci/devices/${vf.pciAddress}/driver/unbind`);
}

async function bind(node: LabNode, vf: VirtualFunction): Promise<string> {
  return (
    await node.sh(`
      echo ${vf.pciAddress} >/sys/bus/pci/drivers/igbvf/bind
      cd /sys/bus/pci/devices/${vf.pciAddress} && until ls net/* >/dev/null 2>&1; do sleep 0.05; done; ls net`)
  ).trim();
}

test('the driver is unbound while the VF is attached, and bound again before or after DEL', async (node, vfs) => {
  const vf = nth(vfs, 0);
  const conf = fullConf(node, vf);
  const settings = await node.vfInfo(vf);

  await node.succeed('ADD', conf);
  await unbind(node, vf);
  assert.is(await vfInPod(node, 'pod1', vf), undefined, 'the netdev went with the driver');
  await node.succeed('DEL', conf);
  await assertNothingHeld(node);
  const { mac: _, address: __, ...rest } = settings;
  const { mac: ___, address: ____, ...after } = await node.vfInfo(vf);
  assert.equal(after, rest, 'the PF’s settings are given back without the driver');
  await node.sh(`ip link set ${await bind(node, vf)} name ${vf.netdev}`);
  assert.equal(await node.vfInfo(vf), settings);

  await node.succeed('ADD', conf);
  await unbind(node, vf);
  assert.is.not(await bind(node, vf), vf.netdev, 'the driver gives it a name of its own');
  await node.succeed('DEL', conf);
  await assertNothingHeld(node);
});

test('the PF’s VFs are removed while one is attached', async (node) => {
  const [pf] = node.lab.pfs.slice(1);
  assert.ok(pf);
  const [vf] = await node.lab.createVfs(pf.name, 1);
  assert.ok(vf);
  const conf = fullConf(node, vf);
  await node.succeed('ADD', conf);
  await node.lab.createVfs(pf.name, 0);
  assert.is(await vfInPod(node, 'pod1', vf), undefined);
  assert.is(Object.keys(await node.leases()).length, 1);
  for (let time = 0; time < 2; time++) {
    await node.succeed('DEL', conf);
    await assertNothingHeld(node);
  }
  const error = await node.fail('ADD', conf);
  assert.is(error.code, 103);
  assert.match(error.msg, vf.pciAddress);
  await assertNothingHeld(node);
});

async function setPf(node: LabNode, state: 'up' | 'down'): Promise<void> {
  const carrier = `until [ "$(cat /sys/class/net/ens1f0/carrier)" = 1 ]; do sleep 0.05; done`;
  await node.sh(`ip link set ens1f0 ${state}${state === 'up' ? ` && ${carrier}` : ''}`);
}

test('the PF is down at ADD, and at DEL', async (node, vfs) => {
  const vf = nth(vfs, 0);
  const before = await node.picture();
  const { max_tx_rate: _, ...conf } = fullConf(node, vf);
  await setPf(node, 'down');
  const down = await node.picture();

  const refused = await node.fail('ADD', fullConf(node, vf));
  assert.is(refused.code, 106, refused.msg);
  assert.match(refused.msg, 'max_tx_rate');
  assert.equal(await node.picture(), down);

  await node.succeed('ADD', conf);
  assert.is((await vfInPod(node, 'pod1', vf))?.address, mac);
  await node.succeed('DEL', conf);
  assert.equal(await node.picture(), down, 'all of it with the PF down');

  await node.succeed('ADD', conf);
  await setPf(node, 'up');
  await node.succeed('DEL', conf);
  assert.equal(await node.picture(), before, 'PF up again at DEL');

  await node.succeed('ADD', conf);
  await setPf(node, 'down');
  await node.succeed('DEL', conf);
  await setPf(node, 'up');
});

test('the PF’s netdev is in another namespace at DEL: 109, the record stays, and the next DEL finishes', async (node, vfs) => {
  const vf = nth(vfs, 0);
  const conf = fullConf(node, vf);
  await node.succeed('ADD', conf);
  await node.sh('ip link set ens1f0 netns pod2');
  for (let time = 0; time < 2; time++) {
    const error = await node.fail('DEL', conf);
    assert.is(error.code, 109, error.msg);
    assert.match(error.msg, '0000:01:00.0');
  }
  assert.is(await vfInPod(node, 'pod1', vf), undefined, 'the netdev is home');
  assert.equal(await node.leases(), {}, 'so its address is free');
  const [pf] = await node.ip<[{ vfinfo_list: Record<string, unknown>[] }]>('-n', 'pod2', 'link', 'show', 'ens1f0');
  assert.is(pf.vfinfo_list[0]?.['trust'], true, 'its settings wait for the PF');
  await node.sh('ip -n pod2 link set ens1f0 netns 1');
  await setPf(node, 'up');
  await node.succeed('DEL', conf);
  await assertNothingHeld(node);
});

test('a DEL that comes late leaves the VF with the pod that has it now', async (node, vfs) => {
  const [vf, peer] = [nth(vfs, 0), nth(vfs, 1)];
  const conf = fullConf(node, vf);
  await node.succeed('ADD', conf);
  await destroyPod(node, 'pod1', vf, 'net1');

  const b: LabCall = { pod: 'pod2', containerId: 'b' };
  const other = { ...conf, vlan: 200, trust: 'off', mtu: 1300, mac: '02:00:00:00:02:02' };
  const result = await node.attach(other, b);
  const address = result.ips?.[0]?.address.replace(/\/.*/, '') ?? '';
  assert.equal(await node.leases(), { [address]: 'b' }, 'the next ADD on the VF has reclaimed it, its address too');
  assert.is(
    await node.sh(`find ${node.paths.state}/vf-test1 -name '*.json'`),
    `${node.paths.state}/vf-test1/b/net1.json\n`,
  );

  // The link-local address is left out, for it is tentative for a second.
  const podAddresses = (): Promise<unknown> => node.ip('-n', 'pod2', 'addr', 'show', 'scope', 'global');
  const during = [await node.vfInfo(vf), await podAddresses(), await node.picture()];
  await node.succeed('DEL', conf);
  assert.equal([await node.vfInfo(vf), await podAddresses(), await node.picture()], during);

  await node.addPod('pod1');
  const neighbour = { ...node.conf({ deviceID: peer.pciAddress, vlan: 200, ipam: node.ipam() }) };
  await node.succeed('ADD', neighbour);
  assert.ok(await node.reaches('pod1', address), 'the new pod is reached');
  await node.succeed('DEL', neighbour);
  await node.succeed('DEL', other, b);
});

test('a dead pod that nobody DELs is reclaimed by the next ADD on the node, whatever VF that is for', async (node, vfs) => {
  const [vf, other] = [nth(vfs, 0), nth(vfs, 1)];
  const before = await node.vfInfo(vf);
  await node.succeed('ADD', fullConf(node, vf));
  await destroyPod(node, 'pod1', vf, 'net1');
  // ADD looks for them once a minute; so this makes the minute pass.
  await node.sh(`rm -f ${node.paths.state}/.swept`);
  const conf = node.conf({ deviceID: other.pciAddress, ipam: node.ipam() });
  await node.succeed('ADD', conf, { pod: 'pod2' });
  assert.equal(Object.values(await node.leases()), ['pod2']);
  assert.equal(await node.vfInfo(vf), before);
  assert.is((await node.sh(`ls /sys/bus/pci/devices/${vf.pciAddress}/net`)).trim(), vf.netdev);
  await node.succeed('DEL', conf, { pod: 'pod2' });
  await node.addPod('pod1');
});

test('an application renamed the VF, gave its name to another device, and changed what it could', async (node, vfs) => {
  const vf = nth(vfs, 0);
  const conf = fullConf(node, vf);
  await node.succeed('ADD', conf);
  await node.sh(`ip netns exec pod1 sh -ec '
    ip link set net1 down
    ip link set net1 name data0 address 02:00:00:00:0a:0a mtu 1200
    ip link property add dev data0 altname an-altname-of-the-application
    ip link set data0 up
    ip link add net1 type dummy
    ip link add link data0 name data0.5 type vlan id 5
    ip link set data0.5 up'`);
  assert.is((await vfInPod(node, 'pod1', vf))?.ifname, 'data0');
  await node.succeed('DEL', conf);
  await assertNothingHeld(node);
  assert.is(await vfInPod(node, 'pod1', vf), undefined);
  const [other] = await node.ip<[{ linkinfo?: { info_kind?: string } }]>('-n', 'pod1', 'link', 'show', 'net1');
  assert.is(other.linkinfo?.info_kind, 'dummy', 'the other device is not the VF and stays');
  // The kernel leaves what is stacked on a device behind when that moves; DEL has removed it.
  assert.not.match(await node.sh('ip -n pod1 link show'), 'data0.5');
  await node.sh('ip -n pod1 link del net1');
});

/** A namespace of the pod’s own. */
const refuge = 'refuge';

/** The pod takes its VF out of sight, and makes a veth that has its ifindex, name and MAC. */
async function hideVf(node: LabNode): Promise<number> {
  const [{ ifindex }] = await node.ip<[{ ifindex: number }]>('-n', 'pod1', 'link', 'show', 'net1');
  await node.sh(`ip -n pod1 link set net1 netns ${refuge}`);
  await makeImpostor(node, ifindex);
  return ifindex;
}

function makeImpostor(node: LabNode, ifindex: number): Promise<string> {
  return node.sh(`ip -n pod1 link add net1 address ${mac} index ${ifindex} type veth peer name peer0`);
}

/** Asserts that the veth is where it was, and that nobody has touched it. */
async function assertImpostorStays(node: LabNode, ifindex: number): Promise<void> {
  const [link] = await node.ip<[PodLink & { ifindex: number; linkinfo?: { info_kind?: string } }]>(
    '-n',
    'pod1',
    'link',
    'show',
    'net1',
  );
  assert.equal([link.ifindex, link.address, link.mtu, link.linkinfo?.info_kind], [ifindex, mac, 1500, 'veth']);
  assert.is(await node.sh('ip -br link show type veth'), '', 'the host has none');
}

test('a pod hides its VF under another name behind a veth with its ifindex: DEL moves the VF', async (node, vfs) => {
  const vf = nth(vfs, 0);
  const conf = fullConf(node, vf);
  await node.sh(`ip netns add ${refuge}`);
  await node.succeed('ADD', conf);
  const ifindex = await hideVf(node);
  await node.sh(`ip -n ${refuge} link set net1 netns pod1 name data0`);
  assert.is((await vfInPod(node, 'pod1', vf))?.ifname, 'data0');
  await node.succeed('DEL', conf);
  await assertNothingHeld(node);
  await assertImpostorStays(node, ifindex);
  await node.sh(`ip -n pod1 link del net1 && ip netns del ${refuge}`);
});

test('the VF is away, a veth has its ifindex, in its pod or in a later one of that path: nothing is moved by DEL or gc', async (node, vfs) => {
  const vf = nth(vfs, 0);
  const conf = fullConf(node, vf);
  await node.sh(`ip netns add ${refuge}`);
  const result = await node.attach(conf);
  const held = await node.leases();
  const ifindex = await hideVf(node);
  for (const isLater of [false, true]) {
    if (isLater) {
      await node.removePod('pod1');
      await node.addPod('pod1');
      await makeImpostor(node, ifindex);
    }
    const unlike = await node.fail('CHECK', { ...conf, prevResult: result });
    assert.match(unlike.msg, vf.pciAddress);
    const error = await node.fail('DEL', conf);
    assert.is(error.code, 109, error.msg);
    assert.match(error.msg, vf.pciAddress);
    const collected = await node.operate('gc');
    assert.match(collected.stdout, isLater ? `FAILED: VF ${vf.pciAddress}` : 'Nothing to reclaim');
    await assertImpostorStays(node, ifindex);
    assert.is((await vfInPod(node, refuge, vf))?.ifname, 'net1');
    assert.equal(await node.leases(), held);
  }
  await destroyPod(node, refuge, vf, 'net1');
  await node.succeed('DEL', conf);
  await assertNothingHeld(node);
  await assertImpostorStays(node, ifindex);
  await node.sh('ip -n pod1 link del net1');
});

test('an application moved the VF to where nobody can fetch it: DEL says so, keeps all, and ends when it is back', async (node, vfs) => {
  const vf = nth(vfs, 0);
  const conf = fullConf(node, vf);
  await node.succeed('ADD', conf);
  const held = await node.leases();
  await node.sh('ip -n pod1 link set net1 netns pod2');
  const error = await node.fail('DEL', conf);
  assert.is(error.code, 109);
  assert.match(error.msg, vf.pciAddress);
  assert.equal(await node.leases(), held, 'an address in use is not given to others');
  assert.is((await node.vfInfo(vf))['trust'], true);
  await destroyPod(node, 'pod2', vf, 'net1');
  await node.succeed('DEL', conf);
  await assertNothingHeld(node);
  await node.addPod('pod2');
});
