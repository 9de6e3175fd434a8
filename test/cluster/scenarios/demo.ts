// The reference demo: two VFs of one claim in each pod of a Deployment, and what becomes of them when pods come and go.
import { deepStrictEqual, ok } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import type { Cluster } from '../cluster.ts';
import { attachedVfs, awaitPods, isReady, type Pod, podsOf } from '../pods.ts';
import {
  checkHealthy,
  checkPings,
  checkPod,
  only,
  readExample,
  type Scenario,
  type WantedVf,
  withManifest,
} from './scenario.ts';

export const demoNamespace = 'vf-test8';
const demoDeployment = 'deployment/pod0';

const manifestFile = process.env['MANIFEST'];
/** The demo's manifest, as it is. */
export const demoManifest =
  manifestFile === undefined ? readExample('multus-multiple-vf.yaml') : readFileSync(manifestFile, 'utf8');

const wanted: readonly WantedVf[] = ['net1', 'net2'].map((ifname) => ({ ifname, subnet: '10.0.2.', trust: true }));

export const checkDemoPod = (cluster: Cluster, pod: Pod) => checkPod(cluster, pod, wanted);

export function scale(cluster: Cluster, replicas: number): Promise<string> {
  return cluster.controlPlane.must(['scale', '-n', demoNamespace, demoDeployment, `--replicas=${replicas}`]);
}

/** All pods' VFs and addresses are different ones. */
async function checkApart(cluster: Cluster, pods: readonly Pod[]): Promise<void> {
  const attached = (await Promise.all(pods.map((pod) => attachedVfs(cluster, pod)))).flat();
  const vfs = new Set(attached.map(({ vf }) => vf.pciAddress));
  const addresses = new Set(attached.map(({ address }) => address));
  deepStrictEqual(
    [vfs.size, addresses.size],
    [2 * pods.length, 2 * pods.length],
    'no two pods share a VF or an address',
  );
}

export const demoScenarios: readonly Scenario[] = [
  {
    name: 'demo: the manifest as it is, two VFs of one claim, and a second pod to talk to',
    run: (cluster, progress) =>
      withManifest(cluster, demoManifest, async () => {
        const pod = only(await awaitPods(cluster, demoNamespace, 1));
        progress(`\n${await cluster.controlPlane.must(['get', 'pods', '-n', demoNamespace, '-o', 'wide'])}`);
        const attached = await checkDemoPod(cluster, pod);
        await scale(cluster, 2);
        const pods = await awaitPods(cluster, demoNamespace, 2);
        const other = only(pods.filter(({ metadata }) => metadata.uid !== pod.metadata.uid));
        await checkPings(cluster, attached, await checkDemoPod(cluster, other));
        await checkHealthy(cluster);
      }),
  },
  {
    name: 'scale: 1, 3, more pods than VFs, 0',
    run: (cluster) =>
      withManifest(cluster, demoManifest, async () => {
        await awaitPods(cluster, demoNamespace, 1);
        await scale(cluster, 3);
        await checkApart(cluster, await awaitPods(cluster, demoNamespace, 3));
        await scale(cluster, 8);
        let pods: readonly Pod[] = [];
        await cluster.controlPlane.until(
          'seven of eight pods are ready',
          async () => {
            pods = await podsOf(cluster, demoNamespace);
            return pods.length === 8 && pods.filter(isReady).length === 7;
          },
          1_200_000,
        );
        await checkApart(cluster, pods.filter(isReady));
        deepStrictEqual(only(pods.filter((pod) => !isReady(pod))).status.phase, 'Pending');
        await scale(cluster, 0);
        await awaitPods(cluster, demoNamespace, 0);
      }),
  },
  {
    name: 'rolling restart, and a pod deleted by force',
    run: (cluster) =>
      withManifest(cluster, demoManifest, async () => {
        await scale(cluster, 2);
        const before = await awaitPods(cluster, demoNamespace, 2);
        await cluster.controlPlane.must(['rollout', 'restart', '-n', demoNamespace, demoDeployment]);
        const status = ['rollout', 'status', '-n', demoNamespace, demoDeployment, '--timeout=900s'];
        await cluster.controlPlane.must(status, { timeoutMs: 960_000 });
        const after = await awaitPods(cluster, demoNamespace, 2);
        const uids = new Set(before.map(({ metadata }) => metadata.uid));
        ok(
          after.every(({ metadata }) => !uids.has(metadata.uid)),
          'all pods are new ones',
        );
        await checkApart(cluster, after);
        const [first] = after;
        if (first === undefined) throw new Error('there is no pod');
        const force = ['delete', 'pod', '-n', demoNamespace, first.metadata.name, '--force', '--grace-period=0'];
        await cluster.controlPlane.must(force);
        const last = await awaitPods(cluster, demoNamespace, 2);
        await checkApart(cluster, last);
        for (const pod of last) await checkDemoPod(cluster, pod);
      }),
  },
];
