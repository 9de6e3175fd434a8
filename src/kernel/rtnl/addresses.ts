import { type Cidr, formatAddress, lastAddressOf, parseCidr } from '../ip-text.ts';
import { atLeast, attribute, leading, readAttributes, toU32, u32At } from '../netlink/attributes.ts';
import {
  AF_INET,
  AF_INET6,
  AF_UNSPEC,
  IFA_ADDRESS,
  IFA_BROADCAST,
  IFA_F_DADFAILED,
  IFA_F_MANAGETEMPADDR,
  IFA_F_NODAD,
  IFA_F_OPTIMISTIC,
  IFA_F_TEMPORARY,
  IFA_F_TENTATIVE,
  IFA_FLAGS,
  IFA_LOCAL,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  RT_SCOPE_HOST,
  RT_SCOPE_LINK,
  RT_SCOPE_UNIVERSE,
  RTM_DELADDR,
  RTM_GETADDR,
  RTM_NEWADDR,
} from '../netlink/constants.ts';
import type { NetlinkSession } from '../netlink/session.ts';
import { addressHeader } from './headers.ts';

export interface AddressOfLink {
  /** Canonical, with its host bits. */
  readonly cidr: string;
  readonly family: 4 | 6;
  /** Duplicate address detection isn't finished. */
  readonly tentative: boolean;
  /** Detection has found another host with this address, so the kernel doesn't use it. */
  readonly duplicate: boolean;
  /** The kernel has made it from router advertisements; IPv6 only. */
  readonly automatic: boolean;
  /** RT_SCOPE_*: 0 is global, 253 link, 254 host. */
  readonly scope: number;
}

/** Length of struct ifaddrmsg, linux/if_addr.h. */
const ifaddrmsgLength = 8;

/**
 * How the kernel looks for duplicates of an IPv6 address. The address is usable at once either way. `optimistic`: the
 * kernel looks meanwhile (RFC 4429), if the sysctl optimistic_dad is set; without it the address is usable only after.
 */
export type DuplicateDetection = 'none' | 'optimistic';

/**
 * Adds an address (`ip addr add CIDR brd + dev LINK`; for IPv6 `ip addr add CIDR nodad dev LINK`, or `optimistic`;
 * link-local ones with `scope link`). Throws SystemError; EEXIST: it is there; EINVAL: no CIDR.
 */
export function addAddress(
  session: NetlinkSession,
  ifindex: number,
  cidr: string,
  detection: DuplicateDetection = 'none',
): void {
  const parsed = parseCidr(cidr);
  const isIpv6 = parsed.family === 6;
  const [ipv6Option, ipv6Flag] = detection === 'none' ? ['nodad', IFA_F_NODAD] : [detection, IFA_F_OPTIMISTIC];
  const option = isIpv6 ? ipv6Option : 'brd +';
  session.request({
    what: `add address ${cidr} to interface ${ifindex} (ip addr add ${cidr} ${option} dev if${ifindex})`,
    type: RTM_NEWADDR,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    payload: Buffer.concat([
      encode(ifindex, parsed, isIpv6 ? ipv6Flag : 0, defaultScope(parsed)),
      ...(hasBroadcast(parsed) ? [attribute(IFA_BROADCAST, lastAddressOf(parsed))] : []),
    ]),
  });
}

/** `ip addr del CIDR dev LINK`. Throws SystemError; EADDRNOTAVAIL: it isn't there; EINVAL: no CIDR. */
export function removeAddress(session: NetlinkSession, ifindex: number, cidr: string): void {
  session.request({
    what: `remove address ${cidr} from interface ${ifindex} (ip addr del ${cidr} dev if${ifindex})`,
    type: RTM_DELADDR,
    flags: 0,
    payload: encode(ifindex, parseCidr(cidr), 0, RT_SCOPE_UNIVERSE),
  });
}

/** The addresses of a link, in the kernel's order (`ip addr show dev LINK`). Throws SystemError. */
export function listAddresses(session: NetlinkSession, ifindex: number): AddressOfLink[] {
  const what = `list addresses of interface ${ifindex} (ip addr show dev if${ifindex})`;
  const payload = addressHeader({ family: AF_UNSPEC, index: ifindex });
  return session.request({ what, type: RTM_GETADDR, flags: NLM_F_DUMP, payload }).flatMap((reply) => {
    atLeast('struct ifaddrmsg', reply, ifaddrmsgLength);
    // A kernel before 4.20 lists the addresses of all links.
    if (u32At(reply, 4) !== ifindex) return [];
    const address = decode(reply);
    return address === null ? [] : [address];
  });
}

/**
 * Addresses that somebody has given a link, as CIDRs. Link-local ones, and those of router advertisements, don't count,
 * because the kernel makes them wherever a link is up. Throws SystemError.
 */
export function listGivenAddresses(session: NetlinkSession, ifindex: number): string[] {
  const given = listAddresses(session, ifindex).filter(
    ({ family, scope, automatic }) => family === 4 || (scope !== RT_SCOPE_LINK && !automatic),
  );
  return given.map(({ cidr }) => cidr);
}

/** `ip` gives loopback addresses host scope, whatever link they are on. */
function defaultScope({ family, bytes }: Cidr): number {
  return family === 4 && bytes[0] === 127 ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
}

/** Networks of one or two addresses have no broadcast address (RFC 3021). */
function hasBroadcast({ family, prefixLength }: Cidr): boolean {
  return family === 4 && prefixLength <= 30;
}

/** `flags`: IFA_F_*. */
function encode(ifindex: number, cidr: Cidr, flags: number, scope: number): Buffer {
  const family = cidr.family === 6 ? AF_INET6 : AF_INET;
  const header = addressHeader({ family, prefixLength: cidr.prefixLength, flags, scope, index: ifindex });
  return Buffer.concat([header, attribute(IFA_LOCAL, cidr.bytes), attribute(IFA_ADDRESS, cidr.bytes)]);
}

/** Null for families other than IPv4 and IPv6. With a peer, IFA_ADDRESS is the peer's and IFA_LOCAL the own one. */
function decode(reply: Buffer): AddressOfLink | null {
  const family = reply[0];
  if (family !== AF_INET && family !== AF_INET6) return null;
  const attributes = readAttributes('an address', reply, ifaddrmsgLength);
  const own = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS);
  if (own === undefined) return null;
  const bytes = leading('IFA_LOCAL', own, family === AF_INET ? 4 : 16);
  const wideFlags = attributes.get(IFA_FLAGS);
  const flags = wideFlags === undefined ? (reply[2] as number) : toU32('IFA_FLAGS', wideFlags);
  return {
    cidr: `${formatAddress(bytes)}/${reply[1]}`,
    family: family === AF_INET ? 4 : 6,
    tentative: (flags & IFA_F_TENTATIVE) !== 0,
    duplicate: (flags & IFA_F_DADFAILED) !== 0,
    automatic: family === AF_INET6 && (flags & (IFA_F_MANAGETEMPADDR | IFA_F_TEMPORARY)) !== 0,
    scope: reply[3] as number,
  };
}
