// What is tried on the cluster, one after the other.
import { deepStrictEqual, ok } from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { parseAllDocuments } from 'yaml';
import type { ApiObject } from '../support/kubernetes-api.ts';
import type { Cluster } from './cluster.ts';
import type { ControlPlane } from './control-plane.ts';
import { nodeName, type StandInVf } from './stand-in-node.ts';

export interface Scenario {
  readonly name: string;
  readonly run: (cluster: Cluster) => Promise<void>;
}

const root = join(import.meta.dirname, '../..');
const examples = join(root, 'conf-examples');
const demo = process.env['MANIFEST'] ?? join(examples, 'multus-multiple-vf.yaml');
const namespace = 'vf-test8';
const driver = 'sriovnetwork.k8snetworkplumbingwg.io';
const longTimeoutMs = 120_000;

const deviceName = ({ pciAddress }: StandInVf): string => pciAddress.replaceAll(/[:.]/g, '-');

interface ResourceSlice {
  readonly spec: {
    readonly nodeName?: string;
    readonly devices?: readonly {
      readonly name: string;
      readonly attributes: Readonly<Record<string, { readonly string?: string; readonly int?: number }>>;
    }[];
  };
}

interface Pod {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly spec: { readonly nodeName?: string };
}

interface Claim {
  readonly status?: {
    readonly allocation?: { readonly devices: { readonly results: readonly { readonly device: string }[] } };
    readonly reservedFor?: readonly { readonly uid: string }[];
  };
}

const isBound = ({ spec }: Pod): boolean => spec.nodeName === nodeName;

async function slices(controlPlane: ControlPlane): Promise<readonly ResourceSlice[]> {
  return controlPlane.list<ResourceSlice>('resourceslices');
}

/** Waits until all VFs are in the driver's ResourceSlice; its devices. */
async function publishedDevices({ controlPlane, vfs }: Cluster) {
  await controlPlane.until('all VFs are published', async () => {
    const devices = (await slices(controlPlane)).flatMap(({ spec }) => spec.devices ?? []);
    return devices.length === vfs.length;
  });
  return (await slices(controlPlane)).flatMap(({ spec }) => spec.devices ?? []);
}

async function checkPublished(cluster: Cluster): Promise<void> {
  const devices = await publishedDevices(cluster);
  for (const vf of cluster.vfs) {
    const attributes = devices.find(({ name }) => name === deviceName(vf))?.attributes ?? {};
    // As dra-driver-sriov qualifies them; of the driver's own domain the API server keeps names as they come.
    const text = (name: string): string | undefined => attributes[name]?.string;
    deepStrictEqual(
      {
        pciAddress: text(`${driver}/pciAddress`),
        pf: text(`${driver}/PFName`),
        deviceID: text('k8s.cni.cncf.io/deviceID'),
        resourceName: text('k8s.cni.cncf.io/resourceName'),
      },
      { pciAddress: vf.pciAddress, pf: vf.pf, deviceID: vf.pciAddress, resourceName: 'sriov/vf' },
    );
  }
}

/** Scales the demo's Deployment, and waits until so many pods of it are on the node; the pods. */
async function scale({ controlPlane }: Cluster, replicas: number, onNode = replicas): Promise<readonly Pod[]> {
  await controlPlane.must(['scale', '-n', namespace, 'deployment/pod0', `--replicas=${replicas}`]);
  // There is no kubelet to end a pod.
  if (replicas === 0) {
    await controlPlane.must(['delete', 'pods', '-n', namespace, '--all', '--force', '--grace-period=0']);
  }
  let pods: readonly Pod[] = [];
  await controlPlane.until(`${onNode} of ${replicas} pods are on the node`, async () => {
    pods = await controlPlane.list<Pod>('pods', '-n', namespace);
    return pods.length === replicas && pods.filter(isBound).length === onNode;
  });
  return pods;
}

/** Devices of the claims that are reserved for each pod. */
async function allocated({ controlPlane }: Cluster, pods: readonly Pod[]): Promise<readonly (readonly string[])[]> {
  const claims = await controlPlane.list<Claim>('resourceclaims', '-n', namespace);
  return pods.map(({ metadata }) =>
    claims
      .filter(({ status }) => status?.reservedFor?.some(({ uid }) => uid === metadata.uid) === true)
      .flatMap(({ status }) => status?.allocation?.devices.results.map(({ device }) => device) ?? []),
  );
}

/** Each pod has two VFs of its own. */
async function checkAllocated(cluster: Cluster, pods: readonly Pod[]): Promise<void> {
  const devices = await allocated(cluster, pods);
  deepStrictEqual(
    devices.map(({ length }) => length),
    pods.map(() => 2),
  );
  const all = devices.flat();
  deepStrictEqual(new Set(all).size, all.length, 'no two pods have the same VF');
  const known = new Set(cluster.vfs.map(deviceName));
  ok(all.every((name) => known.has(name)));
}

async function playDemo(cluster: Cluster): Promise<void> {
  const { controlPlane } = cluster;
  await publishedDevices(cluster);
  await controlPlane.must(['apply', '-f', demo]);
  await checkAllocated(cluster, await scale(cluster, 1));
  await checkAllocated(cluster, await scale(cluster, 3));
  const eight = await scale(cluster, 8, 7);
  await checkAllocated(cluster, eight.filter(isBound));
  await scale(cluster, 0);
  await controlPlane.must(['delete', '-f', demo, '--timeout=100s'], { timeoutMs: longTimeoutMs });
  deepStrictEqual(await controlPlane.list<Claim>('resourceclaims', '-A'), [], 'no claim is left');
}

function namespacesOf(file: string): readonly object[] {
  const documents = parseAllDocuments(readFileSync(file, 'utf8')).map((document) => document.toJS() as ApiObject);
  return documents.filter(({ kind }) => kind === 'Namespace');
}

/** The API server says what it would do with each; without a kubelet nobody would end the pods. */
async function checkManifests({ controlPlane }: Cluster): Promise<void> {
  const check = ['apply', '--server-side', '--validate=strict', '--dry-run=server'];
  const files = readdirSync(examples).filter((name) => name.endsWith('.yaml'));
  ok(files.length > 0);
  for (const file of files.map((name) => join(examples, name))) {
    const namespaces = namespacesOf(file);
    if (namespaces.length > 0) await controlPlane.apply(namespaces);
    await controlPlane.must([...check, '-f', file]);
  }
  for (const name of ['base', 'as-sriov', 'remove'])
    await controlPlane.must([...check, '-k', join(root, 'deploy', name)]);
}

export const scenarios: readonly Scenario[] = [
  { name: 'driver: all VFs are published, with the attributes that a policy gives them', run: checkPublished },
  { name: 'demo: the manifest as it is gets two VFs a pod; 1, 3, 8 pods for 14 VFs, and none', run: playDemo },
  { name: 'manifests: conf-examples and deploy are accepted', run: checkManifests },
];
