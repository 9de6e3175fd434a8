import { CniError } from '../cni/errors.ts';
import type { Namespace } from '../kernel/namespace.ts';
import { ARPHRD_INFINIBAND } from '../kernel/netlink/constants.ts';
import { type EthernetLink, isEthernet, type Link } from '../kernel/rtnl/links.ts';
import { getPfLink, getVfAdminStateAfterChanges } from '../kernel/rtnl/vfs.ts';
import { readRdmaDevices } from '../kernel/sysfs.ts';
import type { Platform } from '../platform/platform.ts';
import { refuseOpenGroup, refuseUsedByHost } from './host-use.ts';
import { findOnHost, isDeviceOf, whatIdentifies } from './locate.ts';
import { readNetdevSettings } from './netdev-settings.ts';
import type { Pf, VfIdentity, VfNetdevState, VfSnapshot } from './vf.ts';

/** The netdev of a VF's PF; null if the VF has no PF on this machine. Throws CniError pfMissing. */
export function getPf(platform: Platform, host: Namespace, identity: VfIdentity): Pf | null {
  if (identity.pfPci === null) return null;
  const link = getPfLink(host.session, identity.pfName);
  if (link !== null && isDeviceOf(platform, identity.pfPci, identity.pfName, link)) {
    return { ...link, vfIndex: identity.vfIndex };
  }
  throw new CniError('pfMissing', `the PF ${identity.pfName} (${identity.pfPci}) of VF ${identity.pci} is gone`);
}

export function describeNetdev(link: EthernetLink): VfNetdevState {
  const { name, ifindex, mac, mtu, up, altnames } = link;
  return { name, ifindex, mac, mtu, up, altnames };
}

/**
 * Reads all that DEL has to give back, before the first change. Throws CniError noDriver if a network driver is bound
 * and no netdev is on the host, vfBusy if somebody uses the VF, and notEthernet.
 */
export function takeSnapshot(platform: Platform, host: Namespace, identity: VfIdentity, pf: Pf | null): VfSnapshot {
  if (pf !== null) requireEthernet(identity, 'PF', pf);
  const admin = pf === null ? null : getVfAdminStateAfterChanges(host.session, pf.ifindex, pf.vfIndex);
  if (identity.kind === 'userspace') {
    refuseOpenGroup(platform, identity);
    return { admin, netdev: null };
  }
  const link = findOnHost(platform, host, identity.pci);
  if (link === null) {
    const reason = 'it has no netdev on the host: another namespace holds it, or the driver failed to make one';
    throw new CniError('noDriver', `VF ${identity.pci} (driver ${identity.driver}): ${reason}`);
  }
  requireEthernet(identity, 'netdev', link);
  refuseUsedByHost(platform, host, identity, link);
  const rdmaDevices = readRdmaDevices(platform, identity.pci);
  const netdev = {
    ...describeNetdev(link),
    identifiedBy: whatIdentifies(platform, host, link),
    settings: readNetdevSettings(platform, host, identity.pci, link),
  };
  return { admin, netdev, ...(rdmaDevices.length === 0 ? {} : { rdmaDevices }) };
}

/** MAC, VLAN and announcements are Ethernet's. */
function requireEthernet(identity: VfIdentity, what: 'PF' | 'netdev', link: Link): asserts link is EthernetLink {
  if (isEthernet(link)) return;
  const type =
    link.type === ARPHRD_INFINIBAND
      ? 'InfiniBand, which ib-sriov-cni is for'
      : `of hardware type ${link.type} (ARPHRD_*)`;
  throw new CniError(
    'notEthernet',
    `VF ${identity.pci}: its ${what} ${link.name} is no Ethernet interface: it is ${type}`,
  );
}
