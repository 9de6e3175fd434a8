import { formatNeighbor as formatHeader } from 'netlink/dist/rt/gen_structs.js';
import { formatAddress, type IpAddress } from '../ip-text.ts';
import { attribute } from '../netlink/attributes.ts';
import { AF_INET, AF_INET6, NDA_DST, NLM_F_CREATE, RTM_DELNEIGH, RTM_NEWNEIGH } from '../netlink/constants.ts';
import type { NetlinkSession } from '../netlink/session.ts';

/**
 * Has the kernel ask the link for the MAC of an address now, as if a packet for it were to be sent
 * (`ip neigh add ADDRESS dev LINK nud none use`): it sends one request at once, and two more a second apart unless the neighbour is removed
 * (net/core/neighbour.c, NTF_USE). Throws SystemError; ENODEV: no such link.
 */
export function askForNeighbour(session: NetlinkSession, ifindex: number, address: IpAddress): void {
  const text = formatAddress(address.bytes);
  session.request({
    what: `ask interface ${ifindex} for ${text} (ip neigh add ${text} dev if${ifindex} nud none use)`,
    type: RTM_NEWNEIGH,
    flags: NLM_F_CREATE,
    payload: encode(ifindex, address, { use: true }),
  });
}

/** `ip neigh del ADDRESS dev LINK`. Throws SystemError; ENOENT: it isn't there. */
export function removeNeighbour(session: NetlinkSession, ifindex: number, address: IpAddress): void {
  const text = formatAddress(address.bytes);
  session.request({
    what: `remove neighbour ${text} of interface ${ifindex} (ip neigh del ${text} dev if${ifindex})`,
    type: RTM_DELNEIGH,
    flags: 0,
    payload: encode(ifindex, address, {}),
  });
}

function encode(ifindex: number, { family, bytes }: IpAddress, flags: { readonly use?: true }): Buffer {
  const header = formatHeader({ family: family === 4 ? AF_INET : AF_INET6, ifindex, flags });
  return Buffer.concat([header, attribute(NDA_DST, bytes)]);
}
