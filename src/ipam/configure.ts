import { CniError } from '../cni/errors.ts';
import type { CniResult, CniRoute } from '../cni/result.ts';
import { coversAddress, isIpv6, isUnspecified } from '../kernel/ip-text.ts';
import { RT_SCOPE_LINK } from '../kernel/netlink/constants.ts';
import type { NetlinkSession } from '../kernel/netlink/session.ts';
import { addAddress, type DuplicateDetection } from '../kernel/rtnl/addresses.ts';
import { addRoute, spellRoute } from '../kernel/rtnl/routes.ts';
import { isSystemError } from '../lib/system-error.ts';

/**
 * The routes of a result as they are added. A route without a gateway takes that of the first address of its family
 * that has one, as with containernetworking's plugins. A gateway of 0.0.0.0 or :: means that there is none.
 */
export function resolveRoutes(result: CniResult): readonly CniRoute[] {
  const routes = result.routes.map((route) => withGateway(route, result));
  return routes.map((route) => (leadsToGateway(route, routes, result) ? { ...route, scope: RT_SCOPE_LINK } : route));
}

function withGateway(route: CniRoute, { ips }: CniResult): CniRoute {
  const { gw: own, ...rest } = route;
  // IPv4 destinations of link scope are on the link itself, and the kernel refuses a gateway for them. IPv6 has no
  // scopes.
  const isOnLink = !isIpv6(route.dst) && (route.scope ?? 0) >= RT_SCOPE_LINK;
  const usual = (): string | undefined =>
    ips.find((ip) => ip.gateway !== undefined && isIpv6(ip.address) === isIpv6(route.dst))?.gateway;
  const gw = own ?? (isOnLink ? undefined : usual());
  return gw === undefined || isUnspecified(gw) ? rest : { ...rest, gw };
}

/** The kernel looks for a gateway only among IPv4 routes whose scope is narrower than global. */
function leadsToGateway({ dst, gw, scope }: CniRoute, routes: readonly CniRoute[], { ips }: CniResult): boolean {
  if (gw !== undefined || scope !== undefined || isIpv6(dst)) return false;
  const gateways = routes.flatMap((route) => (route.gw === undefined ? [] : [route.gw]));
  const onLink = routes.filter((route) => (route.scope ?? 0) >= RT_SCOPE_LINK).map((route) => route.dst);
  const reached = [...ips.map((ip) => ip.address), ...onLink];
  return gateways.some((each) => coversAddress(dst, each) && !reached.some((cidr) => coversAddress(cidr, each)));
}

/** Adds the addresses and then the routes of an IPAM result to a link that is up. Throws CniError kernel. */
export function applyIpamResult(
  session: NetlinkSession,
  ifindex: number,
  ifname: string,
  result: CniResult,
  detection: DuplicateDetection = 'none',
): void {
  for (const ip of result.ips) {
    doing(`address ${ip.address} on ${ifname}`, () => addAddress(session, ifindex, ip.address, detection));
  }
  for (const route of resolveRoutes(result)) {
    doing(`route ${spellRoute(route, ifname)}`, () => addRouteOnce(session, ifindex, route));
  }
}

/** A result may list a route twice, which is there after the first time. */
function addRouteOnce(session: NetlinkSession, ifindex: number, route: CniRoute): void {
  try {
    addRoute(session, ifindex, route);
  } catch (thrown) {
    if (!isSystemError(thrown, 'EEXIST')) throw thrown;
  }
}

function doing(what: string, run: () => void): void {
  try {
    run();
  } catch (cause) {
    if (!isSystemError(cause)) throw cause;
    throw new CniError('kernel', `${what} can't be added`, { cause });
  }
}
