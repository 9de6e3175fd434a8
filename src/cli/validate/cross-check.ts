import { isInterfaceName } from '../../cni/environment.ts';
import { explain, isBug } from '../../cni/errors.ts';
import { quote } from '../../lib/quote.ts';
import { isSystemError } from '../../lib/system-error.ts';
import { type HostLocal, readHostLocal } from '../host-local.ts';
import { checkClaims, type FoundClaim } from './claims.ts';
import { error, type Finding, type Path, warning } from './finding.ts';
import { type Network, readNetwork } from './network.ts';
import {
  type Claim,
  type Manifest,
  type NetworkSelection,
  networksKey,
  readClaim,
  readNetworks,
  readWorkload,
  textAt,
  titleOf,
  type Workload,
} from './objects.ts';
import { meantBy } from './spelling.ts';

/** All objects of the files that are checked together. */
export interface Cluster {
  readonly networks: readonly Network[];
  readonly claims: readonly Claim[];
  /** Names that the driver's DeviceAttributes give devices for Multus. */
  readonly resourceNames: readonly string[];
}

/** An attachment that a pod asks for, with the definition that it names. */
export interface Selected {
  readonly selection: NetworkSelection;
  /** Null: not in these files. */
  readonly network: Network | null;
}

/** A finding, and the object that it is about. */
export interface Located {
  readonly manifest: Manifest;
  readonly finding: Finding;
}

const resourceNameAttribute = 'k8s.cni.cncf.io/resourceName';

/** True for the kinds that the cross-check looks at. */
export function isCrossChecked(manifest: Manifest): boolean {
  const kinds = [readClaim(manifest), readWorkload(manifest)];
  return kinds.some((read) => read !== null) || manifest.kind === 'DeviceAttributes';
}

/** Whether the objects of all files fit together: annotations, networks, claims, subnets. */
export function crossCheck(manifests: readonly Manifest[], ourTypes: ReadonlySet<string>): readonly Located[] {
  const cluster: Cluster = {
    networks: manifests.flatMap((manifest) => readNetwork(manifest, ourTypes) ?? []),
    claims: manifests.flatMap((manifest) => readClaim(manifest) ?? []),
    resourceNames: manifests
      .filter(({ kind }) => kind === 'DeviceAttributes')
      .flatMap(({ object }) => textAt(object, 'spec', 'attributes', resourceNameAttribute, 'string') ?? []),
  };
  const pods = manifests.flatMap((manifest) => readWorkload(manifest) ?? []);
  return [
    ...pods.flatMap((pod) => checkPod(cluster, pod)),
    ...checkSubnets(pods.map((pod) => ({ pod, selected: selectQuietly(cluster, pod) }))),
  ];
}

/** Null is the namespace in which the files are applied, so it fits every other. */
const sameNamespace = (one: string | null, other: string | null): boolean =>
  one === null || other === null || one === other;

function select(cluster: Cluster, pod: Workload): readonly Selected[] {
  const text = textAt(pod.annotations, networksKey);
  return (text === null ? [] : readNetworks(text)).map((selection) => {
    const namespace = selection.namespace ?? pod.namespace;
    const isIt = (network: Network): boolean =>
      network.name === selection.name && sameNamespace(network.namespace, namespace);
    return { selection, network: cluster.networks.find(isIt) ?? null };
  });
}

function selectQuietly(cluster: Cluster, pod: Workload): readonly Selected[] {
  try {
    return select(cluster, pod);
  } catch (thrown) {
    if (isBug(thrown)) throw thrown;
    return [];
  }
}

const annotationOf = ({ podPath }: Workload): Path => [...podPath, 'metadata', 'annotations', networksKey];

