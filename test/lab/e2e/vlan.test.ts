import { assert, suite } from '../../support/suite.ts';
import type { Frame } from '../capture-file.ts';
import { type LabNode, nth } from '../lab-node.ts';
import { onSharedNode } from '../shared-node.ts';

const test = onSharedNode(suite('lab/vlan'), { vfs: [3, 2] });

const ipv4 = 0x0800;

/** The tags of a sender's IPv4 frames, without repetitions. */
function tagsOf(frames: readonly Frame[], source: string): string[] {
  const sent = frames.filter((frame) => frame.source === source && frame.etherType === ipv4);
  return [...new Set(sent.map(({ vlan }) => (vlan === undefined ? 'none' : `${vlan.id}/${vlan.priority}`)))];
}

async function talk(node: LabNode, one: string, other: string): Promise<boolean> {
  return node.reaches(one, await node.address(other), 'net1');
}

/** Whether one pod reaches the other, without a wait but that for carrier, for pods that have to stay silent. */
async function answers(node: LabNode, one: string, other: string): Promise<boolean> {
  await node.sh(`
    for pod in ${one} ${other}; do
      until ip -n $pod link show net1 | grep -q LOWER_UP; do sleep 0.1; done
    done`);
  return node.ping(one, await node.address(other), 'net1');
}

test('pods of one VLAN talk, on one card and across cards; pods of different VLANs do not', async (node, vfs) => {
  const [one, third, same, other, untagged] = [0, 1, 2, 3, 4].map((at) => nth(vfs, at).pciAddress);
  const ipam = node.ipam();
  const confs: Record<string, unknown> = {
    pod1: node.conf({ deviceID: one, vlan: 100, vlanQoS: 5, ipam }),
    pod2: node.conf({ deviceID: other, vlan: 100, vlanQoS: 2, ipam }),
    pod3: node.conf({ deviceID: third, vlan: 200, ipam }),
    pod4: node.conf({ deviceID: untagged, ipam }),
    pod5: node.conf({ deviceID: same, vlan: 100, ipam }),
  };
  for (const pod of ['pod3', 'pod4', 'pod5']) await node.addPod(pod);
  for (const [pod, conf] of Object.entries(confs)) await node.succeed('ADD', conf, { pod });
  const vlans: unknown[] = [];
  for (const vf of vfs) vlans.push((await node.vfInfo(vf))['vlan_list']);
  assert.equal(vlans, [[{ vlan: 100, qos: 5 }], [{ vlan: 200 }], [{ vlan: 100 }], [{ vlan: 100, qos: 2 }], [{}]]);

  const capture = await node.lab.capture(nth(vfs, 0).pf);
  assert.ok(await talk(node, 'pod1', 'pod2'), '100 and 100, across cards');
  const frames = await capture.stop();
  assert.equal(tagsOf(frames, nth(vfs, 0).mac), ['100/5'], 'sent by pod1');
  assert.equal(tagsOf(frames, nth(vfs, 3).mac), ['100/2'], 'sent by pod2');
  assert.ok(await talk(node, 'pod1', 'pod5'), '100 and 100, on one card');
  assert.not(await answers(node, 'pod1', 'pod3'), '100 and 200, on one card');
  assert.not(await answers(node, 'pod3', 'pod2'), '200 and 100, across cards');
  assert.not(await answers(node, 'pod1', 'pod4'), '100 and none');
  assert.not(await answers(node, 'pod4', 'pod3'), 'none and 200');

  await node.succeed('DEL', confs['pod3'], { pod: 'pod3' });
  confs['pod3'] = node.conf({ deviceID: third, vlan: 0, ipam });
  await node.succeed('ADD', confs['pod3'], { pod: 'pod3' });
  assert.ok(await talk(node, 'pod3', 'pod4'), 'none and none');
  assert.not(await answers(node, 'pod3', 'pod5'), 'none and 100');
  for (const [pod, conf] of Object.entries(confs)) await node.succeed('DEL', conf, { pod });
  for (const pod of ['pod3', 'pod4', 'pod5']) await node.removePod(pod);
});

test('a VLAN that the VF had before: kept where the config has none, taken off where it says 0, back after DEL', async (node, vfs) => {
  const [vf, peer] = [nth(vfs, 0), nth(vfs, 3)];
  const tag = (id: number, qos: number): string =>
    [vf, peer].map(({ pf, index }) => `ip link set ${pf} vf ${index} vlan ${id} qos ${qos}`).join('\n');
  const conf = (deviceID: string, keys = {}): Record<string, unknown> =>
    node.conf({ deviceID, ...keys, ipam: node.ipam() });
  await node.sh(tag(300, 4));
  const before = await node.picture();

  await node.succeed('ADD', conf(vf.pciAddress));
  await node.succeed('ADD', conf(peer.pciAddress), { pod: 'pod2' });
  assert.equal((await node.vfInfo(vf))['vlan_list'], [{ vlan: 300, qos: 4 }]);
  assert.ok(await talk(node, 'pod1', 'pod2'));
  await node.succeed('DEL', conf(vf.pciAddress));

  await node.succeed('ADD', conf(vf.pciAddress, { vlan: 0 }));
  assert.equal((await node.vfInfo(vf))['vlan_list'], [{}]);
  assert.not(await answers(node, 'pod1', 'pod2'), 'none and 300');
  await node.succeed('DEL', conf(vf.pciAddress));
  await node.succeed('DEL', conf(peer.pciAddress), { pod: 'pod2' });
  assert.equal(await node.picture(), before);
  await node.sh(tag(0, 0));
});

test('a pod tags by itself on a VF without vlan; its VLAN device does not hinder DEL', async (node, vfs) => {
  const [vf, peer] = [nth(vfs, 0), nth(vfs, 3)];
  const confs = { pod1: node.conf({ deviceID: vf.pciAddress }), pod2: node.conf({ deviceID: peer.pciAddress }) };
  for (const [at, [pod, conf]] of Object.entries(confs).entries()) {
    await node.succeed('ADD', conf, { pod });
    await node.sh(`
      ip -n ${pod} link add link net1 name net1.50 type vlan id 50 egress-qos-map 0:3
      ip -n ${pod} addr add 10.50.0.${at + 1}/24 dev net1.50 && ip -n ${pod} link set net1.50 up`);
  }
  const capture = await node.lab.capture(vf.pf);
  assert.ok(await node.reaches('pod1', '10.50.0.2'));
  assert.equal(tagsOf(await capture.stop(), vf.mac), ['50/3']);
  for (const [pod, conf] of Object.entries(confs)) await node.succeed('DEL', conf, { pod });
});
