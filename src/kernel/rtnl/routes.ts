import { formatRoute } from 'netlink/dist/rt/gen_structs.js';
import {
  AF_INET,
  AF_INET6,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  RTM_DELROUTE,
  RTM_GETROUTE,
  RTM_NEWROUTE,
} from '../netlink/constants.ts';
import type { NetlinkSession } from '../netlink/session.ts';
import { decodeRoute, encodeDeleteRoute, encodeNewRoute, type RouteOfLink, type RouteSpec } from './route-message.ts';

export type { RouteOfLink, RouteSpec } from './route-message.ts';

/**
 * `ip route add DST via GW dev LINK metric PRIORITY table TABLE scope SCOPE mtu MTU advmss ADVMSS`, without what is absent.
 * Throws SystemError; EEXIST: it is there; ENETUNREACH: no route leads to the gateway; EINVAL: no CIDR, no address.
 */
export function addRoute(session: NetlinkSession, ifindex: number, route: RouteSpec): void {
  session.request({
    what: `add route to ${route.dst} on interface ${ifindex} (ip route add ${spell(ifindex, route)})`,
    type: RTM_NEWROUTE,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    payload: encodeNewRoute(ifindex, route),
  });
}

/** `ip route del ...`: the first route that has all that is given. Throws SystemError; ESRCH: there is none. */
export function removeRoute(session: NetlinkSession, ifindex: number, route: RouteSpec): void {
  session.request({
    what: `remove route to ${route.dst} from interface ${ifindex} (ip route del ${spell(ifindex, route)})`,
    type: RTM_DELROUTE,
    flags: 0,
    payload: encodeDeleteRoute(ifindex, route),
  });
}

/**
 * The unicast routes over a link, of all tables, IPv4 before IPv6 (`ip route show table all dev LINK`). Routes with
 * several next hops are not among them. Throws SystemError.
 */
export function listRoutes(session: NetlinkSession, ifindex: number): RouteOfLink[] {
  const what = `list routes of interface ${ifindex} (ip route show table all dev if${ifindex})`;
  return [AF_INET, AF_INET6].flatMap((family) => {
    const payload = formatRoute({ family });
    const replies = session.request({ what, type: RTM_GETROUTE, flags: NLM_F_DUMP, payload });
    return replies.flatMap((reply) => decodeRoute(reply, ifindex) ?? []);
  });
}

function spell(ifindex: number, route: RouteSpec): string {
  const { dst, gw, priority, table, scope, mtu, advmss } = route;
  const option = (name: string, value: string | number | undefined): string =>
    value === undefined ? '' : ` ${name} ${value}`;
  const metrics = `${option('mtu', mtu)}${option('advmss', advmss)}`;
  return `${dst}${option('via', gw)} dev if${ifindex}${option('metric', priority)}${option('table', table)}${option('scope', scope)}${metrics}`;
}
