import { deepStrictEqual, ok } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CommandResult } from '../../lab/command.ts';
import type { VirtualFunction } from '../../lab/lab.ts';
import type { Progress } from '../../lab/progress.ts';
import { deviceNameOf } from '../../support/driver-files.ts';
import type { Cluster } from '../cluster.ts';
import {
  type AttachedVf,
  allocatedDevices,
  attachedVfs,
  awaitPicture,
  execInPod,
  type Pod,
  pictureOfNode,
  type ToldInterface,
} from '../pods.ts';

export interface Scenario {
  readonly name: string;
  /** Leaves the node as it found it. */
  readonly run: (cluster: Cluster, progress: Progress) => Promise<void>;
  readonly needsIommu?: boolean;
}

export const usualMtu = 1500;

const deleteTimeoutMs = 600_000;
const linkTimeoutMs = 60_000;

/** An example of conf-examples, for this node: its second PF has another name. */
export function readExample(file: string): string {
  return readFileSync(join(import.meta.dirname, '../../../conf-examples', file), 'utf8').replaceAll('ens1f1', 'ens2f0');
}

export function applyManifest(cluster: Cluster, manifest: string): Promise<string> {
  return cluster.controlPlane.must(['apply', '-f', '-'], { stdin: manifest });
}

/** Deletes what is in a manifest, and waits until it is gone. */
export async function deleteManifest(cluster: Cluster, manifest: string): Promise<void> {
  const args = ['delete', '-f', '-', '--ignore-not-found', `--timeout=${deleteTimeoutMs / 1000}s`];
  await cluster.controlPlane.must(args, { stdin: manifest, timeoutMs: deleteTimeoutMs + 60_000 });
}

/** Applies a manifest for `body`, and deletes it again whatever happens; the node is as before after `tidy`. */
export async function withManifest(
  cluster: Cluster,
  manifest: string,
  body: () => Promise<void>,
  tidy?: () => Promise<void>,
): Promise<void> {
  const before = await pictureOfNode(cluster);
  await applyManifest(cluster, manifest);
  try {
    await cluster.telling(body);
  } catch (thrown) {
    // What failed first is what is told.
    await deleteManifest(cluster, manifest).catch(() => undefined);
    throw thrown;
  }
  await deleteManifest(cluster, manifest);
  await tidy?.();
  await awaitPicture(cluster, before);
}

/** What a network asks of the PF and of the interface. */
export interface WantedVf {
  readonly ifname: string;
  /** Of the address; '' for an interface without one. */
  readonly subnet: string;
  readonly vlan?: number;
  readonly spoofchk?: boolean;
  readonly trust?: boolean;
  readonly mtu?: number;
}

/** The pod's interfaces are the VFs of its claims, with these settings; the pod sees the addresses too. */
export async function checkPod(
  cluster: Cluster,
  pod: Pod,
  wanted: readonly WantedVf[],
  told?: readonly ToldInterface[],
): Promise<readonly AttachedVf[]> {
  const attached = await attachedVfs(cluster, pod, told);
  const held = attached.map(({ vf }) => deviceNameOf(vf.pciAddress));
  deepStrictEqual(
    held.toSorted(),
    (await allocatedDevices(cluster, pod)).toSorted(),
    'the interfaces are the claims’ VFs',
  );
  const names = attached.map(({ link }) => link.ifname);
  deepStrictEqual(
    names,
    wanted.map(({ ifname }) => ifname),
  );
  for (const [index, want] of wanted.entries()) {
    const one = attached[index];
    if (one !== undefined) await checkVf(cluster, one, want);
  }
  await checkTools(cluster, pod, attached);
  return attached;
}

interface Inspected {
  readonly pfs: readonly {
    readonly vfs: readonly {
      readonly pci: string;
      readonly holder: { readonly ifname: string; readonly pod: { readonly name: string } } | null;
    }[];
  }[];
}

