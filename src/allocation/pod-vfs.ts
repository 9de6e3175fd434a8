import type { PciAddress } from '../lib/pci-address.ts';
import { quote } from '../lib/quote.ts';
import type { CheckpointVf } from './checkpoints.ts';
import { isOfResource } from './device-info.ts';
import { type ClaimVf, type PodVfs, sortAddresses } from './driver-specs.ts';
import type { Search } from './search.ts';
import { whyNotSelected } from './selector.ts';
import type { Candidate } from './trace.ts';

/** Why a candidate is ruled out; null if it isn't. */
type Rule = (pci: PciAddress) => string | null;

function heldRule({ ask }: Search): Rule {
  return (pci) => {
    const holder = ask.held.get(pci);
    return holder === undefined ? null : `held by ${holder}`;
  };
}

/** Device-info decides. The checkpoint, which is big, is asked only if device-info knows none of the candidates. */
function resourceRule(search: Search, candidates: readonly PciAddress[]): Rule {
  const { resourceName } = search.ask.conf;
  if (resourceName === undefined) return () => null;
  const wanted = `not of resource ${quote(resourceName)}`;
  const matching = new Set(candidates.filter((pci) => isOfResource(search.platform, resourceName, pci)));
  if (matching.size > 0) return (pci) => (matching.has(pci) ? null : `${wanted} by device-info`);
  return (pci) => {
    const vfs = search.checkpoints().filter((vf) => vf.pci === pci);
    const known = vfs.flatMap((vf) => vf.resourceName ?? []);
    if (known.includes(resourceName)) return null;
    return known.length === 0
      ? `${wanted} as far as device-info and checkpoint tell`
      : `${wanted}: the checkpoint says ${known.map((name) => quote(name)).join(', ')}`;
  };
}

function selectorRule({ platform, ask }: Search): Rule {
  const { vfSelector } = ask.conf;
  return vfSelector === undefined ? () => null : (pci) => whyNotSelected(platform, pci, vfSelector);
}

type Standing = 'this network' | 'another network' | 'no network';

function standingOf({ networkName }: ClaimVf, network: string): Standing {
  if (networkName === null) return 'no network';
  return networkName === network ? 'this network' : 'another network';
}

function refuseContradictions(search: Search, claims: readonly ClaimVf[]): void {
  for (const claim of claims) {
    const standing = standingOf(claim, search.ask.network);
    const odd = claims.find((other) => other.pci === claim.pci && standingOf(other, search.ask.network) !== standing);
    if (odd === undefined) continue;
    const say = ({ file, networkName }: ClaimVf): string => `${file} says ${networkName ?? 'none'}`;
    throw search.trace.failure(
      'contradictorySources',
      `two sources give VF ${claim.pci} to different networks: ${say(claim)}, ${say(odd)}; remove the stale one`,
    );
  }
}

/**
 * Rules out a VF whose claim names another network. A VF whose claim names none is for any network, unless another VF
 * of the pod was claimed for exactly this one: then those without a name are for something else.
 */
function networkRule(search: Search, podAddresses: readonly PciAddress[]): Rule {
  const { network } = search.ask;
  const claims = search.claimsOf(podAddresses);
  refuseContradictions(search, claims);
  const claimed = claims.find((claim) => claim.networkName === network);
  return (pci) => {
    const name = claims.find((claim) => claim.pci === pci)?.networkName ?? null;
    if (name === network) return null;
    if (name !== null) return `its claim is for network ${quote(name)}`;
    return claimed === undefined ? null : `its claim names no network, and that of ${claimed.pci} names this one`;
  };
}

/** Lists reasons with their VFs, in the order of the VFs. */
function describe(reasons: ReadonlyMap<PciAddress, string>): string {
  return [...reasons]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([pci, reason]) => `${pci} ruled out: ${reason}`)
    .join('; ');
}

/**
 * Takes the first VF, in string order, that no rule rules out: not held by the pod's other attachments, of the config's
 * resourceName, matching its vfSelector, and claimed for this network. `pool` has the VFs that may be taken, `pod` all
 * VFs of the pod. Throws CniError noVfForPod with the reason for each.
 */
