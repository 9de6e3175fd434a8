// Other manifests of conf-examples.
import { deepStrictEqual } from 'node:assert/strict';
import process from 'node:process';
import type { Cluster } from '../cluster.ts';
import { type AttachedVf, awaitPods } from '../pods.ts';
import { checkPod, only, readExample, type Scenario, usualMtu, type WantedVf, withManifest } from './scenario.ts';

interface Relative {
  readonly name: string;
  readonly file: string;
  readonly namespace: string;
  readonly wanted: readonly WantedVf[];
  /** MTU of the PFs, where a network asks for a larger one than usual. */
  readonly pfMtu?: number;
  readonly check?: (attached: readonly AttachedVf[]) => void;
  readonly severalClaims?: boolean;
}

const relatives: readonly Relative[] = [
  {
    name: 'a single VF',
    file: 'multus-single-vf.yaml',
    namespace: 'vf-single',
    wanted: [{ ifname: 'net1', subnet: '10.0.4.' }],
  },
  {
    name: 'interface names, a MAC and an address from the annotation, as JSON',
    file: 'multus-interface-names.yaml',
    namespace: 'vf-names',
    wanted: ['control', 'data'].map((ifname) => ({ ifname, subnet: '10.0.3.' })),
    check: ([, data]) => {
      deepStrictEqual([data?.link.address, data?.address], ['02:00:00:00:03:0a', '10.0.3.10']);
    },
  },
  {
    name: 'networks with VLANs, mapped by the claim',
    file: 'multus-different-networks.yaml',
    namespace: 'vf-networks',
    pfMtu: 9000,
    wanted: [
      { ifname: 'net1', subnet: '10.0.100.', vlan: 100 },
      { ifname: 'net2', subnet: '10.0.200.', vlan: 200, trust: true, mtu: 9000 },
    ],
  },
  {
    name: 'several claims, one for each PF',
    file: 'multus-multiple-claims.yaml',
    severalClaims: true,
    namespace: 'vf-claims',
    wanted: [
      { ifname: 'net1', subnet: '10.0.5.' },
      { ifname: 'net2', subnet: '10.0.6.' },
    ],
    check: (attached) => {
      deepStrictEqual(
        attached.map(({ vf }) => vf.pf),
        ['ens1f0', 'ens2f0'],
      );
    },
  },
];

async function setPfMtu({ worker }: Cluster, mtu: number): Promise<void> {
  for (const { name } of worker.lab.pfs) await worker.sh(`ip link set ${name} mtu ${mtu}`);
}

/**
 * When a pod with several claims ends, dra-driver-sriov forgets all of them with the first, and leaves the files of the
 * others.
 */
async function removeLeftOver({ worker }: Cluster): Promise<void> {
  const { cdi, devinfo } = worker.node.paths;
  await worker.sh(`find ${cdi} ${devinfo} -type f -delete`);
}

async function tryRelative(
  cluster: Cluster,
  { file, namespace, wanted, check, severalClaims }: Relative,
): Promise<void> {
  const attach = async (): Promise<void> => {
    const pod = only(await awaitPods(cluster, namespace, 1));
    check?.(await checkPod(cluster, pod, wanted));
  };
  const leavesFiles = severalClaims === true && process.env['DRA_DRIVER'] !== undefined;
  await withManifest(cluster, readExample(file), attach, leavesFiles ? () => removeLeftOver(cluster) : undefined);
}

export const relativeScenarios: readonly Scenario[] = relatives.map((relative) => ({
  name: `relative: ${relative.name}`,
  run: async (cluster) => {
    if (relative.pfMtu === undefined) return tryRelative(cluster, relative);
    await setPfMtu(cluster, relative.pfMtu);
    try {
      await tryRelative(cluster, relative);
    } finally {
      await setPfMtu(cluster, usualMtu);
    }
  },
}));
