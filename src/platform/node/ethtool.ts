import { closeSync } from 'node:fs';
import { bytesFromText } from '../../lib/byte-text.ts';
import { SystemError } from '../../lib/system-error.ts';
import { addressOf, callLibc, tryLibc } from './libc.ts';
import { errno } from './system-call.ts';

// linux/socket.h, linux/sockios.h, linux/ethtool.h, linux/if.h
const AF_INET = 2;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const SIOCETHTOOL = 0x8946n;
const ETHTOOL_GDRVINFO = 3;
const IFNAMSIZ = 16;
const ifreqBytes = 40;

/** struct ethtool_drvinfo: u32 cmd, then char driver[32], version[32], fw_version[32], bus_info[32], ... */
const drvinfoBytes = 196;
const busInfoOffset = 100;
const busInfoBytes = 32;

function askDriver(fd: number, what: string, ifname: Buffer): string {
  const drvinfo = Buffer.alloc(drvinfoBytes);
  drvinfo.writeUInt32LE(ETHTOOL_GDRVINFO, 0);
  const ifreq = Buffer.alloc(ifreqBytes);
  ifreq.set(ifname);
  ifreq.writeBigUInt64LE(addressOf(drvinfo), IFNAMSIZ);
  const result = tryLibc((libc) => libc.ioctl(fd, SIOCETHTOOL, ifreq));
  if (result === -errno.EOPNOTSUPP) return '';
  if (result < 0) throw new SystemError(what, -result);
  const text = drvinfo.toString('utf8', busInfoOffset, busInfoOffset + busInfoBytes);
  return text.split('\0', 1)[0] ?? '';
}

/** `ethtool -i IFNAME`, the line `bus-info`, in the namespace that the thread is in. Throws ENODEV without that interface. */
export function ethtoolBusInfo(ifname: string): string {
  const what = `read the bus-info of ${ifname}`;
  const name = bytesFromText(ifname);
  const isName = name.length > 0 && name.length < IFNAMSIZ && !name.includes(0);
  if (!isName) throw new SystemError(what, errno.ENODEV, 'no interface can have that name');
  const fd = callLibc('open socket for ethtool', (libc) => libc.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  try {
    return askDriver(fd, what, name);
  } finally {
    closeSync(fd);
  }
}
