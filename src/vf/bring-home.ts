import { CniError, explain } from '../cni/errors.ts';
import { hasCookie, Namespace, type NetnsId } from '../kernel/namespace.ts';
import { searchNetns } from '../kernel/namespace-search.ts';
import { moveRdmaDevices } from '../kernel/rdma.ts';
import { getLink, type Link } from '../kernel/rtnl/links.ts';
import { readDriver, readRdmaDevices } from '../kernel/sysfs.ts';
import type { Log } from '../lib/log.ts';
import type { PciAddress } from '../lib/pci-address.ts';
import { poll, type RetryLimits } from '../lib/retry.ts';
import { isSystemError } from '../lib/system-error.ts';
import type { Netns, Platform } from '../platform/platform.ts';
import { findInPod, findOnHost, type PodLinkTraits } from './locate.ts';
import { moveLinkTo } from './move.ts';
import { removeUppers } from './uppers.ts';
import type { VfIdentity, VfNetdevState } from './vf.ts';

/** After the end of a namespace the kernel brings its devices back from a work queue. */
const returnLimits: RetryLimits = { timeoutMs: 2000, firstPauseMs: 10, maxPauseMs: 100 };

export interface Absence {
  readonly platform: Platform;
  readonly log: Log;
  readonly host: Namespace;
  readonly identity: VfIdentity;
  /** As it was on the host. */
  readonly before: VfNetdevState;
  readonly traits: PodLinkTraits;
  /** The VF's RDMA devices, by name. */
  readonly rdmaDevices: readonly string[];
  /** The pod's namespace, opened by its path; null where that is gone. */
  readonly netns: Netns | null;
  /**
   * For a namespace that lives on without its path, and one that has its path or inode now; null where it isn't known.
   */
  readonly netnsId: NetnsId | null;
  /** ADD came to its end, so the pod had the VF. */
  readonly attached: boolean;
}

/**
 * Brings the VF's netdev back to the host, under its own name where that is free. Done when it is on the host already,
 * which is looked at before any pod, or gone with its driver or device. RDMA devices that were moved along come first;
 * what the pod has stacked on it goes. Returns it as it was seen on the host; null where it wasn't. Throws CniError
 * detachIncomplete where it is in a namespace that can't be reached, not on the host after its move, or something stays
 * on it.
 */
export function bringHome(absence: Absence): Link | null {
  const fetched = fetch(absence);
  if (fetched !== null) return fetched;
  const { platform, host, identity, attached } = absence;
  const home = attached ? findOnHost(platform, host, identity.pci) : null;
  if (home !== null) removeUppers({ ...absence, pci: identity.pci, link: home }, null);
  return home;
}

/** The netdev where it was fetched from a namespace; null where it is home by itself, or gone. */
function fetch(absence: Absence): Link | null {
  const { platform, identity } = absence;
  const fetched = absence.netns === null ? null : fetchFrom(absence, absence.netns);
  if (fetched !== null) return fetched;
  if (isHome(absence)) return null;
  if (!hasNetdriver(platform, identity)) return null;
  const lingering = absence.netnsId === null ? null : searchNetns(platform, absence.netnsId);
  if (lingering !== null && lingering !== 'out of reach') {
    try {
      const found = fetchFrom(absence, lingering);
      if (found !== null) return found;
    } finally {
      lingering.close();
    }
  }
  const isBack = (): boolean => isHome(absence) || !hasNetdriver(platform, identity);
  if (poll(platform, returnLimits, isBack)) return null;
  const holder =
    lingering === 'out of reach'
      ? 'the pod’s network namespace is bound in a mount namespace that can’t be reached from here'
      : 'another network namespace holds it';
  const where = `the netdev of VF ${identity.pci} is neither on the host nor in the pod`;
  throw new CniError('detachIncomplete', `${where}: ${holder}`);
}

/** RDMA devices first, as rdma-cni does, whose DEL comes before ours. Null where the VF is not in that namespace. */
function fetchFrom(absence: Absence, netns: Netns): Link | null {
  const { platform, log, host, identity, traits, rdmaDevices, netnsId } = absence;
  const pod = new Namespace(platform, netns);
  try {
    if (netnsId !== null && !hasCookie(pod, netnsId)) return null;
    returnRdmaDevices({ platform, log, host, pci: identity.pci, devices: rdmaDevices }, netns);
    if (isHome(absence)) return null;
    const link = findInPod(platform, pod, traits);
    if (link === null) return null;
    moveLinkTo(pod, link, host, freeHostName(absence));
    const home = findOnHost(platform, host, identity.pci);
    if (home === null) {
      const what = `VF ${identity.pci} is not on the host after ${link.name} was moved there`;
      throw new CniError('detachIncomplete', what);
    }
    removeUppers({ ...absence, pci: identity.pci, link: home }, pod);
    return home;
  } catch (thrown) {
    if (isSystemError(thrown, 'ENODEV')) return null;
    throw thrown;
  } finally {
    pod.close();
  }
}

/** A VF whose RDMA devices another plugin of the chain (rdma-cni) may have moved into the pod. */
interface RdmaOwner {
  readonly platform: Platform;
  readonly log: Log;
  readonly host: Namespace;
  readonly pci: PciAddress;
  /** As they were on the host, by name. */
  readonly devices: readonly string[];
}

/**
 * Brings back what that plugin has left in the pod: the next pod's would look for it on the host. What fails is logged
 * only, because the kernel returns RDMA devices at the end of the namespace, which a DEL that fails would put off.
 */
function returnRdmaDevices({ platform, log, host, pci, devices }: RdmaOwner, pod: Netns): void {
  try {
    const onHost = devices.length === 0 ? [] : readRdmaDevices(platform, pci);
    const away = devices.filter((name) => !onHost.includes(name));
    const returned = away.length === 0 ? [] : moveRdmaDevices(platform, pod, host.netns, away);
    for (const device of returned) log.info('RDMA device returned to the host', { pci, device });
  } catch (thrown) {
    if (!isSystemError(thrown)) throw thrown;
    log.warning('RDMA devices could not be returned to the host', { pci, reason: explain(thrown) });
  }
}

/** Its own name; where another device has taken that meanwhile, one made of its PCI address: home comes first. */
function freeHostName(absence: Absence): string {
  const { host, identity, before, log } = absence;
  const owner = getLink(host.session, { name: before.name });
  if (owner === null) return before.name;
  const substitute = `vf${identity.pci.replaceAll(/[:.]/g, '')}`.slice(0, 15);
  log.warning('the VF’s own name is taken on the host', {
    pci: identity.pci,
    name: before.name,
    takenBy: owner.ifindex,
    instead: substitute,
  });
  return substitute;
}

function isHome({ platform, host, identity }: Absence): boolean {
  return findOnHost(platform, host, identity.pci) !== null;
}

function hasNetdriver(platform: Platform, identity: VfIdentity): boolean {
  return readDriver(platform, identity.pci) === identity.driver;
}
