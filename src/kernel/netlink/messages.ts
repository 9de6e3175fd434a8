import { formatMessage, type NetlinkMessage, parseMessages, readS32, readU32 } from 'netlink/dist/structs.js';
import { SystemError } from '../../lib/system-error.ts';
import { findAttribute, leading, toText } from './attributes.ts';
import { NLM_F_ACK_TLVS, NLM_F_CAPPED, NLMSG_DONE, NLMSGERR_ATTR_MSG } from './constants.ts';
import { decoding, malformed } from './malformed.ts';

/** A request before the session gives it its sequence number. */
export interface OutgoingMessage {
  /** What it does, for errors: `set vlan of VF 3 of ens1f0 (ip link set ens1f0 vf 3 vlan 100)`. */
  readonly what: string;
  /** RTM_* */
  readonly type: number;
  /** NLM_F_*, without NLM_F_REQUEST and NLM_F_ACK: the session adds them. */
  readonly flags: number;
  /** Changes nothing, so that it may be sent again; absent: a route message, whose type tells. */
  readonly reads?: boolean;
  /** The family's header (struct ifinfomsg, ...) and its attributes. */
  readonly payload: Uint8Array;
}

/** A whole message; port 0 lets the kernel fill in the socket's own. */
export function encodeMessage(message: OutgoingMessage, flags: number, seq: number): Buffer {
  const { type, payload } = message;
  return Buffer.concat(formatMessage({ type, flags, seq, port: 0, data: payload }));
}

/** The messages of one datagram. Throws SystemError EBADMSG where a length doesn't fit. */
export function decodeMessages(datagram: Buffer): readonly NetlinkMessage[] {
  return decoding(`a datagram of ${datagram.length} bytes`, () => parseMessages(datagram));
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
  const status = readS32.call(leading(name, reply.data, isDone ? 4 : 20), 0);
  if (status === 0) return;
  if (status > 0 || status < -maxErrno) throw malformed(`${name} holds the status ${status}, which is no errno`);
  throw new SystemError(what, -status, readExtack(reply, isDone));
}

/** The kernel's words; '' where there are none, or where they can't be read: the errno counts for more. */
function readExtack(reply: NetlinkMessage, isDone: boolean): string {
  if ((reply.flags & NLM_F_ACK_TLVS) === 0) return '';
  const { data } = reply;
  try {
    const start = isDone ? 4 : 20 + echoedLength(reply);
    const text = findAttribute('extack', data.subarray(Math.min(start, data.length)), NLMSGERR_ATTR_MSG);
    return text === null ? '' : toText('NLMSGERR_ATTR_MSG', text);
  } catch {
    return '';
  }
}

/** How much of the refused request's payload comes back, padded; nothing with NETLINK_CAP_ACK. */
function echoedLength(reply: NetlinkMessage): number {
  if ((reply.flags & NLM_F_CAPPED) !== 0) return 0;
  return Math.ceil((readU32.call(reply.data, 4) - 16) / 4) * 4;
}
