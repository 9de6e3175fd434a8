// The structs that begin route messages (linux/rtnetlink.h, if_addr.h, neighbour.h), in the host's order, which is
// little-endian wherever this runs. A field that isn't given is zero.

/** struct ifinfomsg: `flags` and `change` are IFF_*. */
export function linkHeader(fields: {
  readonly index?: number;
  readonly flags?: number;
  readonly change?: number;
}): Buffer {
  const { index = 0, flags = 0, change = 0 } = fields;
  return Buffer.from(Int32Array.of(0, index, flags, change).buffer);
}

/** struct ifaddrmsg: `family` is AF_*, `flags` IFA_F_*, `scope` RT_SCOPE_*. */
export function addressHeader(fields: {
  readonly family: number;
  readonly index: number;
  readonly prefixLength?: number;
  readonly flags?: number;
  readonly scope?: number;
}): Buffer {
  const { family, index, prefixLength = 0, flags = 0, scope = 0 } = fields;
  return Buffer.from(Int32Array.of(family | (prefixLength << 8) | (flags << 16) | (scope << 24), index).buffer);
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
  const { family, prefixLength = 0, table = 0, protocol = 0, scope = 0, type = 0 } = fields;
  const routing = table | (protocol << 8) | (scope << 16) | (type << 24);
  return Buffer.from(Int32Array.of(family | (prefixLength << 8), routing, 0).buffer);
}

/** struct ndmsg: `family` is AF_*, `flags` NTF_*. */
export function neighbourHeader(fields: {
  readonly family: number;
  readonly index: number;
  readonly flags?: number;
}): Buffer {
  const { family, index, flags = 0 } = fields;
  return Buffer.from(Int32Array.of(family, index, flags << 16).buffer);
}
