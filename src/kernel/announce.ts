import { type MacAddress, macToBytes } from '../lib/mac-address.ts';
import { isSystemError } from '../lib/system-error.ts';
import type { Platform } from '../platform/platform.ts';
import { formatAddress, type IpAddress, parseAddress } from './ip-text.ts';
import type { Namespace } from './namespace.ts';
import { ETH_P_ARP, ETH_P_IP, ETH_P_IPV6 } from './netlink/constants.ts';
import type { NetlinkSession } from './netlink/session.ts';
import { askForNeighbour, removeNeighbour } from './rtnl/neighbours.ts';

/**
 * Tells switches and neighbours that addresses are now at a MAC (`arping -U`; `ndsend`): for IPv4 a gratuitous ARP
 * request (RFC 5227, section 3), as the kernel's own arp_notify sends; for IPv6 an unsolicited neighbour advertisement
 * (RFC 4861, section 7.2.6). The link has just come into the pod, so it has no other addresses than these. They may
 * have a prefix length. Never throws: returns what failed.
 */
export function announce(
  platform: Platform,
  pod: Namespace,
  ifindex: number,
  mac: MacAddress,
  addresses: readonly string[],
): Error[] {
  const failures: Error[] = [];
  const attempt = (what: string, run: () => void): void => {
    try {
      run();
    } catch (cause) {
      failures.push(new Error(`announce ${what} at ${mac}`, { cause }));
    }
  };
  const known: IpAddress[] = [];
  for (const text of addresses) attempt(text, () => known.push(parseAddress(text.replace(/\/.*$/, ''))));
  // The kernel asks in the name of the link's first address of the same network. A single address asks for itself.
  const ipv4 = known.filter(({ family }) => family === 4);
  const asked: IpAddress[] = [];
  const ask = (address: IpAddress): void => {
    if (askForItself(pod.session, ifindex, address)) asked.push(address);
  };
  if (ipv4.length === 1) for (const address of ipv4) attempt(formatAddress(address.bytes), () => ask(address));
  const others = known.filter((address) => !asked.includes(address));
  if (others.length === 0) return failures;
  const frames = others.map((address) => announcement(macToBytes(mac), address));
  // The kernel takes some milliseconds to close a packet socket (packet_release, synchronize_net), so one serves all.
  attempt(others.map(({ bytes }) => formatAddress(bytes)).join(' '), () =>
    platform.sendFrames(pod.netns, ifindex, frames),
  );
  return failures;
}

/**
 * False if the kernel doesn't ask: its table, which all namespaces share, may be full (ENOBUFS). Nobody answers, so the
 * neighbour is removed before the kernel asks again and calls it unreachable. One that can't be removed does no harm.
 */
function askForItself(session: NetlinkSession, ifindex: number, address: IpAddress): boolean {
  try {
    askForNeighbour(session, ifindex, address);
  } catch (thrown) {
    if (!isSystemError(thrown)) throw thrown;
    return false;
  }
  try {
    removeNeighbour(session, ifindex, address);
  } catch (thrown) {
    // The address has been announced by now.
    if (!isSystemError(thrown)) throw thrown;
  }
  return true;
}

function announcement(mac: Uint8Array, { family, bytes }: IpAddress): Buffer {
  return family === 6 ? neighbourAdvertisement(mac, bytes) : gratuitousArp(mac, bytes);
}

const arpRequest = 1;
const ethernetBroadcast = Buffer.alloc(6, 0xff);

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

/** RFC 826. The target's hardware address means nothing in a request. */
function gratuitousArp(mac: Uint8Array, address: Uint8Array): Buffer {
  const arp = [u16(1), u16(ETH_P_IP), Buffer.from([6, 4]), u16(arpRequest), mac, address, Buffer.alloc(6), address];
  return Buffer.concat([ethernetBroadcast, mac, u16(ETH_P_ARP), ...arp]);
}

const allNodes = Buffer.from([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
const allNodesMac = Buffer.from([0x33, 0x33, 0, 0, 0, 1]);
const icmpv6 = 58;
const neighbourAdvertisementType = 136;
/** The O flag of RFC 4861, section 4.4. Without it a neighbour keeps the MAC that it has. */
const overrideFlag = 0x20;
const targetLinkLayerAddress = 2;

function neighbourAdvertisement(mac: Uint8Array, address: Uint8Array): Buffer {
  const head = Buffer.from([neighbourAdvertisementType, 0, 0, 0, overrideFlag, 0, 0, 0]);
  const message = Buffer.concat([head, address, Buffer.from([targetLinkLayerAddress, 1]), mac]);
  const pseudoHeader = Buffer.concat([address, allNodes, Buffer.from([0, 0, 0, message.length, 0, 0, 0, icmpv6])]);
  message.writeUInt16BE(internetChecksum(Buffer.concat([pseudoHeader, message])), 2);
  // Hop limit 255 proves to the receiver that no router forwarded it.
  const ipv6 = Buffer.from([0x60, 0, 0, 0, 0, message.length, icmpv6, 255]);
  return Buffer.concat([allNodesMac, mac, u16(ETH_P_IPV6), ipv6, address, allNodes, message]);
}

/** RFC 1071, for an even number of bytes. */
function internetChecksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
