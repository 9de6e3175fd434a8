import { CniError, explain } from '../cni/errors.ts';
import type { Namespace } from '../kernel/namespace.ts';
import { getLinkAfterChanges, type Link, setLinkDown, setLinkMtu, setLinkUp } from '../kernel/rtnl/links.ts';
import { getVfAdminStateAfterChanges } from '../kernel/rtnl/vfs.ts';
import { pciDeviceExists } from '../kernel/sysfs.ts';
import { converge } from '../lib/converge.ts';
import type { Log } from '../lib/log.ts';
import { isSystemError } from '../lib/system-error.ts';
import type { Platform } from '../platform/platform.ts';
import type { VfAdminState } from '../settings/settings.ts';
import { adminDifference, applyAdminChange } from './admin.ts';
import { findOnHost, findPfOf } from './locate.ts';
import { renameLinkTo, restoreAltnames } from './move.ts';
import { removeXdpPrograms, restoreAttributes, restoreEthtool, restoreFiles, settleFlags } from './netdev-settings.ts';
import { restoreMacs, type SettledVf } from './restore-mac.ts';
import type { Pf, VfIdentity, VfSnapshot } from './vf.ts';

/** Errnos of the kernel about an altname (net/core/rtnetlink.c, dev.c): taken, not there, or not allowed. */
const finalRefusals = ['EEXIST', 'ENOENT', 'EINVAL', 'ERANGE', 'EOPNOTSUPP'] as const;

/**
 * Gives a VF that is on the host its state of before ADD: name, altnames, MTU, MACs, up or down, all else that a pod
 * can set, and the PF's settings. Changes only what differs. If the VF's device or netdev, or the PF's device, is gone,
 * nothing is left to do for it. `seen` is the VF's netdev if that has just been looked at. Returns the failures.
 */
export function restoreVf(
  platform: Platform,
  log: Log,
  host: Namespace,
  identity: VfIdentity,
  snapshot: VfSnapshot,
  seen: Link | null = null,
): readonly Error[] {
  if (!pciDeviceExists(platform, identity.pci)) return [];
  const at: SettledVf = { platform, log, host, identity, pci: identity.pci };
  const { netdev, admin } = snapshot;
  const settings = netdev?.settings;
  const pf = findPfOf(platform, host, identity);
  const here = netdev === null ? () => null : seekingOnHost(at, seen);
  const admins = pf === null ? () => null : readingAdmin(at, pf);
  const isGone = (): boolean =>
    (netdev !== null && findOnHost(platform, host, identity.pci) === null) || isPfGone(platform, identity);
  return converge(
    [
      ['restore the name', () => withLink(here(), netdev, (link, before) => restoreName(at, link, before.name))],
      [
        'restore the altnames',
        () => withLink(here(), netdev?.altnames ?? null, (link, before) => restoreAltnamesOf(at, link, before)),
      ],
      ['take XDP programs off', () => withLink(here(), netdev, (link) => removeXdpPrograms(host, link))],
      [
        'restore the MTU',
        () => withLink(here(), netdev?.mtu ?? null, (link, before) => restoreMtu(host, link, before)),
      ],
      ['restore the flags', () => withLink(here(), netdev, (link) => settleFlags(host, link, settings?.flags))],
      [
        'restore the link’s settings',
        () => withLink(here(), settings?.attributes ?? null, (link, before) => restoreAttributes(at, link, before)),
      ],
      [
        'restore the driver’s settings',
        () => withLink(here(), settings?.ethtool ?? null, (link, before) => restoreEthtool(at, link, before)),
      ],
      [
        'restore the settings in sysfs',
        () => withLink(here(), settings?.files ?? null, (link, before) => restoreFiles(at, link, before)),
      ],
      ['restore the PF’s settings', () => restoreAdmin(at, pf, admin, admins)],
      [
        'restore the MAC',
        // PF and netdev take MACs from each other, so both wait until the PF is back.
        () =>
          (pf !== null || admin === null || isPfGone(platform, identity)) &&
          restoreMacs(at, pf, here(), snapshot, admins),
      ],
      ['restore up or down', () => withLink(here(), netdev, (link, before) => restoreUp(host, link, before.up))],
    ],
    (thrown) => isSystemError(thrown, 'ENODEV') && isGone(),
  );
}

/**
 * The VF's netdev as it is at each call. Looks again only if the kernel was asked for a change since, and by ifindex
 * once the netdev was found, because a look through sysfs takes 40 system calls.
 */
function seekingOnHost({ platform, host, identity }: SettledVf, seen: Link | null): () => Link | null {
  let found = seen;
  return () => {
    found =
      found === null ? findOnHost(platform, host, identity.pci) : getLinkAfterChanges(host.session, found.ifindex);
    return found;
  };
}

/** The PF's record of the VF as it is at each call. Reads again only if the kernel was asked for a change since. */
function readingAdmin({ host }: SettledVf, pf: Pf): () => VfAdminState | null {
  return () => getVfAdminStateAfterChanges(host.session, pf.ifindex, pf.vfIndex);
}

function withLink<L, Before>(link: L | null, before: Before | null, run: (link: L, before: Before) => void): void {
  if (link !== null && before !== null) run(link, before);
}

/**
 * A name that another device has taken meanwhile is lost: the VF is as usable without it, and DEL must be able to end.
 */
function restoreName(at: SettledVf, link: Link, name: string): void {
  try {
    renameLinkTo(at.host, link, name);
  } catch (thrown) {
    if (!isSystemError(thrown, 'EEXIST')) throw thrown;
    at.log.warning('the VF’s own name is taken on the host', { pci: at.pci, name, keeps: link.name });
  }
}

/**
 * An altname that the kernel will never take back is a warning: the VF is as usable without it, and DEL must be able to
 * end.
 */
function restoreAltnamesOf(at: SettledVf, link: Link, altnames: readonly string[]): void {
  for (const failure of restoreAltnames(at.host, link, altnames)) {
    if (!isSystemError(failure.cause, ...finalRefusals)) throw failure;
    at.log.warning('the altnames of the VF are not as before', { pci: at.pci, reason: explain(failure) });
  }
}

function restoreMtu(host: Namespace, link: Link, mtu: number): void {
  if (link.mtu !== mtu) host.change(link.ifindex, (session) => setLinkMtu(session, link.ifindex, mtu));
}

function restoreUp(host: Namespace, link: Link, up: boolean): void {
  if (link.up === up) return;
  const set = up ? setLinkUp : setLinkDown;
  host.change(link.ifindex, (session) => set(session, link.ifindex));
}

function isPfGone(platform: Platform, { pfPci }: VfIdentity): boolean {
  return pfPci === null || !pciDeviceExists(platform, pfPci);
}

/**
 * Throws CniError pfMissing if the PF's netdev is not on the host (moved away, its driver reloading), because the PF
 * still has what ADD set.
 */
function restoreAdmin(
  at: SettledVf,
  pf: Pf | null,
  before: VfAdminState | null,
  read: () => VfAdminState | null,
): void {
  const { platform, host, identity } = at;
  if (before === null || (pf === null && isPfGone(platform, identity))) return;
  if (pf === null) {
    const what = `the PF ${identity.pfPci} of VF ${identity.pci} has no netdev in the host's network namespace`;
    throw new CniError('pfMissing', what);
  }
  const now = read();
  if (now !== null) applyAdminChange(host, pf, identity, adminDifference(now, before));
}
