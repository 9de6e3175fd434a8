import { CniError, explain, isBug } from '../cni/errors.ts';
import { parseDelConf } from '../config/parse.ts';
import { openNetnsOfNode } from '../kernel/namespace-search.ts';
import type { Link } from '../kernel/rtnl/links.ts';
import { readVfAdminState } from '../kernel/rtnl/vfs.ts';
import type { PciAddress } from '../lib/pci-address.ts';
import type { HeldLock, Platform } from '../platform/platform.ts';
import {
  type AttachedVf,
  type AttachmentKey,
  type AttachmentRecord,
  recordVersion,
} from '../state/attachment-record.ts';
import { describeKey } from '../state/record-store.ts';
import type { SriovCniAttachment } from '../state/sriov-cni-cache.ts';
import { noPf } from '../vf/identity.ts';
import { findPfOf } from '../vf/locate.ts';
import type { VfIdentity, VfNetdevState, VfSnapshot } from '../vf/vf.ts';
import type { CommandContext } from './context.ts';
import { detachIncomplete, giveBack, type Holdings, isOwnedByOther } from './detach.ts';
import { countFailure, releaseAddresses } from './release.ts';
import { lockAgainstSriovCni } from './sriov-cni-books.ts';
import { countTraces, type Holding, holdingOf, identityOf, mostTraced, noDriver } from './sriov-cni-holding.ts';

// Gives back what pods hold that sriov-cni attached, before this plugin took its place on the node, as `detach` does.

/**
 * DEL of a pod that sriov-cni attached: restores its VF, releases its address, removes its files. Tells whether there
 * was such an attachment; a damaged file counts as none. Throws CniError detachIncomplete; then the files stay, or a
 * record of ours has what is left.
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

/**
 * The VF of an attachment of sriov-cni, for CHECK; null if there is no such attachment. Throws CniError checkFailed if
 * the node doesn't have that VF any more.
 */
export function vfOfSriovCni(context: CommandContext, key: AttachmentKey): AttachedVf | null {
  const attachment = readQuietly(context, key);
  if (attachment === null) return null;
  const vf = toVf(context, key, holdingOf(context, attachment));
  if (vf !== null) return vf;
  const what = `${describeKey(key)}: VF ${attachment.pci}, which sriov-cni gave to it, is not on this node any more`;
  throw new CniError('checkFailed', what);
}

/**
 * Restores a VF that a dead pod has left which sriov-cni attached. `netnsPath` is from deadSriovCniNetns. The caller
 * holds the VF's lock. Address and file of that pod are left to its DEL. Throws CniError detachIncomplete.
 */
export function reclaimFromSriovCni(context: CommandContext, pci: PciAddress, netnsPath: string): void {
  const { platform, log } = context;
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

function nameOf(attachment: SriovCniAttachment): string {
  return attachment.path.slice(attachment.path.lastIndexOf('/') + 1);
}

/** The attachment; null if there is none, or its file is damaged. */
function readQuietly(context: CommandContext, { containerId, ifname }: AttachmentKey): SriovCniAttachment | null {
  const { platform, log } = context;
  try {
    return context.sriovCniCache().readAttachment(platform, containerId, ifname);
  } catch (thrown) {
    if (isBug(thrown)) throw thrown;
    log.error('what sriov-cni kept of this attachment can’t be used', { containerId, ifname, reason: explain(thrown) });
    return null;
  }
}

/**
 * What DEL gives back of an attachment. If only the address is left, a record of ours keeps it, because with
 * sriov-cni's file the next DEL would begin all over again.
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

/** The record of an attachment of which only the address is left. */
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
 * The VF while it is this attachment's; null after a reboot, or if another attachment of ours has it by now.
 */
function heldVf(context: CommandContext, key: AttachmentKey, holding: Holding): AttachedVf | null {
  const { attachment, netnsPath } = holding;
  if (netnsPath === null || countTraces(context, attachment) === 0) return null;
  return isOwnedByOther(context.store, attachment.pci, key) ? null : toVf(context, key, holding);
}

/** Null if there is no such VF any more. */
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

/**
 * While a PF's netdev is away, its settings can be neither seen nor given back. Throws CniError detachIncomplete.
 */
function requirePf({ platform, host }: CommandContext, { attachment, netnsPath }: Holding): void {
  const identity =
    netnsPath === null || Object.keys(attachment.settings).length === 0 ? null : identityOf(platform, attachment);
  if (identity === null || identity.pfPci === null || findPfOf(platform, host, identity) !== null) return;
  const what = `PF ${identity.pfPci} of VF ${identity.pci} has no netdev on the host: it is in another namespace, or its driver is not bound`;
  throw new CniError(
    'detachIncomplete',
    `${what}; what sriov-cni has set there, and its file ${attachment.path}, wait for it`,
  );
}

/** A PF without a PCI device is a stand-in of a test, as its VFs are, and nothing tells their addresses. */
function howTold(pf: Link | null): Pick<VfNetdevState, 'identifiedBy'> {
  return pf !== null && pf.parentBusName === null ? { identifiedBy: 'ifindex' } : {};
}

/** A setting that sriov-cni didn't change has its present value. sriov-cni leaves a VF down. */
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
