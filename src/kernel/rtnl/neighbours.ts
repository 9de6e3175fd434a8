import { type MacAddress, macFromBytes } from '../../lib/mac-address.ts';
import { formatAddress, type IpAddress } from '../ip-text.ts';
import { attribute, findAttribute, u32At } from '../netlink/attributes.ts';
import {
  AF_BRIDGE,
  AF_INET,
  AF_INET6,
  NDA_DST,
  NDA_LLADDR,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NTF_USE,
  RTM_DELNEIGH,
  RTM_GETNEIGH,
  RTM_NEWNEIGH,
} from '../netlink/constants.ts';
import type { NetlinkSession } from '../netlink/session.ts';
import { neighbourHeader } from './headers.ts';

/**
 * Has the kernel ask for the MAC of an address on the link, as if it had a packet for that address
 * (`ip neigh add ADDRESS dev LINK nud none use`). The kernel sends one request at once, and two more a second apart
 * unless the neighbour is removed (net/core/neighbour.c, NTF_USE). Throws SystemError; ENODEV: no such link.
 */
export function askForNeighbour(session: NetlinkSession, ifindex: number, address: IpAddress): void {
  const text = formatAddress(address.bytes);
  session.request({
    what: `ask interface ${ifindex} for ${text} (ip neigh add ${text} dev if${ifindex} nud none use)`,
    type: RTM_NEWNEIGH,
    flags: NLM_F_CREATE,
    payload: encode(ifindex, address, NTF_USE),
  });
}

/** `ip neigh del ADDRESS dev LINK`. Throws SystemError; ENOENT: it isn't there. */
export function removeNeighbour(session: NetlinkSession, ifindex: number, address: IpAddress): void {
  const text = formatAddress(address.bytes);
  session.request({
    what: `remove neighbour ${text} of interface ${ifindex} (ip neigh del ${text} dev if${ifindex})`,
    type: RTM_DELNEIGH,
    flags: 0,
    payload: encode(ifindex, address, 0),
  });
}

/** Length of struct ndmsg, linux/neighbour.h. */
const ndmsgLength = 12;

/**
 * Unicast MAC addresses that a link hears besides its own (`bridge fdb show dev LINK`): those of macvlans on top of it,
 * in whatever namespace these are. Throws SystemError.
 */
export function listHeardMacs(session: NetlinkSession, ifindex: number): MacAddress[] {
  const what = `list MACs that interface ${ifindex} hears (bridge fdb show dev if${ifindex})`;
  const payload = neighbourHeader({ family: AF_BRIDGE, index: ifindex });
  return session.request({ what, type: RTM_GETNEIGH, flags: NLM_F_DUMP, payload }).flatMap((reply) => {
    if (u32At(reply, 4) !== ifindex) return [];
    const mac = findAttribute('a forwarding entry', reply, NDA_LLADDR, ndmsgLength);
    return mac?.length === 6 && ((mac[0] ?? 1) & 1) === 0 ? [macFromBytes(mac)] : [];
  });
}

function encode(ifindex: number, { family, bytes }: IpAddress, flags: number): Buffer {
  const header = neighbourHeader({ family: family === 4 ? AF_INET : AF_INET6, index: ifindex, flags });
  return Buffer.concat([header, attribute(NDA_DST, bytes)]);
}
