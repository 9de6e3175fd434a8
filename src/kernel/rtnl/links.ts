import { formatLink } from 'netlink/dist/rt/gen_structs.js';
import { type MacAddress, macToBytes } from '../../lib/mac-address.ts';
import type { Netns } from '../../platform/platform.ts';
import { attribute, stringAttribute, u32Attribute } from '../netlink/attributes.ts';
import { IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_NET_NS_FD, RTM_NEWLINK } from '../netlink/constants.ts';
import type { NetlinkSession } from '../netlink/session.ts';

export { addAltnames, removeAltnames } from './altnames.ts';

export { type EthernetLink, isEthernet, type Link } from './link.ts';
export { getLink, listDeviceLinks } from './link-queries.ts';

/**
 * Moves a link into another namespace and renames it, in one message (`ip link set LINK netns NS name NAME`): whoever looks
 * sees it here under the old name or there under the new one, though an event tells of the old name there. The kernel
 * takes it down, and may give it another ifindex. Throws SystemError: EBUSY while it is in use; EEXIST where the name is taken
 * there or is an altname of its own. The kernel moves before it renames, so after EEXIST the link may be there, under its old name.
 */
export function moveLink(
  session: NetlinkSession,
  ifindex: number,
  to: { readonly netns: Netns; readonly name: string },
): void {
  const { netns, name } = to;
  const what = `move interface ${ifindex} to the namespace ${netns.inode} as ${name} (ip link set if${ifindex} netns NS name ${name})`;
  changeLink(session, what, ifindex, u32Attribute(IFLA_NET_NS_FD, netns.fd), stringAttribute(IFLA_IFNAME, name));
}

/** `ip link set LINK name NAME`. Before Linux 6.2 the link must be down (EBUSY). Throws SystemError; EEXIST: taken. */
export function renameLink(session: NetlinkSession, ifindex: number, name: string): void {
  const what = `rename interface ${ifindex} to ${name} (ip link set if${ifindex} name ${name})`;
  changeLink(session, what, ifindex, stringAttribute(IFLA_IFNAME, name));
}

/** `ip link set LINK up`. Throws SystemError. */
export function setLinkUp(session: NetlinkSession, ifindex: number): void {
  const what = `set interface ${ifindex} up (ip link set if${ifindex} up)`;
  const payload = formatLink({ index: ifindex, flags: { up: true }, change: { up: true } });
  session.request({ what, type: RTM_NEWLINK, flags: 0, payload });
}

/** `ip link set LINK down`. Throws SystemError. */
export function setLinkDown(session: NetlinkSession, ifindex: number): void {
  const what = `set interface ${ifindex} down (ip link set if${ifindex} down)`;
  session.request({ what, type: RTM_NEWLINK, flags: 0, payload: formatLink({ index: ifindex, change: { up: true } }) });
}

/** `ip link set LINK mtu BYTES`. Throws SystemError; EINVAL: out of the driver's range. */
export function setLinkMtu(session: NetlinkSession, ifindex: number, mtu: number): void {
  const what = `set MTU of interface ${ifindex} (ip link set if${ifindex} mtu ${mtu})`;
  changeLink(session, what, ifindex, u32Attribute(IFLA_MTU, mtu));
}

/** `ip link set LINK address MAC`. Throws SystemError; EADDRNOTAVAIL or EPERM: an untrusted VF may not choose. */
export function setLinkMac(session: NetlinkSession, ifindex: number, mac: MacAddress): void {
  const what = `set MAC of interface ${ifindex} (ip link set if${ifindex} address ${mac})`;
  changeLink(session, what, ifindex, attribute(IFLA_ADDRESS, macToBytes(mac)));
}

function changeLink(session: NetlinkSession, what: string, ifindex: number, ...attributes: Buffer[]): void {
  const payload = Buffer.concat([formatLink({ index: ifindex }), ...attributes]);
  session.request({ what, type: RTM_NEWLINK, flags: 0, payload });
}