/** explain finds nothing broken: at once, or when links are back that a reset of their PF took away for seconds. */
export async function checkExplained(cluster: Cluster, { metadata: { name, namespace } }: Pod): Promise<void> {
  let told: CommandResult | undefined;
  const isFine = async (): Promise<boolean> => {
    told = await cluster.worker.node.operate('explain', `${namespace}/${name}`);
    return told.status === 0;
  };
  await cluster.controlPlane.until('explain finds nothing broken', isFine, linkTimeoutMs).catch(() => undefined);
  deepStrictEqual(told?.status, 0, `explain finds nothing broken: ${told?.stdout}${told?.stderr}`);
}

/** What the plugin tells operators of the pod is the same. */
async function checkTools(cluster: Cluster, pod: Pod, attached: readonly AttachedVf[]): Promise<void> {
  const { node } = cluster.worker;
  const { name } = pod.metadata;
  await checkExplained(cluster, pod);
  const { pfs } = JSON.parse((await node.operate('inspect', '--json')).stdout) as Inspected;
  const held = pfs.flatMap(({ vfs }) => vfs).filter(({ holder }) => holder?.pod.name === name);
  deepStrictEqual(
    held.map(({ pci, holder }) => [holder?.ifname, pci]).toSorted(),
    attached.map(({ link, vf }) => [link.ifname, vf.pciAddress]).toSorted(),
    'inspect tells the pod’s VFs',
  );
}

/** doctor finds nothing wrong or odd, but for what ADD has refused before. Nothing else may happen on the node. */
export async function checkHealthy(cluster: Cluster): Promise<void> {
  const { stdout } = await cluster.worker.node.operate('doctor', '--json');
  const { checks } = JSON.parse(stdout) as {
    readonly checks: readonly { readonly id: string; readonly verdict: string }[];
  };
  const odd = checks.filter(({ id, verdict }) => ['wrong', 'warning'].includes(verdict) && id !== 'errors');
  deepStrictEqual(odd, [], 'doctor finds nothing wrong');
}

/** What the PF holds of a VF. */
export async function settingsOf(
  cluster: Cluster,
  vf: VirtualFunction,
): Promise<{ readonly vlan: number; readonly spoofchk: boolean; readonly trust: boolean }> {
  const info = await cluster.worker.node.vfInfo(vf);
  const [vlans] = info['vlan_list'] as [{ vlan?: number }];
  return { vlan: vlans.vlan ?? 0, spoofchk: info['spoofchk'] === true, trust: info['trust'] === true };
}

async function checkVf(cluster: Cluster, { pod, link, vf, address = '' }: AttachedVf, want: WantedVf): Promise<void> {
  const { vlan = 0, spoofchk = true, trust = false, mtu = usualMtu } = want;
  ok(link.flags.includes('UP'), `${link.ifname} is up`);
  ok(address.startsWith(want.subnet), `${link.ifname} has an address of ${want.subnet}, not ${address}`);
  deepStrictEqual(
    { ...(await settingsOf(cluster, vf)), mtu: link.mtu },
    { vlan, spoofchk, trust, mtu },
    `${vf.pciAddress}, ${link.ifname} of ${pod.metadata.name}`,
  );
  const seen = await execInPod(cluster, pod, 'ip', 'addr', 'show', link.ifname);
  ok(seen.includes(address) && seen.includes(link.address), `the pod sees ${link.ifname} so: ${seen}`);
}

/** Each interface reaches the other pod's of the same place. */
export async function checkPings(
  cluster: Cluster,
  from: readonly AttachedVf[],
  to: readonly AttachedVf[],
): Promise<void> {
  for (const [index, one] of from.entries()) {
    const target = to[index]?.address ?? '';
    // The link of a VF may be back only seconds after a reset of its PF.
    const ping = `ping -c 1 -W 2 -I ${one.link.ifname} ${target}`;
    await execInPod(cluster, one.pod, 'sh', '-c', `for i in 1 2 3 4 5 6 7 8 9 10; do ${ping} && exit 0; done; exit 1`);
  }
}

/** The one pod of a list. */
export function only(pods: readonly Pod[]): Pod {
  const [pod] = pods;
  if (pod === undefined || pods.length !== 1) throw new Error(`there are ${pods.length} pods, not one`);
  return pod;
}
