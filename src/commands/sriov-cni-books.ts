import { CniError } from '../cni/errors.ts';
import { seesAllProcesses } from '../kernel/namespace.ts';
import { openNetnsOfNode } from '../kernel/namespace-search.ts';
import { readDriver } from '../kernel/sysfs.ts';
import type { PciAddress } from '../lib/pci-address.ts';
import { isSystemError } from '../lib/system-error.ts';
import type { HeldLock, Platform } from '../platform/platform.ts';
import type { AttachmentKey } from '../state/attachment-record.ts';
import { lockFileOfOthers } from '../state/locks.ts';
import { isUserspaceDriver } from '../vf/identity.ts';
import { findOnHost } from '../vf/locate.ts';
import type { CommandContext } from './context.ts';

// Every ADD, and every DEL without a record, looks whether sriov-cni, which had this plugin's place on the node before,
// still holds the VF or the attachment. Each look is one stat(2) on a node that sriov-cni has never been on.

/** The limit of our own locks. sriov-cni itself waits for a minute. */
const lockLimitMs = 30_000;

/**
 * Takes sriov-cni's own lock of a VF, if it has ever taken one on this node (pkg/utils/pci_allocator.go). So while a
 * node is switched under load, what sriov-cni has begun with the VF ends first. Null if sriov-cni has no locks. This
 * lock comes after our own, which sriov-cni knows nothing of. Throws CniError tryAgainLater.
 */
export function lockAgainstSriovCni({ platform }: Pick<CommandContext, 'platform'>, pci: PciAddress): HeldLock | null {
  const directory = `${platform.paths.sriovCniDir}/pci/vf_lock`;
  if (platform.stat(directory)?.kind !== 'directory') return null;
  const path = `${directory}/${pci}.lock`;
  const lock = lockFileOfOthers(platform, path, lockLimitMs);
  if (lock !== null) return lock;
  throw new CniError('tryAgainLater', `sriov-cni holds its lock ${path} for more than ${lockLimitMs} ms`);
}

/**
 * Path of the namespace of the dead pod that has the VF by sriov-cni's books; null if nobody has it. Changes nothing.
 * Throws CniError vfBusy if the pod is alive.
 */
export function deadSriovCniNetns(
  { platform, host, sriovCniCache }: Pick<CommandContext, 'platform' | 'host' | 'sriovCniCache'>,
  pci: PciAddress,
): string | null {
  if (platform.stat(`${platform.paths.sriovCniDir}/pci/${pci}`) === null) return null;
  const netnsPath = sriovCniCache().readAllocation(platform, pci);
  if (netnsPath === null || findOnHost(platform, host, pci) !== null) return netnsPath;
  const held = `VF ${pci} is held by a pod that sriov-cni attached, in ${netnsPath}`;
  if (isNamespace(platform, netnsPath)) throw new CniError('vfBusy', `${held}, which is alive`);
  // A netdev that isn't on the host would be in a namespace. A VF of vfio-pci has none, so only processes tell of its
  // pod.
  if (isUserspaceDriver(readDriver(platform, pci)) && !seesAllProcesses(platform)) {
    throw new CniError('vfBusy', `${held}; whether that is alive can’t be told from this PID namespace`);
  }
  return netnsPath;
}

/**
 * Whether sriov-cni has a file of this attachment. A file that can't be looked at counts, because whoever reads it
 * reports what is wrong.
 */
export function hasSriovCniFile({ platform }: CommandContext, { containerId, ifname }: AttachmentKey): boolean {
  try {
    return platform.stat(`${platform.paths.sriovCniDir}/${containerId}-${ifname}`) !== null;
  } catch (thrown) {
    if (!isSystemError(thrown)) throw thrown;
    return true;
  }
}

export function isNamespace(platform: Platform, path: string): boolean {
  const netns = openNetnsOfNode(platform, path);
  netns?.close();
  return netns !== null;
}
