import { SystemError } from '../../lib/system-error.ts';
import type { NetlinkSocket } from '../platform.ts';
import type { Host } from './host.ts';
import { errno, systemCall } from './system-call.ts';

/** Opens a socket of a NETLINK_* protocol in the namespace that the thread is in; it stays there when the thread leaves. */
export function openNetlinkSocket(host: Host, groups: number, protocol: number): NetlinkSocket {
  const fd = systemCall('open netlink socket', () => host.openNetlink(groups, protocol));
  let isOpen = true;
  const openFd = (): number => {
    if (!isOpen) throw new SystemError('use netlink socket after close', errno.EBADF);
    return fd;
  };
  return {
    port: systemCall('read name of netlink socket', () => host.netlinkPort(fd)),
    netnsCookie: () => systemCall('read cookie of network namespace', () => host.netnsCookie(openFd())) ?? null,
    send: (bytes) => systemCall('send to netlink', () => host.send(openFd(), bytes)),
    receive(timeoutMs) {
      const received = systemCall('receive from netlink', () => host.receive(openFd(), timeoutMs));
      if (received === undefined) return null;
      const [bytes, senderPort] = received;
      return { bytes: Buffer.from(bytes), senderPort };
    },
    close() {
      if (isOpen) host.close(fd);
      isOpen = false;
    },
  };
}
