// What igb and igbvf do with MACs (drivers/net/ethernet/intel), and the ways around it, which do no harm with others.
//
// - A MAC that the PF sets raises IGB_VF_FLAG_PF_SET_MAC, which the kernel doesn't show; all zeros take it down again
// (igb_ndo_set_vf_mac). It outlives resets of the VF (igb_vf_reset).
// - While the flag is up, the PF refuses an untrusted VF every MAC, even the one that it has (igb_set_vf_mac_addr). It
// answers the same NACK to any VF that it holds to be in a reset (igb_rcv_msg_from_vf). igbvf then has the MAC of its
// last reset, and says EADDRNOTAVAIL if that is not the one asked for (e1000_rar_set_vf, igbvf_set_mac).
// - A MAC that the PF sets reaches the netdev with the VF's next reset, as when it goes up after it was down
// (igb_vf_reset_msg, igbvf_reset). Until then the VF is deaf, because the PF passes on frames to the new MAC only
// (igb_set_vf_mac).
// - If the PF sets all zeros, no reset brings them to the netdev: the VF is deaf until it sets a MAC itself.
import type { Namespace } from '../kernel/namespace.ts';
import { getLink, getLinkAfterChanges, type Link, setLinkDown, setLinkMac, setLinkUp } from '../kernel/rtnl/links.ts';
import { changeVf, readVfAdminState } from '../kernel/rtnl/vfs.ts';
import { type MacAddress, zeroMac } from '../lib/mac-address.ts';
import { isSystemError, type SystemError } from '../lib/system-error.ts';
import type { VfChange } from '../settings/settings.ts';
import { isRefusal } from './refusal.ts';
import type { Pf } from './vf.ts';

/** Errnos of drivers that take no MAC of all zeros, or know no trust. */
const refusals = ['EINVAL', 'EADDRNOTAVAIL', 'EOPNOTSUPP', 'EPERM', 'EACCES'] as const;

export function readMac(namespace: Namespace, ifindex: number): MacAddress | null {
  return getLink(namespace.session, { ifindex })?.mac ?? null;
}

/**
 * Asks the netdev to take the MAC, and tells whether it has. An untrusted VF may have to leave that to its PF. A first
 * refusal isn't believed, because a reset may be its cause, and what it would say of the VF can't be found out later.
 */
export function tryLinkMac(namespace: Namespace, link: Link, mac: MacAddress): boolean {
  if (getLinkAfterChanges(namespace.session, link.ifindex)?.mac === mac) return true;
  const took = askForMac(namespace, link, mac);
  return took ?? askForMac(namespace, link, mac) === true;
}

/** Null if the driver refused it; false if the driver was busy to the end, or did nothing. */
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

/**
 * Sets the MAC that the netdev says it has. The netdev gets another one first, because the same MAC is no change to it.
 */
export function setMacAnew(host: Namespace, link: Link, mac: MacAddress): boolean {
  tryLinkMac(host, link, substituteMac(mac));
  return tryLinkMac(host, link, mac);
}

/**
 * A different address that is as valid. It differs in the vendor's part, because VFs and PFs have consecutive
 * addresses, and no device of this node may lose its frames to this VF, even for a moment.
 */
export function substituteMac(mac: MacAddress): MacAddress {
  const first = Number.parseInt(mac.slice(0, 2), 16) ^ 0xf2;
  return `${first.toString(16).padStart(2, '0')}${mac.slice(2)}` as MacAddress;
}

/**
 * Takes back the MAC that the PF has set, so that the VF may change its own MAC, and the PF's record follows it.
 * Returns the error of a driver that refuses, because some always keep a MAC.
 */
export function clearAdminMac(host: Namespace, pf: Pf): SystemError | null {
  return refusalOf(host, pf, { mac: zeroMac });
}

/** Trusts the VF for a moment, so that it can set a MAC that it is refused otherwise. Tells whether it has set it. */
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
