// Shows the reference demo on the cluster to a person: each command that is printed is one that ran, as printed.
import { chapter, command, output, say, verdict } from '../lab/demo/narration.ts';
import type { Cluster } from './cluster.ts';
import { awaitPicture, awaitPods, pictureOfNode } from './pods.ts';
import { checkDemoPod, demoNamespace } from './scenarios/demo.ts';
import { checkPings } from './scenarios/scenario.ts';

const manifest = 'conf-examples/multus-multiple-vf.yaml';

/** Runs kubectl, and shows it; a manifest is named as from the checkout. */
async function kubectl(cluster: Cluster, ...args: readonly string[]): Promise<void> {
  command(`kubectl ${args.join(' ')}`);
  output(await cluster.controlPlane.must(args, { timeoutMs: 600_000 }));
}

async function onNode(cluster: Cluster, line: string): Promise<void> {
  command(`on-node ${line}`);
  output(await cluster.worker.sh(line));
}

export async function showDemo(cluster: Cluster): Promise<void> {
  const before = await pictureOfNode(cluster);
  chapter('1. A cluster with one node, 14 VFs in a ResourceSlice of the DRA driver');
  await kubectl(cluster, 'get', 'nodes', '-o', 'wide');
  await kubectl(cluster, 'get', 'resourceslices');
  chapter('2. The demo’s manifest, as it is, and a second pod to talk to');
  await kubectl(cluster, 'apply', '-f', manifest);
  await kubectl(cluster, 'scale', '-n', demoNamespace, 'deployment/pod0', '--replicas=2');
  say('  Waiting until both pods are ready.');
  const pods = await awaitPods(cluster, demoNamespace, 2);
  await kubectl(cluster, 'get', 'pods,resourceclaims', '-n', demoNamespace);
  chapter('3. What the pods have');
  const [one, other] = pods;
  if (one === undefined || other === undefined) throw new Error('there are no two pods');
  const [from, to] = [await checkDemoPod(cluster, one), await checkDemoPod(cluster, other)];
  for (const { vf, address, link } of from)
    verdict(true, `${link.ifname}: VF ${vf.pciAddress}, ${link.address}, ${address}`);
  await kubectl(cluster, 'exec', '-n', demoNamespace, one.metadata.name, '--', 'ip', 'addr');
  await checkPings(cluster, from, to);
  for (const [index, { link }] of from.entries()) {
    const ping = ['ping', '-c', '2', '-I', link.ifname, to[index]?.address ?? ''];
    await kubectl(cluster, 'exec', '-n', demoNamespace, one.metadata.name, '--', ...ping);
  }
  chapter('4. What the node tells');
  await onNode(cluster, `dra-sriov explain ${demoNamespace}/${one.metadata.name}`);
  await onNode(cluster, 'dra-sriov inspect');
  await onNode(cluster, 'ip link show ens1f0');
  chapter('5. The pods end, and everything is as it was');
  await kubectl(cluster, 'delete', '-f', manifest);
  await awaitPicture(cluster, before);
  verdict(true, 'VFs, PF settings, addresses, records and the driver’s files are as before');
}
