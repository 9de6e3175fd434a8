import type { SriovConf } from '../config/sriov-conf.ts';
import type { PciAddress } from '../lib/pci-address.ts';
import { quote } from '../lib/quote.ts';
import type { Platform } from '../platform/platform.ts';
import { CdiSpecs } from './cdi-spec.ts';
import { type CheckpointVf, readCheckpoints } from './checkpoints.ts';
import { isUid } from './device-hint.ts';
import { type ClaimVf, isLeftOver, type PodVfs, readClaimsOf, readPodSpec } from './driver-specs.ts';
import { Trace } from './trace.ts';

/** The node as allocation sees it. `parseYaml` is called only if a YAML file matters. */
export interface AllocationNode {
  readonly platform: Platform;
  readonly parseYaml: (text: string) => unknown;
}

/** One attachment that needs a VF. */
export interface AllocationAsk {
  readonly conf: SriovConf;
  /** `name` of the network config. */
  readonly network: string;
  /** VFs that this pod's other attachments have, and who has each: `net1 of container …`. */
  readonly held: ReadonlyMap<PciAddress, string>;
}

/**
 * The pod's UID. Only CNI_ARGS is trusted with it, because whoever writes a network config may write a device ID that
 * is a UID.
 */
function findPodUid({ pod }: SriovConf, trace: Trace): string | null {
  const given = pod?.uid ?? '';
  if (isUid(given)) return given;
  if (given !== '') trace.add('CNI_ARGS', [quote(given)], 'this K8S_POD_UID is none that Kubernetes gives: not used');
  return null;
}

/** One search for a VF: what is asked for, and what has been seen. Reads every source at most once. */
export class Search {
  readonly platform: Platform;
  readonly ask: AllocationAsk;
  readonly trace = new Trace();
  readonly specs: CdiSpecs;
  readonly podUid: string | null;
  #podSpec: PodVfs | null | undefined;
  #podSpecAnywhere: PodVfs | null | undefined;
  #checkpoints: readonly CheckpointVf[] | undefined;
  readonly #claims = new Map<string, readonly ClaimVf[]>();

  constructor(node: AllocationNode, ask: AllocationAsk) {
    this.platform = node.platform;
    this.ask = ask;
    this.specs = new CdiSpecs(node.platform, node.parseYaml, this.trace);
    this.podUid = findPodUid(ask.conf, this.trace);
  }

  /** `pod default/web (UID …)`, for messages. */
  get podName(): string {
    const { namespace, name } = this.ask.conf.pod ?? {};
    const named = name === undefined ? 'this pod' : `pod ${namespace === undefined ? '' : `${namespace}/`}${name}`;
    return this.podUid === null ? named : `${named} (UID ${this.podUid})`;
  }

  /** The pod's per-pod CDI spec by its file name; null if there is none. */
  podSpec(): PodVfs | null {
    if (this.#podSpec === undefined) this.#podSpec = this.#readPodSpec(false);
    return this.#podSpec;
  }

  /** The pod's per-pod CDI spec under whatever file name; null if there is none. */
  podSpecAnywhere(): PodVfs | null {
    if (this.#podSpecAnywhere === undefined) this.#podSpecAnywhere = this.podSpec() ?? this.#readPodSpec(true);
    return this.#podSpecAnywhere;
  }

  /** What the drivers' checkpoints say about the pod. */
  checkpoints(): readonly CheckpointVf[] {
    this.#checkpoints ??= this.podUid === null ? [] : readCheckpoints(this.platform, this.podUid, this.trace);
    return this.#checkpoints;
  }

  /**
   * What is known of these VFs' claims, by the per-claim CDI specs; for VFs that have none, because these don't come
   * back after a reboot, by the checkpoint. Throws CniError decode if a VF has no spec and a broken one may be its
   * spec.
   */
  claimsOf(addresses: readonly PciAddress[]): readonly ClaimVf[] {
    const claims = this.#claims.get(addresses.join()) ?? this.#readClaimsOf(addresses);
    this.#claims.set(addresses.join(), claims);
    return claims;
  }

  #readClaimsOf(addresses: readonly PciAddress[]): readonly ClaimVf[] {
    const { vfs: found, broken } = readClaimsOf(this.specs, addresses, this.trace);
    const vfs = this.#withoutLeftOver(found);
    const known = new Set(vfs.map((vf) => vf.pci));
    const missing = new Set(addresses.filter((pci) => !known.has(pci)));
    this.trace.add('per-claim CDI specs', vfs.map(describeClaim), `hold ${known.size} of ${addresses.length} VFs`);
    if (missing.size === 0) return vfs;
    const [suspect] = broken;
    if (suspect !== undefined) {
      throw this.trace.failure('decode', `the CDI spec ${suspect.file} is broken: ${suspect.reason}`);
    }
    const survivors = this.checkpoints().filter((vf) => missing.has(vf.pci));
    this.trace.add('driver checkpoint', survivors.map(describeClaim), `holds ${survivors.length} of the rest`);
    return [...vfs, ...survivors];
  }

  /** The checkpoint is asked only where a VF has several specs: every ADD of a claimed VF comes here. */
  #withoutLeftOver(vfs: readonly ClaimVf[]): readonly ClaimVf[] {
    if (new Set(vfs.map(({ pci }) => pci)).size === vfs.length) return vfs;
    const leftOver = vfs.filter((vf) => isLeftOver(vf, this.checkpoints()));
    if (leftOver.length === 0) return vfs;
    this.trace.add('per-claim CDI specs', leftOver.map(describeClaim), 'of claims that are gone');
    return vfs.filter((vf) => !leftOver.includes(vf));
  }

  #readPodSpec(search: boolean): PodVfs | null {
    return this.podUid === null ? null : readPodSpec(this.specs, this.podUid, this.trace, { search });
  }
}

function describeClaim({ pci, networkName, file }: ClaimVf): string {
  return `${pci} for ${networkName === null ? 'any network' : quote(networkName)} (${file})`;
}
