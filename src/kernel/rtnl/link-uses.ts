import { formatRoute } from 'netlink/dist/rt/gen_structs.js';
import { type MacAddress, macFromBytes } from '../../lib/mac-address.ts';
import { findAttribute, u32At, u32Attribute } from '../netlink/attributes.ts';
import {
  AF_BRIDGE,
  AF_INET,
  AF_INET6,
  NDA_LLADDR,
  NLM_F_DUMP,
  RT_SCOPE_LINK,
  RTA_OIF,
  RTM_GETNEIGH,
  RTM_GETROUTE,
  RTPROT_KERNEL,
  RTPROT_RA,
} from '../netlink/constants.ts';
import type { NetlinkSession } from '../netlink/session.ts';
import { listAddresses } from './addresses.ts';
import { decodeRoute } from './route-message.ts';
import { type RouteSpec, spellRoute } from './routes.ts';

// What somebody has given a link to do, as opposed to what the kernel does by itself wherever a link is up: IPv6 addresses of the link, and
// addresses and routes by router advertisements.

/** Addresses that somebody has given a link, as CIDRs. Throws SystemError. */
export function listGivenAddresses(session: NetlinkSession, ifindex: number): string[] {
  const given = listAddresses(session, ifindex).filter(
    ({ family, scope, automatic }) => family === 4 || (scope !== RT_SCOPE_LINK && !automatic),
  );
  return given.map(({ cidr }) => cidr);
}

/** Routes that somebody has led over a link, of all tables (`ip route show table all dev LINK`). The kernel picks them out. Throws SystemError. */
export function listGivenRoutes(session: NetlinkSession, ifindex: number): string[] {
  const what = `list routes of interface ${ifindex} (ip route show table all dev if${ifindex})`;
  return [AF_INET, AF_INET6].flatMap((family) => {
    const payload = Buffer.concat([formatRoute({ family }), u32Attribute(RTA_OIF, ifindex)]);
    const replies = session.request({ what, type: RTM_GETROUTE, flags: NLM_F_DUMP, payload });
    const given = replies.filter((reply) => ![RTPROT_KERNEL, RTPROT_RA].includes(reply[5] ?? 0));
    return given.flatMap((reply) => decodeRoute(reply, ifindex)).map((route: RouteSpec) => spellRoute(route));
  });
}

/** Length of struct ndmsg, linux/neighbour.h. */
const ndmsgLength = 12;

/**
 * MAC addresses that a link hears besides its own and groups (`bridge fdb show dev LINK`): those of macvlans on top of it, which are in
 * whatever namespace. Throws SystemError.
 */
export function listHeardMacs(session: NetlinkSession, ifindex: number): MacAddress[] {
  const payload = Buffer.alloc(ndmsgLength);
  payload[0] = AF_BRIDGE;
  payload.writeInt32LE(ifindex, 4);
  const what = `list MACs that interface ${ifindex} hears (bridge fdb show dev if${ifindex})`;
  const replies = session.request({ what, type: RTM_GETNEIGH, flags: NLM_F_DUMP, payload });
  return replies.flatMap((reply) => {
    if (u32At(reply, 4) !== ifindex) return [];
    const mac = findAttribute('a forwarding entry', reply, NDA_LLADDR, ndmsgLength);
    return mac?.length === 6 && ((mac[0] ?? 1) & 1) === 0 ? [macFromBytes(mac)] : [];
  });
}
