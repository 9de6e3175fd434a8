import { formatRoute } from 'netlink/dist/rt/gen_structs.js';
import { readU8, readU32 } from 'netlink/dist/structs.js';
import { SystemError } from '../../lib/system-error.ts';
import { type Cidr, formatAddress, networkOf, parseAddress, parseCidr } from '../ip-text.ts';
import { attribute, leading, readAttributes, toU32, u32Attribute } from '../netlink/attributes.ts';
import {
  AF_INET,
  AF_INET6,
  RT_SCOPE_LINK,
  RT_SCOPE_NOWHERE,
  RT_SCOPE_UNIVERSE,
  RT_TABLE_MAIN,
  RT_TABLE_UNSPEC,
  RTA_DST,
  RTA_GATEWAY,
  RTA_METRICS,
  RTA_OIF,
  RTA_PRIORITY,
  RTA_TABLE,
  RTAX_ADVMSS,
  RTAX_MTU,
  RTM_F_CLONED,
  RTN_UNICAST,
  RTPROT_BOOT,
} from '../netlink/constants.ts';

/** A route as a CNI result has it, with its gateway resolved. */
export interface RouteSpec {
  /** CIDR; host bits are cleared. */
  readonly dst: string;
  readonly gw?: string;
  readonly mtu?: number;
  readonly advmss?: number;
  readonly priority?: number;
  readonly table?: number;
  /** RT_SCOPE_* */
  readonly scope?: number;
}

/** A route as the kernel has it. */
export interface RouteOfLink {
  /** Canonical CIDR; `0.0.0.0/0` or `::/0` for a default route. */
  readonly dst: string;
  readonly gw?: string;
  readonly table: number;
  readonly priority?: number;
  /** RT_SCOPE_*; 0 for all of IPv6. */
  readonly scope: number;
  readonly mtu?: number;
  readonly advmss?: number;
}

const EAFNOSUPPORT = 97;
/** Length of struct rtmsg, linux/rtnetlink.h. */
const rtmsgLength = 12;

/**
 * The payload of RTM_NEWROUTE, as `ip route add` fills it in: table main, protocol boot, IPv4 without gateway link scope.
 * Throws SystemError EINVAL (no CIDR, no address) or EAFNOSUPPORT (gateway of the other family).
 */
export function encodeNewRoute(ifindex: number, route: RouteSpec): Buffer {
  const dst = networkOf(parseCidr(route.dst));
  const onLink = route.gw === undefined && dst.family === 4;
  return encode(ifindex, route, dst, {
    protocol: RTPROT_BOOT,
    scope: route.scope ?? (onLink ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE),
    type: RTN_UNICAST,
  });
}

/** The payload of RTM_DELROUTE; what is absent matches any route. Throws SystemError as encodeNewRoute does. */
export function encodeDeleteRoute(ifindex: number, route: RouteSpec): Buffer {
  const dst = networkOf(parseCidr(route.dst));
  const anyScope = dst.family === 4 ? RT_SCOPE_NOWHERE : RT_SCOPE_UNIVERSE;
  return encode(ifindex, route, dst, { scope: route.scope ?? anyScope });
}

function encode(
  ifindex: number,
  route: RouteSpec,
  dst: Cidr,
  header: { readonly protocol?: number; readonly scope: number; readonly type?: number },
): Buffer {
  const { gw, priority, table = RT_TABLE_MAIN } = route;
  const fixed = formatRoute({
    ...header,
    family: dst.family === 6 ? AF_INET6 : AF_INET,
    dstLen: dst.prefixLength,
    table: table < 256 ? table : RT_TABLE_UNSPEC,
  });
  const attributes: Buffer[] = [fixed];
  if (dst.prefixLength > 0) attributes.push(attribute(RTA_DST, dst.bytes));
  if (gw !== undefined) attributes.push(attribute(RTA_GATEWAY, gatewayBytes(gw, dst.family)));
  if (priority !== undefined) attributes.push(u32Attribute(RTA_PRIORITY, priority));
  if (table >= 256) attributes.push(u32Attribute(RTA_TABLE, table));
  attributes.push(u32Attribute(RTA_OIF, ifindex), ...encodeMetrics(route));
  return Buffer.concat(attributes);
}

function gatewayBytes(gw: string, family: 4 | 6): Buffer {
  const gateway = parseAddress(gw);
  if (gateway.family === family) return gateway.bytes;
  throw new SystemError(`read gateway "${gw}"`, EAFNOSUPPORT, `the route is IPv${family}`);
}

function encodeMetrics({ mtu, advmss }: RouteSpec): Buffer[] {
  const metrics: Buffer[] = [];
  if (mtu !== undefined) metrics.push(u32Attribute(RTAX_MTU, mtu));
  if (advmss !== undefined) metrics.push(u32Attribute(RTAX_ADVMSS, advmss));
  return metrics.length === 0 ? [] : [attribute(RTA_METRICS, ...metrics)];
}

/**
 * Decodes the payload of RTM_NEWROUTE; null for routes that aren't of this link, aren't unicast (local, broadcast, ...), or are
 * cached clones. Throws SystemError EBADMSG.
 */
export function decodeRoute(payload: Buffer, ifindex: number): RouteOfLink | null {
  const header = leading('struct rtmsg', payload, rtmsgLength);
  const family = readU8.call(header, 0);
  if (family !== AF_INET && family !== AF_INET6) return null;
  if (readU8.call(header, 7) !== RTN_UNICAST || (readU32.call(header, 8) & RTM_F_CLONED) !== 0) return null;
  const attributes = readAttributes('a route', payload.subarray(rtmsgLength));
  const length = family === AF_INET ? 4 : 16;
  const u32 = (type: number, name: string): number | null => {
    const data = attributes.get(type);
    return data === undefined ? null : toU32(name, data);
  };
  if (u32(RTA_OIF, 'RTA_OIF') !== ifindex) return null;
  const gateway = attributes.get(RTA_GATEWAY);
  const dst = leading('RTA_DST', attributes.get(RTA_DST) ?? Buffer.alloc(length), length);
  const priority = u32(RTA_PRIORITY, 'RTA_PRIORITY');
  return {
    dst: `${formatAddress(dst)}/${readU8.call(header, 1)}`,
    ...(gateway === undefined ? {} : { gw: formatAddress(leading('RTA_GATEWAY', gateway, length)) }),
    table: u32(RTA_TABLE, 'RTA_TABLE') ?? readU8.call(header, 4),
    ...(priority === null ? {} : { priority }),
    scope: readU8.call(header, 6),
    ...decodeMetrics(attributes.get(RTA_METRICS)),
  };
}

function decodeMetrics(data: Buffer | undefined): Pick<RouteOfLink, 'mtu' | 'advmss'> {
  if (data === undefined) return {};
  const metrics = readAttributes('RTA_METRICS', data);
  const mtu = metrics.get(RTAX_MTU);
  const advmss = metrics.get(RTAX_ADVMSS);
  return {
    ...(mtu === undefined ? {} : { mtu: toU32('RTAX_MTU', mtu) }),
    ...(advmss === undefined ? {} : { advmss: toU32('RTAX_ADVMSS', advmss) }),
  };
}
