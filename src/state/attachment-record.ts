import type { CniRoute } from '../cni/result.ts';
import type { PodReference } from '../config/sriov-conf.ts';
import type { NetnsId } from '../kernel/namespace.ts';
import { type MacAddress, zeroMac } from '../lib/mac-address.ts';
import type { PodLinkTraits } from '../vf/locate.ts';
import type { VfIdentity, VfSnapshot } from '../vf/vf.ts';

/**
 * Version of the records that this build writes; it reads all versions up to this one. A new optional field needs no
 * new version, because a build that doesn't know the field keeps it. A new version is for records that older builds
 * must leave alone, and the decoder goes on reading the old ones.
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
  /** The IPAM plugin's ADD ended by itself with an error, so there is no address. */
  readonly gaveNothing?: true;
}

/** Failed tries to release an address. */
export interface FailedRelease {
  /** Tries by ADDs of other pods don't count, because those don't wait for long. */
  readonly tries: number;
  /** Time of the first try, on the monotonic clock of that boot. */
  readonly firstMs: number;
  readonly bootId: string;
}

/**
 * The VF that an attachment has, and its state of before: all that DEL and CHECK need, whoever has attached it.
 */
export interface AttachedVf {
  readonly key: AttachmentKey;
  readonly phase: 'pending' | 'attached';
  readonly identity: VfIdentity;
  readonly snapshot: VfSnapshot;
  /** The MAC that was asked for; null if the VF keeps its own. */
  readonly mac: MacAddress | null;
  /** The pod's network namespace, with a path of it; null if it isn't known. */
  readonly netns: (NetnsId & { readonly path: string }) | null;
  /** The netdev's ifindex inside the pod; null until it is there, and if it isn't known. */
  readonly podIfindex: number | null;
}

/**
 * All that DEL, CHECK and GC need. It is on disk before the first change (`pending`), and complete after the last one
 * (`attached`).
 */
export interface AttachmentRecord extends AttachedVf {
  readonly version: number;
  /**
   * The VF is as before ADD and no longer this attachment's, whoever has it now. Only the address is still to be
   * released.
   */
  readonly vfGivenUp?: true;
  readonly pod: PodReference | null;
  /** Source and value by which the VF was found, for people. */
  readonly resolvedFrom: string;
  /** CNI_NETNS as given, and the namespace that it led to. */
  readonly netns: NetnsId & { readonly path: string };
  readonly bootId: string;
  /** The part of the node that ADD saw (state/liveness.ts); absent if ADD saw all of it. */
  readonly seenFrom?: string;
  /** CIDRs that were added inside the pod; below them routes, with their gateways. */
  readonly addresses: readonly string[];
  readonly routes: readonly CniRoute[];
  readonly ipam: IpamInvocation | null;
  /** Present only if the VF is home again, and nothing but the address is left. */
  readonly failedRelease?: FailedRelease;
  /** The config on stdin, verbatim, with which CHECK compares. */
  readonly config: string;
  readonly cniArgs: string;
  /** Only for people, because the wall clock may be set. */
  readonly createdAt: string;
  /** Time at which ADD began, on the monotonic clock of that boot. Absent in older records. */
  readonly begunMs?: number;
}

/** A record as it lies on disk; parseRecord reads it. */
export function formatRecord(record: AttachmentRecord): string {
  return `${JSON.stringify(record)}\n`;
}

/** What identifies the VF's netdev in the pod. */
export function podLinkTraits({ identity, key, podIfindex, snapshot, mac }: AttachedVf): PodLinkTraits {
  const macs = [snapshot.netdev?.mac ?? zeroMac, mac ?? zeroMac].filter((each) => each !== zeroMac);
  const hostName = snapshot.netdev?.name ?? key.ifname;
  const { identifiedBy } = snapshot.netdev ?? {};
  return { pci: identity.pci, ifname: key.ifname, hostName, podIfindex, macs, identifiedBy };
}
