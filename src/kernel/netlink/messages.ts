import { isSystemError, SystemError } from '../../lib/system-error.ts';
import { atLeast, findAttribute, malformed, toText, u32At } from './attributes.ts';
import { NLM_F_ACK_TLVS, NLM_F_CAPPED, NLMSG_DONE, NLMSGERR_ATTR_MSG } from './constants.ts';

/** A request to which the session adds a sequence number. */
export interface OutgoingMessage {
  /** What it does, for errors: `set vlan of VF 3 of ens1f0 (ip link set ens1f0 vf 3 vlan 100)`. */
  readonly what: string;
  /** RTM_* */
  readonly type: number;
  /** NLM_F_*, without NLM_F_REQUEST and NLM_F_ACK: the session adds them. */
  readonly flags: number;
  /** It changes nothing, so it may be sent again. Absent: it is a route message, whose type tells that. */
  readonly reads?: boolean;
  /** The family's header (struct ifinfomsg, ...) and its attributes. */
  readonly payload: Uint8Array;
}

/** A reply: struct nlmsghdr, linux/netlink.h, and what follows it. */
export interface NetlinkMessage {
  readonly type: number;
  /** NLM_F_* */
  readonly flags: number;
  readonly seq: number;
  readonly data: Buffer;
}

/** Bytes of struct nlmsghdr: u32 length, u16 type, u16 flags, u32 seq, u32 port. */
const headerLength = 16;

/** A whole message; port 0 lets the kernel fill in the socket's own. */
export function encodeMessage({ type, payload }: OutgoingMessage, flags: number, seq: number): Buffer {
  const header = Uint32Array.of(headerLength + payload.length, type | (flags << 16), seq, 0);
  return Buffer.concat([Buffer.from(header.buffer), payload]);
}

/** The messages of one datagram. Throws SystemError EBADMSG where a length doesn't fit. */
export function decodeMessages(datagram: Buffer): readonly NetlinkMessage[] {
  const messages: NetlinkMessage[] = [];
  const end = datagram.length;
  for (let at = 0; at < end; ) {
    const length = end - at < headerLength ? 0 : u32At(datagram, at);
    if (length < headerLength || length > end - at) {
      throw malformed(`a datagram of ${end} bytes: the message at byte ${at} says that it has ${length}`);
    }
    const words = u32At(datagram, at + 4);
    messages.push({
      type: words & 0xffff,
      flags: words >>> 16,
      seq: u32At(datagram, at + 8),
      data: datagram.subarray(at + headerLength, at + length),
    });
    at += Math.ceil(length / 4) * 4;
  }
  return messages;
}

const maxErrno = 4095;

/**
 * Reads NLMSG_ERROR (struct nlmsgerr) or NLMSG_DONE; both carry a negative errno, or 0 for success, and the kernel's
 * own words (NLMSGERR_ATTR_MSG). Throws SystemError with the errno, named `what`; EBADMSG where it breaks the format.
 */
export function throwIfRefused(what: string, reply: NetlinkMessage): void {
  const isDone = reply.type === NLMSG_DONE;
  if (isDone && reply.data.length === 0) return;
  const name = isDone ? 'NLMSG_DONE' : 'NLMSG_ERROR';
  const status = u32At(atLeast(name, reply.data, isDone ? 4 : 20), 0) | 0;
  if (status === 0) return;
  if (status > 0 || status < -maxErrno) throw malformed(`${name} holds the status ${status}, which is no errno`);
  throw new SystemError(what, -status, readExtack(reply, isDone));
}

/** The kernel's words; '' where there are none or they can't be read, because the errno matters more. */
function readExtack(reply: NetlinkMessage, isDone: boolean): string {
  if ((reply.flags & NLM_F_ACK_TLVS) === 0) return '';
  const { data } = reply;
  try {
    const start = isDone ? 4 : 20 + echoedLength(reply);
    const text = findAttribute('extack', data, NLMSGERR_ATTR_MSG, start);
    return text === null ? '' : toText('NLMSGERR_ATTR_MSG', text);
  } catch (thrown) {
    if (!isSystemError(thrown)) throw thrown;
    return '';
  }
}

/** Length of the refused request's payload that comes back, padded; 0 with NETLINK_CAP_ACK. */
function echoedLength(reply: NetlinkMessage): number {
  if ((reply.flags & NLM_F_CAPPED) !== 0) return 0;
  return Math.ceil((u32At(reply.data, 4) - headerLength) / 4) * 4;
}
