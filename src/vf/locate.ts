import { readBusInfo } from '../kernel/ethtool.ts';
import type { Namespace } from '../kernel/namespace.ts';
import { getLink, type Link, listDeviceLinks } from '../kernel/rtnl/links.ts';
import { getPfLink } from '../kernel/rtnl/vfs.ts';
import { hasNetdev, readNetdevIfindex, readNetdevs, readPfNetdev, readVirtioParent } from '../kernel/sysfs.ts';
import type { MacAddress } from '../lib/mac-address.ts';
import type { PciAddress } from '../lib/pci-address.ts';
import { isSystemError } from '../lib/system-error.ts';
import type { Platform } from '../platform/platform.ts';
import type { Pf, VfIdentity, VfNetdevState } from './vf.ts';

/** Tells the VF's netdev from others inside a pod, where sysfs doesn't show it. */
export interface PodLinkTraits {
  readonly pci: PciAddress;
  readonly ifname: string;
  /** Its name on the host, which it keeps if the kernel has moved it and then refused the new name. */
  readonly hostName: string;
  /** As recorded after the move; null if ADD didn't get that far. */
  readonly podIfindex: number | null;
  /** MACs that it may have: that of before ADD, and the one that was asked for. */
  readonly macs: readonly MacAddress[];
  readonly identifiedBy: VfNetdevState['identifiedBy'];
}

/** How often the netdev may be renamed between the look at sysfs and that at the kernel. */
const maxRenames = 3;

/**
 * The VF's netdev on the host, by sysfs; null if it isn't there. A name says only where to look: the device tells
 * whether the netdev has been renamed since, and whether another one has its name now.
 */
export function findOnHost(platform: Platform, host: Namespace, pci: PciAddress): Link | null {
  let seen = '';
  for (let look = 0; look <= maxRenames; look++) {
    const names = readNetdevs(platform, pci);
    // The names are the same again, so nothing was renamed, and the links that have them are others.
    if (names.join('/') === seen) break;
    for (const name of names) {
      const link = getLink(host.session, { name });
      if (link !== null && isDeviceOf(platform, pci, name, link)) return link;
    }
    seen = names.join('/');
  }
  return null;
}

/**
 * Whether a link that was asked for by a name from sysfs is a netdev of that device. If the kernel tells no parent
 * device, sysfs tells the ifindex of the device's netdev.
 */
export function isDeviceOf(platform: Platform, pci: PciAddress, name: string, link: Link): boolean {
  if (link.parentBusName !== null) return pciAddressOfParent(platform, link) === pci;
  const ifindex = readNetdevIfindex(platform, pci, name);
  return ifindex === null ? hasNetdev(platform, pci, name) : ifindex === link.ifindex;
}

/**
 * The PF's netdev on the host, by sysfs, because its name may have changed since the VF was attached. Null if it isn't
 * there.
 */
export function findPf(platform: Platform, host: Namespace, pfPci: PciAddress): Link | null {
  for (let look = 0; look <= maxRenames; look++) {
    const name = readPfNetdev(platform, pfPci);
    if (name === null) break;
    const link = getPfLink(host.session, name);
    if (link !== null && isDeviceOf(platform, pfPci, name, link)) return link;
  }
  return null;
}

/** The netdev of a VF's PF; null also if the VF has no PF on this machine. */
export function findPfOf(platform: Platform, host: Namespace, { pfPci, vfIndex }: VfIdentity): Pf | null {
  const link = pfPci === null ? null : findPf(platform, host, pfPci);
  return link === null || vfIndex === null ? null : { ...link, vfIndex };
}

/** The VF's netdev inside a pod, whatever name it has now; null if it isn't there. */
export function findInPod(platform: Platform, pod: Namespace, traits: PodLinkTraits): Link | null {
  const { podIfindex, ifname, hostName, pci } = traits;
  const asRecorded = podIfindex === null ? [] : [{ ifindex: podIfindex }];
  for (const target of [...asRecorded, { name: ifname }, { name: hostName }]) {
    const link = getLink(pod.session, target);
    if (link !== null && isVf(platform, pod, link, traits)) return link;
  }
  const link = findByPci(platform, pod, new Set([pci])).get(pci);
  return link !== undefined && isVf(platform, pod, link, traits) ? link : null;
}

/** Those netdevs in a namespace that belong to these PCI devices, by PCI address. Throws SystemError. */
export function findByPci(
  platform: Platform,
  namespace: Namespace,
  wanted: ReadonlySet<string>,
): ReadonlyMap<string, Link> {
  const links = listDeviceLinks(namespace.session, wanted);
  const found = links.map((link) => [pciAddressOf(platform, namespace, link), link] as const);
  return new Map(found.filter(([pci]) => wanted.has(pci)));
}

/** Goes by the parent device: a pod may give any of its interfaces another name, MAC and ifindex, but not that. */
function isVf(platform: Platform, pod: Namespace, link: Link, traits: PodLinkTraits): boolean {
  const { pci, identifiedBy, podIfindex, ifname, hostName, macs } = traits;
  if (identifiedBy === 'parent') return pciAddressOfParent(platform, link) === pci;
  const address = pciAddressOf(platform, pod, link);
  if (address !== '' || identifiedBy !== 'ifindex') return address === pci;
  if (podIfindex !== null) return link.ifindex === podIfindex;
  return [ifname, hostName].includes(link.name) && link.mac !== null && macs.includes(link.mac);
}

/** What will identify a netdev, which is on the host now, in another namespace. */
export function whatIdentifies(
  platform: Platform,
  host: Namespace,
  link: Link,
): NonNullable<VfNetdevState['identifiedBy']> {
  if (pciAddressOfParent(platform, link) !== '') return 'parent';
  return pciAddressOf(platform, host, link) === '' ? 'ifindex' : 'bus-info';
}

/**
 * The PCI address of a netdev in a namespace: that of its parent device (IFLA_PARENT_DEV_NAME, since Linux 5.14), or
 * the one that its driver gives (ethtool bus-info); '' if nothing tells.
 */
export function pciAddressOf(platform: Platform, namespace: Namespace, link: Link): string {
  if (link.parentBusName !== null) return pciAddressOfParent(platform, link);
  try {
    const bus = readBusInfo(platform, namespace.netns, link.name);
    return /^[0-9a-f]{4,8}:/.test(bus) ? bus : '';
  } catch (thrown) {
    if (isSystemError(thrown, 'ENODEV')) return '';
    throw thrown;
  }
}

/**
 * The PCI address of the parent device; '' if there is none, and for a netdev on top of another one, because IPoIB's
 * children have the same parent.
 */
function pciAddressOfParent(platform: Platform, { lower, parentBusName, parentDeviceName }: Link): string {
  if (lower !== null || parentBusName === null || parentDeviceName === null) return '';
  if (parentBusName === 'pci') return parentDeviceName;
  return parentBusName === 'virtio' ? (readVirtioParent(platform, parentDeviceName) ?? '') : '';
}
