import { errno, SystemError } from '../lib/system-error.ts';
import type { Os } from './os.ts';
import type { NetlinkProtocol, NetlinkSocket, Netns, Platform } from './platform.ts';
import { absent, nullOn, systemCall } from './system-call.ts';

/** Enters a namespace, runs `task`, comes back. */
type Within = <T>(netns: Netns, task: () => T) => T;

/** A descriptor that is closed once and can't be used afterwards, because the number may soon be another file's. */
interface Descriptor {
  readonly isOpen: () => boolean;
  readonly use: () => number;
  readonly close: () => void;
}

function descriptor(os: Os, what: string, fd: number): Descriptor {
  let isOpen = true;
  return {
    isOpen: () => isOpen,
    use() {
      if (!isOpen) throw new SystemError(`use ${what} after close`, errno.EBADF);
      return fd;
    },
    close() {
      if (isOpen) os.close(fd);
      isOpen = false;
    },
  };
}

/** The own namespace stays open until the end, because the thread comes back to it. */
function stayOpen(): void {}

type Namespaces = Pick<Platform, 'ownNetns' | 'openNetns'>;

const ownNetnsPath = '/proc/thread-self/ns/net';

function createNamespaces(os: Os): Namespaces {
  const open = (path: string, errnos: readonly number[]): Netns | null => {
    const what = `network namespace ${path}`;
    const number = nullOn(errnos, `open ${what}`, () => os.openNetns(path));
    if (number === null) return null;
    const { use, close } = descriptor(os, what, number);
    const [device, inode] = systemCall(`open ${what}`, () => os.identity(number));
    return {
      get fd() {
        return use();
      },
      device: BigInt(device),
      inode: BigInt(inode),
      close,
    };
  };
  let own: Netns | undefined;
  return {
    openNetns: (path) => open(path, absent),
    ownNetns() {
      own ??= { ...(open(ownNetnsPath, []) as Netns), close: stayOpen };
      return own;
    },
  };
}

/**
 * Runs tasks in other namespaces on a thread that is in its own one. A thread that can't come back would configure the
 * wrong host. So that is thrown, and from then on every task enters its namespace first, even the own one.
 */
function createWithin(os: Os, ownNetns: () => Netns): Within {
  let current: Netns | undefined;
  let isLost = false;
  const enter = ({ fd }: Netns, what: string): void => systemCall(what, () => os.enterNetns(fd));
  return (netns, task) => {
    const before = current ?? ownNetns();
    if (netns === before && !isLost) return task();
    const { device, inode } = netns;
    enter(netns, `enter network namespace ${device}:${inode}`);
    current = netns;
    isLost = false;
    try {
      const result = task();
      refusePromise(result);
      return result;
    } finally {
      if (netns !== before) {
        current = before;
        isLost = true;
        enter(before, "return to the host's network namespace");
        isLost = false;
      }
    }
  };
}

function refusePromise(result: unknown): void {
  if (typeof (result as { readonly then?: unknown } | null | undefined)?.then !== 'function') return;
  throw new Error('a task inside a network namespace must be done when it returns: it may not return a promise');
}

/** NETLINK_ROUTE, NETLINK_RDMA: linux/netlink.h. */
const netlinkProtocols: Readonly<Record<NetlinkProtocol, number>> = { route: 0, rdma: 20 };

/** Opens a socket in the namespace that the thread is in, where it stays when the thread leaves. */
function openNetlinkFile(os: Os, groups: number, protocol: NetlinkProtocol): Descriptor {
  const number = systemCall('open netlink socket', () => os.openNetlink(groups, netlinkProtocols[protocol]));
  return descriptor(os, 'netlink socket', number);
}

function createNetlinkSocket(os: Os, { use, close }: Descriptor): NetlinkSocket {
  return {
    netnsCookie: () => systemCall('read cookie of network namespace', () => os.netnsCookie(use())) ?? null,
    send: (bytes) => systemCall('send to netlink', () => os.send(use(), bytes)),
    receive(timeoutMs) {
      const received = systemCall('receive from netlink', () => os.receive(use(), timeoutMs));
      if (received === undefined) return null;
      const [bytes, senderPort] = received;
      return { bytes: Buffer.from(bytes), senderPort };
    },
    close,
  };
}

type Network = Pick<Platform, 'ownNetns' | 'openNetns' | 'inNetns' | 'openNetlink' | 'sendFrames' | 'ethtool'>;

/** Network namespaces, and what is done inside one. */
export function createNetwork(os: Os): Network {
  const { ownNetns, openNetns } = createNamespaces(os);
  const within = createWithin(os, ownNetns);
  const sockets = new WeakMap<Netns, Descriptor>();
  const openSocket = (netns: Netns, groups = 0, protocol: NetlinkProtocol = 'route'): Descriptor => {
    const socket = within(netns, () => openNetlinkFile(os, groups, protocol));
    sockets.set(netns, socket);
    return socket;
  };
  /** Runs `task` with whatever socket there is of the namespace: the kernel heeds no more than where it was made. */
  const withSocket = <T>(netns: Netns, task: (fd: number) => T): T => {
    const last = sockets.get(netns);
    if (last?.isOpen()) return task(last.use());
    const socket = openSocket(netns);
    try {
      return task(socket.use());
    } finally {
      socket.close();
    }
  };
  return {
    ownNetns,
    openNetns,
    inNetns: within,
    openNetlink: (netns = ownNetns(), groups, protocol) => createNetlinkSocket(os, openSocket(netns, groups, protocol)),
    sendFrames: (netns, ifindex, frames) =>
      within(netns, () => systemCall(`send frames out of interface ${ifindex}`, () => os.sendFrames(ifindex, frames))),
    ethtool(netns, ifname, requests) {
      const what = `ask ${ifname} (ethtool)`;
      const answers = withSocket(netns, (fd) => systemCall(what, () => os.ethtool(fd, ifname, requests)));
      return answers.map((answer) => (typeof answer === 'number' ? answer : Buffer.from(answer)));
    },
  };
}
