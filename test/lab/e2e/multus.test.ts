import process from 'node:process';
import type { ClusterPod } from '../../support/cluster.ts';
import { claimDeviceName } from '../../support/driver-files.ts';
import { hasGo } from '../../support/go.ts';
import { type Manifest, readManifest } from '../../support/manifest.ts';
import { peer } from '../../support/peers.ts';
import { assert, suite } from '../../support/suite.ts';
import type { VirtualFunction } from '../lab.ts';
import { type LabNode, nth } from '../lab-node.ts';
import { type MultusCall, MultusNode } from '../multus-node.ts';
import { onSharedNode } from '../shared-node.ts';

const test = suite('lab/multus');
const demo = readManifest('multus-multiple-vf.yaml');

/** Multus keeps its files where tests may not write on a machine with real hardware. */
const whyNot =
  process.env['LAB'] === 'hardware'
    ? 'Multus and what is around it run in the emulated lab only'
    : peer('multus', 'kubernetes') === null
      ? 'there is no Multus on this machine: it needs Go'
      : null;

type Body = (multus: MultusNode, vfs: readonly VirtualFunction[]) => Promise<void>;

const onNode = onSharedNode(test, { vfs: [4, 1] });
const started = new WeakMap<LabNode, MultusNode>();

async function multusOn(node: LabNode): Promise<MultusNode> {
  const multus = started.get(node) ?? new MultusNode(node);
  if (!started.has(node)) await multus.start();
  started.set(node, multus);
  return multus;
}

/** Registers a test on a node with Multus, an API server and a kubelet. The test has to detach its pod. */
function onMultusNode(name: string, body: Body): void {
  if (whyNot !== null) {
    test.skip(name, whyNot, { allowedInCi: !hasGo() });
    return;
  }
  onNode(name, async (node, vfs) => {
    const multus = await multusOn(node);
    multus.cluster.publishSlice(vfs);
    await body(multus, vfs);
    await multus.forget();
  });
}

interface Attachment {
  readonly network: string;
  readonly ifname: string;
  readonly vf: VirtualFunction;
  /** The `deviceID` that Multus has put into the network's config, if any. */
  readonly deviceId?: string;
  readonly deviceInfo?: boolean;
}

/** Asserts that the pod has its first network and these, and that Multus has told the API server so. */
async function assertAttached(multus: MultusNode, pod: ClusterPod, wanted: readonly Attachment[]): Promise<void> {
  const { node, cluster } = multus;
  const [first, ...others] = cluster.networkStatus(pod);
  assert.equal([first?.interface, first?.default], ['eth0', true]);
  assert.equal(first?.ips, [await node.address('pod1', 'eth0')]);
  assert.is(others.length, wanted.length);
  for (const [at, { network, ifname, vf, deviceId, deviceInfo }] of wanted.entries()) {
    const link = await node.link(ifname, 'pod1');
    assert.is(link.parentdev, vf.pciAddress, `the VF of ${ifname}`);
    assert.is(await multus.passedDeviceId(pod, network, ifname), deviceId, `the deviceID for ${ifname}`);
    const { dns: _, mtu: __, ...status } = others[at] as unknown as Record<string, unknown>;
    assert.equal(status, {
      name: `${pod.namespace}/${network}`,
      interface: ifname,
      ips: link.addr_info.filter(({ scope }) => scope === 'global').map(({ local }) => local),
      mac: link.address,
      ...(deviceInfo === true
        ? { 'device-info': { type: 'pci', version: '1.1.0', pci: { 'pci-address': vf.pciAddress } } }
        : {}),
    });
  }
}

/** ADD, a look for the wanted attachments, DEL. */
async function play(
  multus: MultusNode,
  pod: ClusterPod,
  wanted: readonly Attachment[],
  call: MultusCall = {},
): Promise<void> {
  await multus.prepare();
  await multus.add(pod, call);
  await assertAttached(multus, pod, wanted);
  await multus.delete(pod, call);
}

/** An attachment whose VF Multus itself knows and names. */
function named(network: string, ifname: string, vf: VirtualFunction): Attachment {
  return { network, ifname, vf, deviceId: vf.pciAddress, deviceInfo: true };
}

/** The manifest with the names of the PFs here in the networks' configs. */
function onPfs(manifest: Manifest, names: Readonly<Record<string, string>>): Manifest {
  const rename = (config: string): string =>
    Object.entries(names).reduce((text, [from, to]) => text.replaceAll(from, to), config);
  return {
    ...manifest,
    networks: manifest.networks.map((nad) => ({ ...nad, spec: { config: rename(nad.spec.config) } })),
  };
}

/** The manifest with a claim of its user's, whose name is known beforehand and can be the networks' resource. */
function withNamedClaim(manifest: Manifest): Manifest {
  const [template] = manifest.claimTemplates;
  const name = template?.metadata.name ?? '';
  const annotations = { 'k8s.v1.cni.cncf.io/resourceName': name };
  const networks = manifest.networks.map((nad) => ({ ...nad, metadata: { ...nad.metadata, annotations } }));
  const spec = { ...manifest.pod.spec, resourceClaims: [{ name: 'sriov', resourceClaimName: name }] };
  return { ...manifest, networks, pod: { ...manifest.pod, spec } };
}

