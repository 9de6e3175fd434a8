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
import { moveLinkTo, renameLinkTo } from './move.ts';
import { removeUppers } from './uppers.ts';
import type { VfIdentity, VfNetdevState } from './vf.ts';

/** The kernel brings devices back from a work queue, some time after the end of their namespace. */
const returnLimits: RetryLimits = { timeoutMs: 2000, firstPauseMs: 10, maxPauseMs: 100 };

export interface Absence {
  readonly platform: Platform;
  readonly log: Log;
  readonly host: Namespace;
  readonly identity: VfIdentity;
  /** The netdev as it was on the host. */
  readonly before: VfNetdevState;
  readonly traits: PodLinkTraits;
  /** Names of the VF's RDMA devices. */
  readonly rdmaDevices: readonly string[];
  /** The pod's namespace, opened by its path; null if the path is gone. */
  readonly netns: Netns | null;
  /**
   * Finds a namespace that lives on without its path, and tells it from one that has its path or inode now. Null: not
   * known.
   */
  readonly netnsId: NetnsId | null;
  /** ADD succeeded, so the pod had the VF. */
  readonly attached: boolean;
}

/**
 * Brings the VF's netdev back to the host, under its own name if that is free. Nothing is left to do if the netdev is
 * on the host already, where it is sought first, or gone with its driver or device. RDMA devices that were moved along
 * come back before it, and what the pod has stacked on it is removed. Returns the netdev as it was seen on the host, or
 * null. Throws CniError detachIncomplete if the netdev is in a namespace that can't be reached, or not on the host
 * after its move, or if something stays on it.
 */
export function bringHome(absence: Absence): Link | null {
  const fetched = fetch(absence);
  if (fetched !== null) return fetched;
  const { platform, host, identity, attached } = absence;
  const home = attached ? findOnHost(platform, host, identity.pci) : null;
  if (home !== null) removeUppers({ ...absence, pci: identity.pci, link: home }, null);
  return home;
}

/** The netdev after it was fetched from a namespace; null if it is home by itself, or gone. */
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

/**
 * Fetches RDMA devices first, as rdma-cni's DEL, which comes before ours, does. Null if the VF isn't in that namespace.
 */
function fetchFrom(absence: Absence, netns: Netns): Link | null {
  const { platform, log, host, identity, traits, rdmaDevices, netnsId } = absence;
  const pod = new Namespace(platform, netns);
  try {
    if (netnsId !== null && !hasCookie(pod, netnsId)) return null;
    returnRdmaDevices({ platform, log, host, pci: identity.pci, devices: rdmaDevices }, netns);
    if (isHome(absence)) return null;
    const link = findInPod(platform, pod, traits);
    if (link === null) return null;
    moveHome(absence, pod, link);
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
  /** Their names on the host. */
  readonly devices: readonly string[];
}

/**
 * Brings back the RDMA devices that rdma-cni has left in the pod, because it looks for them on the host when the next
 * pod starts. A failure is only logged: the kernel returns them at the end of the namespace, which a failing DEL would
 * put off.
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

/** Under the VF's own name, or one made of the PCI address if another device has that now: the VF must come home. */
function moveHome(absence: Absence, pod: Namespace, link: Link): void {
  const { platform, log, host, identity, before } = absence;
  try {
    moveLinkTo(pod, link, host, before.name);
  } catch (thrown) {
    const owner = isSystemError(thrown, 'EEXIST') ? getLink(host.session, { name: before.name }) : null;
    if (owner === null) throw thrown;
    const substitute = `vf${identity.pci.replaceAll(/[:.]/g, '')}`;
    const about = { pci: identity.pci, name: before.name, takenBy: owner.ifindex, instead: substitute };
    log.warning('the VF’s own name is taken on the host', about);
    // The kernel refuses the name after the move, unless the host has another link with the name of the pod's, too.
    const onHost = findOnHost(platform, host, identity.pci);
    if (onHost !== null) renameLinkTo(host, onHost, substitute);
    else moveLinkTo(pod, link, host, substitute);
  }
}

function isHome({ platform, host, identity }: Absence): boolean {
  return findOnHost(platform, host, identity.pci) !== null;
}

function hasNetdriver(platform: Platform, identity: VfIdentity): boolean {
  return readDriver(platform, identity.pci) === identity.driver;
}
