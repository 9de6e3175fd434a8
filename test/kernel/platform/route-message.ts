/** linux/rtnetlink.h, linux/netlink.h */
export const RTM_NEWLINK = 16;
const RTM_GETLINK = 18;
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
const NLM_F_REQUEST = 1;
const NLM_F_DUMP = 0x300;
const IFLA_IFNAME = 3;

export interface RouteMessage {
  readonly type: number;
  readonly flags: number;
  readonly seq: number;
  readonly port: number;
  readonly payload: Buffer;
}

/** An RTM_GETLINK request for all links, or for one. */
export function linkRequest(seq: number, ifindex = 0): Buffer {
  const bytes = Buffer.alloc(32);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt16LE(RTM_GETLINK, 4);
  bytes.writeUInt16LE(NLM_F_REQUEST | (ifindex === 0 ? NLM_F_DUMP : 0), 6);
  bytes.writeUInt32LE(seq, 8);
  bytes.writeInt32LE(ifindex, 20);
  return bytes;
}

/** Takes a datagram apart (struct nlmsghdr). */
export function splitMessages(bytes: Buffer): RouteMessage[] {
  const messages: RouteMessage[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    messages.push({
      type: bytes.readUInt16LE(at + 4),
      flags: bytes.readUInt16LE(at + 6),
      seq: bytes.readUInt32LE(at + 8),
      port: bytes.readUInt32LE(at + 12),
      payload: bytes.subarray(at + 16, at + length),
    });
    at += (length + 3) & ~3;
  }
  return messages;
}

/** IFLA_IFNAME of an RTM_NEWLINK payload. */
export function linkName(payload: Buffer): string {
  for (let at = 16; at < payload.length; ) {
    const length = payload.readUInt16LE(at);
    if (payload.readUInt16LE(at + 2) === IFLA_IFNAME) return payload.toString('utf8', at + 4, at + length - 1);
    at += (length + 3) & ~3;
  }
  return '';
}
