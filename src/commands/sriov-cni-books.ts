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

// What every ADD looks at, and every DEL without a record: whether sriov-cni, which had this plugin's place on the node
// before, still holds the VF or the attachment. One stat(2) each where it has never been.

/** As long as for a lock of our own; sriov-cni itself waits for a minute. */
const lockLimitMs = 30_000;

/**
 * sriov-cni's own lock of a VF, where it has ever taken one (pkg/utils/pci_allocator.go): while a node is switched from
 * one plugin to the other under load, what sriov-cni has begun with the VF ends first. Null where there is none to
 * take. Taken after our own, which sriov-cni knows nothing of. Throws CniError tryAgainLater.
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
 * Path of the namespace of the dead pod that has the VF by sriov-cni's books; null where it is nobody's. Changes
 * nothing. Throws CniError vfBusy where the pod is alive.
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
  // A netdev that isn't on the host tells by itself that a namespace has it; of a VF of vfio-pci nothing else does.
  if (isUserspaceDriver(readDriver(platform, pci)) && !seesAllProcesses(platform)) {
    throw new CniError('vfBusy', `${held}; whether that is alive can’t be told from this PID namespace`);
  }
  return netnsPath;
}

/**
 * Whether sriov-cni has a file of this attachment. One that can't be looked at counts: what is wrong with it is said
 * where it is read.
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
