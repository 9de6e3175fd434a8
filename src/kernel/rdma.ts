import type { Netns, Platform } from '../platform/platform.ts';
import { malformed, readAttributes, toText, toU32, u32Attribute } from './netlink/attributes.ts';
import {
  NLM_F_DUMP,
  RDMA_NLDEV_ATTR_DEV_INDEX,
  RDMA_NLDEV_ATTR_DEV_NAME,
  RDMA_NLDEV_CMD_GET,
  RDMA_NLDEV_CMD_SET,
  RDMA_NLDEV_NET_NS_FD,
} from './netlink/constants.ts';
import { NetlinkSession } from './netlink/session.ts';

export interface RdmaDevice {
  readonly index: number;
  readonly name: string;
}

/**
 * Moves those of the named RDMA devices that are in one network namespace to another (`rdma dev set NAME netns NETNS`,
 * with the RDMA subsystem in exclusive mode). Returns their names. Throws SystemError; EOPNOTSUPP: the mode is shared,
 * or the driver can't.
 */
export function moveRdmaDevices(platform: Platform, from: Netns, to: Netns, names: readonly string[]): string[] {
  const session = new NetlinkSession(platform.openNetlink(from, 0, 'rdma'), platform);
  try {
    const wanted = listRdmaDevices(session).filter(({ name }) => names.includes(name));
    // The kernel takes the device from the namespace of the sending thread, not of its socket
    // (ib_device_set_netns_put).
    platform.inNetns(from, () => wanted.forEach((device) => void moveDevice(session, device, to)));
    return wanted.map(({ name }) => name);
  } finally {
    session.close();
  }
}

/** All RDMA devices of the session's namespace (`rdma dev`). Throws SystemError. */
export function listRdmaDevices(session: NetlinkSession): RdmaDevice[] {
  const request = { type: RDMA_NLDEV_CMD_GET, reads: true, flags: NLM_F_DUMP, payload: Buffer.alloc(0) };
  return session.request({ what: 'list RDMA devices (rdma dev)', ...request }).map((reply) => {
    const attributes = readAttributes('an RDMA device', reply);
    const index = attributes.get(RDMA_NLDEV_ATTR_DEV_INDEX);
    const name = attributes.get(RDMA_NLDEV_ATTR_DEV_NAME);
    if (index === undefined || name === undefined) throw malformed('an RDMA device has no index or no name');
    return { index: toU32('RDMA_NLDEV_ATTR_DEV_INDEX', index), name: toText('RDMA_NLDEV_ATTR_DEV_NAME', name) };
  });
}

function moveDevice(session: NetlinkSession, { index, name }: RdmaDevice, to: Netns): void {
  session.request({
    what: `move RDMA device ${name} to another network namespace (rdma dev set ${name} netns ...)`,
    type: RDMA_NLDEV_CMD_SET,
    reads: false,
    flags: 0,
    payload: Buffer.concat([u32Attribute(RDMA_NLDEV_ATTR_DEV_INDEX, index), u32Attribute(RDMA_NLDEV_NET_NS_FD, to.fd)]),
  });
}
