// The plugin's own DaemonSet.
import { deepStrictEqual } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { executable } from '../../lab/lab-node.ts';
import type { Cluster } from '../cluster.ts';
import { awaitPods } from '../pods.ts';
import { checkDemoPod, demoManifest, demoNamespace, scale } from './demo.ts';
import { type Scenario, withManifest } from './scenario.ts';

const folder = join(import.meta.dirname, '../../../deploy/as-sriov');
const daemonSet = ['-n', 'kube-system', 'daemonset/dra-sriov-cni'];
const installed = '/opt/cni/bin/sriov';

async function awaitRollout(cluster: Cluster): Promise<void> {
  await cluster.controlPlane.must(['rollout', 'status', ...daemonSet, '--timeout=600s'], { timeoutMs: 660_000 });
  const wanted = createHash('sha256').update(readFileSync(executable)).digest('hex');
  deepStrictEqual((await cluster.worker.sh(`sha256sum ${installed}`)).split(' ')[0], wanted);
}

export const deliveryScenarios: readonly Scenario[] = [
  {
    name: 'delivery: our DaemonSet installs the plugin, and is rolled while pods come and go',
    run: (cluster) =>
      withManifest(cluster, demoManifest, async () => {
        await scale(cluster, 0);
        await awaitPods(cluster, demoNamespace, 0);
        await cluster.worker.sh(`rm ${installed}`);
        await cluster.controlPlane.must(['apply', '-k', folder]);
        try {
          await awaitRollout(cluster);
          for (let round = 0; round < 2; round++) {
            await cluster.controlPlane.must(['rollout', 'restart', ...daemonSet]);
            await scale(cluster, 3);
            const pods = await awaitPods(cluster, demoNamespace, 3);
            for (const pod of pods) await checkDemoPod(cluster, pod);
            await awaitRollout(cluster);
            await scale(cluster, 0);
            await awaitPods(cluster, demoNamespace, 0);
          }
        } finally {
          // What stays on the node is the very plugin that was there before.
          await cluster.controlPlane.must(['delete', '-k', folder, '--timeout=300s'], { timeoutMs: 360_000 });
        }
      }),
  },
];
