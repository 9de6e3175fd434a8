// The plugin's own DaemonSet.
import { deepStrictEqual, notDeepStrictEqual } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { imageName } from '../../../scripts/build/image.ts';
import { executable } from '../../lab/lab-node.ts';
import type { Cluster } from '../cluster.ts';
import { plugins } from '../disk.ts';
import { nextImageName } from '../images.ts';
import { awaitPods } from '../pods.ts';
import { checkDemoPod, demoManifest, demoNamespace, scale } from './demo.ts';
import { type Scenario, withManifest } from './scenario.ts';

const folder = join(import.meta.dirname, '../../../deploy/as-sriov');
const daemonSet = ['-n', 'kube-system', 'daemonset/dra-sriov-cni'];
const own = createHash('sha256').update(readFileSync(executable)).digest('hex');

/** Waits until the DaemonSet's pods are of its last version. Returns the digest of what they installed. */
async function awaitRollout(cluster: Cluster): Promise<string | undefined> {
  await cluster.controlPlane.must(['rollout', 'status', ...daemonSet, '--timeout=600s'], { timeoutMs: 660_000 });
  return (await cluster.worker.sh(`sha256sum ${plugins}/sriov`)).split(' ')[0];
}

async function checkPods(cluster: Cluster, count: number): Promise<void> {
  for (const pod of await awaitPods(cluster, demoNamespace, count)) await checkDemoPod(cluster, pod);
}

const setImage = (cluster: Cluster, name: string): Promise<string> =>
  cluster.controlPlane.must(['set', 'image', ...daemonSet, `*=${name}:other`]);

/** The plugin comes, gives way to another build while a pod starts, and comes back while pods end. */
async function deliver(cluster: Cluster): Promise<void> {
  deepStrictEqual(await awaitRollout(cluster), own);
  await checkPods(cluster, 1);
  await setImage(cluster, nextImageName);
  await scale(cluster, 2);
  notDeepStrictEqual(await awaitRollout(cluster), own);
  await checkPods(cluster, 2);
  await setImage(cluster, imageName);
  await scale(cluster, 0);
  deepStrictEqual(await awaitRollout(cluster), own);
  await awaitPods(cluster, demoNamespace, 0);
}

async function withDaemonSet(cluster: Cluster, body: () => Promise<void>): Promise<void> {
  await cluster.controlPlane.must(['apply', '-k', folder]);
  try {
    await body();
  } finally {
    await cluster.controlPlane.must(['delete', '-k', folder, '--timeout=300s'], { timeoutMs: 360_000 });
  }
}

export const deliveryScenarios: readonly Scenario[] = [
  {
    name: 'delivery: our DaemonSet installs the plugin, and is rolled to another build while pods come and go',
    run: async (cluster) => {
      await cluster.worker.sh(`rm ${plugins}/sriov`);
      try {
        await withManifest(cluster, demoManifest, () => withDaemonSet(cluster, () => deliver(cluster)));
      } finally {
        await cluster.worker.putPlugin('dra-sriov');
      }
    },
  },
];
