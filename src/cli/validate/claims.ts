import { isJsonObject } from '../../lib/json.ts';
import { quote } from '../../lib/quote.ts';
import { count } from '../text.ts';
import type { Cluster, Selected } from './cross-check.ts';
import { error, type Finding, type Path, warning } from './finding.ts';
import type { Network } from './network.ts';
import { at, type Claim, type DeviceRequest, type PodClaim, textAt, titleOf, type Workload } from './objects.ts';
import { meantBy } from './spelling.ts';

/** A claim of a pod, with the object that it refers to. */
export interface FoundClaim {
  readonly claim: PodClaim;
  /** Null: not in these files. */
  readonly found: Claim | null;
}

/** Whether a class is one of the SR-IOV DRA driver, under its present or former name. */
const isOurClass = (className: string): boolean => /sriov|virtualfunction/i.test(className);

const requestsOf = ({ found }: FoundClaim): readonly DeviceRequest[] =>
  (found?.requests ?? []).filter(({ className }) => isOurClass(className));

/** Number of VFs of all requests; null if one doesn't tell how many, or a claim is not in these files. */
function countVfs(claims: readonly FoundClaim[]): number | null {
  let count = 0;
  for (const one of claims) {
    if (one.found === null) return null;
    for (const request of requestsOf(one)) {
      if (request.count === null) return null;
      count += request.count;
    }
  }
  return count;
}

/** Whether a pod's claims give what its annotation asks for. */
export function checkClaims(
  cluster: Cluster,
  pod: Workload,
  selected: readonly Selected[],
  claims: readonly FoundClaim[],
  path: string,
): Finding[] {
  return [
    ...claims.flatMap((claim) => checkReference(cluster, pod, claim)),
    ...checkUse(pod),
    ...checkCount(pod, selected, claims, path),
    ...checkAssignment(selected, claims, path),
    ...checkNamedNetworks(cluster, pod, claims),
    ...checkResourceNames(cluster, selected, claims, path),
  ];
}

/** The path of a claim among those of a pod. */
function claimPath({ object, podPath }: Workload, name: string): Path {
  const path = [...podPath, 'spec', 'resourceClaims'];
  const claims = at(object, ...podPath, 'spec', 'resourceClaims');
  return [...path, Array.isArray(claims) ? claims.findIndex((claim) => textAt(claim, 'name') === name) : 0];
}

function checkReference({ claims }: Cluster, pod: Workload, { claim, found }: FoundClaim): Finding[] {
  if (found !== null || claim.refersTo === '') return [];
  const { kind, name, refersTo } = claim;
  const path = `${titleOf(pod)}: resourceClaims ${quote(name)}`;
  const sameKind = claims.filter((other) => other.kind === kind);
  const place = { at: [...claimPath(pod, name), `${kind.charAt(0).toLowerCase()}${kind.slice(1)}Name`] };
  const elsewhere = sameKind.find((other) => other.name === refersTo);
  if (elsewhere !== undefined) {
    return [
      error(
        path,
        `${kind} ${quote(refersTo)} is in namespace ${elsewhere.namespace}, the pod is in ${pod.namespace}; a pod’s claims are in its own`,
        place,
      ),
    ];
  }
  const message = `no ${kind} ${quote(refersTo)} in these files`;
  if (sameKind.length === 0) return [warning(path, message, place)];
  const names = sameKind.map((other) => other.name);
  const fix = meantBy(refersTo, names);
  return [error(path, `${message}; there are: ${names.join(', ')}`, fix === null ? place : { ...place, fix })];
}

/** The path at which a container first uses a claim. */
function usePath({ object, podPath }: Workload, name: string): Path {
  for (const kind of ['containers', 'initContainers']) {
    const containers = at(object, ...podPath, 'spec', kind);
    for (const [index, container] of (Array.isArray(containers) ? containers : []).entries()) {
      const claims = at(container, 'resources', 'claims');
      const use = Array.isArray(claims) ? claims.findIndex((claim) => textAt(claim, 'name') === name) : -1;
      if (use >= 0) return [...podPath, 'spec', kind, index, 'resources', 'claims', use, 'name'];
    }
  }
  return [...podPath, 'spec'];
}

function checkUse(pod: Workload): Finding[] {
  const declared = new Set(pod.claims.map(({ name }) => name));
  const unknown = [...new Set(pod.used)].filter((name) => !declared.has(name));
  const path = `${titleOf(pod)}: resources.claims`;
  return unknown.map((name) => {
    const place = { at: usePath(pod, name) };
    const fix = meantBy(name, [...declared]);
    const message = `a container uses claim ${quote(name)}, which resourceClaims doesn’t have`;
    return error(path, message, fix === null ? place : { ...place, fix });
  });
}

