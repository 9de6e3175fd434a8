import { type RetryLimits, retry } from '../lib/retry.ts';
import { isSystemError } from '../lib/system-error.ts';
import type { Netns, Platform } from '../platform/platform.ts';
import { NetlinkSession } from './netlink/session.ts';
import { getLink } from './rtnl/links.ts';

/**
 * While a PF resets a VF, for some 100 ms (iavf, i40e, ice), the VF answers EBUSY or EAGAIN. Or it is detached from its
 * driver, and the kernel answers ENODEV for a link that is there (netif_device_present, net/core/dev.c).
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

  /**
   * Changes a link, and tries again while its driver is busy, which means that nothing was done. Throws SystemError.
   */
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

/** Tells a network namespace from others. */
export interface NetnsId {
  /** st_dev of its file in nsfs, as decimal text. */
  readonly device: string;
  /** As decimal text. Another namespace may get it after the end of this one, but no two have it at the same time. */
  readonly inode: string;
  /** SO_NETNS_COOKIE, which the kernel gives once in a boot. Absent in a record that doesn't have it. */
  readonly cookie?: string;
}

/** All that the kernel tells to identify a namespace. Throws SystemError. */
export function identifyNetns({ netns, session }: Namespace): NetnsId {
  const cookie = session.netnsCookie();
  return { device: String(netns.device), inode: String(netns.inode), ...(cookie === null ? {} : { cookie }) };
}

/** Whether an open namespace is that one. Throws SystemError. */
export function isNetns(platform: Platform, netns: Netns, id: NetnsId): boolean {
  if (!hasInode(netns, id)) return false;
  const namespace = new Namespace(platform, netns);
  try {
    return hasCookie(namespace, id);
  } finally {
    namespace.close();
  }
}

/** Whether the inode is the same. A namespace made after the end of that one may have it, too. */
export const hasInode = (netns: Netns, { device, inode }: NetnsId): boolean =>
  String(netns.device) === device && String(netns.inode) === inode;

/** Whether two open namespaces are the same one. */
export const isSameNetns = (one: Netns, other: Netns): boolean =>
  one.device === other.device && one.inode === other.inode;

/**
 * Whether a namespace of that inode is that one, and not a later one. True where no cookie tells. Throws SystemError.
 */
export function hasCookie(namespace: Namespace, { cookie }: NetnsId): boolean {
  return cookie === undefined || (namespace.session.netnsCookie() ?? cookie) === cookie;
}

/**
 * Null where nothing is at the path, or something else than a namespace. Throws SystemError where that can't be told.
 */
export function openIfNamespace(platform: Platform, path: string): Netns | null {
  try {
    return platform.openNetns(path);
  } catch (thrown) {
    // The path leads to no namespace: an unmounted bind leaves an empty file.
    if (isSystemError(thrown, 'EINVAL')) return null;
    // The process ends at this moment: the kernel answers EACCES or ESRCH for its namespaces, and they are gone.
    if (isSystemError(thrown, 'EACCES', 'ESRCH') && platform.stat(path) === null) return null;
    throw thrown;
  }
}

/**
 * Whether /proc shows all processes of the node: this one is in the first PID namespace (PROC_PID_INIT_INO,
 * linux/proc_ns.h).
 */
export function seesAllProcesses(platform: Platform): boolean {
  return platform.readLink(`${platform.paths.procfs}/self/ns/pid`) === 'pid:[4026531836]';
}
