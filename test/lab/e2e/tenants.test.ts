import { compare } from '../../crash/site.ts';
import { assert, suite } from '../../support/suite.ts';
import {
  assertRefugeIsEmpty,
  beHostile,
  operations,
  pictureWithVf,
  prepareHostilePod,
  refuge,
} from '../hostile-pod.ts';
import type { VirtualFunction } from '../lab.ts';
import { type LabNode, nth } from '../lab-node.ts';
import { onSharedNode } from '../shared-node.ts';

const test = onSharedNode(suite('lab/tenants'), { vfs: [2] });

const isMaster = (operation: string): boolean => operation.includes('master');

/** Runs `body` with a pod that has the VF, then DEL, and asserts that all is as before. */
async function asBefore(
  node: LabNode,
  vf: VirtualFunction,
  body: (conf: Record<string, unknown>) => Promise<void>,
  keys: Record<string, unknown> = {},
): Promise<void> {
  const conf = node.conf({ deviceID: vf.pciAddress, vlan: 100, ...keys, ipam: node.ipam() });
  await prepareHostilePod(node);
  const before = await pictureWithVf(node, vf);
  await node.succeed('ADD', conf);
  await body(conf);
  await node.succeed('DEL', conf);
  await assertRefugeIsEmpty(node);
  assert.is(compare(before, await pictureWithVf(node, vf)), '');
  await node.sh(`ip netns del pod1 2>/dev/null; ip netns del ${refuge}`);
  await node.addPod('pod1');
}

const marks = ['PROMISC', 'NOARP', 'ALLMULTI', 'DYNAMIC', 'xdpgeneric', 'an alias of the pod', 'group 42'];

/** Fails if no operation has worked, because that would show nothing. */
async function beAsHostileAsCanBe(node: LabNode, vf: VirtualFunction): Promise<void> {
  const said = await beHostile(
    node,
    'pod1',
    operations.filter((operation) => !isMaster(operation)),
  );
  const now = await node.sh('ip -n pod1 -d link show net1');
  for (const mark of marks) assert.match(now, mark, `${vf.pciAddress}: ${said}`);
  const links = await node.sh(`ip -n pod1 -br link; ip -n ${refuge} -br link`);
  for (const word of ['vlan5', 'mv0@', 'mv0.7', 'vlan6', 'mv1']) assert.match(links, word, said);
}

test('a pod sets everything that it can: after DEL the VF is as before, and nothing on it is left anywhere', async (node, vfs) => {
  const vf = nth(vfs, 0);
  await asBefore(node, vf, () => beAsHostileAsCanBe(node, vf), { trust: 'on' });
});

test('the same where the namespace died first', async (node, vfs) => {
  const vf = nth(vfs, 0);
  const body = async (): Promise<void> => {
    await beAsHostileAsCanBe(node, vf);
    await node.removePod('pod1');
    await node.sh(`until [ -d /sys/bus/pci/devices/${vf.pciAddress}/net/net1 ]; do sleep 0.05; done`);
  };
  await asBefore(node, vf, body);
});

test('a pod puts the VF into a bridge or a VRF', async (node, vfs) => {
  const vf = nth(vfs, 0);
  for (const kind of ['bridge', 'vrf']) {
    await asBefore(node, vf, async () => {
      const said = await beHostile(
        node,
        'pod1',
        operations.filter((operation) => operation.includes(` type ${kind};`) || operation.includes(` type ${kind} `)),
      );
      assert.match(await node.sh('ip -n pod1 link show net1'), 'master', said);
    });
  }
});

test('DEL never comes: the next pod has the VF without anything of the last one', async (node, vfs) => {
  const vf = nth(vfs, 0);
  const conf = node.conf({ deviceID: vf.pciAddress });
  const body = async (): Promise<void> => {
    await beAsHostileAsCanBe(node, vf);
    await node.removePod('pod1');
    await node.succeed('ADD', conf, { pod: 'pod2' });
    const now = await node.sh(
      'ip -n pod2 -d link show net1; ip netns exec pod2 ethtool -g net1; ip netns exec pod2 ethtool -k net1',
    );
    for (const mark of [...marks, 'RX:\t\t512']) assert.not(now.includes(mark), mark);
    await assertRefugeIsEmpty(node);
    await node.succeed('DEL', conf, { pod: 'pod2' });
  };
  await asBefore(node, vf, body);
});

test('what the node or a pod before has left on a VF: the pod gets it plain, DEL gives the node’s own back', async (node, vfs) => {
  const vf = nth(vfs, 0);
  const own = 'promisc on allmulticast on arp off multicast off txqueuelen 500 alias of-the-node';
  await node.sh(`ip link set ${vf.netdev} ${own}; ethtool -G ${vf.netdev} rx 2048`);
  const body = async (): Promise<void> => {
    const { flags } = await node.link('net1', 'pod1');
    for (const flag of ['PROMISC', 'ALLMULTI', 'NOARP']) assert.not(flags.includes(flag), flag);
    assert.ok(flags.includes('MULTICAST'));
    await beAsHostileAsCanBe(node, vf);
  };
  await asBefore(node, vf, body);
  await node.sh(`
    ip link set ${vf.netdev} promisc off allmulticast off arp on multicast on txqueuelen 1000 alias ''
    ethtool -G ${vf.netdev} rx 1024`);
});

test('a device on the VF that has got into the host’s own namespace is the node’s to be removed: 109 until then', async (node, vfs) => {
  const vf = nth(vfs, 0);
  const body = async (conf: Record<string, unknown>): Promise<void> => {
    await node.sh('ip -n pod1 link add link net1 name escaped type vlan id 9 && ip -n pod1 link set escaped netns 1');
    const error = await node.fail('DEL', conf);
    assert.is(error.code, 109);
    assert.match(error.msg, 'escaped');
    const other = await node.fail('ADD', conf, { pod: 'pod2', containerId: 'other' });
    assert.not(other.code === 0);
    await node.sh('ip link del escaped');
  };
  await asBefore(node, vf, body);
});