/** The place of a network in the annotation, which is a list with commas or JSON. */
function placeOf(pod: Workload, index: number, name: string): { readonly at: Path } | { readonly offset: number } {
  const text = textAt(pod.annotations, networksKey) ?? '';
  const at = annotationOf(pod);
  if (/^\s*\[/.test(text)) return { at: [...at, index, 'name'] };
  const items = [...text.matchAll(/[^,\s][^,]*/g)];
  const start = (items[index]?.index ?? 0) + Math.max(items[index]?.[0].indexOf(name) ?? 0, 0);
  return { offset: pod.document.inText([...pod.within, ...at])(start) };
}

function checkPod(cluster: Cluster, pod: Workload): readonly Located[] {
  const path = `${titleOf(pod)}: ${networksKey}`;
  let selected: readonly Selected[];
  try {
    selected = select(cluster, pod);
  } catch (thrown) {
    return [{ manifest: pod, finding: error(path, explain(thrown), { at: annotationOf(pod) }) }];
  }
  const claims = pod.claims.map((claim): FoundClaim => ({ claim, found: findClaim(cluster, pod, claim) }));
  const findings = [
    ...selected.flatMap((one, index) => checkSelection(cluster, pod, one, index, path)),
    ...checkNames(selected, path),
    ...checkClaims(cluster, pod, selected, claims, path),
  ];
  return findings.map((finding) => ({ manifest: pod, finding: { at: annotationOf(pod), ...finding } }));
}

function findClaim(cluster: Cluster, pod: Workload, { kind, refersTo }: Workload['claims'][number]): Claim | null {
  const isIt = (claim: Claim): boolean =>
    claim.kind === kind && claim.name === refersTo && sameNamespace(claim.namespace, pod.namespace);
  return cluster.claims.find(isIt) ?? null;
}

/** An absent object may be in the cluster. If the files have others of its kind, its name is more likely misspelt. */
function checkSelection(
  { networks }: Cluster,
  pod: Workload,
  { selection, network }: Selected,
  index: number,
  path: string,
): Finding[] {
  if (network !== null) return [];
  const { name, namespace } = selection;
  const elsewhere = networks.find((other) => other.name === name);
  const place = placeOf(pod, index, name);
  if (elsewhere !== undefined && namespace === null) {
    const looked = namespace ?? pod.namespace;
    const advice = `write ${elsewhere.namespace}/${name}, or put both into one namespace`;
    return [
      error(
        path,
        `network ${index + 1}, ${quote(name)}, is in namespace ${elsewhere.namespace}, but is looked for in ${looked}; ${advice}`,
        { ...place, fix: `${elsewhere.namespace}/${name}` },
      ),
    ];
  }
  const message = `network ${index + 1}, ${quote(name)}: no such NetworkAttachmentDefinition in these files`;
  const looked = namespace ?? pod.namespace;
  const names = [
    ...new Set(networks.filter((other) => sameNamespace(other.namespace, looked)).map((other) => other.name)),
  ];
  // If the files have nothing of a namespace, its objects may be in the cluster.
  if (names.length === 0) return [warning(path, message, place)];
  const fix = meantBy(name, names);
  return [error(path, `${message}; there are: ${names.join(', ')}`, fix === null ? place : { ...place, fix })];
}

function checkNames(selected: readonly Selected[], path: string): Finding[] {
  const names = selected.map(({ selection }, index) => selection.ifname ?? `net${index + 1}`);
  const findings: Finding[] = [];
  for (const [index, name] of names.entries()) {
    const first = names.indexOf(name);
    if (first !== index) {
      findings.push(error(path, `networks ${first + 1} and ${index + 1} both get the interface name ${quote(name)}`));
    }
    if (!isInterfaceName(name)) {
      findings.push(
        error(
          path,
          `${quote(name)} is no name of an interface; allowed: 1 to 15 bytes without space, "/", ":" and "%"`,
        ),
      );
    }
    if (name === 'eth0') findings.push(error(path, '"eth0" is the pod’s interface to the cluster’s network'));
  }
  return findings;
}

/** A workload and the attachments of each of its pods. */
interface Demand {
  readonly pod: Workload;
  readonly selected: readonly Selected[];
}

/**
 * Whether each network's subnet has an address for every attachment of every pod on one node, because host-local's
 * stores are the nodes' own.
 */
function checkSubnets(demands: readonly Demand[]): readonly Located[] {
  const networks = new Set(demands.flatMap(({ selected }) => selected.flatMap(({ network }) => network ?? [])));
  return [...networks].flatMap((network) => checkNetworkSubnets(network, demands));
}

function readIpam(network: Network): HostLocal | string | null {
  try {
    return readHostLocal(network.plugin?.['ipam']);
  } catch (thrown) {
    if (isSystemError(thrown)) return thrown.message;
    throw thrown;
  }
}

function checkNetworkSubnets(network: Network, demands: readonly Demand[]): readonly Located[] {
  const path = `${titleOf(network)}: spec.config: ipam`;
  const ipam = readIpam(network);
  if (ipam === null) return [];
  // The check of the definition itself reports that.
  if (typeof ipam === 'string') return [];
  const place = { at: ['spec', 'config', ...network.pluginPath, 'ipam'] };
  const uses = demands.flatMap(({ pod, selected }) => {
    const perPod = selected.filter((one) => one.network === network).length;
    return perPod === 0 || pod.replicas === null ? [] : [{ pod, perPod, replicas: pod.replicas }];
  });
  const needed = uses.reduce((total, { perPod, replicas }) => total + perPod * replicas, 0);
  return ipam.sets.flatMap(({ subnets, capacity }) => {
    if (BigInt(needed) <= capacity) return [];
    const sums = uses.map(({ pod, perPod, replicas }) => `${titleOf(pod)}: ${replicas} x ${perPod}`).join(', ');
    const message = `${subnets.join(', ')} has ${capacity} ${capacity === 1n ? 'address' : 'addresses'} to give, ${needed} are needed (${sums})`;
    const most = Math.max(...uses.map(({ perPod }) => perPod));
    const mayDo = BigInt(most) <= capacity && uses.some(({ pod }) => pod.isSpread);
    const finding = mayDo
      ? warning(path, `${message} where all of them are on one node`, place)
      : error(path, message, place);
    return [{ manifest: network, finding }];
  });
}
