import { Address6 } from 'ip-address/dist/ipv6.js';

/** The sixteen bytes of an IPv6 address (RFC 4291, section 2.2) without zone; null where the text is none. */
export function parseIpv6(text: string): Buffer | null {
  // The library would accept a suffix (`/64`, `%eth0`).
  if (!/^[\da-f:.]+$/i.test(text)) return null;
  try {
    const groups = new Address6(text).parsedAddress.map((group) => group.padStart(4, '0'));
    return Buffer.from(groups.join(''), 'hex');
  } catch {
    return null;
  }
}

/** RFC 5952 */
export function formatIpv6(bytes: Uint8Array): string {
  return Address6.fromUnsignedByteArray([...bytes]).correctForm();
}
