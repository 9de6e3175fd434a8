// Loaded only by a DEL, a reaping, and an ADD that fails: on QuickJS this is a part of its own.
import { CniError, explain } from '../cni/errors.ts';
import { usesInterface } from '../ipam/bookkeeping.ts';
import type { Link } from '../kernel/rtnl/links.ts';
import { converge } from '../lib/converge.ts';
import type { PciAddress } from '../lib/pci-address.ts';
import { type AttachedVf, type AttachmentRecord, podLinkTraits } from '../state/attachment-record.ts';
import { openNetnsOf } from '../state/liveness.ts';
import { describeAttachment, type RecordStore, sameKey } from '../state/record-store.ts';
import { bringHome } from '../vf/bring-home.ts';
import { restoreVf } from '../vf/restore.ts';
import type { CommandContext } from './context.ts';
import { countFailure, releaseAddresses } from './release.ts';

/** What an attachment holds, by a record of ours or by sriov-cni's files, and how these are changed. */
export interface Holdings {
  /** The VF; null if it isn't the attachment's. Throws if that can't be told. */
  vf(): AttachedVf | null;
  /** The IPAM plugin that gave the address; null if none did. */
  readonly ipam: { readonly type: string } | null;
  releaseAddress(): void;
  /** Removes the record or the files: nothing is left of the attachment. */
  forget(): void;
  /** Notes that only the address is left. */
  giveUpVf(): void;
}

/**
 * Gives back all that an attachment holds, from its record alone. The caller holds the VF's lock. Serves DEL, GC,
 * reaping, and the rollback of ADD. A step succeeds if there is nothing left to give back. Returns the failures; if
 * there are any, the record stays.
 */
export function detach(context: CommandContext, record: AttachmentRecord): readonly Error[] {
  const { store } = context;
  return giveBack(context, {
    vf: () => (ownsVf(context, record) ? record : null),
    ipam: record.ipam,
    releaseAddress: () => releaseAddresses(context, record),
    forget: () => store.remove(record),
    giveUpVf: () => store.giveUpVf(countFailure(context, record)),
  });
}

/**
 * Releases the address only after the VF has left the pod, unless the IPAM plugin needs the interface for that. Forgets
 * the attachment last, and only if nothing failed. A VF that is as before ADD is free for others, even if the address
 * can't be released.
 */
export function giveBack(context: CommandContext, holdings: Holdings): readonly Error[] {
  const release = (): readonly Error[] => converge([['release the address', () => holdings.releaseAddress()]]);
  const releasedInPod = holdings.ipam !== null && usesInterface(holdings.ipam.type) ? release() : null;
  let vf = null as AttachedVf | null;
  let link: Link | null = null;
  const leave = (): void => {
    vf = holdings.vf();
    if (vf !== null) link = leavePod(context, vf);
  };
  const home = converge([['bring the VF back to the host', leave]]);
  if (home.length > 0) return [...home, ...(releasedInPod ?? [])];
  const restored = vf === null ? [] : restore(context, vf, link);
  const released = releasedInPod ?? release();
  if (restored.length > 0) return [...restored, ...released];
  if (released.length === 0) return converge([['remove the record', () => holdings.forget()]]);
  return [...released, ...converge([['give up the VF', () => holdings.giveUpVf()]])];
}

/** The error for the failures that `detach` has returned. */
export function detachIncomplete(
  attachment: Pick<AttachmentRecord, 'key' | 'pod'>,
  pci: PciAddress,
  failures: readonly Error[],
): CniError {
  const what = failures.map((failure) => explain(failure)).join('; ');
  const vf = `VF ${pci}, ${describeAttachment(attachment)}`;
  return new CniError('detachIncomplete', `${vf}: not everything could be given back: ${what}; the record is kept`);
}

/**
 * False for a VF that was given up, or that another attachment has taken over since. False also after a reboot, which
 * makes VFs anew: their MACs, for one, are not those of the record.
 */
function ownsVf({ platform, store }: CommandContext, record: AttachmentRecord): boolean {
  if (record.vfGivenUp === true || record.bootId !== platform.bootId()) return false;
  return !isOwnedByOther(store, record.identity.pci, record.key);
}

/** Whether another attachment of ours has taken over a VF. Throws CniError recordVersion. */
export function isOwnedByOther(store: RecordStore, pci: PciAddress, key: AttachmentRecord['key']): boolean {
  const owner = store.ownerOf(pci);
  return owner !== null && !sameKey(owner, key);
}

/** Returns the VF's netdev as it was seen on the host, as bringHome does. */
function leavePod(context: CommandContext, vf: AttachedVf): Link | null {
  const { identity, key, netns: netnsId, phase, snapshot } = vf;
  const { netdev: before, rdmaDevices = [] } = snapshot;
  if (before === null) return null;
  const { platform, log, host, request } = context;
  const netns = openNetnsOf(platform, vf, sameKey(key, request) ? request.netns : '');
  try {
    const traits = podLinkTraits(vf);
    const attached = phase === 'attached';
    return bringHome({ platform, log, host, identity, before, traits, rdmaDevices, netns, netnsId, attached });
  } finally {
    netns?.close();
  }
}

function restore(
  { platform, log, host }: CommandContext,
  { identity, snapshot }: AttachedVf,
  link: Link | null,
): readonly Error[] {
  const failures: Error[] = [];
  const restoring = (): void => void failures.push(...restoreVf(platform, log, host, identity, snapshot, link));
  return [...converge([['restore the VF', restoring]]), ...failures];
}
