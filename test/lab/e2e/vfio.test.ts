import { assert, suite } from '../../support/suite.ts';
import type { VirtualFunction } from '../lab.ts';
import { type LabNode, nth, since11 } from '../lab-node.ts';
import { onSharedNode } from '../shared-node.ts';

const test = onSharedNode(suite('lab/vfio'), { iommu: true, vfs: [2] });

const mac = '02:00:00:00:01:01';
const device = (vf: VirtualFunction): string => `/sys/bus/pci/devices/${vf.pciAddress}`;

async function unbind(node: LabNode, vf: VirtualFunction): Promise<void> {
  await node.sh(`echo ${vf.pciAddress} >${device(vf)}/driver/unbind`);
}

/** Gives the VF to another driver: `vfio-pci`, or '' for its own. */
async function probe(node: LabNode, vf: VirtualFunction, driver: string): Promise<void> {
  await node.sh(`
    set -e
    echo '${driver}' >${device(vf)}/driver_override
    echo ${vf.pciAddress} >/sys/bus/pci/drivers_probe`);
}

async function toVfio(node: LabNode, vf: VirtualFunction): Promise<void> {
  await unbind(node, vf);
  await probe(node, vf, 'vfio-pci');
  await node.sh(`[ -e /dev/vfio/$(basename $(readlink ${device(vf)}/iommu_group)) ] && [ ! -e ${device(vf)}/net ]`);
}

/** Gives the VF back to its network driver, and waits for its own name. */
async function toNetwork(node: LabNode, vf: VirtualFunction): Promise<void> {
  await probe(node, vf, '');
  await node.sh(`
    cd ${device(vf)} && until ls net/* >/dev/null 2>&1; do sleep 0.05; done
    ip link set $(ls net) name ${vf.netdev}`);
}

async function namesIn(node: LabNode, pod: string): Promise<readonly string[]> {
  return (await node.ip<{ ifname: string }[]>('-n', pod, 'link', 'show')).map(({ ifname }) => ifname);
}

test('a VF of vfio-pci: settings through the PF, addresses for the application, and nothing in the pod', async (node, vfs) => {
  const vf = nth(vfs, 0);
  await toVfio(node, vf);
  const before = await node.picture();
  const settings = { vlan: 100, vlanQoS: 3, spoofchk: 'off', trust: 'on', max_tx_rate: 200, mac };
  const conf = node.conf({ deviceID: vf.pciAddress, ...settings, ipam: node.ipam() });
  const result = await node.attach(conf);

  const [made] = result.interfaces;
  assert.equal([made?.name, made?.mac, made?.pciID], ['net1', mac, since11(vf.pciAddress)]);
  assert.equal([made?.sandbox, made?.mtu], ['/run/netns/pod1', undefined]);
  const [lease = ''] = Object.keys(await node.leases());
  assert.equal(result.ips, [{ address: `${lease}/24`, gateway: '10.0.2.1', interface: 0 }]);
  const info = await node.vfInfo(vf);
  assert.equal(info['vlan_list'], [{ vlan: 100, qos: 3 }]);
  assert.equal([info['spoofchk'], info['trust'], info['address']], [false, true, mac]);
  assert.equal((info['rate'] as Record<string, unknown>)['max_tx'], 200);
  assert.equal(await namesIn(node, 'pod1'), ['lo']);
  assert.is((await node.sh(`basename $(readlink ${device(vf)}/driver)`)).trim(), 'vfio-pci');

  const checked = { ...conf, prevResult: result };
  await node.succeed('CHECK', checked);
  await node.sh(`ip link set ${vf.pf} vf ${vf.index} vlan 200 qos 3`);
  const error = await node.fail('CHECK', checked);
  assert.match(error.msg, /\bvlan .*\b200\b.*\b100\b/);

  for (let time = 0; time < 2; time++) {
    await node.succeed('DEL', conf);
    assert.equal(await node.picture(), before);
  }
  await unbind(node, vf);
  await toNetwork(node, vf);
});

test('a VF of vfio-pci whose group a program has open, as a virtual machine has, is refused until that ends', async (node, vfs) => {
  const vf = nth(vfs, 0);
  await toVfio(node, vf);
  const conf = node.conf({ deviceID: vf.pciAddress, vlan: 100, trust: 'on', ipam: node.ipam() });
  const group = `/dev/vfio/${(await node.sh(`basename $(readlink ${device(vf)}/iommu_group)`)).trim()}`;
  const machine = await node.lab.start(['sh', '-c', `exec sleep 1000 3<>${group}`]);
  await node.sh(`until ls -l /proc/[0-9]*/fd 2>/dev/null | grep -q ${group}; do sleep 0.05; done`);
  const before = await node.picture();
  const error = await node.fail('ADD', conf);
  assert.is(error.code, 102);
  for (const token of [vf.pciAddress, group]) assert.match(error.msg, token);
  assert.equal(await node.picture(), before);
  assert.equal(await node.leases(), {});

  await machine.stop('KILL');
  await node.succeed('ADD', conf);
  await node.succeed('DEL', conf);
  await unbind(node, vf);
  await toNetwork(node, vf);
});

test('no driver bound: ADD says so and changes nothing', async (node, vfs) => {
  const vf = nth(vfs, 0);
  await unbind(node, vf);
  const before = await node.picture();
  const conf = node.conf({ deviceID: vf.pciAddress, vlan: 100, ipam: node.ipam() });
  const error = await node.fail('ADD', conf);
  assert.is(error.code, 104);
  assert.match(error.msg, vf.pciAddress);
  assert.match(error.msg, 'vfio-pci');
  assert.equal(await node.picture(), before);
  await node.succeed('DEL', conf);
  await toNetwork(node, vf);
});

test('a VF that went over to vfio-pci while its netdev was attached, and one that came from it', async (node, vfs) => {
  const vf = nth(vfs, 0);
  const conf = node.conf({ deviceID: vf.pciAddress, vlan: 100, trust: 'on', ipam: node.ipam() });
  const before = await node.vfInfo(vf);
  await node.succeed('ADD', conf);
  await toVfio(node, vf);
  await node.succeed('DEL', conf);
  assert.equal(await node.leases(), {});
  assert.equal(await node.vfInfo(vf), before);

  await node.succeed('ADD', conf);
  await unbind(node, vf);
  await toNetwork(node, vf);
  await node.succeed('DEL', conf);
});