export function chooseVf(search: Search, pool: PodVfs, pod: PodVfs = pool): PciAddress {
  const reasons = new Map<PciAddress, string>();
  let left = sortAddresses(pool.addresses);
  const apply = (rule: Rule): void => {
    for (const pci of left) {
      const reason = rule(pci);
      if (reason !== null) reasons.set(pci, reason);
    }
    left = left.filter((pci) => !reasons.has(pci));
  };
  apply(heldRule(search));
  apply(resourceRule(search, left));
  apply(selectorRule(search));
  if (left.length > 0) apply(networkRule(search, pod.addresses));
  const [chosen] = left;
  const ruledOut = describe(reasons);
  const candidates = sortAddresses(pool.addresses).map((pci) => ({ pci, ruledOut: reasons.get(pci) ?? null }));
  if (chosen === undefined) throw nothingLeft(search, pool, ruledOut, candidates);
  const verdict = `${chosen} taken${ruledOut === '' ? '' : `; ${ruledOut}`}`;
  search.trace.add(pool.source, pool.addresses, verdict, candidates);
  return chosen;
}

function nothingLeft(
  { ask, trace, podName }: Search,
  { source, addresses }: PodVfs,
  ruledOut: string,
  candidates: readonly Candidate[],
): Error {
  trace.add(source, addresses, ruledOut, candidates);
  const held = addresses.filter((pci) => ask.held.has(pci)).length;
  if (held === addresses.length) {
    const has = `the pod has ${held === 1 ? '1 VF' : `${held} VFs`}, and this is attachment ${ask.held.size + 1} of it that needs one`;
    const advice = 'claim more VFs, or name fewer networks in its annotation';
    return trace.failure(
      'noVfForPod',
      `no VF is left for network ${quote(ask.network)} of ${podName}: ${has} (${source}): ${ruledOut}; ${advice}`,
    );
  }
  const count = addresses.length === 1 ? 'the only VF' : `all ${addresses.length} VFs`;
  return trace.failure(
    'noVfForPod',
    `no VF is left for network ${quote(ask.network)} of ${podName}: ${count} of ${source} ruled out: ${ruledOut}`,
  );
}

export interface FoundVf {
  readonly pci: PciAddress;
  /** The source of the address, for people. */
  readonly source: string;
}

/**
 * The pod's VFs by the checkpoints; null if they don't know the pod. Throws CniError contradictorySources if two
 * disagree.
 */
function readCheckpointVfs(search: Search): PodVfs | null {
  const vfs = search.checkpoints();
  const [file, ...others] = [...new Set(vfs.map((vf) => vf.file))];
  if (file === undefined) return null;
  const listed = (of: string): readonly PciAddress[] =>
    sortAddresses(vfs.flatMap((vf: CheckpointVf) => (vf.file === of ? [vf.pci] : [])));
  const odd = others.find((other) => listed(other).join() !== listed(file).join());
  if (odd === undefined) return { source: `driver checkpoint ${file}`, addresses: listed(file) };
  for (const one of [file, odd])
    search.trace.add(`driver checkpoint ${one}`, listed(one), 'the two contradict each other');
  throw search.trace.failure(
    'contradictorySources',
    `the driver checkpoints ${file} and ${odd} list different VFs for ${search.podName}: remove the stale one`,
  );
}

/**
 * The next VF of the pod, by its per-pod CDI spec or else by the driver's checkpoint. Throws CniError noVfForPod if
 * neither knows the pod, or every VF is ruled out.
 */
export function findByPod(search: Search): FoundVf {
  const { trace, ask, podName, podUid } = search;
  if (podUid === null) {
    trace.add('CNI_ARGS', [], 'no K8S_POD_UID');
    throw trace.failure(
      'noVfForPod',
      `no VF for network ${quote(ask.network)}: the config has no device ID, and CNI_ARGS has no K8S_POD_UID to look one up by`,
    );
  }
  const spec = search.podSpecAnywhere();
  if (spec !== null && spec.addresses.length > 0) return { pci: chooseVf(search, spec), source: spec.source };
  trace.add(spec?.source ?? `CDI specs in ${search.platform.paths.cdiDirs.join(' and ')}`, [], 'no VF of this pod');
  const known = readCheckpointVfs(search);
  if (known !== null) return { pci: chooseVf(search, known), source: known.source };
  trace.add(`driver checkpoints in ${search.platform.paths.kubeletDir}/plugins`, [], 'nothing of this pod');
  throw trace.failure(
    'noVfForPod',
    `no VF for network ${quote(ask.network)} of ${podName}: no device ID from the runtime, no CDI spec and no checkpoint of the SR-IOV DRA driver; does the pod have a ResourceClaim for it?`,
  );
}
