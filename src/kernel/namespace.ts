import type { Netns, Platform } from '../platform/platform.ts';
import { NetlinkSession } from './netlink/session.ts';

/** A network namespace with its one route socket, opened when first needed. */
export class Namespace {
  readonly netns: Netns;
  readonly #platform: Platform;
  #session: NetlinkSession | null = null;

  constructor(platform: Platform, netns: Netns) {
    this.#platform = platform;
    this.netns = netns;
  }

  get session(): NetlinkSession {
    this.#session ??= new NetlinkSession(this.#platform.openNetlink(this.netns), this.#platform);
    return this.#session;
  }

  /** Closes the socket; the namespace itself belongs to whoever opened it. */
  close(): void {
    this.#session?.close();
    this.#session = null;
  }
}
