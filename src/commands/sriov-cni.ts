import { CniError, explain, isBug } from '../cni/errors.ts';
import { parseDelConf } from '../config/parse.ts';
import { isSameNetns } from '../kernel/namespace.ts';
import { openNetnsOfNode, seesAllProcesses } from '../kernel/namespace-search.ts';
import type { Link } from '../kernel/rtnl/links.ts';
import { readVfAdminState } from '../kernel/rtnl/vfs.ts';
import { pciDeviceExists, readDriver, readPfNetdev, readVf } from '../kernel/sysfs.ts';
import type { PciAddress } from '../lib/pci-address.ts';
import { isSystemError } from '../lib/system-error.ts';
import type { HeldLock, Platform } from '../platform/platform.ts';
import type { VfAdminState } from '../settings/settings.ts';
import {
  type AttachedVf,
  type AttachmentKey,
  type AttachmentRecord,
  recordVersion,
} from '../state/attachment-record.ts';
import type { SriovCniAttachment } from '../state/sriov-cni-cache.ts';
import { isUserspaceDriver, noPf } from '../vf/identity.ts';
import { findOnHost, findPfOf } from '../vf/locate.ts';
import type { VfIdentity, VfNetdevState, VfSnapshot } from '../vf/vf.ts';
import type { CommandContext } from './context.ts';
import { detachIncomplete, giveBack, type Holdings, isOwnedByOther } from './detach.ts';
import { countFailure, releaseAddresses } from './release.ts';

/** As long as for a lock of our own; sriov-cni itself waits for a minute. */
const lockLimitMs = 30_000;

/** As an identity has it for want of one. */
const noDriver = 'none';

// Pods that sriov-cni attached before this plugin took its place on the node. What they hold is given back the same
// way.

/** Whose the VF is by sriov-cni's books. */
interface Holding {
  readonly attachment: SriovCniAttachment;
  /** Path of the namespace that has the VF; null: this attachment doesn't hold it any more. */
  readonly netnsPath: string | null;
}

/**
 * sriov-cni's own lock of a VF, where it has ever taken one (pkg/utils/pci_allocator.go): while a node is switched from
 * one plugin to the other under load, what sriov-cni has begun with the VF ends first. Null where there is none to
 * take. Taken after our own, which sriov-cni knows nothing of. Throws CniError tryAgainLater.
 */
export function lockAgainstSriovCni({ platform }: Pick<CommandContext, 'platform'>, pci: PciAddress): HeldLock | null {
  const directory = `${platform.paths.sriovCniDir}/pci/vf_lock`;
  if (platform.stat(directory)?.kind !== 'directory') return null;
  const path = `${directory}/${pci}.lock`;
  // sriov-cni makes it, too, and never removes it
  if (platform.stat(path) === null) platform.appendFile(path, '');
  const lock = platform.lock(path, lockLimitMs, null);
  if (lock !== null) return lock;
  throw new CniError('tryAgainLater', `sriov-cni holds its lock ${path} for more than ${lockLimitMs} ms`);
}

/**
 * DEL of a pod that sriov-cni attached: its VF is restored, its address released, its files removed. Tells whether
 * there was such an attachment; a damaged one counts as none. Throws CniError detachIncomplete; then its files stay, or
 * a record of ours has what is left.
 */
export function detachFromSriovCni(context: CommandContext, key: AttachmentKey): boolean {
  const seen = readQuietly(context, key);
  if (seen === null) return false;
  const { locks, log } = context;
  const { pci } = seen;
  const lock = locks.lockVf(pci, `DEL of ${key.ifname} of container ${key.containerId}`);
  let sriovCniLock: HeldLock | null = null;
  try {
    sriovCniLock = lockAgainstSriovCni(context, pci);
    const attachment = readQuietly(context, key);
    if (attachment === null) return true;
    const holding = holdingOf(context, attachment);
    requirePf(context, holding);
    const failures = giveBack(context, holdingsOf(context, key, holding));
    if (failures.length > 0) throw detachIncomplete({ key, pod: null }, pci, failures);
    log.info('detached what sriov-cni had attached', { pci, network: key.network, ifname: key.ifname });
    return true;
  } finally {
    sriovCniLock?.unlock();
    lock.unlock();
  }
}

