import { NetlinkSession } from '../../../src/kernel/netlink/session.ts';
import type { Datagram, NetlinkSocket } from '../../../src/platform/platform.ts';

// Builds netlink messages by hand, byte by byte, so that what is tested isn't checked against itself. Little-endian, as
// all hosts of this program.

const ourPort = 4711;

export interface SentMessage {
  readonly type: number;
  readonly flags: number;
  readonly seq: number;
  readonly payload: Buffer;
}

/**
 * What the kernel puts into the socket's queue: a datagram, an error of recv(2), or nothing (null) until the time
 * limit.
 */
export type Event = Datagram | Error | null;

/** A route socket whose other end is `answer`. */
export class FakeSocket implements NetlinkSocket {
  readonly sent: SentMessage[] = [];
  readonly timeouts: number[] = [];
  closed = 0;
  readonly #answer: (request: SentMessage, attempt: number) => readonly Event[];
  readonly #queue: Event[] = [];

  constructor(answer: (request: SentMessage, attempt: number) => readonly Event[] = (request) => [ack(request)]) {
    this.#answer = answer;
  }

  netnsCookie(): string | null {
    return '4711';
  }

  send(bytes: Uint8Array): void {
    const message = Buffer.from(bytes);
    if (message.readUInt32LE(0) !== message.length) throw new Error('nlmsg_len is not the length of the message');
    if (message.readUInt32LE(12) !== 0) throw new Error('nlmsg_pid is not left to the kernel');
    this.sent.push({
      type: message.readUInt16LE(4),
      flags: message.readUInt16LE(6),
      seq: message.readUInt32LE(8),
      payload: message.subarray(16),
    });
    this.#queue.push(...this.#answer(this.last, this.sent.length));
  }

  receive(timeoutMs: number): Datagram | null {
    this.timeouts.push(timeoutMs);
    const event = this.#queue.shift() ?? null;
    if (event instanceof Error) throw event;
    return event;
  }

  close(): void {
    this.closed++;
  }

  get last(): SentMessage {
    const message = this.sent.at(-1);
    if (message === undefined) throw new Error('nothing was sent');
    return message;
  }
}

/** A session over a fake socket, with a clock that stands still. */
export function fakeSession(
  answer?: (request: SentMessage, attempt: number) => readonly Event[],
): [NetlinkSession, FakeSocket] {
  const socket = new FakeSocket(answer);
  return [new NetlinkSession(socket, { monotonicMs: () => 0, sleepMs: () => undefined }), socket];
}

/**
 * A session whose kernel answers every request with these payloads, an ACK where one is asked for, and NLMSG_DONE to a
 * dump.
 */
export function answering(type: number, ...payloads: readonly Buffer[]): [NetlinkSession, FakeSocket] {
  return fakeSession((request) => {
    const isDump = (request.flags & 0x300) === 0x300;
    const replies = payloads.map((payload) => header(request, type, payload, isDump ? 2 : 0));
    const wantsAck = (request.flags & 4) !== 0;
    return [
      ...replies.map((reply) => datagram(reply)),
      ...(isDump ? [done(request)] : []),
      ...(wantsAck ? [ack(request)] : []),
    ];
  });
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}

export function cString(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}

export function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
}

/** struct nlattr, padded. */
export function nla(type: number, ...payload: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(payload);
  return Buffer.concat([u16(body.length + 4), u16(type), body, Buffer.alloc(-body.length & 3)]);
}

/** struct nlmsghdr and payload, as an answer to `request`. */
export function header(request: Pick<SentMessage, 'seq'>, type: number, payload: Buffer, flags = 0): Buffer {
  const head = [u32(payload.length + 16), u16(type), u16(flags), u32(request.seq), u32(ourPort)];
  return Buffer.concat([...head, payload, Buffer.alloc(-payload.length & 3)]);
}

export function datagram(...messages: readonly Buffer[]): Datagram {
  return { bytes: Buffer.concat(messages), senderPort: 0 };
}

export function ack(request: SentMessage): Datagram {
  return refusal(request, 0);
}

