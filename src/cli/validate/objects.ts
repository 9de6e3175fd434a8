import { isJsonObject, type Json } from '../../lib/json.ts';
import { quote, show } from '../../lib/quote.ts';
import type { Path } from './finding.ts';
import type { SourceDocument } from './source.ts';

/** An object of Kubernetes and the file it is in. */
export interface Manifest {
  readonly file: string;
  readonly document: SourceDocument;
  /** Where it is in the document: an item of a List, or all of it. */
  readonly within: Path;
  readonly kind: string;
  /** Null: the one that it is applied in. */
  readonly namespace: string | null;
  readonly name: string;
  readonly object: Json;
}

/** A ResourceClaim, or the template of one. */
export interface Claim extends Manifest {
  readonly requests: readonly DeviceRequest[];
}

export interface DeviceRequest {
  readonly name: string;
  readonly className: string;
  /** Null: as many as there are, or one of several alternatives. */
  readonly count: number | null;
  /** The networks that the driver's VfConfig names for it. */
  readonly networks: readonly string[];
}

/** A pod, or what makes pods. */
export interface Workload extends Manifest {
  /** Where its pod is in the object. */
  readonly podPath: readonly string[];
  /** Pods that it makes; null where that isn't told (DaemonSet). */
  readonly replicas: number | null;
  readonly annotations: Json;
  readonly claims: readonly PodClaim[];
  /** Its pods are to be on different nodes. */
  readonly isSpread: boolean;
  /** The names of claims that containers use. */
  readonly used: readonly string[];
}

export interface PodClaim {
  readonly name: string;
  readonly kind: 'ResourceClaimTemplate' | 'ResourceClaim';
  /** '' where it says neither. */
  readonly refersTo: string;
}

/** The value at a path of keys; undefined where there is none. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, key) => (isJsonObject(inner) ? inner[key] : undefined), value);
}

const objectAt = (value: unknown, ...path: readonly string[]): Json => {
  const found = at(value, ...path);
  return isJsonObject(found) ? found : {};
};

const listAt = (value: unknown, ...path: readonly string[]): readonly Json[] => {
  const found = at(value, ...path);
  return Array.isArray(found) ? found.filter(isJsonObject) : [];
};

export const textAt = (value: unknown, ...path: readonly string[]): string | null => {
  const found = at(value, ...path);
  return typeof found === 'string' && found !== '' ? found : null;
};

/** The objects of a file's documents. A List is its items. */
export function readManifests(file: string, documents: readonly SourceDocument[]): readonly Manifest[] {
  return documents.flatMap((document) => {
    const { value } = document;
    const items = isJsonObject(value) && value['kind'] === 'List' ? value['items'] : undefined;
    const objects: readonly (readonly [unknown, Path])[] = Array.isArray(items)
      ? items.map((item: unknown, index) => [item, ['items', index]] as const)
      : [[value, []]];
    return objects.flatMap(([object, within]) =>
      isJsonObject(object) ? [{ file, document, within, ...nameOf(object), object }] : [],
    );
  });
}

const nameOf = (object: Json): Pick<Manifest, 'kind' | 'namespace' | 'name'> => ({
  kind: textAt(object, 'kind') ?? '',
  namespace: textAt(object, 'metadata', 'namespace'),
  name: textAt(object, 'metadata', 'name') ?? '',
});

/** `Deployment vf-test8/pod0` */
export function titleOf({ kind, namespace, name }: Manifest): string {
  return `${kind} ${namespace === null ? '' : `${namespace}/`}${name}`;
}

/** Where a kind has the specification of its claim. */
export const claimSpecs: Readonly<Record<string, readonly string[]>> = {
  ResourceClaim: ['spec'],
  ResourceClaimTemplate: ['spec', 'spec'],
};

function readRequest(request: Json, configs: readonly Json[]): DeviceRequest {
  // v1beta1 has what v1 has in `exactly` in the request itself.
  const exactly = isJsonObject(request['exactly']) ? request['exactly'] : request;
  const { count = 1, allocationMode = 'ExactCount' } = exactly;
  const name = textAt(request, 'name') ?? '';
  const alternatives = listAt(request, 'firstAvailable');
  const isFixed = allocationMode === 'ExactCount' && alternatives.length === 0;
  const configured = configs.filter((config) => {
    const requests = at(config, 'requests');
    return !Array.isArray(requests) || requests.length === 0 || requests.includes(name);
  });
  return {
    name,
    className: [exactly, ...alternatives].flatMap((one) => textAt(one, 'deviceClassName') ?? []).join(' or '),
    count: isFixed && typeof count === 'number' ? count : null,
    networks: configured.flatMap((config) => textAt(config, 'opaque', 'parameters', 'netAttachDefName') ?? []),
  };
}

