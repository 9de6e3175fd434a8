// From sriov-cni, where SRIOV_CNI names its executable, to this plugin and back, under a running pod.
import { deepStrictEqual, match } from 'node:assert/strict';
import { sriovCniExecutable } from '../../lab/sriov-cni.ts';
import type { Cluster } from '../cluster.ts';
import { plugins } from '../disk.ts';
import { driverName } from '../node.ts';
import { attachedVfs, awaitPicture, awaitPods, execInPod, type Pod, pictureOfNode } from '../pods.ts';
import { applyManifest, deleteManifest, only, readExample, type Scenario, settingsOf } from './scenario.ts';

const namespace = 'vf-single';

/** A single VF. Multus 4.3 tells sriov-cni nothing of a claim, so claim and network name the same VF. */
function manifestFor(cluster: Cluster): string {
  const first = cluster.worker.vfs[0]?.pciAddress;
  const expression = `device.attributes["${driverName}"].pciAddress == "${first}"`;
  return readExample('multus-single-vf.yaml')
    .replace('"type": "sriov",', `"type": "sriov", "vlan": 100, "deviceID": "${first}",`)
    .replace(/( +)deviceClassName: .*/, `$&\n$1selectors: [{ cel: { expression: '${expression}' } }]`);
}

/** `dra-sriov ARGS` on the node. */
const tell = (cluster: Cluster, args: string): Promise<string> =>
  cluster.worker.sh(`${plugins}/dra-sriov ${args} 2>&1 || true`);

const install = (cluster: Cluster): Promise<string> => tell(cluster, `install --to ${plugins} --as sriov`);

async function checkVlan(cluster: Cluster, pod: Pod): Promise<void> {
  const [attached] = await attachedVfs(cluster, pod);
  if (attached === undefined) throw new Error('the pod has no VF');
  deepStrictEqual((await settingsOf(cluster, attached.vf)).vlan, 100);
  match(await execInPod(cluster, pod, 'ip', 'addr', 'show', 'net1'), /10\.0\.4\./);
}

async function runPod(cluster: Cluster, manifest: string): Promise<Pod> {
  await applyManifest(cluster, manifest);
  const pod = only(await awaitPods(cluster, namespace, 1));
  await checkVlan(cluster, pod);
  return pod;
}

async function switchOver(cluster: Cluster): Promise<void> {
  const manifest = manifestFor(cluster);
  const before = await pictureOfNode(cluster);
  await cluster.worker.putPlugin('sriov-cni');
  const theirs = await runPod(cluster, manifest);
  match(await install(cluster), /installed/);
  match(await tell(cluster, 'attachments'), /net1 of container .*, attached by sriov-cni, network vf-lan/);
  match(await tell(cluster, `explain ${namespace}/${theirs.metadata.name}`), /sriov-cni/);
  // DEL is ours now, of what sriov-cni attached.
  await deleteManifest(cluster, manifest);
  await awaitPicture(cluster, before);
  const own = await runPod(cluster, manifest);
  await cluster.worker.putPlugin('sriov-cni');
  match(await tell(cluster, 'doctor'), /sriov.*another plugin/s);
  // DEL is sriov-cni's, which knows nothing of it.
  await deleteManifest(cluster, manifest);
  match(await tell(cluster, 'attachments'), new RegExp(`${own.metadata.name}.*dead`, 's'));
  await install(cluster);
  await tell(cluster, 'gc --here');
  await awaitPicture(cluster, before);
}

const switches: readonly Scenario[] = [
  {
    name: 'switch: from sriov-cni to this plugin and back, under a running pod',
    run: async (cluster) => {
      try {
        await switchOver(cluster);
      } finally {
        await deleteManifest(cluster, manifestFor(cluster)).catch(() => undefined);
        await cluster.worker.putPlugin('dra-sriov');
      }
    },
  },
];

export const switchScenarios = sriovCniExecutable === null ? [] : switches;
