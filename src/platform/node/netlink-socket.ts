import { closeSync } from 'node:fs';
import { SystemError } from '../../lib/system-error.ts';
import type { Datagram, NetlinkSocket } from '../platform.ts';
import { callLibc, tryLibc, tryLibcOnce } from './libc.ts';
import { monotonicMs } from './sleep.ts';
import { errno } from './system-call.ts';

// asm-generic/socket.h, linux/netlink.h, linux/socket.h, asm-generic/poll.h
const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const MSG_PEEK = 0x2;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
const POLLIN = 0x1;

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
 * request in them (4.3), dumps that heed their filter (4.20), and room for many events.
 */
function setOptions(fd: number): void {
  const on = u32(1);
  for (const option of [NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK]) {
    const result = tryLibc((libc) => libc.setsockopt(fd, SOL_NETLINK, option, on, on.length));
    if (result < 0 && result !== -errno.ENOPROTOOPT) throw new SystemError('set options of netlink socket', -result);
  }
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

/** poll(2) until there is something to read; false when time is up. A signal doesn't start the time anew. */
function waitForInput(fd: number, timeoutMs: number): boolean {
  // struct pollfd: i32 fd, i16 events, i16 revents
  const pollfd = Buffer.alloc(8);
  pollfd.writeInt32LE(fd, 0);
  pollfd.writeInt16LE(POLLIN, 4);
  const deadlineMs = monotonicMs() + timeoutMs;
  for (;;) {
    const leftMs = Math.max(0, Math.ceil(deadlineMs - monotonicMs()));
    const ready = tryLibcOnce((libc) => libc.poll(pollfd, 1n, leftMs));
    if (ready >= 0) return ready > 0;
    if (ready !== -errno.EINTR) throw new SystemError('wait for netlink', -ready);
  }
}

function receiveInto(fd: number, bytes: Buffer, flags: number, sender: Buffer): number {
  const senderLength = u32(sender.length);
  return callLibc('receive from netlink', (libc) =>
    libc.recvfrom(fd, bytes, BigInt(bytes.length), flags | MSG_DONTWAIT, sender, senderLength),
  );
}

/** The whole of the next datagram, which MSG_PEEK and MSG_TRUNC measure first: a cut one is lost. */
function receiveDatagram(fd: number): Datagram {
  const sender = Buffer.alloc(addressBytes);
  const size = receiveInto(fd, Buffer.alloc(1), MSG_PEEK | MSG_TRUNC, sender);
  const bytes = Buffer.alloc(Math.max(size, 1));
  const received = receiveInto(fd, bytes, MSG_TRUNC, sender);
  if (received > bytes.length) throw new SystemError('receive from netlink', errno.EIO, 'the datagram grew');
  return { bytes: bytes.subarray(0, received), senderPort: sender.readUInt32LE(portOffset) };
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
    setOptions(fd);
    const port = bind(fd, groups);
    return {
      port,
      send: (bytes) => send(openFd(), bytes),
      receive: (timeoutMs) => (waitForInput(openFd(), timeoutMs) ? receiveDatagram(fd) : null),
      close,
    };
  } catch (thrown) {
    close();
    throw thrown;
  }
}
