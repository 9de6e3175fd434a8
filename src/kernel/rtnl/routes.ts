import { formatRoute } from 'netlink/dist/rt/gen_structs.js';
import { AF_INET, AF_INET6, NLM_F_CREATE, NLM_F_DUMP, RTM_GETROUTE, RTM_NEWROUTE } from '../netlink/constants.ts';
import type { NetlinkSession } from '../netlink/session.ts';
import { decodeRoute, encodeNewRoute, type RouteOfLink, type RouteSpec } from './route-message.ts';

export type { RouteOfLink, RouteSpec } from './route-message.ts';

/**
 * `ip route prepend DST via GW dev LINK metric PRIORITY table TABLE scope SCOPE mtu MTU advmss ADVMSS`, without what is absent. Where
 * others lead to the same destination with the same metric, it goes before them (IPv4), or becomes one more next hop (IPv6, with gateways).
 * Throws SystemError; EEXIST: just this one is there; ENETUNREACH: no route leads to the gateway; EINVAL: no CIDR, no address.
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
 * The unicast routes over a link, of all tables, IPv4 before IPv6 (`ip route show table all dev LINK`), and
 * those next hops over it of routes with several. Throws SystemError.
 */
export function listRoutes(session: NetlinkSession, ifindex: number): RouteOfLink[] {
  const what = `list routes of interface ${ifindex} (ip route show table all dev if${ifindex})`;
  return [AF_INET, AF_INET6].flatMap((family) => {
    const payload = formatRoute({ family });
    const replies = session.request({ what, type: RTM_GETROUTE, flags: NLM_F_DUMP, payload });
    return replies.flatMap((reply) => decodeRoute(reply, ifindex));
  });
}

/** As `ip` has it: `10.9.0.0/16 via 10.0.2.1 dev net1 metric 7 table 100`. */
export function spellRoute(route: RouteSpec, link?: string): string {
  const { dst, gw, priority, table, scope, mtu, advmss } = route;
  const option = (name: string, value: string | number | undefined): string =>
    value === undefined ? '' : ` ${name} ${value}`;
  const metrics = `${option('mtu', mtu)}${option('advmss', advmss)}`;
  return `${dst}${option('via', gw)}${option('dev', link)}${option('metric', priority)}${option('table', table)}${option('scope', scope)}${metrics}`;
}
