import { Address4 } from 'ip-address/dist/ipv4.js';

/** The four bytes of a dotted quad without leading zeros; null where the text is none. */
export function parseIpv4(text: string): Buffer | null {
  // The library would accept a suffix (`/24`).
  if (!/^[\d.]+$/.test(text)) return null;
  try {
    return Buffer.from(new Address4(text).toArray());
  } catch {
    return null;
  }
}

export function formatIpv4(bytes: Uint8Array): string {
  return Address4.fromUnsignedByteArray([...bytes]).correctForm();
}
