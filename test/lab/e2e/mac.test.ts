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
  /** What happens in the pod before DEL. */
  readonly inPod?: string;
}

/**
 * Attaches the VF to pod1; the PF's and the netdev's MAC have to be as wanted, and frames have to come and go. After DEL
 * all is as before. Pings a peer in pod2, which learns the MAC anew each time.
 */
async function assertAttaches(node: LabNode, vf: VirtualFunction, peer: string, attach: Attach): Promise<void> {
  const { keys = {}, args, wanted, inPod } = attach;
  const what = JSON.stringify(attach);
  const before = await node.picture();
  const conf = node.conf({ deviceID: vf.pciAddress, ...keys, ipam: node.ipam() });
  const call: LabCall = args === undefined ? {} : { args };
  const added = await node.succeed('ADD', conf, call);
  const { address } = await node.link('net1', 'pod1');
  const macs = { admin: (await node.vfInfo(vf))['address'], effective: address, result: added.interfaces[0]?.mac };
  assert.equal(macs, { admin: wanted, effective: wanted, result: wanted }, what);
  await node.sh('ip -n pod2 neigh flush dev net1');
  assert.ok(await node.ping('pod1', peer, { from: 'net1' }), `ping: ${what}`);
  if (inPod !== undefined) {
    await node.sh(inPod);
    assert.is.not((await node.link('net1', 'pod1')).address, wanted, what);
  }
  await node.succeed('DEL', conf, call);
  assert.equal(await node.picture(), before, what);
}

/** Runs the body with the second VF in pod2, which answers pings. */
async function withPeer(
  node: LabNode,
  vfs: readonly VirtualFunction[],
  body: (vf: VirtualFunction, peer: string) => Promise<void>,
): Promise<void> {
  const conf = node.conf({ deviceID: nth(vfs, 1).pciAddress, ipam: node.ipam() });
  await node.succeed('ADD', conf, { pod: 'pod2' });
  await body(nth(vfs, 0), await node.address('pod2'));
  await node.succeed('DEL', conf, { pod: 'pod2' });
}

test('a MAC given, another one, none: PF and netdev agree and traffic flows, trusted or not, ADD after ADD', async (node, vfs) => {
  await withPeer(node, vfs, async (vf, peer) => {
    const steps: readonly Attach[] = [
      { keys: { mac: '02:00:00:00:08:01', trust: 'off' }, wanted: '02:00:00:00:08:01' },
      { keys: { trust: 'off' }, wanted: vf.mac },
      { keys: { mac: '02:00:00:00:08:02', trust: 'on' }, wanted: '02:00:00:00:08:02' },
      { keys: { trust: 'on' }, wanted: vf.mac },
      { keys: { mac: '02:00:00:00:08:03' }, wanted: '02:00:00:00:08:03' },
      { keys: { mac: vf.mac }, wanted: vf.mac },
      { wanted: vf.mac },
    ];
    for (const step of steps) await assertAttaches(node, vf, peer, step);
  });
});

test('the MAC of runtimeConfig goes before args, those before CNI_ARGS, that before mac', async (node, vfs) => {
  const [mac, args] = ['02:00:00:00:09:01', 'IgnoreUnknown=1;MAC=02:00:00:00:09:02'];
  const cni = { cni: { mac: '02:00:00:00:09:03' } };
  const capabilities = { mac: true };
  const runtimeConfig = { mac: '02:00:00:00:09:04' };
  await withPeer(node, vfs, async (vf, peer) => {
    const steps: readonly Attach[] = [
      { keys: { mac }, args, wanted: '02:00:00:00:09:02' },
      { keys: { mac, args: cni }, args, wanted: '02:00:00:00:09:03' },
      { keys: { mac, args: cni, capabilities, runtimeConfig }, args, wanted: '02:00:00:00:09:04' },
    ];
    for (const step of steps) await assertAttaches(node, vf, peer, step);
  });
});

test('a MAC that the pod gave itself goes with the pod: the next one hears with the VF’s own', async (node, vfs) => {
  const inPod = 'ip -n pod1 link set net1 address 02:00:00:00:0a:09';
  await withPeer(node, vfs, async (vf, peer) => {
    const steps: readonly Attach[] = [
      { wanted: vf.mac, inPod },
      { keys: { trust: 'on' }, wanted: vf.mac, inPod },
      { keys: { mac: '02:00:00:00:0a:01', trust: 'on' }, wanted: '02:00:00:00:0a:01', inPod },
      { wanted: vf.mac },
    ];
    for (const step of steps) await assertAttaches(node, vf, peer, step);
  });
});

test('a MAC that the administrator set through the PF is there again after DEL', async (node, vfs) => {
  const [own, set] = [nth(vfs, 0).mac, '02:00:00:00:0b:01'];
  const give = (mac: string): Promise<string> => {
    const { pf, index, netdev } = nth(vfs, 0);
    const vf = `ip link set ${pf} vf ${index}`;
    return node.sh(`set -e
      ${vf} trust on && ip link set ${netdev} address ${mac} && ${vf} mac ${mac} && ${vf} trust off`);
  };
  await withPeer(node, vfs, async (vf, peer) => {
    await give(set);
    const steps: readonly Attach[] = [
      { wanted: set },
      { keys: { mac: '02:00:00:00:0b:02' }, wanted: '02:00:00:00:0b:02' },
      { keys: { mac: '02:00:00:00:0b:03', trust: 'on' }, wanted: '02:00:00:00:0b:03' },
      { wanted: set },
    ];
    for (const step of steps) await assertAttaches(node, vf, peer, step);
  });
  await give(own);
});
