import type { CniRoute } from '../cni/result.ts';
import type { PodReference } from '../config/sriov-conf.ts';
import type { NetnsId } from '../kernel/namespace.ts';
import { type MacAddress, zeroMac } from '../lib/mac-address.ts';
import type { PodLinkTraits } from '../vf/locate.ts';
import type { VfIdentity, VfSnapshot } from '../vf/vf.ts';

/**
 * Of the records that this build writes; it reads all up to this one. Optional fields may come without a new version: a
 * build that doesn't know one keeps it. A new one is for what older builds must leave alone, and the decoder goes on
 * reading the old.
 */
export const recordVersion = 1;

/** Names an attachment: (network, container, interface), as CNI does. */
export interface AttachmentKey {
  readonly network: string;
  readonly containerId: string;
  readonly ifname: string;
}

/** What is needed to run the IPAM plugin again without the runtime. */
export interface IpamInvocation {
  readonly type: string;
  readonly stdin: string;
  readonly args: string;
  readonly pluginDirs: readonly string[];
  /** Its ADD ended by itself with an error: there is no address. */
  readonly gaveNothing?: true;
}

/** Tries to release an address that failed. */
export interface FailedRelease {
  /** Those by ADDs of other pods, which don't wait for long, not counted. */
  readonly tries: number;
  /** When the first was, on the monotonic clock of that boot. */
  readonly firstMs: number;
  readonly bootId: string;
}

/**
 * The VF that an attachment has, and how it was before: what DEL and CHECK need to know of it, whoever has attached it.
 */
export interface AttachedVf {
  readonly key: AttachmentKey;
  readonly phase: 'pending' | 'attached';
  readonly identity: VfIdentity;
  readonly snapshot: VfSnapshot;
  /** The MAC asked for; null where the VF keeps its own. */
  readonly mac: MacAddress | null;
  /** A path of the pod's network namespace, and which one that was; null where it isn't known. */
  readonly netns: (NetnsId & { readonly path: string }) | null;
  /** The netdev's ifindex inside the pod; null until it is there, and where it isn't known. */
  readonly podIfindex: number | null;
}

/**
 * All that DEL, CHECK and GC need. On disk before the first change (`pending`), complete after the last (`attached`).
 */
export interface AttachmentRecord extends AttachedVf {
  readonly version: number;
  /**
   * The VF is whole again and no longer this attachment's, whoever has it now: only the address is still to be
   * released.
   */
  readonly vfGivenUp?: true;
  readonly pod: PodReference | null;
  /** How the VF was found: source and value, for people. */
  readonly resolvedFrom: string;
  /** CNI_NETNS as given, and which namespace that was. */
  readonly netns: NetnsId & { readonly path: string };
  readonly bootId: string;
  /** What ADD saw of the node (state/liveness.ts); absent where that was all of it. */
  readonly seenFrom?: string;
  /** What was added inside the pod: CIDRs, and routes with their gateways. */
  readonly addresses: readonly string[];
  readonly routes: readonly CniRoute[];
  readonly ipam: IpamInvocation | null;
  /** Only where the VF is home again, and the address is all that is left. */
  readonly failedRelease?: FailedRelease;
  /** The config on stdin, verbatim: what CHECK compares with. */
  readonly config: string;
  readonly cniArgs: string;
  /** For people: the wall clock may be set. */
  readonly createdAt: string;
  /** When ADD began, on the monotonic clock of that boot. Absent in older records. */
  readonly begunMs?: number;
}

/** A record as it lies on disk; parseRecord reads it. */
export function formatRecord(record: AttachmentRecord): string {
  return `${JSON.stringify(record)}\n`;
}

/** What tells the VF's netdev in the pod. */
export function podLinkTraits({ identity, key, podIfindex, snapshot, mac }: AttachedVf): PodLinkTraits {
  const macs = [snapshot.netdev?.mac ?? zeroMac, mac ?? zeroMac].filter((each) => each !== zeroMac);
  const hostName = snapshot.netdev?.name ?? key.ifname;
  const { identifiedBy } = snapshot.netdev ?? {};
  return { pci: identity.pci, ifname: key.ifname, hostName, podIfindex, macs, identifiedBy };
}
