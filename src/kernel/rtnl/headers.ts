// The structs that begin messages about addresses, routes and neighbours (linux/rtnetlink.h, if_addr.h, neighbour.h),
// by node-netlink's codecs. A field that isn't given is zero. The codecs take flags by name; `__unknown` hands them a
// number as it is.
import { formatAddress, formatNeighbor, formatRoute } from 'netlink/dist/rt/gen_structs.js';

/** struct ifaddrmsg: `family` is AF_*, `flags` IFA_F_*, `scope` RT_SCOPE_*. */
export function addressHeader(fields: {
  readonly family: number;
  readonly index: number;
  readonly prefixLength?: number;
  readonly flags?: number;
  readonly scope?: number;
}): Buffer {
  const { family, index, prefixLength = 0, flags = 0, scope = 0 } = fields;
  return formatAddress({ family, prefixlen: prefixLength, flags: { __unknown: flags }, scope, index });
}

/** struct rtmsg: `family` is AF_*, `table` RT_TABLE_*, `protocol` RTPROT_*, `scope` RT_SCOPE_*, `type` RTN_*. */
export function routeHeader(fields: {
  readonly family: number;
  readonly prefixLength?: number;
  readonly table?: number;
  readonly protocol?: number;
  readonly scope?: number;
  readonly type?: number;
}): Buffer {
  const { prefixLength = 0, ...others } = fields;
  return formatRoute({ ...others, dstLen: prefixLength });
}

/** struct ndmsg: `family` is AF_*, `flags` NTF_*. */
export function neighbourHeader(fields: {
  readonly family: number;
  readonly index: number;
  readonly flags?: number;
}): Buffer {
  const { family, index, flags = 0 } = fields;
  return formatNeighbor({ family, ifindex: index, flags: { __unknown: flags } });
}
