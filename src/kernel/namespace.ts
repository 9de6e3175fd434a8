import { type RetryLimits, retry } from '../lib/retry.ts';
import { isSystemError } from '../lib/system-error.ts';
import type { Netns, Platform } from '../platform/platform.ts';
import { NetlinkSession } from './netlink/session.ts';
import { getLink } from './rtnl/links.ts';

/**
 * A VF that is being reset by its PF answers EBUSY or EAGAIN for some 100 ms (iavf, i40e, ice), or is detached from its
 * driver for that time: then the kernel says ENODEV of a link that is there (netif_device_present, net/core/dev.c).
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
   * Makes a change of a link, again while its driver is busy, which means that nothing was done. Throws SystemError.
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

/** Which network namespace it is. */
export interface NetnsId {
  /** Of its file in nsfs, as decimal text. */
  readonly device: string;
  /** As decimal text. Another namespace may get it when this one has ended, but no two have it at the same time. */
  readonly inode: string;
  /** SO_NETNS_COOKIE: given once in a boot. Absent where it wasn't recorded. */
  readonly cookie?: string;
}

/** Which namespace it is, with all that the kernel tells. Throws SystemError. */
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

/** False for another namespace; true also for one that was given the inode after the end of that one. */
export const hasInode = (netns: Netns, { device, inode }: NetnsId): boolean =>
  String(netns.device) === device && String(netns.inode) === inode;

/** Whether two open namespaces are the same one. */
export const isSameNetns = (one: Netns, other: Netns): boolean =>
  one.device === other.device && one.inode === other.inode;

/**
 * Whether a namespace of that inode is that one, and none that was made after its end. True where nothing tells. Throws
 * SystemError.
 */
export function hasCookie(namespace: Namespace, { cookie }: NetnsId): boolean {
  return cookie === undefined || (namespace.session.netnsCookie() ?? cookie) === cookie;
}

/** Null where nothing is at the path, or no namespace. Throws SystemError where that can't be told. */
export function openIfNamespace(platform: Platform, path: string): Netns | null {
  try {
    return platform.openNetns(path);
  } catch (thrown) {
    // The path no longer leads to a namespace: an unmounted bind leaves an empty file.
    if (isSystemError(thrown, 'EINVAL')) return null;
    // A process that ends at this moment: the kernel says EACCES of its namespaces, or ESRCH, and they are gone.
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
