// dra-driver-sriov in STANDALONE mode, where DRA_DRIVER names its executable: it calls the plugin itself, as
// containerd's NRI tells it of sandboxes.
import { match } from 'node:assert/strict';
import process from 'node:process';
import type { Cluster } from '../cluster.ts';
import { awaitPods, type Pod, type ToldInterface, toldByClaims } from '../pods.ts';
import { checkHealthy, checkPod, only, readExample, type Scenario, withManifest } from './scenario.ts';

const namespace = 'vf-standalone';
const interfaces = ['vfnet0', 'vfnet1'];

async function checkInterfaces(cluster: Cluster, pod: Pod): Promise<void> {
  let told: readonly ToldInterface[] = [];
  await cluster.controlPlane.until('the claim tells of both interfaces', async () => {
    told = await toldByClaims(cluster, pod);
    return told.length === interfaces.length && told.every((each) => each.interface !== '');
  });
  const wanted = interfaces.map((ifname) => ({ ifname, subnet: '10.0.7.', trust: true }));
  const sorted = told.toSorted((one, other) => one.interface.localeCompare(other.interface));
  await checkPod(cluster, pod, wanted, sorted);
  await checkHealthy(cluster);
}

/** The driver is at NRI some seconds after the kubelet has it, and never hears of what happens to pods before that. */
async function awaitNri(cluster: Cluster, start: () => Promise<void>): Promise<void> {
  const count = async (): Promise<number> =>
    Number(await cluster.worker.sh("grep -c 'NRI plugin started' /node/log/dra-driver.log || true"));
  const before = await count();
  await start();
  await cluster.controlPlane.until('the driver is at NRI', async () => (await count()) > before);
}

/** A pod of the example runs, with the driver in STANDALONE mode, while `body` does something to it. */
async function withPod(cluster: Cluster, body: (pod: Pod) => Promise<void>): Promise<void> {
  await awaitNri(cluster, () => cluster.worker.setDriverMode('STANDALONE'));
  try {
    await withManifest(cluster, readExample('standalone-multiple-vf.yaml'), async () => {
      const pod = only(await awaitPods(cluster, namespace, 1));
      await checkInterfaces(cluster, pod);
      await body(pod);
    });
  } finally {
    await cluster.worker.setDriverMode('MULTUS');
  }
}

const standalone: readonly Scenario[] = [
  {
    name: 'standalone: two VFs of one claim by the driver itself, which is killed and started under the pod',
    run: (cluster) =>
      withPod(cluster, async (pod) => {
        await awaitNri(cluster, () => cluster.worker.restartService('dra-driver', 'KILL'));
        await checkInterfaces(cluster, pod);
      }),
  },
  {
    name: 'standalone: a pod ends while there is no driver to call DEL, and gc gives its VFs back',
    run: (cluster) =>
      withPod(cluster, async ({ metadata }) => {
        await cluster.worker.stopService('dra-driver');
        await cluster.controlPlane.must(['delete', 'pod', '-n', namespace, metadata.name, '--wait=false']);
        const tell = async (verb: string): Promise<string> => (await cluster.worker.node.operate(verb)).stdout;
        await cluster.controlPlane.until('the sandbox is gone', async () => /dead/.test(await tell('attachments')));
        await awaitNri(cluster, () => cluster.worker.startService('dra-driver'));
        await awaitPods(cluster, namespace, 0);
        match(await tell('doctor'), /dead or half done.*gc/s);
        match(await tell('gc'), /2/);
      }),
  },
];

export const standaloneScenarios = process.env['DRA_DRIVER'] === undefined ? [] : standalone;
