import { errno, SystemError } from '../../lib/system-error.ts';
import { formatAddress, networkOf, parseAddress, parseCidr } from '../ip-text.ts';
import {
  type Attributes,
  align,
  atLeast,
  attribute,
  leading,
  malformed,
  readAttributes,
  toU32,
  u32At,
  u32Attribute,
} from '../netlink/attributes.ts';
import {
  AF_INET,
  AF_INET6,
  NLM_F_CREATE,
  NLM_F_DUMP,
  RT_SCOPE_UNIVERSE,
  RT_TABLE_MAIN,
  RT_TABLE_UNSPEC,
  RTA_DST,
  RTA_GATEWAY,
  RTA_METRICS,
  RTA_MULTIPATH,
  RTA_OIF,
  RTA_PRIORITY,
  RTA_TABLE,
  RTAX_ADVMSS,
  RTAX_MTU,
  RTM_F_CLONED,
  RTM_GETROUTE,
  RTM_NEWROUTE,
  RTN_UNICAST,
  RTPROT_BOOT,
  RTPROT_KERNEL,
  RTPROT_RA,
} from '../netlink/constants.ts';
import type { NetlinkSession } from '../netlink/session.ts';
import { routeHeader } from './headers.ts';

/** A route as a CNI result has it, with its gateway resolved. A number that is 0 is not given. */
export interface RouteSpec {
  /** CIDR. The kernel gets it with host bits cleared. */
  readonly dst: string;
  readonly gw?: string;
  readonly mtu?: number;
  readonly advmss?: number;
  readonly priority?: number;
  readonly table?: number;
  /** RT_SCOPE_*; IPv6 has none. */
  readonly scope?: number;
}

/** A route as the kernel has it, or one next hop of several. */
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
  /** It is one of several next hops, of which the kernel tells the metrics of only one. */
  readonly amongOthers?: true;
}

/** Length of struct rtmsg, linux/rtnetlink.h. */
const rtmsgLength = 12;
/** Length of struct rtnexthop, linux/rtnetlink.h. */
const rtnexthopLength = 8;
/** rtm_scope is one byte. */
const maxScope = 255;

/**
 * `ip route prepend DST via GW dev LINK metric PRIORITY table TABLE scope SCOPE mtu MTU advmss ADVMSS`, without what is
 * absent. If other routes lead to the same destination with the same metric, the route goes before them (IPv4), or
 * becomes one more next hop (IPv6, with gateways). Throws SystemError; EEXIST: this very route is there; ENETUNREACH:
 * no route leads to the gateway; EINVAL: no CIDR, no address.
 */
export function addRoute(session: NetlinkSession, ifindex: number, route: RouteSpec): void {
  session.request({
    what: `add route to ${route.dst} on interface ${ifindex} (ip route prepend ${spellRoute(route, `if${ifindex}`)})`,
    type: RTM_NEWROUTE,
    flags: NLM_F_CREATE,
    payload: encodeNewRoute(ifindex, route),
  });
}

/**
 * The unicast routes over a link, of all tables, IPv4 before IPv6 (`ip route show table all dev LINK`). Of a route with
 * several next hops each one over the link is one. Throws SystemError.
 */
export function listRoutes(session: NetlinkSession, ifindex: number): RouteOfLink[] {
  return dumpRoutes(session, ifindex).flatMap((reply) => decodeRoute(reply, ifindex));
}

/**
 * Routes that somebody has led over a link, of all tables, in `ip`'s words (`ip route show table all dev LINK`). Routes
 * of its addresses and of router advertisements don't count, because the kernel makes them wherever a link is up. The
 * kernel picks the routes of the link. Throws SystemError.
 */
export function listGivenRoutes(session: NetlinkSession, ifindex: number): string[] {
  const given = dumpRoutes(session, ifindex, u32Attribute(RTA_OIF, ifindex)).filter(
    (reply) => ![RTPROT_KERNEL, RTPROT_RA].includes(reply[5] ?? 0),
  );
  return given.flatMap((reply) => decodeRoute(reply, ifindex)).map((route) => spellRoute(route));
}

/** The payloads of RTM_NEWROUTE, IPv4 before IPv6. */
function dumpRoutes(session: NetlinkSession, ifindex: number, ...filter: readonly Buffer[]): Buffer[] {
  const what = `list routes of interface ${ifindex} (ip route show table all dev if${ifindex})`;
  return [AF_INET, AF_INET6].flatMap((family) => {
    const payload = Buffer.concat([routeHeader({ family }), ...filter]);
    return session.request({ what, type: RTM_GETROUTE, flags: NLM_F_DUMP, payload });
  });
}

/** A route in `ip`'s words: `10.9.0.0/16 via 10.0.2.1 dev net1 metric 7 table 100`. */
export function spellRoute(route: RouteSpec, link?: string): string {
  const { dst, gw, priority, table, scope, mtu, advmss } = route;
  const option = (name: string, value: string | number | undefined): string =>
    value === undefined ? '' : ` ${name} ${value}`;
  const path = `${option('via', gw)}${option('dev', link)}${option('metric', priority)}`;
  const rest = `${option('table', table)}${option('scope', scope)}${option('mtu', mtu)}${option('advmss', advmss)}`;
  return `${dst}${path}${rest}`;
}

