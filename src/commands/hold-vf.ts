import type { PciAddress } from '../lib/pci-address.ts';
import type { HeldLock } from '../platform/platform.ts';
import type { AttachmentKey } from '../state/attachment-record.ts';
import { sameKey } from '../state/record-store.ts';
import { identifyVf } from '../vf/identity.ts';
import type { VfIdentity } from '../vf/vf.ts';
import type { CommandContext } from './context.ts';
import { reclaimVf } from './reap.ts';
import { reclaimFromSriovCni } from './sriov-cni.ts';
import { deadSriovCniNetns, lockAgainstSriovCni } from './sriov-cni-books.ts';

/**
 * Holds the locks of a VF, gives back what dead pods and killed runs have left on it, and runs `use` on the VF, which
 * is nobody's then. `source` says where its address is from; `purpose` tells those who wait for the lock. Throws
 * CniError vfBusy, vfMissing, pfMissing, noDriver, tryAgainLater.
 */
export function holdVf<T>(
  context: CommandContext,
  pci: PciAddress,
  source: string,
  key: AttachmentKey,
  purpose: string,
  use: (identity: VfIdentity) => T,
): T {
  const vfLock = context.locks.lockVf(pci, purpose);
  let sriovCniLock: HeldLock | null = null;
  try {
    sriovCniLock = lockAgainstSriovCni(context, pci);
    const identity = identifyVf(context.platform, pci, source);
    const owner = context.store.ownerOf(pci);
    if (owner !== null && !sameKey(owner, key)) reclaimVf(context, pci, owner);
    const deadNetns = deadSriovCniNetns(context, pci);
    if (deadNetns !== null) reclaimFromSriovCni(context, pci, deadNetns);
    return use(identity);
  } finally {
    sriovCniLock?.unlock();
    vfLock.unlock();
  }
}
