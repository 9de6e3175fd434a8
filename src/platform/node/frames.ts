import { closeSync } from 'node:fs';
import { SystemError } from '../../lib/system-error.ts';
import { callLibc } from './libc.ts';
import { errno } from './system-call.ts';

// linux/socket.h, linux/if_packet.h
const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
/** Offset of the EtherType in a frame, and the header's length. */
const etherTypeOffset = 12;
const headerBytes = 14;

/** struct sockaddr_ll: u16 family, be16 protocol, i32 ifindex, u16 hatype, u8 pkttype, u8 halen, u8 addr[8] */
function linkAddress(ifindex: number, frame: Buffer): Buffer {
  const bytes = Buffer.alloc(20);
  bytes.writeUInt16LE(AF_PACKET, 0);
  // newer kernels read it from the frame themselves (5.1)
  frame.copy(bytes, 2, etherTypeOffset, headerBytes);
  bytes.writeInt32LE(ifindex, 4);
  return bytes;
}

/** Sends Ethernet frames, headers included, out of an interface of the namespace that the thread is in (packet(7)). */
export function sendFrames(ifindex: number, frames: readonly Uint8Array[]): void {
  // protocol 0: a socket that only sends, and is handed no frame of others
  const fd = callLibc('open packet socket', (libc) => libc.socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  try {
    for (const frame of frames) sendFrame(fd, ifindex, Buffer.from(frame));
  } finally {
    // the kernel waits here for its readers: once for all frames
    closeSync(fd);
  }
}

function sendFrame(fd: number, ifindex: number, frame: Buffer): void {
  const what = `send frames out of interface ${ifindex}`;
  if (frame.length < headerBytes) throw new SystemError(what, errno.EINVAL, `${frame.length} bytes are no frame`);
  const to = linkAddress(ifindex, frame);
  callLibc(what, (libc) => libc.sendto(fd, frame, BigInt(frame.length), 0, to, to.length));
}
