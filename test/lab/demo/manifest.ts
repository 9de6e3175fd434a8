import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';

const path = 'conf-examples/multus-multiple-vf.yaml';

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec?: {
    readonly config?: string;
    readonly template?: { readonly metadata: { readonly annotations: Readonly<Record<string, string>> } };
  };
}

export interface DemoManifest {
  readonly path: string;
  readonly namespace: string;
  readonly network: string;
  /** The NAD's config, as it stands in the file. */
  readonly config: string;
  /** The pod's annotation. */
  readonly annotation: string;
}

/** The example of the demo, as a user would apply it. */
export function readDemoManifest(): DemoManifest {
  const text = readFileSync(join(import.meta.dirname, '../../..', path), 'utf8');
  const documents = parseAllDocuments(text).map((document) => document.toJS() as Manifest);
  const nad = documents.find((document) => document.kind === 'NetworkAttachmentDefinition');
  const deployment = documents.find((document) => document.kind === 'Deployment');
  const annotation = deployment?.spec?.template?.metadata.annotations['k8s.v1.cni.cncf.io/networks'];
  if (nad?.spec?.config === undefined || annotation === undefined)
    throw new Error(`${path} is not the demo's manifest`);
  const { name, namespace = 'default' } = nad.metadata;
  return { path, namespace, network: name, config: nad.spec.config, annotation };
}
