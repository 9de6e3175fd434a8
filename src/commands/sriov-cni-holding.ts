import { isSameNetns } from '../kernel/namespace.ts';
import { openNetnsOfNode } from '../kernel/namespace-search.ts';
import { readVfAdminState } from '../kernel/rtnl/vfs.ts';
import { readDriver, readPfNetdev, readVf } from '../kernel/sysfs.ts';
import type { Platform } from '../platform/platform.ts';
import type { VfAdminState } from '../settings/settings.ts';
import type { SriovCniAttachment } from '../state/sriov-cni-cache.ts';
import { isUserspaceDriver } from '../vf/identity.ts';
import { findOnHost, findPfOf } from '../vf/locate.ts';
import type { VfIdentity } from '../vf/vf.ts';
import type { CommandContext } from './context.ts';
import { isNamespace } from './sriov-cni-books.ts';

/** Driver in the identity of a VF that has none. */
export const noDriver = 'none';

/** An attachment of sriov-cni, and whether it still holds its VF. */
export interface Holding {
  readonly attachment: SriovCniAttachment;
  /** Path of the namespace that has the VF; null: the attachment doesn't hold it any more. */
  readonly netnsPath: string | null;
}

/**
 * An attachment whose pod died without a DEL may have left the VF to another attachment by now. While the other one's
 * pod lives, the VF is that pod's. When both are dead, the VF counts as held by the attachment that knows its state of
 * before. Times of files tell nothing, because the clock may have been set in between.
 */
export function holdingOf(context: CommandContext, attachment: SriovCniAttachment): Holding {
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

/** Null if there is no such VF any more. A VF that has lost its driver still has settings at its PF. */
export function identityOf(platform: Platform, { pci, netdev }: SriovCniAttachment): VfIdentity | null {
  const vf = readVf(platform, pci);
  if (vf === null || vf.pfPci === null || vf.vfIndex === null) return null;
  const { pfPci, vfIndex } = vf;
  const pfName = readPfNetdev(platform, pfPci) ?? pfPci;
  const pfDriver = readDriver(platform, pfPci) ?? noDriver;
  const kind = netdev === null ? 'userspace' : 'netdev';
  return { pci, pfPci, pfName, pfDriver, vfIndex, driver: vf.driver ?? noDriver, kind };
}

/** The attachment with most traces on its VF; null if there is none. */
export function mostTraced(context: CommandContext, all: readonly SriovCniAttachment[]): SriovCniAttachment | null {
  const counted = all.map((attachment) => ({ attachment, traces: countTraces(context, attachment) }));
  return counted.sort((one, other) => other.traces - one.traces)[0]?.attachment ?? null;
}

/**
 * Counts those changes of ADD that the VF still has, its move away from the host among them; none after a reboot, which
 * makes VFs anew. Of two attachments without a DEL in between the first one counts more, because the second has found
 * the VF changed.
 */
export function countTraces(
  { platform, host }: Pick<CommandContext, 'platform' | 'host'>,
  attachment: SriovCniAttachment,
): number {
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
  // The kernel brings the netdev back under the pod's name, or as dev<ifindex> if that is taken
  // (dev_change_net_namespace, net/core/dev.c).
  const isAsInPod = path.endsWith(`-${link.name}`) || /^dev\d+$/.test(link.name);
  return (
    set +
    (isAsInPod && link.name !== netdev.name ? 1 : 0) +
    (mac !== null && mac !== netdev.mac && mac === link.mac ? 1 : 0)
  );
}