/** For CHECK: the VF of an attachment of sriov-cni; null where there is none. */
export function vfOfSriovCni(context: CommandContext, key: AttachmentKey): AttachedVf | null {
  const attachment = readQuietly(context, key);
  return attachment === null ? null : toVf(context, key, holdingOf(context, attachment));
}

/**
 * Makes sure that no pod of sriov-cni's holds the VF; the caller holds its lock. Restores what a dead one left; its
 * address and its file are for its DEL. Throws CniError vfBusy where one is alive.
 */
export function reclaimFromSriovCni(context: CommandContext, pci: PciAddress): void {
  const { platform, log } = context;
  const netnsPath = deadSriovCniNetns(context, pci);
  if (netnsPath === null) return;
  const cache = context.sriovCniCache();
  const attachment = mostTraced(context, cache.listAttachmentsOf(platform, pci));
  if (attachment !== null) {
    log.info('restoring a VF that a dead pod of sriov-cni had', { pci, file: attachment.path });
    const key = { network: attachment.network, containerId: nameOf(attachment), ifname: '' };
    requirePf(context, { attachment, netnsPath });
    const failures = giveBack(context, {
      vf: () => heldVf(context, key, { attachment, netnsPath }),
      ipam: null,
      releaseAddress: () => undefined,
      forget: () => undefined,
      giveUpVf: () => undefined,
    });
    if (failures.length > 0) throw detachIncomplete({ key, pod: null }, pci, failures);
  }
  cache.removeAllocation(platform, pci);
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

function nameOf(attachment: SriovCniAttachment): string {
  return attachment.path.slice(attachment.path.lastIndexOf('/') + 1);
}

/** One stat where sriov-cni has never been. */
function readQuietly(context: CommandContext, key: AttachmentKey): SriovCniAttachment | null {
  const { platform, log } = context;
  const path = `${platform.paths.sriovCniDir}/${key.containerId}-${key.ifname}`;
  try {
    if (platform.stat(path) === null) return null;
    return context.sriovCniCache().readAttachment(platform, key.containerId, key.ifname);
  } catch (thrown) {
    if (isBug(thrown)) throw thrown;
    if (!isSystemError(thrown, 'ENAMETOOLONG')) {
      log.error('what sriov-cni kept of this attachment can’t be used', { path, reason: explain(thrown) });
    }
    return null;
  }
}

/**
 * An attachment whose pod died without a DEL may have left the VF to another one by now. While that one's pod lives,
 * the VF is its own; when both are dead, the one goes that knows what the VF was before. Times of files tell nothing:
 * the clock may have been set in between.
 */
function holdingOf(context: CommandContext, attachment: SriovCniAttachment): Holding {
  const { platform, host, request } = context;
  const { pci, path } = attachment;
  const cache = context.sriovCniCache();
  const allocated = cache.readAllocation(platform, pci);
  if (allocated === null) return { attachment, netnsPath: null };
  const isThere = isNamespace(platform, allocated);
  const all = cache.listAttachmentsOf(platform, pci);
  const isHeld =
    all.length <= 1 ||
    (isThere && findOnHost(platform, host, pci) === null
      ? isSameNamespace(platform, request.netns, allocated)
      : mostTraced(context, all)?.path === path);
  if (!isHeld) return { attachment, netnsPath: null };
  // The runtime may know the namespace by another path than at ADD.
  return { attachment, netnsPath: request.netns !== '' && !isThere ? request.netns : allocated };
}

function isSameNamespace(platform: Platform, one: string, other: string): boolean {
  if (one === '' || one === other) return one === other;
  const [a, b] = [one, other].map((path) => {
    const netns = openNetnsOfNode(platform, path);
    netns?.close();
    return netns;
  });
  return a != null && b != null && isSameNetns(a, b);
}

function isNamespace(platform: Platform, path: string): boolean {
  const netns = openNetnsOfNode(platform, path);
  netns?.close();
  return netns !== null;
}

/**
 * What DEL gives back of an attachment. Where only the address is left, a record of ours has it: sriov-cni's would
 * begin all over again.
 */
function holdingsOf(context: CommandContext, key: AttachmentKey, holding: Holding): Holdings {
  const { platform, store, sriovCniCache } = context;
  const { attachment, netnsPath } = holding;
  const ipam = ipamOf(context);
  const record = recordOfAddress(context, key, holding, ipam);
  const removeFiles = (): void => {
    if (netnsPath !== null) sriovCniCache().removeAllocation(platform, attachment.pci);
    platform.unlink(attachment.path);
  };
  return {
    vf: () => heldVf(context, key, holding),
    ipam,
    releaseAddress: () => releaseAddresses(context, record),
    forget: () => {
      removeFiles();
      store.tidy(key);
    },
    giveUpVf: () => {
      store.giveUpVf(countFailure(context, record));
      removeFiles();
    },
  };
}

function ipamOf({ request, platform }: CommandContext): AttachmentRecord['ipam'] {
  const { ipam } = parseDelConf(request);
  if (ipam === null) return null;
  const { stdin, pluginDirs } = request;
  return { type: ipam.type, stdin, args: platform.environment['CNI_ARGS'] ?? '', pluginDirs };
}

/** An attachment of which no more than the address is left. */
function recordOfAddress(
  { platform, request }: CommandContext,
  key: AttachmentKey,
  { attachment, netnsPath }: Holding,
  ipam: AttachmentRecord['ipam'],
): AttachmentRecord {
  const { pci, path, mac, modifiedMs } = attachment;
  return {
    version: recordVersion,
    phase: 'attached',
    vfGivenUp: true,
    key,
    pod: null,
    identity: identityOf(platform, attachment) ?? { ...noPf, pci, driver: noDriver, kind: 'netdev' },
    resolvedFrom: path,
    snapshot: { admin: null, netdev: null },
    mac,
    netns: openIdOf(platform, netnsPath) ?? { path: '', device: '', inode: '' },
    bootId: platform.bootId(),
    podIfindex: null,
    addresses: [],
    routes: [],
    ipam,
    config: request.stdin,
    cniArgs: '',
    createdAt: new Date(modifiedMs).toISOString(),
  };
}

/**
 * The VF, for as long as it is this attachment's: not after a reboot, and not where another one of ours has it by now.
 */
function heldVf(context: CommandContext, key: AttachmentKey, holding: Holding): AttachedVf | null {
  const { attachment, netnsPath } = holding;
  if (netnsPath === null || countTraces(context, attachment) === 0) return null;
  return isOwnedByOther(context.store, attachment.pci, key) ? null : toVf(context, key, holding);
}

/** Null where there is no such VF any more. */
function toVf(context: CommandContext, key: AttachmentKey, { attachment, netnsPath }: Holding): AttachedVf | null {
  const { platform } = context;
  const identity = identityOf(platform, attachment);
  if (identity === null) return null;
  const snapshot = snapshotOf(context, attachment, identity);
  const netns = openIdOf(platform, netnsPath);
  return { key, phase: 'attached', identity, snapshot, mac: attachment.mac, netns, podIfindex: null };
}

function openIdOf(platform: Platform, path: string | null): AttachedVf['netns'] {
  const netns = path === null ? null : openNetnsOfNode(platform, path);
  netns?.close();
  return path === null || netns === null ? null : { path, device: `${netns.device}`, inode: `${netns.inode}` };
}

/** Null where there is no such VF any more. A VF that lost its driver still has settings at its PF. */
function identityOf(platform: Platform, { pci, netdev }: SriovCniAttachment): VfIdentity | null {
  const vf = readVf(platform, pci);
  if (vf === null || vf.pfPci === null || vf.vfIndex === null) return null;
  const { pfPci, vfIndex } = vf;
  const pfName = readPfNetdev(platform, pfPci) ?? pfPci;
  const pfDriver = readDriver(platform, pfPci) ?? noDriver;
  const kind = netdev === null ? 'userspace' : 'netdev';
  return { pci, pfPci, pfName, pfDriver, vfIndex, driver: vf.driver ?? noDriver, kind };
}

/** Null where there is none. */
function mostTraced(context: CommandContext, all: readonly SriovCniAttachment[]): SriovCniAttachment | null {
  const counted = all.map((attachment) => ({ attachment, traces: countTraces(context, attachment) }));
  return counted.sort((one, other) => other.traces - one.traces)[0]?.attachment ?? null;
}

/**
 * How much of what ADD changed of the VF is still so: nothing after a reboot, which makes VFs anew, and on the host. Of
 * two attachments without a DEL in between, the first counts more: the second has found the VF changed already.
 */
function countTraces({ platform, host }: CommandContext, attachment: SriovCniAttachment): number {
  const identity = identityOf(platform, attachment);
  if (identity === null) return 0;
  const { path, settings, admin, netdev, mac } = attachment;
  const pf = findPfOf(platform, host, identity);
  const now = pf === null ? null : readVfAdminState(host.session, pf.ifindex, pf.vfIndex);
  const keys = Object.keys(settings) as (keyof VfAdminState)[];
  const set = keys.filter((key) => settings[key] !== admin[key] && settings[key] === now?.[key]).length;
  if (netdev === null) return set;
  const link = findOnHost(platform, host, identity.pci);
  if (link === null) return set + (identity.driver === noDriver || isUserspaceDriver(identity.driver) ? 0 : 1);
  // The kernel brings it back as the pod named it, or as dev<ifindex> where that is taken (dev_change_net_namespace,
  // net/core/dev.c).
  const isAsInPod = path.endsWith(`-${link.name}`) || /^dev\d+$/.test(link.name);
  return (
    set +
    (isAsInPod && link.name !== netdev.name ? 1 : 0) +
    (mac !== null && mac !== netdev.mac && mac === link.mac ? 1 : 0)
  );
}

/**
 * What was set at a PF can be neither seen nor given back while its netdev is away. Throws CniError detachIncomplete.
 */
function requirePf({ platform, host }: CommandContext, { attachment, netnsPath }: Holding): void {
  const identity =
    netnsPath === null || Object.keys(attachment.settings).length === 0 ? null : identityOf(platform, attachment);
  if (identity === null || identity.pfPci === null || findPfOf(platform, host, identity) !== null) return;
  if (!pciDeviceExists(platform, identity.pfPci)) return;
  const what = `PF ${identity.pfPci} of VF ${identity.pci} has no netdev on the host: it is in another namespace, or its driver is not bound`;
  throw new CniError(
    'detachIncomplete',
    `${what}; what sriov-cni has set there, and its file ${attachment.path}, wait for it`,
  );
}

/** A PF that is no device of its own is a stand-in, and so are its VFs. */
function howTold(pf: Link | null): Pick<VfNetdevState, 'identifiedBy'> {
  return pf !== null && pf.parentBusName === null ? { identifiedBy: 'ifindex' } : {};
}

/** Settings that sriov-cni didn't change are as they are now, and it leaves a VF down. */
function snapshotOf(context: CommandContext, attachment: SriovCniAttachment, identity: VfIdentity): VfSnapshot {
  const { platform, host } = context;
  const pf = findPfOf(platform, host, identity);
  const admin = pf === null ? null : readVfAdminState(host.session, pf.ifindex, pf.vfIndex);
  const { netdev } = attachment;
  return {
    admin: admin === null ? null : { ...admin, ...attachment.admin },
    netdev: netdev === null ? null : { ...netdev, ifindex: 0, up: false, altnames: null, ...howTold(pf) },
  };
}
