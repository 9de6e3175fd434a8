// dra-driver-sriov in STANDALONE mode, where DRA_DRIVER names its executable: without Multus.
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

/** The driver that calls DEL is not the one that called ADD. */
async function attachAndRestart(cluster: Cluster): Promise<void> {
  const pod = only(await awaitPods(cluster, namespace, 1));
  await checkInterfaces(cluster, pod);
  await cluster.worker.restartService('dra-driver', 'KILL');
  await cluster.awaitNode();
  await checkInterfaces(cluster, pod);
}

const standalone: Scenario = {
  name: 'standalone: two VFs of one claim by the driver itself, through NRI',
  run: async (cluster) => {
    await cluster.worker.setDriverMode('STANDALONE');
    try {
      await cluster.awaitNode();
      await withManifest(cluster, readExample('standalone-multiple-vf.yaml'), () => attachAndRestart(cluster));
    } finally {
      await cluster.worker.setDriverMode('MULTUS');
    }
  },
};

export const standaloneScenarios = process.env['DRA_DRIVER'] === undefined ? [] : [standalone];
