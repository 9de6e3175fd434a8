import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';

interface Metadata {
  readonly name: string;
  readonly namespace: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface NetworkAttachmentDefinition {
  readonly kind: 'NetworkAttachmentDefinition';
  readonly metadata: Metadata;
  readonly spec: { readonly config: string };
}

interface DeviceRequest {
  readonly name: string;
  readonly exactly: { readonly count?: number };
}

interface DeviceConfig {
  readonly requests?: readonly string[];
  readonly opaque: { readonly driver: string; readonly parameters: unknown };
}

export interface ResourceClaimTemplate {
  readonly kind: 'ResourceClaimTemplate';
  readonly metadata: Metadata;
  readonly spec: {
    readonly spec: {
      readonly devices: { readonly requests: readonly DeviceRequest[]; readonly config?: readonly DeviceConfig[] };
    };
  };
}

/** One of the pod's claims, made from a template or referred to by name. */
export type PodClaim = { readonly name: string } & (
  | { readonly resourceClaimTemplateName: string }
  | { readonly resourceClaimName: string }
);

interface PodTemplate {
  readonly metadata: { readonly annotations: Readonly<Record<string, string>> };
  readonly spec: { readonly resourceClaims: readonly PodClaim[] };
}

interface Pod extends PodTemplate {
  readonly kind: 'Pod';
  readonly metadata: Metadata & PodTemplate['metadata'];
}

interface Deployment {
  readonly kind: 'Deployment';
  readonly metadata: Metadata;
  readonly spec: { readonly template: PodTemplate };
}

type Document = NetworkAttachmentDefinition | ResourceClaimTemplate | Pod | Deployment | { readonly kind: 'Namespace' };

/** The content of a manifest of conf-examples: networks, claims, and one pod, which may be a Deployment's. */
export interface Manifest {
  readonly networks: readonly NetworkAttachmentDefinition[];
  readonly claimTemplates: readonly ResourceClaimTemplate[];
  readonly namespace: string;
  readonly pod: PodTemplate;
}

/** Reads a file of conf-examples, as a user would apply it. */
export function readManifest(file: string): Manifest {
  const text = readFileSync(join(import.meta.dirname, '../../conf-examples', file), 'utf8');
  const documents = parseAllDocuments(text).map((document) => document.toJS() as Document);
  const workload = documents.find((document) => document.kind === 'Pod' || document.kind === 'Deployment');
  if (workload === undefined) throw new Error(`${file} has no pod`);
  return {
    networks: documents.filter((document) => document.kind === 'NetworkAttachmentDefinition'),
    claimTemplates: documents.filter((document) => document.kind === 'ResourceClaimTemplate'),
    namespace: workload.metadata.namespace,
    pod: workload.kind === 'Pod' ? workload : workload.spec.template,
  };
}
