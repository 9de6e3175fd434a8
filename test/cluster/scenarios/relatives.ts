// Other manifests of conf-examples.
import { deepStrictEqual } from 'node:assert/strict';
import type { Cluster } from '../cluster.ts';
import { type AttachedVf, awaitPods, type Pod } from '../pods.ts';
import { checkPod, only, readExample, type Scenario, type WantedVf, withManifest } from './scenario.ts';

interface Relative {
  readonly name: string;
  readonly file: string;
  readonly namespace: string;
  readonly wanted: readonly WantedVf[];
  readonly check?: (attached: readonly AttachedVf[], pod: Pod, cluster: Cluster) => void | Promise<void>;
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
    wanted: [
      { ifname: 'net1', subnet: '10.0.100.', vlan: 100 },
      { ifname: 'net2', subnet: '10.0.200.', vlan: 200, trust: true, mtu: 9000 },
    ],
  },
  {
    name: 'several claims, one for each PF',
    file: 'multus-multiple-claims.yaml',
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

export const relativeScenarios: readonly Scenario[] = relatives.map(({ name, file, namespace, wanted, check }) => ({
  name: `relative: ${name}`,
  run: (cluster) =>
    withManifest(cluster, readExample(file), async () => {
      const pod = only(await awaitPods(cluster, namespace, 1));
      await check?.(await checkPod(cluster, pod, wanted), pod, cluster);
    }),
}));
