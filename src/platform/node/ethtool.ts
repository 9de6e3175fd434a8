import { closeSync } from 'node:fs';
import { bytesFromText } from '../../lib/byte-text.ts';
import { SystemError } from '../../lib/system-error.ts';
import { addressOf, callLibc, tryLibc } from './libc.ts';
import { errno } from './system-call.ts';

// linux/socket.h, linux/sockios.h, linux/if.h
const AF_INET = 2;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const SIOCETHTOOL = 0x8946n;
const IFNAMSIZ = 16;
const ifreqBytes = 40;

function ask(fd: number, what: string, ifname: Buffer, request: Uint8Array): Buffer | SystemError {
  const bytes = Buffer.from(request);
  const ifreq = Buffer.alloc(ifreqBytes);
  ifreq.set(ifname);
  ifreq.writeBigUInt64LE(addressOf(bytes), IFNAMSIZ);
  const result = tryLibc((libc) => libc.ioctl(fd, SIOCETHTOOL, ifreq));
  return result < 0 ? new SystemError(what, -result) : bytes;
}

/** Requests of linux/ethtool.h, in the namespace that the thread is in; each as it comes back, or why it was refused. */
export function ethtool(ifname: string, requests: readonly Uint8Array[]): (Buffer | SystemError)[] {
  const what = `ask ${ifname} (ethtool)`;
  const name = bytesFromText(ifname);
  const isName = name.length > 0 && name.length < IFNAMSIZ && !name.includes(0);
  if (!isName) throw new SystemError(what, errno.ENODEV, 'no interface can have that name');
  const fd = callLibc('open socket for ethtool', (libc) => libc.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  try {
    return requests.map((request) => ask(fd, what, name, request));
  } finally {
    closeSync(fd);
  }
}