/**
 * The payload of RTM_NEWROUTE, as containernetworking's plugins fill it in: table main, protocol boot, global scope.
 * Throws SystemError EINVAL (no CIDR, no address, no scope) or EAFNOSUPPORT (gateway of the other family).
 */
function encodeNewRoute(ifindex: number, route: RouteSpec): Buffer {
  const dst = networkOf(parseCidr(route.dst));
  const { gw, priority, scope = RT_SCOPE_UNIVERSE } = route;
  const table = route.table || RT_TABLE_MAIN;
  if (scope > maxScope) {
    throw new SystemError(`read scope ${scope} of the route to ${route.dst}`, errno.EINVAL, `at most ${maxScope}`);
  }
  const fixed = routeHeader({
    protocol: RTPROT_BOOT,
    scope,
    type: RTN_UNICAST,
    family: dst.family === 6 ? AF_INET6 : AF_INET,
    prefixLength: dst.prefixLength,
    table: table < 256 ? table : RT_TABLE_UNSPEC,
  });
  const attributes: Buffer[] = [fixed];
  if (dst.prefixLength > 0) attributes.push(attribute(RTA_DST, dst.bytes));
  if (gw !== undefined) attributes.push(attribute(RTA_GATEWAY, gatewayBytes(gw, dst.family)));
  if (priority) attributes.push(u32Attribute(RTA_PRIORITY, priority));
  if (table >= 256) attributes.push(u32Attribute(RTA_TABLE, table));
  attributes.push(u32Attribute(RTA_OIF, ifindex), ...encodeMetrics(route));
  return Buffer.concat(attributes);
}

function gatewayBytes(gw: string, family: 4 | 6): Buffer {
  const gateway = parseAddress(gw);
  if (gateway.family === family) return gateway.bytes;
  throw new SystemError(`read gateway "${gw}"`, errno.EAFNOSUPPORT, `the route is IPv${family}`);
}

function encodeMetrics({ mtu, advmss }: RouteSpec): Buffer[] {
  const metrics: Buffer[] = [];
  if (mtu) metrics.push(u32Attribute(RTAX_MTU, mtu));
  if (advmss) metrics.push(u32Attribute(RTAX_ADVMSS, advmss));
  return metrics.length === 0 ? [] : [attribute(RTA_METRICS, ...metrics)];
}

/**
 * Decodes the payload of RTM_NEWROUTE: the route, or those of its next hops, that lead over this link. Empty for routes
 * that aren't unicast (local, broadcast, ...), and for cached clones. Throws SystemError EBADMSG.
 */
function decodeRoute(payload: Buffer, ifindex: number): readonly RouteOfLink[] {
  const header = atLeast('struct rtmsg', payload, rtmsgLength);
  const family = header[0];
  if (family !== AF_INET && family !== AF_INET6) return [];
  if (header[7] !== RTN_UNICAST || (u32At(header, 8) & RTM_F_CLONED) !== 0) return [];
  const attributes = readAttributes('a route', payload, rtmsgLength);
  const length = family === AF_INET ? 4 : 16;
  const hops = nextHops(attributes).filter((hop) => hop.ifindex === ifindex);
  if (hops.length === 0) return [];
  const dst = leading('RTA_DST', attributes.get(RTA_DST) ?? Buffer.alloc(length), length);
  const priority = u32Of(attributes, RTA_PRIORITY, 'RTA_PRIORITY');
  const common = {
    dst: `${formatAddress(dst)}/${header[1]}`,
    table: u32Of(attributes, RTA_TABLE, 'RTA_TABLE') ?? (header[4] as number),
    ...(priority === null ? {} : { priority }),
    scope: header[6] as number,
    ...decodeMetrics(attributes.get(RTA_METRICS)),
    ...(attributes.has(RTA_MULTIPATH) ? { amongOthers: true as const } : {}),
  };
  return hops.map(({ gateway }) => ({
    ...common,
    ...(gateway === undefined ? {} : { gw: formatAddress(leading('RTA_GATEWAY', gateway, length)) }),
  }));
}

interface NextHop {
  readonly ifindex: number;
  readonly gateway: Buffer | undefined;
}

/** The kernel lists IPv6 routes to one destination that have gateways and the same metric as next hops of one route. */
function nextHops(attributes: Attributes): readonly NextHop[] {
  const list = attributes.get(RTA_MULTIPATH);
  if (list !== undefined) return decodeNextHops(list);
  const ifindex = u32Of(attributes, RTA_OIF, 'RTA_OIF');
  return ifindex === null ? [] : [{ ifindex, gateway: attributes.get(RTA_GATEWAY) }];
}

function decodeNextHops(list: Buffer): readonly NextHop[] {
  const hops: NextHop[] = [];
  let rest = list;
  while (rest.length > 0) {
    const header = atLeast('struct rtnexthop', rest, rtnexthopLength);
    const length = u32At(header, 0) & 0xffff;
    if (length < rtnexthopLength) throw malformed(`struct rtnexthop claims a length of ${length} bytes`);
    const attributes = readAttributes('a next hop', leading('a next hop', rest, length), rtnexthopLength);
    hops.push({ ifindex: u32At(header, 4) | 0, gateway: attributes.get(RTA_GATEWAY) });
    rest = rest.subarray(align(length));
  }
  return hops;
}

function u32Of(attributes: Attributes, type: number, name: string): number | null {
  const data = attributes.get(type);
  return data === undefined ? null : toU32(name, data);
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
