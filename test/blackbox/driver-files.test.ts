// The DRA driver's files, written with the libraries that the driver itself writes them with (test/peers/kubernetes).
import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Cluster, type ClusterPod, type SliceDevice } from '../support/cluster.ts';
import type { CniCall } from '../support/cni-node.ts';
import { hasGo } from '../support/go.ts';
import { readManifest } from '../support/manifest.ts';
import { asRoot } from '../support/netns.ts';
import { peer } from '../support/peers.ts';
import { type StandInNode, withStandInNode } from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';
import { linkNames, linkOf } from './pod-view.ts';

const test = suite('driver files');
const draDriver = peer('dra-driver', 'kubernetes');
const prefix = 'sriovnetwork.k8snetworkplumbingwg.io-vf_';

const root: (name: string, body: () => void) => void =
  draDriver === null
    ? (name) => test.skip(name, 'the program that writes them needs Go', { allowedInCi: !hasGo() })
    : asRoot(test);

function devicesOf(node: StandInNode): SliceDevice[] {
  return node.vfPcis.map((pciAddress) => ({ pciAddress, pf: 'pf0' }));
}

/** The driver prepares all claims. Its library knows one place for device-info, so it gets a /run of its own. */
function prepare(node: StandInNode, cluster: Cluster): void {
  const script = `mount -t tmpfs run /run && mkdir -p /run/k8s.cni.cncf.io/devinfo &&
    mount --bind "$1" /run/k8s.cni.cncf.io/devinfo && exec "$0" -objects "$2" -cdi "$3"`;
  const paths = [join(node.directory, 'devinfo'), cluster.directory, join(node.directory, 'cdi')];
  execFileSync('unshare', ['--mount', 'sh', '-c', script, draDriver ?? '', ...paths]);
}

function callOf(pod: ClusterPod, ifname: string): CniCall {
  const args = `IgnoreUnknown=true;K8S_POD_NAMESPACE=${pod.namespace};K8S_POD_NAME=${pod.name};K8S_POD_UID=${pod.uid}`;
  return { args, ifname };
}

function modesIn(directory: string): Readonly<Record<string, string>> {
  const mode = (name: string): string => (statSync(join(directory, name)).mode & 0o777).toString(8);
  return Object.fromEntries(
    readdirSync(directory)
      .sort()
      .map((name) => [name, mode(name)]),
  );
}

root('CDI specs of pod and claim: each network gets the VF that the claim has for it', () => {
  withStandInNode({ built: true, vfs: 4 }, (node) => {
    const cluster = new Cluster(join(node.directory, 'objects'));
    cluster.publishSlice(devicesOf(node));
    const [, data, , control] = devicesOf(node);
    if (control === undefined || data === undefined) throw new Error('four VFs are needed');
    const claimUid = '0b9e3a52-7c1d-4e8f-a6b0-2d4c6e8f0a13';
    const manifest = readManifest('multus-different-networks.yaml');
    const pod = cluster.apply(manifest, { podName: 'router', vfs: [control, data], claimUid });
    prepare(node, cluster);
    const names = [pod.uid, claimUid].map((uid) => `${prefix}${uid}.yaml`);
    assert.equal(modesIn(join(node.directory, 'cdi')), Object.fromEntries(names.sort().map((name) => [name, '600'])));
    const macs = [1, 3].map((index) => linkOf(node.host, node.vfName(index)).address);
    node.succeed('ADD', node.conf({ name: 'vf-data' }), callOf(pod, 'net1'));
    node.succeed('ADD', node.conf({ name: 'vf-control' }), callOf(pod, 'net2'));
    assert.equal(
      ['net1', 'net2'].map((ifname) => linkOf(node.pod, ifname).address),
      macs,
    );
    node.succeed('DEL', node.conf({ name: 'vf-control' }), callOf(pod, 'net2'));
    node.succeed('DEL', node.conf({ name: 'vf-data' }), callOf(pod, 'net1'));
    assert.equal(linkNames(node.pod), ['lo']);
  });
});

root('device-info, in a directory that its library makes: resourceName picks the VF', () => {
  withStandInNode({ built: true }, (node) => {
    const cluster = new Cluster(join(node.directory, 'objects'));
    const [one, two] = devicesOf(node);
    if (one === undefined || two === undefined) throw new Error('two VFs are needed');
    cluster.publishSlice([one, two], (vf) => (vf === two ? 'sriov/vf' : null));
    const pod = cluster.apply(readManifest('multus-multiple-vf.yaml'), { podName: 'pod0', vfs: [one, two] });
    rmSync(join(node.directory, 'devinfo/dp'), { recursive: true });
    prepare(node, cluster);
    assert.equal(modesIn(join(node.directory, 'devinfo')), { cni: '755', dp: '0' });
    const file = `sriov-vf-${two.pciAddress}-device.json`;
    assert.equal(modesIn(join(node.directory, 'devinfo/dp')), { [file]: '444' });
    const { address } = linkOf(node.host, node.vfName(1));
    node.succeed('ADD', node.conf({ resourceName: 'sriov/vf' }), callOf(pod, 'net1'));
    assert.is(linkOf(node.pod, 'net1').address, address);
    const runtimeConfig = { CNIDeviceInfoFile: join(node.directory, 'devinfo/dp', file) };
    const error = node.fail('ADD', node.conf({ runtimeConfig }), callOf(pod, 'net2'));
    assert.equal([error.code, error.msg.includes(two.pciAddress)], [102, true], error.msg);
    node.succeed('DEL', node.conf({ resourceName: 'sriov/vf' }), callOf(pod, 'net1'));
    assert.equal(linkNames(node.pod), ['lo']);
  });
});
