// Networks that change while pods have them.
import { deepStrictEqual } from 'node:assert/strict';
import { readManifest } from '../../support/manifest.ts';
import { awaitPods } from '../pods.ts';
import { checkDemoPod, demoManifest, demoNamespace, scale } from './demo.ts';
import { checkPod, only, type Scenario, withManifest } from './scenario.ts';

const networkKind = 'network-attachment-definitions';

export const networkScenarios: readonly Scenario[] = [
  {
    name: 'network: edited and deleted under running pods',
    run: (cluster) =>
      withManifest(cluster, demoManifest, async () => {
        const [network] = readManifest('multus-multiple-vf.yaml').networks;
        if (network === undefined) throw new Error('the demo has no network');
        const { name } = network.metadata;
        const old = only(await awaitPods(cluster, demoNamespace, 1));
        const config = network.spec.config.replace('"vlan": 0', '"vlan": 100');
        const patch = JSON.stringify({ spec: { config } });
        await cluster.controlPlane.must(['patch', '-n', demoNamespace, networkKind, name, '--type=merge', '-p', patch]);
        await scale(cluster, 2);
        const pods = await awaitPods(cluster, demoNamespace, 2);
        await checkDemoPod(cluster, old);
        const wanted = ['net1', 'net2'].map((ifname) => ({ ifname, subnet: '10.0.2.', trust: true, vlan: 100 }));
        await checkPod(cluster, only(pods.filter(({ metadata }) => metadata.uid !== old.metadata.uid)), wanted);
        await cluster.controlPlane.must(['delete', '-n', demoNamespace, networkKind, name]);
        await scale(cluster, 0);
        deepStrictEqual(await awaitPods(cluster, demoNamespace, 0), []);
      }),
  },
];
