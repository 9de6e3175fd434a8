import { closeSync } from 'node:fs';
import { SystemError } from '../../lib/system-error.ts';
import type { Datagram, NetlinkSocket } from '../platform.ts';
import { callLibc, tryLibc } from './libc.ts';
import { POLLIN, poll } from './poll.ts';
import { errno } from './system-call.ts';

// asm-generic/socket.h, linux/netlink.h, linux/socket.h
const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const SO_NETNS_COOKIE = 71;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;

/** Room for many events, and for any datagram. */
const receiveBufferBytes = 1024 * 1024;

/** struct sockaddr_nl: u16 family, u16 pad, u32 pid, u32 groups */
const addressBytes = 12;
const portOffset = 4;

function address(groups: number): Buffer {
  const bytes = Buffer.alloc(addressBytes);
  bytes.writeUInt16LE(AF_NETLINK, 0);
  bytes.writeUInt32LE(groups, 8);
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/**
 * What is nice to have, and older kernels (ENOPROTOOPT) or a lack of rights (the buffer) may refuse: reasons in words (4.12), errors without the whole
 * request in them (4.3), dumps that heed their filter (4.20), and room for events.
 */
function setOptions(fd: number, groups: number): void {
  const on = u32(1);
  for (const option of [NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK]) {
    const result = tryLibc((libc) => libc.setsockopt(fd, SOL_NETLINK, option, on, on.length));
    if (result < 0 && result !== -errno.ENOPROTOOPT) throw new SystemError('set options of netlink socket', -result);
  }
  if (groups === 0) return;
  const size = u32(receiveBufferBytes);
  tryLibc((libc) => libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, size, size.length));
}

/** bind(2) without a port: the kernel chooses one, and getsockname(2) tells which. */
function bind(fd: number, groups: number): number {
  const own = address(groups);
  callLibc('bind netlink socket', (libc) => libc.bind(fd, own, own.length));
  const length = u32(own.length);
  callLibc('read name of netlink socket', (libc) => libc.getsockname(fd, own, length));
  return own.readUInt32LE(portOffset);
}

function netnsCookie(fd: number): string | null {
  const cookie = Buffer.alloc(8);
  const length = u32(cookie.length);
  const result = tryLibc((libc) => libc.getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, cookie, length));
  if (result === -errno.ENOPROTOOPT) return null;
  if (result < 0) throw new SystemError('read cookie of network namespace', -result);
  return String(cookie.readBigUInt64LE());
}

/** Larger than any datagram of the kernel's; of its pages only those count that were written to. */
let room: Buffer | undefined;

/** The whole of the next datagram; null where there is none yet. MSG_TRUNC tells its size also where that is too much. */
function receiveNow(fd: number): Datagram | null {
  room ??= Buffer.allocUnsafeSlow(receiveBufferBytes);
  const bytes = room;
  const sender = Buffer.alloc(addressBytes);
  const senderLength = u32(sender.length);
  const flags = MSG_TRUNC | MSG_DONTWAIT;
  const size = tryLibc((libc) => libc.recvfrom(fd, bytes, BigInt(bytes.length), flags, sender, senderLength));
  if (size === -errno.EAGAIN) return null;
  if (size < 0) throw new SystemError('receive from netlink', -size);
  if (size > bytes.length) {
    throw new SystemError('receive from netlink', errno.EMSGSIZE, "a datagram too large to be the kernel's");
  }
  return { bytes: Buffer.from(bytes.subarray(0, size)), senderPort: sender.readUInt32LE(portOffset) };
}

/** The kernel answers inside send(2), so there is something to read, as a rule. */
function receive(fd: number, timeoutMs: number): Datagram | null {
  return receiveNow(fd) ?? (poll('wait for netlink', [{ fd, events: POLLIN }], timeoutMs) ? receiveNow(fd) : null);
}

function send(fd: number, bytes: Uint8Array): void {
  const kernel = address(0);
  const sent = callLibc('send to netlink', (libc) =>
    libc.sendto(fd, bytes, BigInt(bytes.length), 0, kernel, kernel.length),
  );
  if (sent !== bytes.length)
    throw new SystemError('send to netlink', errno.EIO, `took ${sent} of ${bytes.length} bytes`);
}

/** Opens a socket of a NETLINK_* protocol in the namespace that the thread is in; it stays there when the thread leaves. */
export function openNetlinkSocket(groups: number, protocol: number): NetlinkSocket {
  const fd = callLibc('open netlink socket', (libc) => libc.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  let isOpen = true;
  const close = (): void => {
    if (isOpen) closeSync(fd);
    isOpen = false;
  };
  const openFd = (): number => {
    if (!isOpen) throw new SystemError('use netlink socket after close', errno.EBADF);
    return fd;
  };
  try {
    setOptions(fd, groups);
    const port = bind(fd, groups);
    return {
      port,
      netnsCookie: () => netnsCookie(openFd()),
      send: (bytes) => send(openFd(), bytes),
      receive: (timeoutMs) => receive(openFd(), timeoutMs),
      close,
    };
  } catch (thrown) {
    close();
    throw thrown;
  }
}