export function readClaim(manifest: Manifest): Claim | null {
  const path = claimSpecs[manifest.kind];
  if (path === undefined) return null;
  const configs = listAt(manifest.object, ...path, 'devices', 'config');
  const requests = listAt(manifest.object, ...path, 'devices', 'requests');
  return { ...manifest, requests: requests.map((request) => readRequest(request, configs)) };
}

/** Where a kind has its pod, and where how many of them. */
export const workloads: Readonly<
  Record<string, { readonly pod: readonly string[]; readonly replicas?: readonly string[] }>
> = {
  Pod: { pod: [] },
  Deployment: { pod: ['spec', 'template'], replicas: ['spec', 'replicas'] },
  StatefulSet: { pod: ['spec', 'template'], replicas: ['spec', 'replicas'] },
  ReplicaSet: { pod: ['spec', 'template'], replicas: ['spec', 'replicas'] },
  ReplicationController: { pod: ['spec', 'template'], replicas: ['spec', 'replicas'] },
  Job: { pod: ['spec', 'template'], replicas: ['spec', 'parallelism'] },
  CronJob: {
    pod: ['spec', 'jobTemplate', 'spec', 'template'],
    replicas: ['spec', 'jobTemplate', 'spec', 'parallelism'],
  },
  DaemonSet: { pod: ['spec', 'template'] },
};

function readPodClaim(claim: Json): PodClaim {
  const name = textAt(claim, 'name') ?? '';
  const template = textAt(claim, 'resourceClaimTemplateName');
  if (template !== null) return { name, kind: 'ResourceClaimTemplate', refersTo: template };
  const existing = textAt(claim, 'resourceClaimName');
  return { name, kind: 'ResourceClaim', refersTo: existing ?? '' };
}

export function readWorkload(manifest: Manifest): Workload | null {
  const known = workloads[manifest.kind];
  if (known === undefined) return null;
  const pod = objectAt(manifest.object, ...known.pod);
  const count = known.replicas === undefined ? 1 : (at(manifest.object, ...known.replicas) ?? 1);
  const containers = ['containers', 'initContainers'].flatMap((key) => listAt(pod, 'spec', key));
  return {
    ...manifest,
    podPath: known.pod,
    replicas: manifest.kind === 'DaemonSet' || typeof count !== 'number' ? null : count,
    annotations: objectAt(pod, 'metadata', 'annotations'),
    claims: listAt(pod, 'spec', 'resourceClaims').map(readPodClaim),
    isSpread:
      at(pod, 'spec', 'affinity', 'podAntiAffinity') !== undefined ||
      listAt(pod, 'spec', 'topologySpreadConstraints').length > 0,
    used: containers.flatMap((container) =>
      listAt(container, 'resources', 'claims').flatMap((claim) => textAt(claim, 'name') ?? []),
    ),
  };
}

export const resourceNameKey = 'k8s.v1.cni.cncf.io/resourceName';
export const networksKey = 'k8s.v1.cni.cncf.io/networks';

/** One attachment that a pod's annotation asks for. */
export interface NetworkSelection {
  /** Null: the pod's own. */
  readonly namespace: string | null;
  readonly name: string;
  /** Null: Multus numbers it, `net<N>` by its place. */
  readonly ifname: string | null;
}

const objectName = '[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?';
/** `<namespace>/<name>@<interface>` (NetworkAttachmentDefinition specification, 4.1.2.1). */
const short = new RegExp(`^(?:(${objectName})/)?(${objectName})(?:@(.+))?$`);

function readShort(text: string): NetworkSelection {
  const [, namespace, name, ifname] = short.exec(text) ?? [];
  if (name === undefined) throw new Error(`${quote(text)} is not allowed; allowed: <namespace>/<name>@<interface>`);
  return { namespace: namespace ?? null, name, ifname: ifname ?? null };
}

function readElement(element: unknown): NetworkSelection {
  if (!isJsonObject(element) || typeof element['name'] !== 'string' || element['name'] === '') {
    throw new Error(`${show(element)} is not allowed; allowed: an object with a name`);
  }
  const text = (key: string): string | null => {
    const value = element[key];
    return typeof value === 'string' && value !== '' ? value : null;
  };
  return { namespace: text('namespace'), name: element['name'], ifname: text('interface') };
}

/** Reads the annotation in either form. Throws an Error that says what is wrong with it. */
export function readNetworks(text: string): readonly NetworkSelection[] {
  const trimmed = text.trim();
  if (!/^[[{]/.test(trimmed)) {
    const items = trimmed.split(',').map((item) => item.trim());
    return items.filter((item) => item !== '').map(readShort);
  }
  let list: unknown;
  try {
    list = JSON.parse(trimmed);
  } catch {
    throw new Error('it is neither a list of names by commas nor JSON');
  }
  if (!Array.isArray(list)) throw new Error(`${show(list)} is not allowed; allowed: an array of objects`);
  return list.map(readElement);
}
