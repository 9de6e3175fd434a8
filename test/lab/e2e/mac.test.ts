import { assert, suite } from '../../support/suite.ts';
import type { VirtualFunction } from '../lab.ts';
import { type LabCall, type LabNode, nth } from '../lab-node.ts';
import { onSharedNode } from '../shared-node.ts';

const test = onSharedNode(suite('lab/mac'), { vfs: [2] });

interface Attach {
  readonly keys?: Readonly<Record<string, unknown>>;
  readonly args?: string;
  /** The MAC that netdev and PF shall have. */
  readonly wanted: string;
  /** Shell commands in the pod before DEL. */
  readonly inPod?: string;
}

interface Scene {
  readonly vf: VirtualFunction;
  /** Address of a pod that answers pings. */
  readonly peer: string;
  readonly before: unknown;
}

/**
 * Attaches the VF to pod1; the PF's and the netdev's MAC have to be as wanted, and frames have to come and go. After
 * DEL all is as before. Pings a peer in pod2, which learns the MAC anew each time.
 */
async function assertAttaches(node: LabNode, { vf, peer, before }: Scene, attach: Attach): Promise<void> {
  const { keys = {}, args, wanted, inPod } = attach;
  const what = JSON.stringify(attach);
  const conf = node.conf({ deviceID: vf.pciAddress, ...keys, ipam: node.ipam() });
  const call: LabCall = args === undefined ? {} : { args };
  const added = await node.attach(conf, call);
  const { address } = await node.link('net1', 'pod1');
  const macs = { admin: (await node.vfInfo(vf))['address'], effective: address, result: added.interfaces[0]?.mac };
  assert.equal(macs, { admin: wanted, effective: wanted, result: wanted }, what);
  await node.sh('ip -n pod2 neigh flush dev net1');
  assert.ok(await node.reaches('pod1', peer, 'net1'), `ping: ${what}`);
  if (inPod !== undefined) {
    await node.sh(inPod);
    assert.is.not((await node.link('net1', 'pod1')).address, wanted, what);
  }
  await node.succeed('DEL', conf, call);
  assert.equal(await node.picture(), before, what);
}

/** Attaches the first VF again and again, with the second one in pod2. */
async function assertAllAttach(
  node: LabNode,
  vfs: readonly VirtualFunction[],
  attachments: readonly Attach[],
): Promise<void> {
  const conf = node.conf({ deviceID: nth(vfs, 1).pciAddress, ipam: node.ipam() });
  await node.succeed('ADD', conf, { pod: 'pod2' });
  const scene = { vf: nth(vfs, 0), peer: await node.address('pod2'), before: await node.picture() };
  for (const attach of attachments) await assertAttaches(node, scene, attach);
  await node.succeed('DEL', conf, { pod: 'pod2' });
}

test('a MAC given, another one, none, one that the pod gave itself: PF and netdev agree and traffic flows, ADD after ADD', async (node, vfs) => {
  const own = nth(vfs, 0).mac;
  const mac = '02:00:00:00:08:01';
  const args = 'IgnoreUnknown=1;MAC=02:00:00:00:08:02';
  const higher = {
    args: { cni: { mac: '02:00:00:00:08:03' } },
    capabilities: { mac: true },
    runtimeConfig: { mac: '02:00:00:00:08:04' },
  };
  const inPod = 'ip -n pod1 link set net1 address 02:00:00:00:08:09';
  await assertAllAttach(node, vfs, [
    { keys: { mac, trust: 'off' }, wanted: mac },
    { keys: { trust: 'off' }, wanted: own, inPod },
    { keys: { mac, trust: 'on' }, args, wanted: '02:00:00:00:08:02' },
    { keys: { trust: 'on' }, wanted: own, inPod },
    { keys: { mac, ...higher }, args, wanted: '02:00:00:00:08:04' },
    { keys: { mac, trust: 'on' }, wanted: mac, inPod },
    { wanted: own },
  ]);
});

test('a MAC that the administrator set through the PF is there again after DEL', async (node, vfs) => {
  const { pf, index, netdev, mac: own } = nth(vfs, 0);
  const set = '02:00:00:00:0b:01';
  const vf = `ip link set ${pf} vf ${index}`;
  const give = (mac: string): Promise<string> =>
    node.sh(`set -e
      ${vf} trust on && ip link set ${netdev} address ${mac} && ${vf} mac ${mac} && ${vf} trust off`);
  await give(set);
  await assertAllAttach(node, vfs, [
    { keys: { mac: '02:00:00:00:0b:02' }, wanted: '02:00:00:00:0b:02' },
    { keys: { mac: '02:00:00:00:0b:03', trust: 'on' }, wanted: '02:00:00:00:0b:03' },
    { wanted: set },
  ]);
  await give(own);
});
