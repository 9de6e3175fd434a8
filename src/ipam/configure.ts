import { CniError } from '../cni/errors.ts';
import type { CniResult, CniRoute } from '../cni/result.ts';
import type { NetlinkSession } from '../kernel/netlink/session.ts';
import { addAddress } from '../kernel/rtnl/addresses.ts';
import { addRoute } from '../kernel/rtnl/routes.ts';

function isIpv6(cidr: string): boolean {
  return cidr.includes(':');
}

/** RT_SCOPE_LINK, linux/rtnetlink.h: such destinations are on the link itself, and the kernel refuses a gateway for them. */
const linkScope = 253;

/** A route with its gateway: its own, or else the one of the first address of its family that has one. */
export function resolveGateway(route: CniRoute, result: CniResult): CniRoute {
  if (route.gw !== undefined || (route.scope ?? 0) >= linkScope) return route;
  const gateway = result.ips.find(
    (ip) => ip.gateway !== undefined && isIpv6(ip.address) === isIpv6(route.dst),
  )?.gateway;
  return gateway === undefined ? route : { ...route, gw: gateway };
}

/** Adds the addresses and then the routes of an IPAM result to a link that is up. Throws CniError kernel. */
export function applyIpamResult(session: NetlinkSession, ifindex: number, ifname: string, result: CniResult): void {
  for (const ip of result.ips) {
    doing(`address ${ip.address} on ${ifname}`, () => addAddress(session, ifindex, ip.address));
  }
  for (const route of result.routes) {
    const whole = resolveGateway(route, result);
    doing(`route ${whole.dst}${whole.gw === undefined ? '' : ` via ${whole.gw}`} on ${ifname}`, () =>
      addRoute(session, ifindex, whole),
    );
  }
}

function doing(what: string, run: () => void): void {
  try {
    run();
  } catch (cause) {
    throw new CniError('kernel', `${what} can't be added`, { cause });
  }
}
