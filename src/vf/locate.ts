import type { Namespace } from '../kernel/namespace.ts';
import { getLink, type Link, listDeviceLinks } from '../kernel/rtnl/links.ts';
import { readNetdevs, readPfNetdev } from '../kernel/sysfs.ts';
import type { MacAddress } from '../lib/mac-address.ts';
import type { PciAddress } from '../lib/pci-address.ts';
import { isSystemError } from '../lib/system-error.ts';
import type { Netns, Platform } from '../platform/platform.ts';

/** What tells the VF's netdev from others inside a pod, where sysfs doesn't show it. */
export interface PodLinkTraits {
  readonly pci: PciAddress;
  readonly ifname: string;
  /** Its name on the host, which it keeps where the kernel moved it and then refused the new one. */
  readonly hostName: string;
  /** As recorded after the move; null where ADD didn't get that far. */
  readonly podIfindex: number | null;
  /** Addresses that it may have: before ADD, and as asked. */
  readonly macs: readonly MacAddress[];
}

/** The VF's netdev on the host, by sysfs; null where it isn't there. */
export function findOnHost(platform: Platform, host: Namespace, pci: PciAddress): Link | null {
  for (const name of readNetdevs(platform, pci)) {
    const link = getLink(host.session, { name });
    if (link !== null) return link;
  }
  return null;
}

/** The PF's netdev on the host, by sysfs: it may have another name than when the VF was attached. Null where it isn't there. */
export function findPf(platform: Platform, host: Namespace, pfPci: PciAddress): Link | null {
  const name = readPfNetdev(platform, pfPci);
  return name === null ? null : getLink(host.session, { name });
}

/** The VF's netdev inside a pod, whatever name it has now; null where it isn't there. */
export function findInPod(platform: Platform, pod: Namespace, traits: PodLinkTraits): Link | null {
  const { podIfindex, ifname, hostName, pci } = traits;
  const asRecorded = podIfindex === null ? [] : [{ ifindex: podIfindex }];
  for (const target of [...asRecorded, { name: ifname }, { name: hostName }]) {
    const link = getLink(pod.session, target);
    if (link !== null && isVf(platform, pod, link, traits)) return link;
  }
  return findByPci(platform, pod, new Set([pci])).get(pci) ?? null;
}

/** The netdevs in a namespace of these PCI devices, by address. Throws SystemError. */
export function findByPci(
  platform: Platform,
  namespace: Namespace,
  wanted: ReadonlySet<string>,
): ReadonlyMap<string, Link> {
  const links = listDeviceLinks(namespace.session, wanted);
  const found = links.map((link) => [pciAddressOf(platform, namespace, link), link] as const);
  return new Map(found.filter(([pci]) => wanted.has(pci)));
}

/**
 * The PCI address decides wherever the kernel (IFLA_PARENT_DEV_NAME, since Linux 5.14) or the driver (ethtool bus-info)
 * tells it. Where neither does, an ifindex recorded in this very namespace is as good; name and MAC are the last resort.
 */
function isVf(platform: Platform, pod: Namespace, link: Link, traits: PodLinkTraits): boolean {
  const address = pciAddressOf(platform, pod, link);
  if (address !== '') return address === traits.pci;
  if (traits.podIfindex !== null) return link.ifindex === traits.podIfindex;
  return [traits.ifname, traits.hostName].includes(link.name) && traits.macs.includes(link.mac);
}

/** The PCI address of a netdev in a namespace; '' where nothing tells. */
export function pciAddressOf(platform: Platform, namespace: Namespace, link: Link): string {
  if (link.parentBusName === 'pci' && link.parentDeviceName !== null) return link.parentDeviceName;
  try {
    const bus = platform.ethtoolBusInfo(namespace.netns, link.name);
    return /^[0-9a-f]{4,8}:/.test(bus) ? bus : '';
  } catch (thrown) {
    if (isSystemError(thrown, 'ENODEV', 'EOPNOTSUPP')) return '';
    throw thrown;
  }
}

/**
 * Opens a namespace by its inode through a process that lives in it: its path is gone, but it isn't.
 * Null where no process of this node is in it.
 */
export function openNetnsByInode(platform: Platform, device: string, inode: string): Netns | null {
  const { procfs } = platform.paths;
  for (const pid of platform.readDir(procfs) ?? []) {
    if (!/^\d+$/.test(pid)) continue;
    const path = `${procfs}/${pid}/ns/net`;
    if (unlessEnded(() => platform.readLink(path)) !== `net:[${inode}]`) continue;
    const netns = unlessEnded(() => platform.openNetns(path));
    if (netns !== null && String(netns.device) === device && String(netns.inode) === inode) return netns;
    netns?.close();
  }
  return null;
}

/** A process may end between two looks at it: the kernel then says EACCES of its namespaces (fs/proc/namespaces.c), or ESRCH. */
function unlessEnded<T>(look: () => T | null): T | null {
  try {
    return look();
  } catch (thrown) {
    if (isSystemError(thrown, 'EACCES', 'ESRCH', 'ENOENT')) return null;
    throw thrown;
  }
}
