import type { CniResult, CniRoute } from '../cni/result.ts';
import {
  canonicalCidr,
  formatAddress,
  isIpv6,
  isUnspecified,
  networkOf,
  parseAddress,
  parseCidr,
} from '../kernel/ip-text.ts';
import type { NetlinkSession } from '../kernel/netlink/session.ts';
import { listAddresses } from '../kernel/rtnl/addresses.ts';
import type { Link } from '../kernel/rtnl/links.ts';
import { listRoutes, type RouteOfLink, spellRoute } from '../kernel/rtnl/routes.ts';

// `added` is what ADD added; `result` is prevResult, from which a later plugin of the chain may have taken some of it.

export function addressDifferences(
  session: NetlinkSession,
  link: Link,
  added: readonly string[],
  result: CniResult,
): string[] {
  const listed = new Set(result.ips.map((ip) => canonicalCidr(ip.address)));
  const present = listAddresses(session, link.ifindex);
  return added
    .filter((cidr) => listed.has(canonicalCidr(cidr)))
    .flatMap((cidr) => {
      const found = present.find((address) => address.cidr === canonicalCidr(cidr));
      if (found === undefined) return [`${link.name}: address ${cidr} is missing`];
      return found.duplicate ? [`${link.name}: address ${cidr} is not used: another host of the network has it`] : [];
    });
}

export function routeDifferences(
  session: NetlinkSession,
  link: Link,
  added: readonly CniRoute[],
  result: CniResult,
): string[] {
  const listed = new Set(result.routes.map((route) => routeNetwork(route.dst)));
  const present = listRoutes(session, link.ifindex);
  return added
    .filter((route) => listed.has(routeNetwork(route.dst)) && !present.some((each) => isRoute(each, route)))
    .map((route) => `${link.name}: route ${spellRoute(route)} is missing`);
}

/** The kernel keeps no host bits of a destination. */
function routeNetwork(dst: string): string {
  const { bytes, prefixLength } = networkOf(parseCidr(dst));
  return `${formatAddress(bytes)}/${prefixLength}`;
}

/** The priority of a route without one: IP6_RT_PRIO_USER (net/ip6_route.h) for IPv6, 0 for IPv4. */
const usualPriority = ({ dst }: CniRoute | RouteOfLink): number => (isIpv6(dst) ? 1024 : 0);

/**
 * Doesn't compare metrics of one of several next hops, which the kernel doesn't tell. Compares the table only if one
 * was given, because a plugin such as sbr moves routes of main to other tables.
 */
function isRoute(present: RouteOfLink, added: CniRoute): boolean {
  const agrees = (key: 'mtu' | 'advmss'): boolean =>
    present.amongOthers === true || !added[key] || present[key] === largest(key, added[key]);
  return (
    routeNetwork(added.dst) === present.dst &&
    gatewayOf(added) === gatewayOf(present) &&
    (added.priority || usualPriority(added)) === (present.priority ?? usualPriority(present)) &&
    (!added.table || added.table === present.table) &&
    (isIpv6(added.dst) || added.scope === undefined || added.scope === present.scope) &&
    agrees('mtu') &&
    agrees('advmss')
  );
}

/** Records of older versions have gateways of 0.0.0.0. */
function gatewayOf({ gw }: CniRoute | RouteOfLink): string {
  return gw === undefined || isUnspecified(gw) ? '' : formatAddress(parseAddress(gw).bytes);
}

/** net/ipv4/metrics.c, ip_metrics_convert() */
function largest(key: 'mtu' | 'advmss', value: number): number {
  return Math.min(value, 65535 - (key === 'mtu' ? 15 : 40));
}