onMultusNode('the demo as it is: Multus finds no device, and each interface gets the next VF', async (multus, vfs) => {
  const pod = multus.cluster.apply(demo, { podName: 'pod0', vfs: [nth(vfs, 2), nth(vfs, 1)] });
  await multus.prepare();
  await multus.add(pod);
  await assertAttached(multus, pod, [
    { network: 'vf-test1', ifname: 'net1', vf: nth(vfs, 1) },
    { network: 'vf-test1', ifname: 'net2', vf: nth(vfs, 2) },
  ]);
  // Before the runtime detaches a pod, the API server may have lost the pod and its networks, and the driver its
  // files.
  await multus.forget();
  await multus.delete(pod);
  await multus.delete(pod);
});

onMultusNode(
  'the demo with PCI addresses from Multus, as from the attributes of a ResourceSlice: device-info in the status',
  async (multus, vfs) => {
    multus.cluster.publishSlice(vfs, () => 'sriov/vf');
    const pod = multus.cluster.apply(demo, { podName: 'pod0', vfs: [nth(vfs, 3), nth(vfs, 0)] });
    await play(multus, pod, [named('vf-test1', 'net1', nth(vfs, 0)), named('vf-test1', 'net2', nth(vfs, 3))]);
  },
);

const uids = ['3f0c7a52-7c1d-4e8f-a6b0-2d4c6e8f0a13', 'a1b2c3d4-11aa-4c57-9d5e-3f1b0a7c9e01'] as const;

onMultusNode('a CDI device from Multus 4.3, which names the first VF of the claim twice', async (multus, vfs) => {
  const [claimUid, podUid] = uids;
  const options = { podName: 'pod0', podUid, claimUid, vfs: vfs.slice(0, 2) };
  const pod = multus.cluster.apply(withNamedClaim(demo), options);
  const first = claimDeviceName(claimUid, nth(vfs, 0).pciAddress);
  await play(multus, pod, [
    { network: 'vf-test1', ifname: 'net1', vf: nth(vfs, 0), deviceId: first },
    { network: 'vf-test1', ifname: 'net2', vf: nth(vfs, 1), deviceId: first },
  ]);
});

onMultusNode('a CDI device from Multus 4.3, which names the pod’s', async (multus, vfs) => {
  const [podUid, claimUid] = uids;
  const options = { podName: 'pod0', podUid, claimUid, vfs: [nth(vfs, 1), nth(vfs, 0)] };
  const pod = multus.cluster.apply(withNamedClaim(demo), options);
  await play(multus, pod, [
    { network: 'vf-test1', ifname: 'net1', vf: nth(vfs, 0), deviceId: podUid },
    { network: 'vf-test1', ifname: 'net2', vf: nth(vfs, 1), deviceId: podUid },
  ]);
});

onMultusNode('Multus 4.0 knows no claims: each interface gets the next VF', async (multus, vfs) => {
  const pod = multus.cluster.apply(withNamedClaim(demo), { podName: 'pod0', vfs: vfs.slice(0, 2) });
  const wanted = [
    { network: 'vf-test1', ifname: 'net1', vf: nth(vfs, 0) },
    { network: 'vf-test1', ifname: 'net2', vf: nth(vfs, 1) },
  ];
  await play(multus, pod, wanted, { version: '4.0.2' });
});

onMultusNode('vf-control and vf-data: the claim says which VF is whose', async (multus, vfs) => {
  const { node, cluster } = multus;
  const manifest = readManifest('multus-different-networks.yaml');
  const [control, data] = [nth(vfs, 3), nth(vfs, 1)];
  // vf-data asks for jumbo frames, which the PF has to allow first.
  await node.sh(`ip link set ${data.pf} mtu 9000`);
  const pod = cluster.apply(manifest, { podName: 'router', vfs: [control, data] });
  await play(multus, pod, [
    { network: 'vf-control', ifname: 'net1', vf: control },
    { network: 'vf-data', ifname: 'net2', vf: data },
  ]);
  await node.sh(`ip link set ${data.pf} mtu 1500`);
});

onMultusNode('interface names, a MAC and an address from the annotation', async (multus, vfs) => {
  const pod = multus.cluster.apply(readManifest('multus-interface-names.yaml'), {
    podName: 'named',
    vfs: vfs.slice(0, 2),
  });
  await multus.prepare();
  await multus.add(pod);
  await assertAttached(multus, pod, [
    { network: 'vf-test1', ifname: 'control', vf: nth(vfs, 0) },
    { network: 'vf-test1', ifname: 'data', vf: nth(vfs, 1) },
  ]);
  const { address } = await multus.node.link('data', 'pod1');
  assert.equal([address, await multus.node.address('pod1', 'data')], ['02:00:00:00:03:0a', '10.0.3.10']);
  await multus.delete(pod);
});

onMultusNode('two claims, a VF on each PF', async (multus, vfs) => {
  const manifest = readManifest('multus-multiple-claims.yaml');
  const [left, right] = [nth(vfs, 2), nth(vfs, 4)];
  const pod = multus.cluster.apply(onPfs(manifest, { ens1f1: right.pf }), { podName: 'bridge', vfs: [left, right] });
  await play(multus, pod, [
    { network: 'vf-left', ifname: 'net1', vf: left },
    { network: 'vf-right', ifname: 'net2', vf: right },
  ]);
});
