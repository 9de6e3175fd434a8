// What igb and igbvf make of MACs (drivers/net/ethernet/intel), and the ways around it. VFs of other drivers bear them.
//
// - A MAC that the PF sets raises IGB_VF_FLAG_PF_SET_MAC, which the kernel doesn't show; all zeros take it down again
// (igb_ndo_set_vf_mac). It outlives resets of the VF (igb_vf_reset).
// - With it an untrusted VF is refused every MAC, the one that it has included (igb_set_vf_mac_addr). So is any VF that
// the PF holds to be in a reset, with the same NACK (igb_rcv_msg_from_vf). igbvf then has the MAC of its last reset,
// and says EADDRNOTAVAIL if that is not the one asked for (e1000_rar_set_vf, igbvf_set_mac).
// - A MAC that the PF sets reaches the netdev with the VF's next reset, as when it goes up after it was down
// (igb_vf_reset_msg, igbvf_reset). Until then the VF is deaf: the PF passes it frames to the new one only
// (igb_set_vf_mac).
// - All zeros go the same way, and no reset brings them to the netdev: the VF is deaf until it sets a MAC itself.
import type { Namespace } from '../kernel/namespace.ts';
import { getLink, getLinkAfterChanges, type Link, setLinkDown, setLinkMac, setLinkUp } from '../kernel/rtnl/links.ts';
import { changeVf, readVfAdminState } from '../kernel/rtnl/vfs.ts';
import { type MacAddress, zeroMac } from '../lib/mac-address.ts';
import { isSystemError, type SystemError } from '../lib/system-error.ts';
import type { VfChange } from '../settings/settings.ts';
import { isRefusal } from './refusal.ts';
import type { Pf } from './vf.ts';

/** Errors of drivers that take no MAC of all zeros, or know no trust. */
const refusals = ['EINVAL', 'EADDRNOTAVAIL', 'EOPNOTSUPP', 'EPERM', 'EACCES'] as const;

export function readMac(namespace: Namespace, ifindex: number): MacAddress | null {
  return getLink(namespace.session, { ifindex })?.mac ?? null;
}

/**
 * Asks the netdev for the MAC; tells whether it took it. An untrusted VF may have to leave that to its PF. A first
 * refusal isn't believed: it may be that of a reset, and what is inferred from it can't be found out later.
 */
export function tryLinkMac(namespace: Namespace, link: Link, mac: MacAddress): boolean {
  if (getLinkAfterChanges(namespace.session, link.ifindex)?.mac === mac) return true;
  const took = askForMac(namespace, link, mac);
  return took ?? askForMac(namespace, link, mac) === true;
}

/** Null where it was refused; false where the driver was busy to the end, or did nothing. */
function askForMac(namespace: Namespace, link: Link, mac: MacAddress): boolean | null {
  try {
    namespace.change(link.ifindex, (session) => setLinkMac(session, link.ifindex, mac));
    return readMac(namespace, link.ifindex) === mac;
  } catch (thrown) {
    if (isSystemError(thrown, 'EBUSY', 'EAGAIN', 'ENODEV')) return false;
    if (isRefusal(thrown)) return null;
    throw thrown;
  }
}

/** Makes the driver reset the VF and take over the MAC that the PF has set; the link is up afterwards. */
export function takeMacOfPf(namespace: Namespace, { ifindex }: Link): void {
  for (const cycle of [setLinkUp, setLinkDown, setLinkUp]) {
    namespace.change(ifindex, (session) => cycle(session, ifindex));
  }
}

/** Sets a MAC that the netdev has by its own account: another comes between, because the same is no change to it. */
export function setMacAnew(host: Namespace, link: Link, mac: MacAddress): boolean {
  tryLinkMac(host, link, substituteMac(mac));
  return tryLinkMac(host, link, mac);
}

/**
 * A different address that is as valid. It differs in the vendor's part, because VFs and PFs have consecutive
 * addresses: no device of this node may lose its frames to this one, be it for a moment.
 */
export function substituteMac(mac: MacAddress): MacAddress {
  const first = Number.parseInt(mac.slice(0, 2), 16) ^ 0xf2;
  return `${first.toString(16).padStart(2, '0')}${mac.slice(2)}` as MacAddress;
}

/**
 * Takes back the MAC that the PF has set, so that the VF may change its own, and the PF's record follows it. The error
 * where the driver won't: some have no such thing as no MAC.
 */
export function clearAdminMac(host: Namespace, pf: Pf): SystemError | null {
  return refusalOf(host, pf, { mac: zeroMac });
}

/** Sets a MAC that an untrusted VF is refused, trusting it for that moment; tells whether it took it. */
export function tryTrustedMac(host: Namespace, pf: Pf, link: Link, mac: MacAddress): boolean {
  if (readVfAdminState(host.session, pf.ifindex, pf.vfIndex)?.trust !== 'off') return false;
  if (refusalOf(host, pf, { trust: 'on' }) !== null) return false;
  try {
    return tryLinkMac(host, link, mac);
  } finally {
    change(host, pf, { trust: 'off' });
  }
}

function refusalOf(host: Namespace, pf: Pf, wanted: VfChange): SystemError | null {
  try {
    change(host, pf, wanted);
    return null;
  } catch (thrown) {
    if (isSystemError(thrown, ...refusals)) return thrown;
    throw thrown;
  }
}

function change(host: Namespace, pf: Pf, wanted: VfChange): void {
  host.change(pf.ifindex, (session) => changeVf(session, pf, pf.vfIndex, wanted));
}
