// Pods as the API server, the pod itself, the PF and the node's files tell of them.
import { deepStrictEqual } from 'node:assert/strict';
import type { VirtualFunction } from '../lab/lab.ts';
import type { LabLink } from '../lab/lab-node.ts';
import type { NetworkStatus } from '../support/cluster.ts';
import type { Cluster } from './cluster.ts';
import { type Condition, isTrue } from './control-plane.ts';

export interface Pod {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
  readonly status: {
    readonly phase: string;
    readonly conditions?: readonly Condition[];
    readonly containerStatuses?: readonly { readonly containerID?: string }[];
  };
}

export function isReady({ metadata, status }: Pod): boolean {
  if (metadata.deletionTimestamp !== undefined) return false;
  return isTrue(status.conditions, 'Ready');
}

export function podsOf(cluster: Cluster, namespace: string): Promise<readonly Pod[]> {
  return cluster.controlPlane.list<Pod>(`/api/v1/namespaces/${namespace}/pods`);
}

/** Waits until so many pods are ready, and no other is left. */
export async function awaitPods(
  cluster: Cluster,
  namespace: string,
  count: number,
  timeoutMs = 1_200_000,
): Promise<readonly Pod[]> {
  let pods: readonly Pod[] = [];
  const what = `${count} pods of ${namespace} are ready`;
  try {
    await cluster.controlPlane.until(
      what,
      async () => {
        pods = await podsOf(cluster, namespace);
        return pods.length === count && pods.every(isReady);
      },
      timeoutMs,
    );
  } catch (cause) {
    const warnings = await cluster.controlPlane.must(['events', '-n', namespace, '--types=Warning']);
    const list = await cluster.controlPlane.must(['get', 'pods', '-n', namespace]);
    throw new Error(`${what}: not so\n${list}${warnings}`, { cause });
  }
  return pods;
}

/** What is said of an interface of a pod. */
export type ToldInterface = Pick<NetworkStatus, 'interface' | 'ips' | 'mac'>;

/** What Multus says that the pod has besides its first network. */
function toldByMultus(pod: Pod): readonly ToldInterface[] {
  const annotation = pod.metadata.annotations?.['k8s.v1.cni.cncf.io/network-status'] ?? '[]';
  return (JSON.parse(annotation) as NetworkStatus[]).filter((status) => status.default !== true);
}

/** Links of a running pod, as `ip` on the node shows them from inside its namespace. */
async function linksOf(cluster: Cluster, pod: Pod): Promise<readonly LabLink[]> {
  const id = pod.status.containerStatuses?.[0]?.containerID?.replace('containerd://', '') ?? '';
  const text = await cluster.worker.sh(`
    pid=$(ctr -n k8s.io task ls | awk '$1 == "${id}" { print $2 }')
    nsenter -t $pid -n ip -d -j addr`);
  return JSON.parse(text) as LabLink[];
}

/** An interface of a pod, and the VF that it is. */
export interface AttachedVf {
  readonly pod: Pod;
  readonly link: LabLink;
  readonly vf: VirtualFunction;
  /** The first IPv4 address; undefined where it has none. */
  readonly address: string | undefined;
}

/** The pod's VFs, in the order in which they are told; all sources agree on each. */
export async function attachedVfs(
  cluster: Cluster,
  pod: Pod,
  told: readonly ToldInterface[] = toldByMultus(pod),
): Promise<readonly AttachedVf[]> {
  const links = await linksOf(cluster, pod);
  return told.map((network) => {
    const link = links.find(({ ifname }) => ifname === network.interface);
    if (link === undefined) throw new Error(`${pod.metadata.name} has no ${network.interface}`);
    const vf = cluster.worker.vfs.find(({ pciAddress }) => pciAddress === link.parentdev);
    if (vf === undefined) throw new Error(`${network.interface} of ${pod.metadata.name} is ${link.parentdev}, no VF`);
    const address = link.addr_info.find(({ family }) => family === 'inet')?.local;
    deepStrictEqual(network.ips ?? [], address === undefined ? [] : [address], 'the address is told');
    deepStrictEqual(network.mac, link.address, 'the MAC address is told');
    return { pod, link, vf, address };
  });
}

interface ResourceClaim {
  readonly status?: {
    readonly allocation?: { readonly devices: { readonly results: readonly { readonly device: string }[] } };
    readonly reservedFor?: readonly { readonly uid: string }[];
    readonly devices?: readonly {
      readonly networkData?: {
        readonly interfaceName?: string;
        readonly hardwareAddress?: string;
        /** With the length of the prefix. */
        readonly ips?: readonly string[];
      };
    }[];
  };
}

async function claimsOf(cluster: Cluster, pod: Pod): Promise<readonly ResourceClaim[]> {
  const path = `/apis/resource.k8s.io/v1/namespaces/${pod.metadata.namespace}/resourceclaims`;
  const items = await cluster.controlPlane.list<ResourceClaim>(path);
  return items.filter(({ status }) => status?.reservedFor?.some(({ uid }) => uid === pod.metadata.uid) === true);
}

/** Device names that the pod's claims were given. */
export async function allocatedDevices(cluster: Cluster, pod: Pod): Promise<readonly string[]> {
  const claims = await claimsOf(cluster, pod);
  return claims.flatMap(({ status }) => status?.allocation?.devices.results.map(({ device }) => device) ?? []);
}

/** What the DRA driver writes into the pod's claims in STANDALONE mode, some time after the pod has started. */
export async function toldByClaims(cluster: Cluster, pod: Pod): Promise<readonly ToldInterface[]> {
  const claims = await claimsOf(cluster, pod);
  const data = claims.flatMap(({ status }) => status?.devices ?? []).map(({ networkData }) => networkData ?? {});
  return data.map(({ interfaceName = '', hardwareAddress = '', ips = [] }) => ({
    interface: interfaceName,
    mac: hardwareAddress,
    ips: ips.map((each) => each.replace(/\/.*$/, '')),
  }));
}

/** Runs a program in a pod, which has to succeed. */
export function execInPod(cluster: Cluster, pod: Pod, ...argv: readonly string[]): Promise<string> {
  const { name, namespace } = pod.metadata;
  return cluster.controlPlane.must(['exec', '-n', namespace, name, '--', ...argv], { timeoutMs: 120_000 });
}

/** All that pods must give back: VFs, PF settings, records, addresses, and the driver's and Multus' files. */
export async function pictureOfNode(cluster: Cluster): Promise<unknown> {
  const { node } = cluster.worker;
  const { cdi, devinfo } = node.paths;
  const files = await cluster.worker.sh(`find ${cdi} ${devinfo} -type f 2>/dev/null | sort; ls /run/netns`);
  return { picture: await node.picture(), files };
}

/** Waits until the node is as in a picture that was taken before. */
export async function awaitPicture(cluster: Cluster, before: unknown, timeoutMs = 300_000): Promise<void> {
  let now: unknown;
  const isSame = async (): Promise<boolean> => {
    now = await pictureOfNode(cluster);
    return JSON.stringify(now) === JSON.stringify(before);
  };
  await cluster.controlPlane.until('the node is as before', isSame, timeoutMs).catch(() => undefined);
  deepStrictEqual(now, before, 'the node is as before');
}
