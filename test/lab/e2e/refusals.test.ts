import { assert, suite } from '../../support/suite.ts';
import { type LabCall, type LabNode, nth } from '../lab-node.ts';
import { onSharedNode } from '../shared-node.ts';

const test = onSharedNode(suite('lab/refusals'), { vfs: [2] });

/** Settings that the card takes. ADD makes most of them before the one that is refused. */
const taken = {
  vlan: 100,
  vlanQoS: 3,
  spoofchk: 'off',
  trust: 'on',
  max_tx_rate: 200,
  mtu: 1400,
  mac: '02:00:00:00:06:01',
} as const;

interface Refusal {
  readonly keys: Readonly<Record<string, unknown>>;
  readonly code: number;
  /** Texts that the message has to contain. */
  readonly named: readonly string[];
  readonly args?: string;
}

const byKernel = (key: string, value: string, errno: string): Refusal['named'] => [
  key,
  value,
  'PF ens1f0',
  'VF 0',
  'driver igb: ',
  errno,
];

const refusals: readonly Refusal[] = [
  { keys: { link_state: 'enable' }, code: 106, named: byKernel('link_state', 'enable', 'EOPNOTSUPP') },
  { keys: { link_state: 'disable' }, code: 106, named: byKernel('link_state', 'disable', 'EOPNOTSUPP') },
  { keys: { vlanProto: '802.1ad' }, code: 106, named: byKernel('vlanProto', '802.1ad', 'EPROTONOSUPPORT') },
  { keys: { min_tx_rate: 100 }, code: 106, named: byKernel('min_tx_rate', '100', 'EINVAL') },
  { keys: { max_tx_rate: 100_000 }, code: 106, named: byKernel('max_tx_rate', '100000', 'EINVAL') },
  { keys: { mtu: 1501 }, code: 7, named: ['mtu', '1501', 'PF ens1f0', '1500'] },
  { keys: { vlanQoS: 8 }, code: 7, named: ['vlanQoS', '8', '0 to 7'] },
  { keys: { vlan: 4095 }, code: 7, named: ['vlan', '4095', '0 to 4094'] },
  { keys: { mac: '01:00:5e:00:00:01' }, code: 7, named: ['mac', '01:00:5e:00:00:01'] },
  { keys: {}, args: 'MAC=ff:ff:ff:ff:ff:ff', code: 7, named: ['CNI_ARGS MAC', 'ff:ff:ff:ff:ff:ff'] },
];

/** Asserts that ADD fails and leaves nothing behind: no setting, no interface, no lease, no record. */
async function assertRefused(node: LabNode, conf: unknown, refusal: Omit<Refusal, 'keys'>, call: LabCall = {}) {
  const before = await node.picture();
  const args = refusal.args === undefined ? {} : { args: refusal.args };
  const { code, msg, details = '' } = await node.fail('ADD', conf, { ...call, ...args });
  assert.is(code, refusal.code, msg);
  for (const word of refusal.named) assert.ok(`${msg}\n${details}`.includes(word), `"${msg}" names ${word}`);
  assert.equal(await node.picture(), before, msg);
}

test('what the card or the config refuses is named, and everything is as before', async (node, vfs) => {
  const vf = nth(vfs, 0);
  const base = node.conf({ deviceID: vf.pciAddress, ...taken, ipam: node.ipam() });
  for (const { keys, ...refusal } of refusals) await assertRefused(node, { ...base, ...keys }, refusal);
  assert.equal(await node.leases(), {});

  await node.succeed('ADD', base);
  const peer = { ...base, deviceID: nth(vfs, 1).pciAddress, mac: '02:00:00:00:06:02' };
  await node.succeed('ADD', peer, { pod: 'pod2' });
  assert.ok(await node.reaches('pod1', await node.address('pod2'), 'net1'), 'the VF works after all that');
  await node.succeed('DEL', base);
  await node.succeed('DEL', peer, { pod: 'pod2' });
});

test('a failure when the VF is in the pod already brings it home: no address left, a route the kernel refuses', async (node, vfs) => {
  const base = node.conf({ deviceID: nth(vfs, 0).pciAddress, ...taken });
  const one = node.ipam('10.0.2.0/24', { rangeStart: '10.0.2.9', rangeEnd: '10.0.2.9' });
  const unreachable = node.ipam('10.0.2.0/24', { routes: [{ dst: '10.9.0.0/16', gw: '192.0.2.1' }] });
  await assertRefused(node, { ...base, ipam: unreachable }, { code: 113, named: ['10.9.0.0/16', '192.0.2.1', 'net1'] });
  assert.equal(await node.leases(), {});

  const holder = { ...base, deviceID: nth(vfs, 1).pciAddress, mac: '02:00:00:00:06:03', ipam: one };
  await node.succeed('ADD', holder, { pod: 'pod2' });
  // 999 is host-local's own code for that.
  await assertRefused(node, { ...base, ipam: one }, { code: 999, named: ['host-local', '10.0.2.9'] });
  assert.equal(await node.leases(), { '10.0.2.9': 'pod2' });
  await node.succeed('DEL', holder, { pod: 'pod2' });
});

interface Use {
  readonly set: string;
  readonly unset: string;
  readonly named: readonly string[];
}

/** What a node may have on a VF of its own. */
const usesOf = (netdev: string): readonly Use[] => [
  {
    set: `ip addr add 192.0.2.2/24 dev ${netdev} && ip route add default via 192.0.2.1 dev ${netdev}`,
    unset: `ip addr del 192.0.2.2/24 dev ${netdev}`,
    named: ['192.0.2.2'],
  },
  {
    set: `ip route add default dev ${netdev} scope link`,
    unset: `ip route del default dev ${netdev}`,
    named: ['route', '0.0.0.0/0'],
  },
  {
    set: `ip link add link ${netdev} name uplink.9 type vlan id 9`,
    unset: 'ip link del uplink.9',
    named: ['uplink.9'],
  },
  {
    set: `ip link add br9 type bridge && ip link set ${netdev} master br9`,
    unset: 'ip link del br9',
    named: ['br9'],
  },
  {
    set: `ip link add link ${netdev} name mv9 netns pod2 address 02:00:00:00:06:09 type macvlan && ip -n pod2 link set mv9 up`,
    unset: 'ip -n pod2 link del mv9',
    named: ['02:00:00:00:06:09'],
  },
];

test('a VF that the node itself uses is refused, and keeps its addresses and routes', async (node, vfs) => {
  const { netdev, pciAddress } = nth(vfs, 0);
  const conf = node.conf({ deviceID: pciAddress, ...taken, ipam: node.ipam() });
  // IPv6 is left out, for link-local addresses come by themselves.
  const addressing = (): Promise<string> => node.sh(`ip -4 addr show ${netdev}; ip -4 route show dev ${netdev}`);
  await node.sh(`ip link set ${netdev} up`);
  for (const { set, unset, named } of usesOf(netdev)) {
    await node.sh(set);
    const before = await addressing();
    await assertRefused(node, conf, { code: 102, named: [pciAddress, ...named] });
    assert.is(await addressing(), before);
    await node.sh(unset);
  }
  assert.equal(await node.leases(), {});
  await node.sh(`ip link set ${netdev} down`);
  await node.succeed('ADD', conf);
  await node.succeed('DEL', conf);
});
