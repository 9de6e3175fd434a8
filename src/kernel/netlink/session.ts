import type { Clock } from '../../lib/retry.ts';
import { errno, isSystemError, SystemError } from '../../lib/system-error.ts';
import type { NetlinkSocket } from '../../platform/platform.ts';
import {
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_MIN_TYPE,
  NLMSG_OVERRUN,
} from './constants.ts';
import {
  decodeMessages,
  encodeMessage,
  type NetlinkMessage,
  type OutgoingMessage,
  throwIfRefused,
} from './messages.ts';

export type { OutgoingMessage } from './messages.ts';

const timeLimitMs = 5000;
const maxAttempts = 10;

const takeAll = (): boolean => true;
const mustBeConsistent = (): boolean => false;

/** How long a search goes on if it has found nothing in a list that keeps changing. */
interface SearchLimits {
  isInVain?(): boolean;
  /** How often the list is asked for at most. */
  readonly attempts?: number;
}

/** Requests and their replies on one socket, one at a time. */
export class NetlinkSession {
  readonly #socket: NetlinkSocket;
  readonly #clock: Clock;
  #seq = 0;
  readonly #kept = new Map<string, unknown>();

  constructor(socket: NetlinkSocket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
  }

  /**
   * Sends a request and returns the payloads of its replies: one for a read of one thing, those before NLMSG_DONE for a
   * dump, none for a change, which ends with its ACK. A read is sent again if its replies were lost (ENOBUFS) or the
   * kernel calls them inconsistent (NLM_F_DUMP_INTR); a change never is. Throws SystemError: the kernel's errno with
   * its words (extack), ETIMEDOUT after 5 s, EBADMSG for a malformed reply.
   */
  request(message: OutgoingMessage): Buffer[] {
    return this.#repeat(message, maxAttempts, () => this.#exchange(message, takeAll, mustBeConsistent));
  }

  /**
   * As `request` for a dump, with only those replies that `isWanted` takes; `isWanted` must not use this session. What
   * was found is there, even if others keep changing the list. So the list is asked for again only if nothing was found
   * and `isInVain` doesn't say that nothing can be.
   */
  search(
    message: OutgoingMessage,
    isWanted: (payload: Buffer) => boolean,
    { isInVain = () => false, attempts = maxAttempts }: SearchLimits = {},
  ): Buffer[] {
    return this.#repeat(message, attempts, () =>
      this.#exchange(message, isWanted, (payloads) => payloads.length > 0 || isInVain()),
    );
  }

  #repeat(message: OutgoingMessage, attempts: number, exchange: () => Buffer[]): Buffer[] {
    const deadlineMs = this.#clock.monotonicMs() + timeLimitMs;
    for (let attempt = 1; ; attempt++) {
      try {
        return exchange();
      } catch (thrown) {
        const maySendAgain = isRead(message) && attempt < attempts && this.#clock.monotonicMs() < deadlineMs;
        if (!maySendAgain || !isSystemError(thrown, 'ENOBUFS', 'EINTR')) throw thrown;
      }
    }
  }

  /** Keeps what was read until this session asks for a change, be it one that is refused. */
  keep<T>(name: string, value: T): T {
    this.#kept.set(name, value);
    return value;
  }

  /** What was kept under that name, where there was no change since; else what `read` finds. */
  kept<T>(name: string, read: () => T): T {
    return this.#kept.has(name) ? (this.#kept.get(name) as T) : this.keep(name, read());
  }

  /** See `NetlinkSocket`. */
  netnsCookie(): string | null {
    return this.#socket.netnsCookie();
  }

  close(): void {
    this.#socket.close();
  }

  #exchange(
    message: OutgoingMessage,
    isWanted: (payload: Buffer) => boolean,
    sufficesInconsistent: (payloads: readonly Buffer[]) => boolean,
  ): Buffer[] {
    this.#seq = (this.#seq + 1) >>> 0;
    if (!isRead(message)) this.#kept.clear();
    const bytes = encodeMessage(message, message.flags | NLM_F_REQUEST | ackFlag(message), this.#seq);
    onSocket(message.what, () => this.#socket.send(bytes));
    // The kernel carries out a request inside send(2), however long the driver takes. The limit is for its answer.
    const deadlineMs = this.#clock.monotonicMs() + timeLimitMs;
    const payloads: Buffer[] = [];
    let interrupted = false;
    for (;;) {
      for (const reply of this.#receive(message.what, deadlineMs)) {
        if ((reply.flags & NLM_F_DUMP_INTR) !== 0) interrupted = true;
        if (reply.type === NLMSG_OVERRUN) throw new SystemError(message.what, errno.ENOBUFS, 'replies were lost');
        if (reply.type === NLMSG_ERROR || reply.type === NLMSG_DONE) {
          throwIfRefused(message.what, reply);
          if (interrupted && !sufficesInconsistent(payloads))
            throw new SystemError(message.what, errno.EINTR, 'the list kept changing');
          return payloads;
        }
        if (reply.type < NLMSG_MIN_TYPE) continue;
        if (isWanted(reply.data)) payloads.push(reply.data);
        if (isSingleRead(message)) return payloads;
      }
    }
  }

  /** The next datagram's messages that answer the request under way. Late answers to earlier requests are dropped. */
  #receive(what: string, deadlineMs: number): NetlinkMessage[] {
    const leftMs = deadlineMs - this.#clock.monotonicMs();
    const datagram = leftMs > 0 ? onSocket(what, () => this.#socket.receive(leftMs)) : null;
    if (datagram === null)
      throw new SystemError(what, errno.ETIMEDOUT, `the kernel sent no answer for ${timeLimitMs} ms`);
    if (datagram.senderPort !== 0) return [];
    // A socket of no group gets nothing from the kernel but answers to its own requests.
    return decodeMessages(datagram.bytes).filter(({ seq }) => seq === this.#seq);
  }
}

/** An ENODEV about the socket must not be taken for one about a link, which says that the link is gone. */
function onSocket<T>(what: string, call: () => T): T {
  try {
    return call();
  } catch (thrown) {
    if (!isSystemError(thrown, 'ENODEV')) throw thrown;
    throw new SystemError(what, errno.EIO, thrown.message);
  }
}

/** Route messages come in fours: new, delete, get, set (net/core/rtnetlink.c, RTNL_KIND). */
function isRead(message: OutgoingMessage): boolean {
  return message.reads ?? (message.type & 3) === 2;
}

/** A read that is no dump gets one reply or a refusal. */
function isSingleRead(message: OutgoingMessage): boolean {
  return isRead(message) && (message.flags & NLM_F_DUMP) !== NLM_F_DUMP;
}

/** A read ends with its reply or NLMSG_DONE, a change with the ACK that is asked for here. */
function ackFlag(message: OutgoingMessage): number {
  return isRead(message) ? 0 : NLM_F_ACK;
}
