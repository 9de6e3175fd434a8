import { u32At } from '../../kernel/netlink/attributes.ts';
import { NLM_F_DUMP, NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR } from '../../kernel/netlink/constants.ts';
import { decodeMessages } from '../../kernel/netlink/messages.ts';
import { isSystemError } from '../../lib/system-error.ts';
import type { Datagram, NetlinkSocket } from '../../platform/platform.ts';
import type { Recall } from './recorded-platform.ts';

// Bytes of struct nlmsghdr (linux/netlink.h): u32 length, u16 type, u16 flags, u32 seq, u32 port.
const headerLength = 16;
const seqAt = 8;
const portAt = 12;

/** Time that the kernel may take for one datagram. */
const timeLimitMs = 5000;
const maxAttempts = 10;

/** Puts a sequence number into each message of a datagram, and no port. Throws SystemError EBADMSG. */
function addressMessages(datagram: Buffer, seq: number): Buffer {
  const bytes = Buffer.from(datagram);
  for (const { data } of decodeMessages(bytes)) {
    const header = data.byteOffset - bytes.byteOffset - headerLength;
    bytes.writeUInt32LE(seq, header + seqAt);
    bytes.writeUInt32LE(0, header + portAt);
  }
  return bytes;
}

/**
 * A netlink socket that answers a request as the kernel did the first time. Sequence numbers and ports are not kept;
 * each reply gets the number of its request.
 */
export class NetlinkReplay implements NetlinkSocket {
  readonly #memory: Recall;
  readonly #netns: string;
  readonly #protocol: string;
  readonly #open: () => NetlinkSocket;
  #socket: NetlinkSocket | null = null;
  #replies: Buffer[] = [];
  #seq = 0;

  constructor(memory: Recall, netns: string, protocol: string, open: () => NetlinkSocket) {
    this.#memory = memory;
    this.#netns = netns;
    this.#protocol = protocol;
    this.#open = open;
  }

  netnsCookie(): string | null {
    return this.#memory.recall(['netnsCookie', this.#netns], () => this.#live().netnsCookie());
  }

  send(bytes: Uint8Array): void {
    const request = Buffer.from(bytes);
    this.#seq = u32At(request, seqAt);
    const asked = addressMessages(request, 0).toString('hex');
    const replies = this.#memory.recall<readonly string[]>(['netlink', this.#netns, this.#protocol, asked], () =>
      this.#exchange(request).map((reply) => addressMessages(reply, 0).toString('hex')),
    );
    this.#replies = replies.map((hex) => Buffer.from(hex, 'hex'));
  }

  receive(): Datagram | null {
    const next = this.#replies.shift();
    return next === undefined ? null : { bytes: addressMessages(next, this.#seq), senderPort: 0 };
  }

  close(): void {
    this.#socket?.close();
    this.#socket = null;
  }

  #live(): NetlinkSocket {
    this.#socket ??= this.#open();
    return this.#socket;
  }

  /** All replies to a request, which is made again if the list has changed meanwhile. Throws SystemError. */
  #exchange(request: Buffer): readonly Buffer[] {
    for (let attempt = 1; ; attempt++) {
      try {
        const replies = this.#askOnce(request);
        const wasChanged = replies.flatMap(decodeMessages).some(({ flags }) => (flags & NLM_F_DUMP_INTR) !== 0);
        if (!wasChanged || attempt === maxAttempts) return replies;
      } catch (thrown) {
        if (!isSystemError(thrown, 'ENOBUFS') || attempt === maxAttempts) throw thrown;
      }
    }
  }

  #askOnce(request: Buffer): readonly Buffer[] {
    const socket = this.#live();
    const flags = u32At(request, 4) >>> 16;
    const isDump = (flags & NLM_F_DUMP) === NLM_F_DUMP;
    const replies: Buffer[] = [];
    socket.send(request);
    for (;;) {
      const datagram = socket.receive(timeLimitMs);
      if (datagram === null) return replies;
      if (datagram.senderPort !== 0 || u32At(datagram.bytes, seqAt) !== this.#seq) continue;
      replies.push(datagram.bytes);
      const types = decodeMessages(datagram.bytes).map(({ type }) => type);
      if (!isDump || types.includes(NLMSG_DONE) || types.includes(NLMSG_ERROR)) return replies;
    }
  }
}