function hasSimilarAnnotation({ object, podPath }: Workload): boolean {
  const places = [
    at(object, 'metadata', 'annotations'),
    at(object, ...podPath, 'metadata', 'annotations'),
    at(object, ...podPath, 'metadata', 'labels'),
  ];
  return places.some((place) => isJsonObject(place) && Object.keys(place).some((key) => key.includes('cni.cncf.io/')));
}

function checkCount(
  pod: Workload,
  selected: readonly Selected[],
  claims: readonly FoundClaim[],
  path: string,
): Finding[] {
  const vfs = countVfs(claims);
  // If a network is unknown, misplaced or misspelt, another check says so, and numbers can't be compared.
  const isUntold = selected.some(({ network }) => network === null || !network.isReadable);
  const isMisplaced = selected.length === 0 && hasSimilarAnnotation(pod);
  if (vfs === null || isUntold || isMisplaced) return [];
  const wanted = selected.filter(({ network }) => network?.plugin != null).length;
  const asks = `the annotation asks for ${count(wanted, 'attachment')}, the pod’s claims for ${count(vfs, 'VF')}`;
  if (wanted > vfs) return [error(path, `${asks}: ADD will fail with error 100, no VF found for this pod`)];
  // Without an annotation the driver itself attaches the networks that claims name (STANDALONE mode).
  const isStandalone =
    selected.length === 0 && claims.some((claim) => requestsOf(claim).some(({ networks }) => networks.length > 0));
  if (wanted === vfs || isStandalone || pod.claims.length === 0) return [];
  return [warning(path, `${asks}: the other VFs stay on the host; name the network once for each VF`)];
}

/** Checks claims that name a network, because their VFs are for that network only. */
function checkAssignment(selected: readonly Selected[], claims: readonly FoundClaim[], path: string): Finding[] {
  const requests = claims.flatMap(requestsOf);
  const isTold =
    claims.every(({ found }) => found !== null) &&
    requests.every(({ count, networks }) => count !== null && networks.length > 0);
  if (!isTold || requests.length === 0) return [];
  const names = [
    ...new Set(selected.filter(({ network }) => network?.plugin != null).map(({ selection }) => selection.name)),
  ];
  return names.flatMap((name) => {
    const wanted = selected.filter(({ selection }) => selection.name === name).length;
    const given = requests
      .filter(({ networks }) => networks.some((network) => network.replace(/^.*\//, '') === name))
      .reduce((total, { count }) => total + (count ?? 0), 0);
    if (wanted <= given) return [];
    return [
      error(
        path,
        `${count(wanted, 'attachment')} of network ${quote(name)}, but the claims’ netAttachDefName gives it ${count(given, 'VF')}`,
      ),
    ];
  });
}

function checkNamedNetworks({ networks }: Cluster, pod: Workload, claims: readonly FoundClaim[]): Finding[] {
  const isNear = ({ namespace }: Network): boolean =>
    namespace === null || pod.namespace === null || namespace === pod.namespace;
  if (!networks.some(isNear)) return [];
  const known = new Set(networks.map(({ name }) => name));
  return claims.flatMap((claim) =>
    requestsOf(claim).flatMap((request) =>
      request.networks
        .filter((network) => !known.has(network.replace(/^.*\//, '')))
        .map((network) =>
          error(
            `${titleOf(pod)}: resourceClaims ${quote(claim.claim.name)}`,
            `request ${quote(request.name)} has netAttachDefName ${quote(network)}: no such NetworkAttachmentDefinition in these files; there are: ${[...known].join(', ')}`,
            { at: claimPath(pod, claim.claim.name) },
          ),
        ),
    ),
  );
}

/** Multus looks devices up by `<claim>/<request>`, or by what the driver's DeviceAttributes call them. */
function checkResourceNames(
  { resourceNames }: Cluster,
  selected: readonly Selected[],
  claims: readonly FoundClaim[],
  path: string,
): Finding[] {
  const requested = claims.flatMap((one) => requestsOf(one).map((request) => `${one.claim.name}/${request.name}`));
  const known = new Set([...resourceNames, ...requested]);
  const isTold = claims.length > 0 && claims.every(({ found }) => found !== null);
  const named = [
    ...new Map(
      selected.flatMap(({ network }) =>
        network?.plugin == null || network.resourceName === null ? [] : [[network.name, network.resourceName] as const],
      ),
    ),
  ];
  if (!isTold) return [];
  return named
    .filter(([, resourceName]) => !known.has(resourceName))
    .map(([name, resourceName]) => {
      const there = [...known].map((one) => quote(one)).join(', ') || 'none';
      const what = `network ${quote(name)} has resourceName ${quote(resourceName)}, which neither a <claim>/<request> of the pod nor a DeviceAttributes in these files has`;
      const message = `${what}; there are: ${there}`;
      // A name is certainly wrong only if the files have names of devices, and this one isn't among them.
      return resourceNames.length > 0 ? error(path, message) : warning(path, message);
    });
}
