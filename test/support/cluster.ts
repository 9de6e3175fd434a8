// The API objects of a cluster with one node, as files: each at its URL's path with .json behind
// (test/peers/kubernetes).
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { deviceNameOf } from './driver-files.ts';
import type { Manifest, PodClaim, ResourceClaimTemplate } from './manifest.ts';

const driver = 'sriovnetwork.k8snetworkplumbingwg.io';
const pool = 'node1';

/** A VF of a ResourceSlice. */
export interface SliceDevice {
  readonly pciAddress: string;
  /** Name of its PF. */
  readonly pf: string;
}

/** A pod that was scheduled onto the node, its claims allocated. */
export interface ClusterPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface ApplyOptions {
  readonly podName: string;
  /** Allocations of the scheduler, claim by claim in the pod's order. */
  readonly vfs: readonly SliceDevice[];
  /** Default: a random one each. */
  readonly podUid?: string;
  readonly claimUid?: string;
}

/** An entry of the annotation network-status, as far as the tests look at it. */
export interface NetworkStatus {
  readonly name: string;
  readonly interface: string;
  readonly ips?: readonly string[];
  readonly mac?: string;
  readonly default?: boolean;
  readonly 'device-info'?: { readonly type: string; readonly pci: { readonly 'pci-address': string } };
}

function claimNameOf(podName: string, claim: PodClaim): string {
  return 'resourceClaimName' in claim ? claim.resourceClaimName : `${podName}-${claim.name}-x7k2p`;
}

function templateOf(manifest: Manifest, claim: PodClaim): ResourceClaimTemplate {
  const name = 'resourceClaimName' in claim ? claim.resourceClaimName : claim.resourceClaimTemplateName;
  const found = manifest.claimTemplates.find((template) => template.metadata.name === name);
  if (found === undefined) throw new Error(`there is no ResourceClaimTemplate ${name}`);
  return found;
}

/** The allocation of a claim; takes its VFs off `vfs`. */
function allocate({ spec }: ResourceClaimTemplate, vfs: SliceDevice[]): object {
  const { requests, config = [] } = spec.spec.devices;
  const results = requests.flatMap(({ name, exactly }) =>
    vfs
      .splice(0, exactly.count ?? 1)
      .map((vf) => ({ request: name, driver, pool, device: deviceNameOf(vf.pciAddress), adminAccess: null })),
  );
  return { devices: { results, config: config.map((entry) => ({ source: 'FromClaim', ...entry })) } };
}

export class Cluster {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  /** The node's devices; those with a resource name have the attributes for Multus that a policy of the driver sets. */
  publishSlice(vfs: readonly SliceDevice[], resourceNameOf: (vf: SliceDevice) => string | null = () => null): void {
    const text = (value: string): object => ({ string: value });
    const forMultus = (vf: SliceDevice, resourceName: string | null): object =>
      resourceName === null
        ? {}
        : { 'k8s.cni.cncf.io/resourceName': text(resourceName), 'k8s.cni.cncf.io/deviceID': text(vf.pciAddress) };
    const devices = vfs.map((vf) => ({
      name: deviceNameOf(vf.pciAddress),
      attributes: {
        [`${driver}/pciAddress`]: text(vf.pciAddress),
        [`${driver}/PFName`]: text(vf.pf),
        ...forMultus(vf, resourceNameOf(vf)),
      },
    }));
    this.#write(`apis/resource.k8s.io/v1/resourceslices/${pool}`, {
      apiVersion: 'resource.k8s.io/v1',
      kind: 'ResourceSlice',
      metadata: { name: pool },
      spec: { driver, nodeName: pool, pool: { name: pool, generation: 1, resourceSliceCount: 1 }, devices },
    });
  }

  /** Does as `kubectl apply`, controllers and scheduler: makes networks, allocated claims, and the pod. */
  apply(manifest: Manifest, options: ApplyOptions): ClusterPod {
    const { namespace } = manifest;
    const pod = { namespace, name: options.podName, uid: options.podUid ?? randomUUID() };
    for (const network of manifest.networks) {
      const path = `apis/k8s.cni.cncf.io/v1/namespaces/${namespace}/network-attachment-definitions`;
      this.#write(`${path}/${network.metadata.name}`, network);
    }
    const vfs = [...options.vfs];
    for (const claim of manifest.pod.spec.resourceClaims) {
      const name = claimNameOf(pod.name, claim);
      this.#write(`apis/resource.k8s.io/v1/namespaces/${namespace}/resourceclaims/${name}`, {
        apiVersion: 'resource.k8s.io/v1',
        kind: 'ResourceClaim',
        metadata: { name, namespace, uid: options.claimUid ?? randomUUID() },
        spec: templateOf(manifest, claim).spec.spec,
        status: {
          allocation: allocate(templateOf(manifest, claim), vfs),
          reservedFor: [{ resource: 'pods', name: pod.name, uid: pod.uid }],
        },
      });
    }
    this.#writePod(manifest, pod);
    return pod;
  }

  /** The pod's annotation network-status, as Multus wrote it. */
  networkStatus(pod: ClusterPod): readonly NetworkStatus[] {
    const object = JSON.parse(readFileSync(this.#file(this.#podPath(pod)), 'utf8')) as {
      metadata: { annotations: Record<string, string> };
    };
    return JSON.parse(object.metadata.annotations['k8s.v1.cni.cncf.io/network-status'] ?? '[]') as NetworkStatus[];
  }

  /** Everything is deleted from the API server. */
  clear(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  #writePod({ pod: { metadata, spec } }: Manifest, pod: ClusterPod): void {
    const made = spec.resourceClaims.filter((claim) => !('resourceClaimName' in claim));
    this.#write(this.#podPath(pod), {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: pod.name, namespace: pod.namespace, uid: pod.uid, annotations: metadata.annotations },
      spec: { ...spec, nodeName: pool },
      status: {
        phase: 'Pending',
        resourceClaimStatuses: made.map((claim) => ({
          name: claim.name,
          resourceClaimName: claimNameOf(pod.name, claim),
        })),
      },
    });
  }

  #podPath(pod: ClusterPod): string {
    return `api/v1/namespaces/${pod.namespace}/pods/${pod.name}`;
  }

  #file(path: string): string {
    return join(this.directory, `${path}.json`);
  }

  #write(path: string, object: unknown): void {
    const file = this.#file(path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, JSON.stringify(object));
  }
}
