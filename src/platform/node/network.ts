import { closeSync, constants, fstatSync } from 'node:fs';
import { errno } from '../../lib/system-error.ts';
import type { Os } from '../os.ts';
import { openNoSocket, withoutWaiting } from './descriptor.ts';
import { callLibc, LibcError, tryLibc } from './libc.ts';
import { POLLIN, poll } from './waiting.ts';

/** linux/nsfs.h: _IO(0xb7, 3), answers the CLONE_NEW* bit of an open namespace. */
const NS_GET_NSTYPE = 0xb703n;
const CLONE_NEWNET = 0x40000000;

function openNetns(path: string): number {
  const refusal = 'not a network namespace';
  const fd = openNoSocket(path, constants.O_RDONLY | withoutWaiting, refusal);
  const type = tryLibc((libc) => libc.ioctl(fd, NS_GET_NSTYPE, null));
  if (type === CLONE_NEWNET) return fd;
  closeSync(fd);
  throw new LibcError(errno.EINVAL, refusal);
}

function identity(fd: number): ReturnType<Os['identity']> {
  const { dev, ino } = fstatSync(fd, { bigint: true });
  return [String(dev), String(ino)];
}

function enterNetns(fd: number): void {
  callLibc((libc) => libc.setns(fd, CLONE_NEWNET));
}

// asm-generic/socket.h, linux/netlink.h, linux/socket.h
const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const SO_NETNS_COOKIE = 71;
const SOL_NETLINK = 270;
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

/** Reasons in words (4.12) and dumps that heed their filter (4.20), which older kernels refuse (ENOPROTOOPT). */
function setOptions(fd: number): void {
  const on = u32(1);
  for (const option of [NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK]) {
    const result = tryLibc((libc) => libc.setsockopt(fd, SOL_NETLINK, option, on, on.length));
    if (result < 0 && result !== -errno.ENOPROTOOPT) throw new LibcError(-result);
  }
}

function netnsCookie(fd: number): string | undefined {
  const cookie = Buffer.alloc(8);
  const length = u32(cookie.length);
  const result = tryLibc((libc) => libc.getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, cookie, length));
  if (result === -errno.ENOPROTOOPT) return undefined;
  if (result < 0) throw new LibcError(-result);
  return String(cookie.readBigUInt64LE());
}

/** Larger than any datagram of the kernel's. Only pages that were written to take memory. */
let room: Buffer<ArrayBuffer> | undefined;

/**
 * The next datagram, whole, and its sender's port; undefined if there is none yet. MSG_TRUNC tells its size even if
 * that is too much.
 */
function receiveNow(fd: number): readonly [ArrayBuffer, number] | undefined {
  room ??= Buffer.allocUnsafeSlow(receiveBufferBytes);
  const bytes = room;
  const sender = Buffer.alloc(addressBytes);
  const senderLength = u32(sender.length);
  const flags = MSG_TRUNC | MSG_DONTWAIT;
  const size = tryLibc((libc) => libc.recvfrom(fd, bytes, BigInt(bytes.length), flags, sender, senderLength));
  if (size === -errno.EAGAIN) return undefined;
  if (size < 0) throw new LibcError(-size);
  if (size > bytes.length) throw new LibcError(errno.EMSGSIZE, "a datagram too large to be the kernel's");
  return [bytes.buffer.slice(0, size), sender.readUInt32LE(portOffset)];
}

/** The kernel answers inside send(2), so there is something to read, as a rule. */
function receive(fd: number, timeoutMs: number): ReturnType<Os['receive']> {
  return receiveNow(fd) ?? (poll([{ fd, events: POLLIN }], timeoutMs) ? receiveNow(fd) : undefined);
}

function send(fd: number, bytes: Uint8Array): void {
  const kernel = address(0);
  const sent = callLibc((libc) => libc.sendto(fd, bytes, BigInt(bytes.length), 0, kernel, kernel.length));
  if (sent !== bytes.length) throw new LibcError(errno.EIO, `took ${sent} of ${bytes.length} bytes`);
}

/** Makes room for events, which not every process may, and lets the kernel choose a port (bind(2)). */
function subscribe(fd: number, groups: number): void {
  const size = u32(receiveBufferBytes);
  tryLibc((libc) => libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, size, size.length));
  const own = address(groups);
  callLibc((libc) => libc.bind(fd, own, own.length));
}

/** A socket of no group gets its port from the kernel with the first send(2). */
function openNetlink(groups: number, protocol: number): number {
  const fd = callLibc((libc) => libc.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  try {
    setOptions(fd);
    if (groups !== 0) subscribe(fd, groups);
    return fd;
  } catch (thrown) {
    closeSync(fd);
    throw thrown;
  }
}

type NetworkCalls = Pick<
  Os,
  'openNetns' | 'identity' | 'enterNetns' | 'openNetlink' | 'netnsCookie' | 'send' | 'receive' | 'close'
>;

export const networkCalls: NetworkCalls = {
  openNetns,
  identity,
  enterNetns,
  openNetlink,
  netnsCookie,
  send,
  receive,
  close: closeSync,
};
