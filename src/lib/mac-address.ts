import type { Branded } from './branded.ts';

/** A MAC address as `ip` prints it: six lower-case hex pairs joined by colons. */
export type MacAddress = Branded<string, 'MacAddress'>;

export const zeroMac = '00:00:00:00:00:00' as MacAddress;

/** Reads aa:bb:cc:dd:ee:ff, aa-bb-..., in any case; null if the text is no MAC address. */
export function parseMacAddress(text: string): MacAddress | null {
  const lower = text.toLowerCase().replaceAll('-', ':');
  return /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(lower) ? (lower as MacAddress) : null;
}

/** A unicast address other than all zeros: what a netdev may carry (is_valid_ether_addr, linux/etherdevice.h). */
export function isAssignableMac(mac: MacAddress): boolean {
  return mac !== zeroMac && (Number.parseInt(mac.slice(0, 2), 16) & 1) === 0;
}

export function macToBytes(mac: MacAddress): Uint8Array {
  return Uint8Array.from(mac.split(':'), (pair) => Number.parseInt(pair, 16));
}

/** The first six bytes as a MAC address. */
export function macFromBytes(bytes: Uint8Array): MacAddress {
  return Array.from(bytes.subarray(0, 6), (byte) => byte.toString(16).padStart(2, '0')).join(':') as MacAddress;
}