/** NLMSG_ERROR as a kernel with NETLINK_CAP_ACK sends it; without `capped` it echoes the request's payload. */
export function refusal(request: SentMessage, errno: number, extack?: string, capped = true): Datagram {
  const echo = Buffer.concat([
    u32(16 + request.payload.length),
    u16(request.type),
    u16(request.flags),
    u32(request.seq),
    u32(ourPort),
  ]);
  const body = capped ? [] : [request.payload, Buffer.alloc(-request.payload.length & 3)];
  const text = extack === undefined ? [] : [nla(1, cString(extack)), nla(2, u32(20))];
  const flags = (capped ? 0x100 : 0) | (extack === undefined ? 0 : 0x200);
  return datagram(header(request, 2, Buffer.concat([u32(-errno), echo, ...body, ...text]), flags));
}

export function done(request: SentMessage, errno = 0, extack?: string): Datagram {
  const text = extack === undefined ? [] : [nla(1, cString(extack))];
  return datagram(header(request, 3, Buffer.concat([u32(-errno), ...text]), extack === undefined ? 2 : 0x202));
}

/** struct ifinfomsg */
export function ifinfomsg(ifindex: number, flags = 0, type = 1): Buffer {
  return Buffer.concat([u16(0), u16(type), u32(ifindex), u32(flags), u32(0)]);
}

/** The payload of a minimal RTM_NEWLINK, with more attributes after it. */
export function linkPayload(ifindex: number, name: string, ...attributes: readonly Buffer[]): Buffer {
  return Buffer.concat([ifinfomsg(ifindex), nla(3, cString(name)), nla(4, u32(1500)), ...attributes]);
}

export interface VfNumbers {
  readonly vf: number;
  readonly vlan?: number;
  readonly qos?: number;
  readonly protocol?: number;
  readonly spoofchk?: number;
  readonly trust?: number;
  readonly linkState?: number;
  readonly minTxRate?: number;
  readonly maxTxRate?: number;
  readonly mac?: string;
}

/** IFLA_VF_INFO with all that Linux 6.1 sends without statistics, in its order (rtnl_fill_vfinfo). */
export function vfInfo(numbers: VfNumbers): Buffer {
  const { vf, vlan = 0, qos = 0, protocol = 0x8100, spoofchk = 1, trust = 0, linkState = 0 } = numbers;
  const { minTxRate = 0, maxTxRate = 0, mac = '000000000000' } = numbers;
  const vlanInfo = Buffer.concat([u32(vf), u32(vlan), u32(qos), u16(protocol).swap16(), u16(0)]);
  return nla(
    1,
    nla(1, u32(vf), hex(mac), Buffer.alloc(26)),
    nla(13, Buffer.alloc(32, 0xff)),
    nla(2, u32(vf), u32(vlan), u32(qos)),
    nla(6, u32(vf), u32(minTxRate), u32(maxTxRate)),
    nla(3, u32(vf), u32(maxTxRate)),
    nla(4, u32(vf), u32(spoofchk)),
    nla(5, u32(vf), u32(linkState)),
    nla(7, u32(vf), u32(0xffffffff)),
    nla(9, u32(vf), u32(trust)),
    nla(12, nla(1, vlanInfo)),
  );
}

/** The payloads of attributes by type, flag bits included. Throws where they don't add up. */
export function splitAttributes(data: Buffer): readonly (readonly [type: number, payload: string])[] {
  const attributes: [number, string][] = [];
  for (let at = 0; at < data.length; ) {
    const length = data.readUInt16LE(at);
    if (length < 4 || at + length > data.length) throw new Error(`nla_len ${length} at ${at} of ${data.length}`);
    attributes.push([data.readUInt16LE(at + 2), data.toString('hex', at + 4, at + length)]);
    at += Math.ceil(length / 4) * 4;
  }
  return attributes;
}

/** Sorted, for messages whose order `ip` chooses by its command line. */
export function attributeSet(data: Buffer): readonly string[] {
  return splitAttributes(data)
    .map(([type, payload]) => `${type}: ${payload}`)
    .sort();
}
