import { type MacAddress, macToBytes } from '../lib/mac-address.ts';
import type { Netns, Platform } from '../platform/platform.ts';
import { type IpAddress, parseAddress } from './ip-text.ts';
import { ETH_P_ARP, ETH_P_IP, ETH_P_IPV6 } from './netlink/constants.ts';

/**
 * Tells switches and neighbours that addresses are now at a MAC (`arping -U`, `arping -A`; `ndsend`): for IPv4 a gratuitous ARP
 * request (RFC 5227, section 3) and reply, because some peers heed only one of them; for IPv6 an unsolicited neighbour
 * advertisement (RFC 4861, section 7.2.6). `addresses` with or without prefix length. Never throws: returns what failed.
 */
export function announce(
  platform: Platform,
  netns: Netns,
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
  const frames: Buffer[] = [];
  for (const text of addresses) {
    attempt(text, () => frames.push(...announcements(macToBytes(mac), parseAddress(text.replace(/\/.*$/, '')))));
  }
  // in one go: each closing of a packet socket takes the kernel some milliseconds (packet_release, synchronize_net)
  attempt(addresses.join(' '), () => platform.sendFrames(netns, ifindex, frames));
  return failures;
}

function announcements(mac: Uint8Array, { family, bytes }: IpAddress): readonly Buffer[] {
  if (family === 6) return [neighbourAdvertisement(mac, bytes)];
  return [gratuitousArp(mac, bytes, arpRequest), gratuitousArp(mac, bytes, arpReply)];
}

const arpRequest = 1;
const arpReply = 2;
const ethernetBroadcast = Buffer.alloc(6, 0xff);

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

/** RFC 826. The target's hardware address means nothing in a request and is the sender's in a reply (RFC 5944, section 4.6). */
function gratuitousArp(mac: Uint8Array, address: Uint8Array, operation: number): Buffer {
  const targetMac = operation === arpReply ? mac : Buffer.alloc(6);
  const sizes = Buffer.from([6, 4]);
  const arp = [u16(1), u16(ETH_P_IP), sizes, u16(operation), mac, address, targetMac, address];
  return Buffer.concat([ethernetBroadcast, mac, u16(ETH_P_ARP), ...arp]);
}

const allNodes = Buffer.from('ff020000000000000000000000000001', 'hex');
const allNodesMac = Buffer.from('333300000001', 'hex');
const icmpv6 = 58;
const neighbourAdvertisementType = 136;
/** Without it a neighbour keeps the MAC that it has. */
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
