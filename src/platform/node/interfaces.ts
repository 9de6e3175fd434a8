// Requests for which netlink has no message: raw frames, and ethtool's ioctls.
import { closeSync } from 'node:fs';
import { bytesFromText } from '../../lib/byte-text.ts';
import { errno } from '../../lib/system-error.ts';
import type { Os } from '../os.ts';
import { addressOf, callLibc, LibcError, tryLibc } from './libc.ts';

// linux/socket.h, linux/if_packet.h, linux/sockios.h, linux/if.h
const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SIOCETHTOOL = 0x8946n;
const IFNAMSIZ = 16;
const ifreqBytes = 40;

/** Offset of the EtherType in a frame, and the header's length. */
const etherTypeOffset = 12;
const headerBytes = 14;

/** struct sockaddr_ll: u16 family, be16 protocol, i32 ifindex, u16 hatype, u8 pkttype, u8 halen, u8 addr[8] */
function linkAddress(ifindex: number, frame: Buffer): Buffer {
  const bytes = Buffer.alloc(20);
  bytes.writeUInt16LE(AF_PACKET, 0);
  // Kernels since 5.1 read the protocol from the frame themselves.
  frame.copy(bytes, 2, etherTypeOffset, headerBytes);
  bytes.writeInt32LE(ifindex, 4);
  return bytes;
}

/** Sends Ethernet frames, headers included, out of an interface of the namespace that the thread is in (packet(7)). */
function sendFrames(ifindex: number, frames: readonly Uint8Array[]): void {
  // With protocol 0 the socket only sends, and gets no frame of others.
  const fd = callLibc((libc) => libc.socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  try {
    for (const frame of frames) sendFrame(fd, ifindex, Buffer.from(frame));
  } finally {
    // Here the kernel waits for its readers, so one socket sends all frames.
    closeSync(fd);
  }
}

function sendFrame(fd: number, ifindex: number, frame: Buffer): void {
  if (frame.length < headerBytes) throw new LibcError(errno.EINVAL, `${frame.length} bytes are no frame`);
  const to = linkAddress(ifindex, frame);
  callLibc((libc) => libc.sendto(fd, frame, BigInt(frame.length), 0, to, to.length));
}

/** The bytes that came back, or the errno. */
function ask(fd: number, ifname: Buffer, request: Uint8Array): ArrayBuffer | number {
  const answer = Uint8Array.from(request).buffer;
  const bytes = Buffer.from(answer);
  const ifreq = Buffer.alloc(ifreqBytes);
  ifreq.set(ifname);
  ifreq.writeBigUInt64LE(addressOf(bytes), IFNAMSIZ);
  const result = tryLibc((libc) => libc.ioctl(fd, SIOCETHTOOL, ifreq));
  return result < 0 ? -result : answer;
}

/** Requests of linux/ethtool.h, in the namespace of a socket, which may be a netlink socket (since Linux 4.4). */
function ethtool(fd: number, ifname: string, requests: readonly Uint8Array[]): (ArrayBuffer | number)[] {
  const name = bytesFromText(ifname);
  const isName = name.length > 0 && name.length < IFNAMSIZ && !name.includes(0);
  if (!isName) throw new LibcError(errno.ENODEV, 'no interface can have that name');
  return requests.map((request) => ask(fd, name, request));
}

export const interfaceCalls: Pick<Os, 'sendFrames' | 'ethtool'> = { sendFrames, ethtool };
