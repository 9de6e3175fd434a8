import type { CheckpointVf } from '../../allocation/checkpoints.ts';
import { type ClaimVf, isLeftOver, type PodVfs, readClaimsOf } from '../../allocation/driver-specs.ts';
import { Search } from '../../allocation/search.ts';
import { explain } from '../../cni/errors.ts';
import type { PciAddress } from '../../lib/pci-address.ts';
import { listSome } from '../doctor/check.ts';
import { allocationNode } from '../node/context.ts';
import { confOf } from '../resolve/resolve.ts';
import { count } from '../text.ts';
import { programName, type Tool } from '../tool.ts';
import type { NodePod } from './find-pod.ts';
import type { Annotation } from './multus-cache.ts';
import { broken, fine, type Step, untold } from './steps.ts';

/** What the DRA driver has left for a pod; a text says why it could not be read. */
export interface Claimed {
  /** VFs by its checkpoint. */
  readonly prepared: readonly CheckpointVf[] | string;
  /** VFs by the per-pod CDI spec. */
  readonly specified: PodVfs | null | string;
  /** These VFs by the per-claim CDI specs, without those of claims that are gone. */
  readonly claims: readonly ClaimVf[] | string;
}

function orReason<T>(read: () => T): T | string {
  try {
    return read();
  } catch (thrown) {
    return explain(thrown);
  }
}

const addressesOf = ({ prepared, specified }: Pick<Claimed, 'prepared' | 'specified'>): readonly PciAddress[] => {
  const listed = specified === null || typeof specified === 'string' ? [] : specified.addresses;
  const known = typeof prepared === 'string' ? [] : prepared.map(({ pci }) => pci);
  return [...new Set([...listed, ...known])].sort();
};

export function readClaimed(tool: Tool, podUid: string): Claimed {
  const conf = confOf(podUid, 'any', { type: programName });
  const search = new Search(allocationNode(tool), { conf, network: 'any', held: new Map() });
  const prepared = orReason(() => search.checkpoints());
  const specified = orReason(() => search.podSpecAnywhere());
  const known = typeof prepared === 'string' ? [] : prepared;
  const claims = orReason(() => {
    const { vfs } = readClaimsOf(search.specs, addressesOf({ prepared, specified }), search.trace);
    return vfs.filter((vf) => !isLeftOver(vf, known));
  });
  return { prepared, specified, claims };
}

/** The VFs of a pod by either source. */
export const claimedVfs = addressesOf;

const deletePod = ({ namespace, name }: NodePod): string =>
  `kubectl -n ${namespace ?? 'NAMESPACE'} delete pod ${name ?? 'NAME'}`;

const describePod = ({ namespace, name }: NodePod): string =>
  `kubectl -n ${namespace ?? 'NAMESPACE'} describe pod ${name ?? 'NAME'}`;

export interface VfCounts {
  /** VFs of the pod's claims; 0 if that isn't known. */
  readonly claimed: number;
  /** Attachments that are on the node. */
  readonly attached: number;
}

export function annotationStep(pod: NodePod, annotation: Annotation | null, counts: VfCounts): Step {
  const { claimed: vfs, attached } = counts;
  if (annotation === null) {
    const where = 'what Multus made of it is on the node only while the pod’s sandbox is';
    return untold('annotation', `not on this node: ${where}; ${describePod(pod)} shows it`);
  }
  const { networks, source } = annotation;
  const names = networks.map(({ network, ifname }) => `${ifname}: ${network}`);
  const compared = vfs === 0 ? source : `${source} with ${count(vfs, 'claimed VF')}`;
  if (networks.length === 0 && attached > 0) {
    // A driver in STANDALONE mode calls the plugin itself, and Multus makes the pod's first network alone.
    const found = 'no network of this plugin: not Multus attaches the VFs, but the DRA driver itself';
    if (vfs <= attached) return fine('annotation', found, compared);
    const odd = `${found}, and only ${attached} of ${count(vfs, 'VF')}`;
    return broken('annotation', odd, compared, describePod(pod));
  }
  if (networks.length === 0) {
    const found = 'Multus attaches no network of this plugin: the annotation names none';
    return broken('annotation', found, compared, describePod(pod));
  }
  const found = `${count(networks.length, 'network')}: ${names.join(', ')}`;
  if (vfs !== 0 && networks.length !== vfs) {
    const odd = `${found}, but ${count(vfs, 'VF')}: name the network once for each`;
    return broken('annotation', odd, compared, { own: 'validate FILE...' });
  }
  return fine('annotation', found, compared);
}

export function claimStep(pod: NodePod, { prepared, specified }: Claimed): Step {
  if (typeof prepared === 'string') return broken('claim', prepared, null, { own: 'doctor' });
  const listed = specified === null || typeof specified === 'string' ? null : specified.addresses;
  const vfs = [...new Set(prepared.map(({ pci }) => pci))].sort();
  if (vfs.length === 0 && listed === null) {
    const found =
      'no claim of it is prepared here: neither a checkpoint nor a CDI spec of the DRA driver knows the pod';
    return broken('claim', found, null, `kubectl -n ${pod.namespace ?? 'NAMESPACE'} get resourceclaims -o wide`);
  }
  if (vfs.length === 0) return untold('claim', 'no driver checkpoint knows the pod; its CDI spec does');
  const claims = [...new Set(prepared.flatMap(({ claimUid }) => claimUid ?? []))];
  const found = `${vfs.join(', ')} prepared for ${claims.length === 1 ? 'claim' : 'claims'} ${claims.join(', ')}`;
  if (listed !== null && listed.join() !== vfs.join()) {
    const compared = `checkpoint with per-pod CDI spec, which lists ${listed.join(', ')}`;
    return broken('claim', found, compared, `${deletePod(pod)}: the driver prepares it anew`);
  }
  return fine('claim', found, listed === null ? null : 'checkpoint with per-pod CDI spec');
}

/**
 * A container runtime starts a pod's containers only if it finds the specs of its claims, which a reboot removes.
 */
export function cdiStep(pod: NodePod, claimed: Claimed): Step {
  const { specified, claims, prepared } = claimed;
  if (typeof specified === 'string') return broken('cdi', specified, null, { own: 'doctor' });
  if (typeof claims === 'string') return broken('cdi', claims, null, { own: 'doctor' });
  const vfs = addressesOf(claimed);
  if (specified === null) {
    if (vfs.length === 0) return untold('cdi', 'no spec of the pod, as it has no claim here');
    return broken('cdi', 'no per-pod spec, though its claim is prepared', 'checkpoint with specs', deletePod(pod));
  }
  const withSpec = new Set(claims.map(({ pci }) => pci));
  const missing = vfs.filter((pci) => !withSpec.has(pci));
  if (missing.length > 0 && typeof prepared !== 'string' && prepared.length > 0) {
    const found = `no per-claim spec of ${listSome(missing)}, as after a reboot: its containers can’t be created`;
    return broken('cdi', found, 'checkpoint with per-claim specs', deletePod(pod));
  }
  const networks = [...new Set(claims.flatMap(({ networkName }) => networkName ?? []))];
  const named = networks.length === 0 ? '' : `, for ${networks.join(', ')}`;
  return fine('cdi', `specs of pod and claims hold ${count(vfs.length, 'VF')}${named}`, specified.source);
}
