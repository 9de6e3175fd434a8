// A node where this plugin takes the place of sriov-cni while pods run that sriov-cni attached.
import process from 'node:process';
import { hasGo } from '../../support/go.ts';
import { assert, suite } from '../../support/suite.ts';
import type { VirtualFunction } from '../lab.ts';
import { type LabCall, type LabNode, nth } from '../lab-node.ts';
import { onSharedNode } from '../shared-node.ts';
import { addBySriovCni, oldSriovCniExecutable, runSriovCni } from '../sriov-cni.ts';

const all = suite('lab/sriov-cni');
const test = onSharedNode(all, { vfs: [2] });

const mac = '02:00:00:00:07:01';

/** All that sriov-cni can change on this card. Without `trust` igbvf would refuse a MAC after the PF's. */
function fullConf(node: LabNode, vf: VirtualFunction): Record<string, unknown> {
  const settings = { vlan: 100, vlanQoS: 3, spoofchk: 'off', trust: 'on', max_tx_rate: 200, mac };
  return node.conf({ deviceID: vf.pciAddress, ...settings, ipam: node.ipam() });
}

function plainConf(node: LabNode, vf: VirtualFunction): Record<string, unknown> {
  return node.conf({ deviceID: vf.pciAddress, ipam: node.ipam() });
}

async function sriovCniFiles(node: LabNode): Promise<string> {
  return node.sh(`find ${node.paths.sriovCni} -type f ! -path '*/vf_lock/*'`);
}

test('DEL of a pod that sriov-cni attached: VF, PF, address and files are as before', async (node, vfs) => {
  const vf = nth(vfs, 0);
  const before = await node.picture();
  for (const conf of [plainConf(node, vf), fullConf(node, vf)]) {
    await addBySriovCni(node, vf, conf);
    assert.is(Object.keys(await node.leases()).length, 1);
    await node.succeed('DEL', conf);
    assert.equal(await node.picture(), before);
    assert.is(await sriovCniFiles(node), '');
    await node.succeed('DEL', conf);
  }
});

test('the VF works for the next pod', async (node, vfs) => {
  const [vf, peer] = [nth(vfs, 0), nth(vfs, 1)];
  const conf = fullConf(node, vf);
  await addBySriovCni(node, vf, conf);
  await node.succeed('DEL', conf);
  await node.succeed('ADD', plainConf(node, vf));
  await node.succeed('ADD', plainConf(node, peer), { pod: 'pod2' });
  assert.ok(await node.reaches('pod1', await node.address('pod2')));
  await node.succeed('DEL', plainConf(node, vf));
  await node.succeed('DEL', plainConf(node, peer), { pod: 'pod2' });
});

test('its VF is not for others while it lives; the next pod gets it, restored, when it is dead', async (node, vfs) => {
  const vf = nth(vfs, 0);
  const conf = fullConf(node, vf);
  const settings = await node.vfInfo(vf);
  await addBySriovCni(node, vf, conf);
  const attached = await node.picture();
  const error = await node.fail('ADD', plainConf(node, vf), { pod: 'pod2' });
  assert.is(error.code, 102);
  assert.match(error.msg, '/run/netns/pod1');
  assert.equal(await node.picture(), attached);

  await node.removePod('pod1');
  await node.sh(`until [ -d /sys/bus/pci/devices/${vf.pciAddress}/net/net1 ]; do sleep 0.05; done`);
  await node.succeed('ADD', plainConf(node, vf), { pod: 'pod2' });
  assert.equal(await node.vfInfo(vf), settings);
  // This DEL comes late, when another pod has the VF.
  await node.succeed('DEL', conf);
  assert.equal(Object.values(await node.leases()), ['pod2']);
  assert.is((await node.link('net1', 'pod2')).parentdev, vf.pciAddress);
  await node.succeed('DEL', plainConf(node, vf), { pod: 'pod2' });
  await node.addPod('pod1');
});

test('DEL of a pod whose namespace died first', async (node, vfs) => {
  const vf = nth(vfs, 0);
  const conf = fullConf(node, vf);
  await addBySriovCni(node, vf, conf);
  await node.removePod('pod1');
  await node.succeed('DEL', conf, { pod: '', containerId: 'pod1' });
  assert.is(await sriovCniFiles(node), '');
  await node.addPod('pod1');
});

interface Case {
  readonly what: string;
  readonly conf: Readonly<Record<string, unknown>>;
  readonly args?: string;
}

