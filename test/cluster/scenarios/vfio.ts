// VFs for a program that drives them itself.
import { deepStrictEqual, match } from 'node:assert/strict';
import { deviceNameOf } from '../../support/driver-files.ts';
import type { Cluster } from '../cluster.ts';
import { allocatedDevices, awaitPods, execInPod } from '../pods.ts';
import {
  applyManifest,
  checkExplained,
  deleteManifest,
  only,
  readExample,
  type Scenario,
  settingsOf,
} from './scenario.ts';

const namespace = 'vf-dpdk';
const hugepages = '/proc/sys/vm/nr_hugepages';
/** 256 MiB, as the example asks for. */
const pages = 128;

/** The kubelet counts a node's huge pages when it starts. */
async function setHugepages(cluster: Cluster, count: number): Promise<void> {
  await cluster.worker.sh(`echo ${count} >${hugepages}`);
  await cluster.worker.restartService('kubelet');
  await cluster.awaitNode();
}

async function attach(cluster: Cluster, manifest: string): Promise<void> {
  await applyManifest(cluster, manifest);
  const pod = only(await awaitPods(cluster, namespace, 1));
  const devices = await allocatedDevices(cluster, pod);
  deepStrictEqual(devices.length, 2);
  const held = cluster.worker.vfs.filter(({ pciAddress }) => devices.includes(deviceNameOf(pciAddress)));
  const settings = await Promise.all(held.map((vf) => settingsOf(cluster, vf)));
  deepStrictEqual(
    settings.toSorted((one, other) => one.vlan - other.vlan),
    [
      { vlan: 300, spoofchk: false, trust: true },
      { vlan: 301, spoofchk: true, trust: true },
    ],
  );
  match(await execInPod(cluster, pod, 'ls', '/dev/vfio'), /^\d+\n\d+\nvfio$/m);
  await checkExplained(cluster, pod);
}

export const vfioScenarios: readonly Scenario[] = [
  {
    name: 'vfio: two VFs bound to vfio-pci, one with an address',
    needsIommu: true,
    run: async (cluster) => {
      const manifest = readExample('dpdk.yaml');
      await setHugepages(cluster, pages);
      try {
        await attach(cluster, manifest);
      } finally {
        await deleteManifest(cluster, manifest);
        await setHugepages(cluster, 0);
      }
      for (const vf of cluster.worker.vfs) {
        deepStrictEqual(await settingsOf(cluster, vf), { vlan: 0, spoofchk: true, trust: false }, vf.pciAddress);
        const driver = await cluster.worker.sh(`basename $(readlink /sys/bus/pci/devices/${vf.pciAddress}/driver)`);
        deepStrictEqual(driver.trim(), 'igbvf', vf.pciAddress);
      }
    },
  },
];
