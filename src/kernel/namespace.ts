import { type RetryLimits, retry } from '../lib/retry.ts';
import { isSystemError } from '../lib/system-error.ts';
import type { Netns, Platform } from '../platform/platform.ts';
import { NetlinkSession } from './netlink/session.ts';
import { getLink } from './rtnl/links.ts';

/**
 * A VF that is being reset by its PF answers EBUSY or EAGAIN for some 100 ms (iavf, i40e, ice), or is detached from its driver for
 * that time: then the kernel says ENODEV of a link that is there (netif_device_present, net/core/dev.c).
 */
const busyLimits: RetryLimits = { timeoutMs: 1000, firstPauseMs: 5, maxPauseMs: 100 };

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

  /** Makes a change of a link, again while its driver is busy, which means that nothing was done. Throws SystemError. */
  change<T>(ifindex: number, make: (session: NetlinkSession) => T): T {
    const isThere = (): boolean => getLink(this.session, { ifindex }) !== null;
    const isBusy = (thrown: unknown): boolean =>
      isSystemError(thrown, 'EBUSY', 'EAGAIN') || (isSystemError(thrown, 'ENODEV') && isThere());
    return retry(this.#platform, busyLimits, isBusy, () => make(this.session));
  }

  /** Closes the socket; the namespace itself belongs to whoever opened it. */
  close(): void {
    this.#session?.close();
    this.#session = null;
  }
}