/**
 * From sriov-cni's README, docs/configuration-reference.md and examples. A VF with a MAC is trusted, because only then
 * igbvf takes a MAC after one set through the PF.
 */
const cases: readonly Case[] = [
  { what: 'nothing but the VF', conf: {} },
  { what: 'vlan', conf: { vlan: 1000 } },
  { what: 'vlan 0', conf: { vlan: 0, vlanQoS: 0 } },
  { what: 'vlan, vlanQoS, vlanProto', conf: { vlan: 1000, vlanQoS: 4, vlanProto: '802.1Q' } },
  {
    what: 'spoofchk, trust, rates, log',
    conf: {
      spoofchk: 'off',
      trust: 'on',
      min_tx_rate: 0,
      max_tx_rate: 200,
      logLevel: 'debug',
      logFile: '/tmp/sriov.log',
    },
  },
  { what: 'what is empty', conf: { spoofchk: '', trust: '', link_state: '', mac: '', ipam: {} } },
  { what: 'mac of the config', conf: { mac: 'CA:FE:C0:FF:EE:00', trust: 'on' } },
  { what: 'mac of CNI_ARGS', conf: { trust: 'on' }, args: 'IgnoreUnknown=1;MAC=ca:fe:c0:ff:ee:01' },
  { what: 'mac of runtimeConfig', conf: { trust: 'on', runtimeConfig: { mac: 'CA:FE:C0:FF:EE:02' } } },
];

/** What a pod and its PF have of an attachment, as `ip` shows it. */
async function attachedState(node: LabNode, vf: VirtualFunction): Promise<unknown> {
  const { address, mtu, flags, addr_info } = await node.link('net1', 'pod1');
  const addresses = addr_info
    .filter(({ family }) => family === 'inet')
    .map(({ local, prefixlen }) => [local, prefixlen]);
  const routes = await node.ip<Record<string, unknown>[]>('-n', 'pod1', '-4', 'route', 'show');
  return {
    record: await node.vfInfo(vf),
    link: { address, mtu, isUp: flags.includes('UP') },
    addresses,
    routes: routes.map(({ dst, gateway, scope }) => ({ dst, gateway, scope })),
  };
}

/** With VLAN, address and routes. IPAM gives everyone the same address. */
function caseWithIpam(node: LabNode): Case {
  const only = { rangeStart: '10.0.2.7', rangeEnd: '10.0.2.7', routes: [{ dst: '0.0.0.0/0' }, { dst: '10.9.0.0/16' }] };
  return { what: 'ipam', conf: { vlan: 5, ipam: node.ipam('10.0.2.0/24', only) } };
}

test('its configs make of VF, PF and pod what sriov-cni makes of them', async (node, vfs) => {
  const vf = nth(vfs, 0);
  for (const { what, conf: keys, args } of [...cases, caseWithIpam(node)]) {
    const conf = node.conf({ cniVersion: '0.3.1', deviceID: vf.pciAddress, ...keys });
    const call: LabCall = args === undefined ? {} : { args };
    await addBySriovCni(node, vf, conf, call);
    const theirs = await attachedState(node, vf);
    await node.succeed('DEL', conf, call);
    await node.succeed('ADD', conf, call);
    assert.equal(await attachedState(node, vf), theirs, what);
    await node.succeed('DEL', conf, call);
  }
});

const old = oldSriovCniExecutable();
const comparison = 'its configs make of VF, PF and pod what the executable of sriov-cni 2.1.0 makes of them';
if (process.env['LAB'] === 'hardware')
  all.skip(comparison, 'sriov-cni 2.1.0 would write to the machine’s own /var/lib/cni');
else if (old === null) all.skip(comparison, 'there is no sriov-cni: it is built with Go', { allowedInCi: !hasGo() });
else {
  test(comparison, async (node, vfs) => {
    const vf = nth(vfs, 0);
    for (const { what, conf: keys } of [
      { what: 'plain', conf: {} },
      { what: 'vlan', conf: { vlan: 1000 } },
      caseWithIpam(node),
    ]) {
      const conf = node.conf({ cniVersion: '0.3.1', deviceID: vf.pciAddress, ...keys });
      await runSriovCni(node, old, 'ADD', conf);
      const theirs = await attachedState(node, vf);
      await runSriovCni(node, old, 'DEL', conf);
      await node.succeed('ADD', conf);
      assert.equal(await attachedState(node, vf), theirs, what);
      await node.succeed('DEL', conf);
    }
  });
}
