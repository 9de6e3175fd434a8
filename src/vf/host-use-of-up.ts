import type { NetlinkSession } from '../kernel/netlink/session.ts';
import { listGivenAddresses } from '../kernel/rtnl/addresses.ts';
import type { Link } from '../kernel/rtnl/links.ts';
import { listHeardMacs } from '../kernel/rtnl/neighbours.ts';
import { listGivenRoutes } from '../kernel/rtnl/routes.ts';

/** Uses that a link which is up may have, in words, each with a request to the kernel, which throws SystemError. */
export function listUsesOfUp(
  session: NetlinkSession,
  { ifindex, mac }: Link,
): readonly (readonly [what: string, list: () => readonly string[]])[] {
  return [
    ['it has the address', () => listGivenAddresses(session, ifindex)],
    ['it has the route', () => listGivenRoutes(session, ifindex)],
    ['it listens for', () => listHeardMacs(session, ifindex).filter((each) => each !== mac)],
  ];
}
