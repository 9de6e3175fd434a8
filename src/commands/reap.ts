import { CniError, explain } from '../cni/errors.ts';
import { readDriver } from '../kernel/sysfs.ts';
import type { PciAddress } from '../lib/pci-address.ts';
import type { AttachmentKey, AttachmentRecord } from '../state/attachment-record.ts';
import { isDead } from '../state/liveness.ts';
import { describeAttachment, describeKey, sameKey } from '../state/record-store.ts';
import { isUserspaceDriver } from '../vf/identity.ts';
import { findOnHost } from '../vf/locate.ts';
import type { CommandContext, Releasing } from './context.ts';
import { detach, detachIncomplete } from './detach.ts';

// Multus calls GC for no secondary network, so ADDs and DELs of other attachments reclaim what a lost DEL left behind.

/** An IPAM plugin that hangs over a dead pod's address must not cost a living one its attachment. */
const patiently: Releasing = { limitMs: 5000, failure: 'tried' };
/** A pod that starts doesn't wait for others' IPAM plugins. A DEL will try again if one is slow. */
const inPassing: Releasing = { limitMs: 500, failure: 'deferred' };

/**
 * Makes sure that the VF's owner by the records doesn't hold it. The caller holds the VF's lock. Reclaims the VF from a
 * dead pod, and from an ADD that was killed half-way: it is `pending`, though nobody else holds the lock. Throws
 * CniError vfBusy, naming the holder.
 */
export function reclaimVf(context: CommandContext, pci: PciAddress, owner: AttachmentKey): void {
  const record = context.store.find(owner);
  if (record === null) refuseIfAway(context, pci, owner);
  if (record === null || record.identity.pci !== pci) return;
  const isHeld = record.phase === 'attached' && record.vfGivenUp !== true;
  if (isHeld && !isDead(context.platform, record) && !isBackOnHost(context, record)) {
    throw new CniError('vfBusy', `VF ${pci} is held by ${describeAttachment(record)}, which is alive`);
  }
  try {
    reclaim(context, record, inPassing);
  } catch (thrown) {
    if (context.store.ownerOf(pci) !== null) throw thrown;
    // The VF is as before. Only the dead pod's address is still to be released, by its own DEL or by GC.
    context.log.warning('a dead attachment could not be reclaimed whole', { reason: explain(thrown) });
  }
}

/**
 * The VF's state of before is lost. If the VF has come home, it is taken as it is; else it is refused, because a pod
 * may still have it.
 */
function refuseIfAway(context: CommandContext, pci: PciAddress, owner: AttachmentKey): void {
  const { platform, host, log } = context;
  if (findOnHost(platform, host, pci) !== null || isUserspaceDriver(readDriver(platform, pci))) {
    log.warning('the record of the VF’s last attachment is lost: its settings of before are not known', {
      pci,
      attachment: describeKey(owner),
    });
    return;
  }
  throw new CniError(
    'vfBusy',
    `VF ${pci} is not on the host: it was given to ${describeKey(owner)}, whose record is lost; it comes back when that pod ends`,
  );
}

/**
 * True if the VF is on the host, which shows that the pod is gone: another namespace may have the path and inode of its
 * own by now.
 */
function isBackOnHost(context: CommandContext, record: AttachmentRecord): boolean {
  const { platform, host } = context;
  return record.snapshot.netdev !== null && findOnHost(platform, host, record.identity.pci) !== null;
}

/**
 * False for an attachment whose pod is dead, and for one whose ADD or DEL was killed. ADD makes a record `attached` as
 * its last step, and DEL gives up the VF, which is on the host then, before it removes the record. An ADD or DEL under
 * way holds the VF's lock. A VF that is not on the host is a living pod's, even if its copy of the record is lost.
 */
export function isWhole(context: CommandContext, record: AttachmentRecord): boolean {
  const { platform, store } = context;
  if (record.phase !== 'attached' || record.vfGivenUp === true || isDead(platform, record)) return false;
  const owner = store.ownerOf(record.identity.pci);
  return (owner !== null && sameKey(owner, record.key)) || !isBackOnHost(context, record);
}

/** Reclaims this attachment's own leftovers of an earlier try. Throws CniError alreadyAttached if it is alive. */
export function reclaimSelf(context: CommandContext, key: AttachmentKey): void {
  const seen = context.store.read(key);
  if (seen === null) return;
  const lock = context.locks.lockVf(seen.identity.pci, `ADD, cleaning up ${describeKey(key)}`);
  try {
    const record = context.store.read(key);
    if (record === null) return;
    if (isWhole(context, record)) {
      throw new CniError(
        'alreadyAttached',
        `${describeAttachment(record)} is attached already, with VF ${record.identity.pci}`,
      );
    }
    reclaim(context, record, patiently);
  } finally {
    lock.unlock();
  }
}

/**
 * Reclaims an attachment that is not whole. False if it is whole, or gone, or if another process works on its VF.
 * Throws CniError detachIncomplete.
 */
export function reclaimIfLeft(context: CommandContext, key: AttachmentKey): boolean {
  const releasing = context.request.command === 'ADD' ? inPassing : patiently;
  const record = context.store.read(key);
  if (record === null || isWhole(context, record)) return false;
  if (releasing === inPassing && record.failedRelease !== undefined) return false;
  const lock = context.locks.tryLockVf(record.identity.pci, 'sweep');
  if (lock === null) return false;
  try {
    // The attachment may have been made anew meanwhile, even on another VF.
    const current = context.store.read(key);
    if (current === null || !isSameAttempt(current, record)) return false;
    reclaim(context, current, releasing);
    return true;
  } finally {
    lock.unlock();
  }
}

function isSameAttempt(one: AttachmentRecord, other: AttachmentRecord): boolean {
  const idOf = ({ identity, bootId, begunMs, createdAt }: AttachmentRecord): string =>
    `${identity.pci} ${bootId} ${begunMs} ${createdAt}`;
  return idOf(one) === idOf(other);
}

function reclaim(context: CommandContext, record: AttachmentRecord, releasing: Releasing): void {
  context.log.info('reclaiming a dead attachment', {
    attachment: describeAttachment(record),
    pci: record.identity.pci,
  });
  const failures = detach({ ...context, releasing }, record);
  if (failures.length > 0) throw detachIncomplete(record, record.identity.pci, failures);
}
