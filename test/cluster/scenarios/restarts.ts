// What ends under running pods: services of the node, a pod's sandbox, the node itself.
import { deepStrictEqual, ok } from 'node:assert/strict';
import type { Cluster } from '../cluster.ts';
import { plugins } from '../disk.ts';
import { attachedVfs, awaitPods, type Pod, podsOf } from '../pods.ts';
import { checkDemoPod, demoManifest, demoNamespace, scale } from './demo.ts';
import { applyManifest, deleteManifest, only, type Scenario, settingsOf, withManifest } from './scenario.ts';

const vfsOf = async (cluster: Cluster, pod: Pod): Promise<readonly string[]> =>
  (await attachedVfs(cluster, pod)).map(({ vf }) => vf.pciAddress);

const isSame = (one: Pod, other: Pod): boolean => one.metadata.uid === other.metadata.uid;

/** The pod is as before; the other goes, and one comes in its place. */
async function checkUndisturbed(cluster: Cluster, before: Pod, vfs: readonly string[]): Promise<void> {
  const other = only((await podsOf(cluster, demoNamespace)).filter((pod) => !isSame(pod, before)));
  await cluster.controlPlane.must(['delete', 'pod', '-n', demoNamespace, other.metadata.name, '--wait=false']);
  const pods = await awaitPods(cluster, demoNamespace, 2);
  ok(!pods.some((pod) => isSame(pod, other)));
  deepStrictEqual(await vfsOf(cluster, only(pods.filter((pod) => isSame(pod, before)))), vfs);
  for (const pod of pods) await checkDemoPod(cluster, pod);
}

/**
 * Nothing that pods have had is left on the node, which booted since. host-local had just written some addresses, whose
 * files are empty then; `gc --addresses` releases them.
 */
async function checkNothingLeft(cluster: Cluster): Promise<void> {
  const released = await cluster.worker.node.operate('gc', '--addresses');
  deepStrictEqual(released.status, 0, `${released.stdout}${released.stderr}`);
  const { node } = cluster.worker;
  const { state, ipam, cdi, devinfo } = node.paths;
  const left = `find ${state} ${ipam} ${cdi} ${devinfo} -type f 2>/dev/null |
    grep -v -e last_reserved_ip -e '/lock$' -e '/.swept$' -e '/.failures' || true`;
  let files = '';
  await cluster.controlPlane
    .until(
      'no files are left',
      async () => {
        files = await cluster.worker.sh(left);
        return files === '';
      },
      120_000,
    )
    .catch(() => undefined);
  deepStrictEqual(files, '', 'no records, leases and files of the driver are left');
  for (const vf of cluster.worker.vfs) {
    deepStrictEqual(await settingsOf(cluster, vf), { vlan: 0, spoofchk: true, trust: false }, vf.pciAddress);
    deepStrictEqual((await node.link(vf.netdev)).parentdev, vf.pciAddress, `${vf.netdev} is back`);
  }
}

const hostLocal = `${plugins}/host-local`;
/** ADD of a second VF waits while this file is there, which a power cut removes. */
const hold = '/run/hold-add';
const held = '/run/held-add';
const holding = `#!/run/lab/busybox sh
if [ -e ${hold} ] && [ "$CNI_COMMAND $CNI_IFNAME" = 'ADD net2' ]; then
  touch ${held}
  exec sleep 600
fi
exec ${hostLocal}.kept "$@"
`;

/** The next ADD of a second VF stays in the middle: the first VF is the pod's, the second moved and has no address. */
async function holdAdd(cluster: Cluster): Promise<void> {
  await cluster.worker.node.writeFile(`${hostLocal}.new`, holding);
  await cluster.worker.sh(`
    cp ${hostLocal} ${hostLocal}.kept
    chmod 755 ${hostLocal}.new
    mv ${hostLocal}.new ${hostLocal}
    sync
    touch ${hold}`);
}

const letAddGo = (cluster: Cluster): Promise<string> =>
  cluster.worker.sh(`rm -f ${hold}; [ ! -e ${hostLocal}.kept ] || mv ${hostLocal}.kept ${hostLocal}`);

export const restartScenarios: readonly Scenario[] = [
  {
    name: 'restart: kubelet, DRA driver and containerd, under running pods',
    run: (cluster, progress) =>
      withManifest(cluster, demoManifest, async () => {
        await scale(cluster, 2);
        const [pod] = await awaitPods(cluster, demoNamespace, 2);
        if (pod === undefined) throw new Error('there is no pod');
        const vfs = await vfsOf(cluster, pod);
        for (const service of ['kubelet', 'dra-driver', 'containerd'] as const) {
          await cluster.worker.restartService(service, 'KILL');
          await cluster.awaitNode();
          await checkUndisturbed(cluster, pod, vfs);
          progress(`${service} killed and started`);
        }
      }),
  },
  {
    name: 'restart: a pod’s pause is killed, and the pod gets a new sandbox',
    run: (cluster) =>
      withManifest(cluster, demoManifest, async () => {
        const pod = only(await awaitPods(cluster, demoNamespace, 1));
        const vfs = await vfsOf(cluster, pod);
        const filter = `labels."io.kubernetes.pod.uid"==${pod.metadata.uid},labels."io.cri-containerd.kind"==sandbox`;
        await cluster.worker.sh(`
          id=$(ctr -n k8s.io containers ls -q '${filter}')
          kill -KILL $(ctr -n k8s.io task ls | awk -v id=$id '$1 == id { print $2 }')`);
        const started = (each: Pod): string => each.status.containerStatuses?.[0]?.containerID ?? '';
        await cluster.controlPlane.until(
          'the container is another one',
          async () => started(only(await podsOf(cluster, demoNamespace))) !== started(pod),
          300_000,
        );
        const after = only(await awaitPods(cluster, demoNamespace, 1));
        deepStrictEqual(after.metadata.uid, pod.metadata.uid);
        deepStrictEqual((await vfsOf(cluster, after)).toSorted(), vfs.toSorted());
        await checkDemoPod(cluster, after);
      }),
  },
  {
    name: 'power cut: while a pod runs, and another’s ADD',
    run: async (cluster, progress) => {
      await applyManifest(cluster, demoManifest);
      try {
        await awaitPods(cluster, demoNamespace, 1);
        await holdAdd(cluster);
        await scale(cluster, 2);
        await cluster.worker.sh(`until [ -e ${held} ]; do sleep 0.2; done`);
        progress('ADD of a second VF runs, the power is cut');
        await cluster.cutPower();
        await letAddGo(cluster);
        await cluster.awaitNode();
        // No container of these pods can start: the driver does not write the specs of their claims anew.
        const names = (await podsOf(cluster, demoNamespace)).map(({ metadata }) => metadata.name);
        await cluster.controlPlane.must(['delete', 'pod', '-n', demoNamespace, ...names, '--timeout=600s'], {
          timeoutMs: 660_000,
        });
        const after = await awaitPods(cluster, demoNamespace, 2);
        ok(after.every(({ metadata }) => !names.includes(metadata.name)));
        for (const pod of after) await checkDemoPod(cluster, pod);
      } finally {
        await letAddGo(cluster);
        await deleteManifest(cluster, demoManifest);
      }
      await checkNothingLeft(cluster);
    },
  },
];
