import { CniError, explain } from '../cni/errors.ts';
import { usesInterface } from '../ipam/bookkeeping.ts';
import { converge } from '../lib/converge.ts';
import { zeroMac } from '../lib/mac-address.ts';
import type { AttachmentRecord } from '../state/attachment-record.ts';
import { openRecordedNetns } from '../state/liveness.ts';
import { describeAttachment, sameKey } from '../state/record-store.ts';
import { bringHome, restoreVf } from '../vf/give-back.ts';
import type { PodLinkTraits } from '../vf/locate.ts';
import type { CommandContext } from './context.ts';
import { countFailure, releaseAddresses } from './release.ts';

/**
 * Gives back all that an attachment holds, from its record alone; the caller holds the VF's lock. Serves DEL, GC, reaping,
 * and the rollback of ADD. Every step treats what is gone already as done. The address is released only when the VF has
 * left the pod, but for plugins that need the interface for it. The record goes last and only if nothing failed. A VF that is
 * whole again is free for others, even where its address can't be released. Returns what failed.
 */
export function detach(context: CommandContext, record: AttachmentRecord): readonly Error[] {
  const { store } = context;
  const release = (): readonly Error[] => converge([['release the address', () => releaseAddresses(context, record)]]);
  const releasedInPod = record.ipam !== null && usesInterface(record.ipam.type) ? release() : null;
  const home = converge([['bring the VF back to the host', () => leavePod(context, record)]]);
  if (home.length > 0) return [...home, ...(releasedInPod ?? [])];
  const restored = restore(context, record);
  const released = releasedInPod ?? release();
  if (restored.length > 0) return [...restored, ...released];
  if (released.length === 0) return converge([['remove the record', () => store.remove(record)]]);
  return [...released, ...converge([['give up the VF', () => store.giveUpVf(countFailure(context, record))]])];
}

/** The error for what `detach` returned. */
export function detachIncomplete(record: AttachmentRecord, failures: readonly Error[]): CniError {
  const what = failures.map((failure) => explain(failure)).join('; ');
  const vf = `VF ${record.identity.pci}, ${describeAttachment(record)}`;
  return new CniError('detachIncomplete', `${vf}: not everything could be given back: ${what}; the record is kept`);
}

/**
 * A VF that was given up, or that another attachment has taken over since, is not ours to touch; neither is one from after a reboot,
 * which has been made anew: its MAC, for one, is another than the one recorded.
 */
function ownsVf(context: CommandContext, record: AttachmentRecord): boolean {
  if (record.vfGivenUp === true || record.bootId !== context.platform.bootId()) return false;
  const owner = context.store.ownerOf(record.identity.pci);
  return owner === null || sameKey(owner, record.key);
}

function leavePod(context: CommandContext, record: AttachmentRecord): void {
  const { netdev: before, rdmaDevices = [] } = record.snapshot;
  if (before === null || !ownsVf(context, record)) return;
  const { platform, log, host, request } = context;
  const netns = openRecordedNetns(platform, record, sameKey(record.key, request) ? request.netns : '');
  try {
    const { identity, netns: netnsId } = record;
    const traits = podLinkTraits(record);
    const attached = record.phase === 'attached';
    bringHome({ platform, log, host, identity, before, traits, rdmaDevices, netns, netnsId, attached });
  } finally {
    netns?.close();
  }
}

export function podLinkTraits(record: AttachmentRecord): PodLinkTraits {
  const { identity, key, podIfindex, snapshot } = record;
  const macs = [snapshot.netdev?.mac ?? zeroMac, record.mac ?? zeroMac].filter((mac) => mac !== zeroMac);
  const hostName = snapshot.netdev?.name ?? key.ifname;
  const { identifiedBy } = snapshot.netdev ?? {};
  return { pci: identity.pci, ifname: key.ifname, hostName, podIfindex, macs, identifiedBy };
}

function restore(context: CommandContext, record: AttachmentRecord): readonly Error[] {
  const { platform, log, host } = context;
  const failures: Error[] = [];
  const restoring = (): void => {
    if (ownsVf(context, record)) failures.push(...restoreVf(platform, log, host, record.identity, record.snapshot));
  };
  return [...converge([['restore the VF', restoring]]), ...failures];
}
