import type { NetlinkSession } from '../kernel/netlink/session.ts';
import { listGivenAddresses } from '../kernel/rtnl/addresses.ts';
import type { Link } from '../kernel/rtnl/links.ts';
import { listHeardMacs } from '../kernel/rtnl/neighbours.ts';
import { listGivenRoutes } from '../kernel/rtnl/routes.ts';

/** What a link that is up may be used for, in words, and a request to the kernel for each. They throw SystemError. */
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
