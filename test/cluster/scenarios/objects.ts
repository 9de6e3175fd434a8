// What there is before any pod starts: what the API server holds and takes, and who answers.
import { deepStrictEqual, match, ok } from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { deviceNameOf } from '../../support/driver-files.ts';
import type { ApiObject } from '../../support/kubernetes-api.ts';
import type { Cluster } from '../cluster.ts';
import { driverName } from '../node.ts';
import { askCluster, type ClusterRequest } from '../remote.ts';
import type { Scenario } from './scenario.ts';

const root = join(import.meta.dirname, '../../..');
const examples = join(root, 'conf-examples');

async function checkPublished(cluster: Cluster): Promise<void> {
  const { worker } = cluster;
  const devices = await cluster.publishedDevices();
  deepStrictEqual(devices.length, worker.vfs.length);
  for (const { pciAddress, pf } of worker.vfs) {
    const attributes = devices.find(({ name }) => name === deviceNameOf(pciAddress))?.attributes ?? {};
    // dra-driver-sriov qualifies names so. The API server keeps those of the driver's own domain as they come.
    const text = (name: string): string | undefined => attributes[name]?.string;
    deepStrictEqual(
      {
        pciAddress: text(`${driverName}/pciAddress`),
        pf: text(`${driverName}/PFName`),
        deviceID: text('k8s.cni.cncf.io/deviceID'),
        resourceName: text('k8s.cni.cncf.io/resourceName'),
      },
      { pciAddress, pf, deviceID: pciAddress, resourceName: 'sriov/vf' },
    );
  }
}

interface NamedObject extends ApiObject {
  readonly metadata: { readonly name: string };
}

function namespacesOf(file: string): readonly NamedObject[] {
  const documents = parseAllDocuments(readFileSync(file, 'utf8')).map((document) => document.toJS() as NamedObject);
  return documents.filter(({ kind }) => kind === 'Namespace');
}

/** The API server says what it would do with each. */
async function checkManifests({ controlPlane }: Cluster): Promise<void> {
  const check = ['apply', '--server-side', '--validate=strict', '--dry-run=server'];
  const files = readdirSync(examples).filter((name) => name.endsWith('.yaml'));
  ok(files.length > 0);
  for (const file of files.map((name) => join(examples, name))) {
    const namespaces = namespacesOf(file);
    if (namespaces.length > 0) await controlPlane.apply(namespaces);
    await controlPlane.must([...check, '-f', file]);
    const names = namespaces.map(({ metadata }) => metadata.name);
    if (names.length > 0) await controlPlane.must(['delete', 'namespace', ...names], { timeoutMs: 120_000 });
  }
  for (const name of ['base', 'as-sriov', 'remove'])
    await controlPlane.must([...check, '-k', join(root, 'deploy', name)]);
}

async function checkCommands(): Promise<void> {
  const ask = (kind: ClusterRequest['kind'], ...argv: readonly string[]) => askCluster({ kind, argv, stdin: '' });
  match((await ask('kubectl', 'get', 'nodes')).stdout, /Ready/);
  match((await ask('on-node', 'dra-sriov', 'inspect')).stdout, /ens1f0/);
  match((await ask('on-node', 'ctr', 'version')).stdout, /Server/);
  deepStrictEqual((await ask('on-node', 'false')).status, 1);
}

export const objectScenarios: readonly Scenario[] = [
  { name: 'commands: kubectl, and the node’s programs, from another terminal', run: checkCommands },
  { name: 'driver: all VFs are published, with the attributes that a policy gives them', run: checkPublished },
  { name: 'manifests: conf-examples and deploy are accepted', run: checkManifests },
];
