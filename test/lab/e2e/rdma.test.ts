// A VF with an RDMA device, which rdma-cni moves into the pod behind the plugin, and which stays there when its DEL
// never comes.
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CniResultJson } from '../../support/cni-node.ts';
import { hasGo } from '../../support/go.ts';
import { peer } from '../../support/peers.ts';
import { assert, suite } from '../../support/suite.ts';
import type { VirtualFunction } from '../lab.ts';
import { type LabCall, type LabNode, nth } from '../lab-node.ts';
import { missingForModules, provideRdmaModules } from '../rdma/modules.ts';
import { onSharedNode } from '../shared-node.ts';

const device = 'fake0';
const rdmaCni = peer('rdma', 'rdma-cni');
const missing = await missingForModules();

/** Sets the mode of the RDMA subsystem, which can't be changed once there are devices and other namespaces. */
async function setUp(node: LabNode, vf: VirtualFunction, mode: 'exclusive' | 'shared'): Promise<void> {
  const { host, guest } = node.lab.share;
  await provideRdmaModules(host);
  await node.sh(`
    set -e
    ip netns del pod1
    ip netns del pod2
    ${guest}/busybox insmod ${guest}/ib_core.ko
    rdma system set netns ${mode}
    ${guest}/busybox insmod ${guest}/fake_rdma.ko parent=${vf.pciAddress}
    [ "$(ls /sys/bus/pci/devices/${vf.pciAddress}/infiniband)" = ${device} ]`);
  await node.addPod('pod1');
  await node.addPod('pod2');
}

/** RDMA devices that a pod (by default the host) sees. */
async function devices(node: LabNode, pod = ''): Promise<readonly string[]> {
  const text = await node.sh(`${pod === '' ? '' : `ip netns exec ${pod} `}rdma -j dev`);
  return text.trim() === '' ? [] : (JSON.parse(text) as { ifname: string }[]).map(({ ifname }) => ifname);
}

/** ADD of rdma-cni, the second plugin of the chain. */
async function addRdma(
  node: LabNode,
  conf: Record<string, unknown>,
  prevResult: CniResultJson,
): Promise<CniResultJson> {
  if (rdmaCni === null) throw new Error('there is no rdma-cni');
  copyFileSync(rdmaCni, join(node.lab.share.host, 'rdma'));
  await node.sh(`cp ${node.lab.share.guest}/rdma ${node.pluginDir}/rdma`);
  const stdin = JSON.stringify({ ...conf, type: 'rdma', prevResult });
  const { status, stdout, stderr } = await node.lab.run([`${node.pluginDir}/rdma`], {
    env: node.environment('ADD', {}),
    stdin,
  });
  if (status !== 0) throw new Error(`ADD of rdma-cni failed: ${stdout}\n${stderr}`);
  return JSON.parse(stdout) as CniResultJson;
}

type VfBody = (node: LabNode, vf: VirtualFunction) => Promise<void>;

/** Tests of one mode share a node. */
function inMode(mode: 'exclusive' | 'shared'): (name: string, body: VfBody) => void {
  const group = suite(`lab/rdma ${mode}`);
  if (missing !== null) return (name) => group.skip(name, missing);
  const onNode = onSharedNode(group, { vfs: [1] });
  const ready = new WeakSet<LabNode>();
  return (name, body) =>
    onNode(name, async (node, vfs) => {
      if (!ready.has(node)) await setUp(node, nth(vfs, 0), mode);
      ready.add(node);
      await body(node, nth(vfs, 0));
    });
}

const exclusive = inMode('exclusive');

exclusive(
  'exclusive: an RDMA device that is left in the pod comes back with the VF, also without CNI_NETNS',
  async (node, vf) => {
    const conf = node.conf({ deviceID: vf.pciAddress, ipam: node.ipam() });
    for (const call of [{}, { pod: '', containerId: 'pod1' }] satisfies LabCall[]) {
      const before = await node.picture();
      await node.succeed('ADD', conf);
      assert.equal(await devices(node), [device], 'ADD leaves it to rdma-cni');
      await node.sh(`rdma dev set ${device} netns pod1`);
      assert.equal(await devices(node), []);
      assert.equal(await devices(node, 'pod1'), [device]);
      await node.succeed('DEL', conf, call);
      assert.equal(await devices(node), [device]);
      assert.equal(await node.picture(), before);
    }
  },
);

exclusive(
  'exclusive: a process holds the pod’s namespace: nobody else gets the VF, and DEL brings it and its RDMA device home',
  async (node, vf) => {
    const conf = node.conf({ deviceID: vf.pciAddress });
    await node.succeed('ADD', conf);
    await node.sh(`rdma dev set ${device} netns pod1`);
    const holder = await node.lab.start(['ip', 'netns', 'exec', 'pod1', 'sleep', '1000']);
    await node.sh('until [ -n "$(ip netns pids pod1)" ]; do sleep 0.05; done; ip netns del pod1');
    assert.is((await node.fail('ADD', conf, { pod: 'pod2' })).code, 102);
    await node.succeed('DEL', conf);
    assert.equal(await devices(node), [device]);
    await node.succeed('ADD', conf, { pod: 'pod2' });
    await node.succeed('DEL', conf, { pod: 'pod2' });
    await holder.stop();
    await node.addPod('pod1');
  },
);

const chained = 'exclusive, rdma-cni behind the plugin, and its DEL never comes';
if (rdmaCni === null && missing === null) {
  suite('lab/rdma chained').skip(chained, 'there is no rdma-cni: it is built with Go', { allowedInCi: !hasGo() });
} else {
  exclusive(chained, async (node, vf) => {
    const before = await node.picture();
    const conf = node.conf({ cniVersion: '1.0.0', deviceID: vf.pciAddress, ipam: node.ipam() });
    const prevResult = await addRdma(node, conf, await node.attach(conf));
    assert.equal(await devices(node, 'pod1'), [device]);
    await node.succeed('DEL', { ...conf, prevResult });
    assert.equal(await devices(node), [device]);
    assert.equal(await node.picture(), before);
  });
}

inMode('shared')('shared: it stays where it is', async (node, vf) => {
  const conf = node.conf({ deviceID: vf.pciAddress });
  await node.succeed('ADD', conf);
  assert.equal(await devices(node, 'pod1'), [device]);
  const { status, stderr } = await node.cni('DEL', conf);
  assert.is(status, 0);
  assert.not.match(stderr, 'RDMA');
});
