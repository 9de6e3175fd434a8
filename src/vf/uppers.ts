import { CniError, explain } from '../cni/errors.ts';
import { Namespace } from '../kernel/namespace.ts';
import { visitOtherNamespaces } from '../kernel/namespace-search.ts';
import type { NetlinkSession } from '../kernel/netlink/session.ts';
import type { Link } from '../kernel/rtnl/links.ts';
import {
  listNetnsIds,
  listStackedLinks,
  netnsIdOf,
  removeLink,
  type StackedLink,
} from '../kernel/rtnl/stacked-links.ts';
import { readUppers } from '../kernel/sysfs.ts';
import { converge } from '../lib/converge.ts';
import type { Log } from '../lib/log.ts';
import type { PciAddress } from '../lib/pci-address.ts';
import { isSystemError } from '../lib/system-error.ts';
import type { Netns, Platform } from '../platform/platform.ts';

/** A VF that was in a pod and is on the host again. */
export interface ReturnedVf {
  readonly platform: Platform;
  readonly log: Log;
  readonly host: Namespace;
  readonly pci: PciAddress;
  readonly link: Link;
}

interface Upper extends StackedLink {
  /** ID that the session's namespace gives the namespace of the link; absent: that is the session's own. */
  readonly netnsId?: number;
}

/**
 * Removes the devices that a pod has stacked on the VF, such as a VLAN or macvlan, which send and receive on whatever
 * network the VF gets next. When the VF moves, the kernel leaves them where they are, on top of it. A pod can't make
 * new ones while the VF is on the host. `pod` is the namespace that the VF came from; null: it came back by itself, and
 * they may be in any namespace. A device in the host's own namespace is the node's to remove. Throws CniError
 * detachIncomplete, naming what stays.
 */
export function removeUppers(vf: ReturnedVf, pod: Namespace | null): void {
  const onHost = readUppers(vf.platform, vf.pci, vf.link.name);
  if (onHost.length > 0) throw stays(vf, onHost, 'the node has to remove it');
  if (pod !== null) removeFrom(vf, pod.session);
  else visitOtherNamespaces(vf.platform, (netns) => removeFromNetns(vf, netns));
}

function removeFromNetns(vf: ReturnedVf, netns: Netns): void {
  const namespace = new Namespace(vf.platform, netns);
  try {
    removeFrom(vf, namespace.session);
  } finally {
    namespace.close();
  }
}

function removeFrom(vf: ReturnedVf, session: NetlinkSession): void {
  const found = findUppers(vf, session);
  if (found.length === 0) return;
  const refused = converge(
    found.map((upper) => [`remove ${upper.name}`, () => remove(vf, session, upper)]),
    // It went with a device below it.
    (thrown) => isSystemError(thrown, 'ENODEV'),
  );
  const left = findUppers(vf, session).map(({ name }) => name);
  if (left.length > 0) throw stays(vf, left, refused.map((failure) => explain(failure)).join('; '));
}

function stays({ pci }: ReturnedVf, names: readonly string[], why: string): CniError {
  return new CniError('detachIncomplete', `${names.join(', ')} on top of VF ${pci} can't be removed: ${why}`);
}

/**
 * Looks in the session's namespace and in those that it has an ID of, because devices were moved from it to these. One
 * ID is that of the host, to which the VF has moved.
 */
function findUppers({ host, link }: ReturnedVf, session: NetlinkSession): Upper[] {
  const here: Upper[] = listStackedLinks(session, link.ifindex).filter(({ lowerNetnsId }) => lowerNetnsId !== null);
  const ids = listNetnsIds(session);
  if (here.length === 0 && ids.length <= 1) return [];
  const hostId = netnsIdOf(session, host.netns);
  const elsewhere = ids.filter((id) => id !== hostId).flatMap((id) => listIn(session, link.ifindex, id));
  return [...here, ...elsewhere].filter(({ lowerNetnsId }) => lowerNetnsId === hostId);
}

function listIn(session: NetlinkSession, lowerIfindex: number, netnsId: number): Upper[] {
  try {
    return listStackedLinks(session, lowerIfindex, netnsId).map((upper) => ({ ...upper, netnsId }));
  } catch (thrown) {
    // The namespace has just ended.
    if (isSystemError(thrown, 'EINVAL')) return [];
    throw thrown;
  }
}

function remove({ log, pci }: ReturnedVf, session: NetlinkSession, upper: Upper): void {
  removeLink(session, upper, upper.netnsId);
  log.info('removed what a pod had stacked on the VF', { pci, name: upper.name, kind: upper.kind });
}
