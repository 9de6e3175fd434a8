import type { NetlinkProtocol } from './platform.ts';

/** NETLINK_ROUTE, NETLINK_RDMA: linux/netlink.h. */
export const netlinkProtocol: Readonly<Record<NetlinkProtocol, number>> = { route: 0, rdma: 20 };
