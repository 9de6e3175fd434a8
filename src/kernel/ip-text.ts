import { errno, SystemError } from '../lib/system-error.ts';
import { formatIpv4, parseIpv4 } from './ip-text4.ts';
import { formatIpv6, parseIpv6 } from './ip-text6.ts';

export interface IpAddress {
  readonly family: 4 | 6;
  /** 4 or 16 bytes, in network order. */
  readonly bytes: Buffer;
}

export interface Cidr extends IpAddress {
  readonly prefixLength: number;
}

/** Whether a text, if it is a valid address or CIDR, is one of IPv6. */
export function isIpv6(text: string): boolean {
  return text.includes(':');
}

/** An address without prefix or zone. Throws SystemError EINVAL, quoting the text. */
export function parseAddress(text: string): IpAddress {
  const family = isIpv6(text) ? 6 : 4;
  const bytes = family === 6 ? parseIpv6(text) : parseIpv4(text);
  if (bytes === null) throw new SystemError(`read address "${text}"`, errno.EINVAL, `no IPv${family} address`);
  return { family, bytes };
}

/**
 * An address with its prefix length (`10.1.2.3/24`), host bits and all. Throws SystemError EINVAL, quoting the text.
 */
export function parseCidr(text: string): Cidr {
  const slash = text.indexOf('/');
  if (slash === -1) throw new SystemError(`read address "${text}"`, errno.EINVAL, 'the prefix length is missing');
  const address = parseAddress(text.slice(0, slash));
  const prefix = text.slice(slash + 1);
  const bits = address.bytes.length * 8;
  if (!/^(0|[1-9]\d{0,2})$/.test(prefix) || Number(prefix) > bits) {
    throw new SystemError(`read address "${text}"`, errno.EINVAL, `the prefix length is no number from 0 to ${bits}`);
  }
  return { ...address, prefixLength: Number(prefix) };
}

/** The text of 4 or 16 bytes, IPv6 as RFC 5952 has it. Throws SystemError EINVAL for another length. */
export function formatAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return formatIpv4(bytes);
  if (bytes.length === 16) return formatIpv6(bytes);
  throw new SystemError(`write an address of ${bytes.length} bytes`, errno.EINVAL);
}

/** The one spelling of a CIDR; host bits stay. Throws SystemError EINVAL. */
export function canonicalCidr(text: string): string {
  const { bytes, prefixLength } = parseCidr(text);
  return `${formatAddress(bytes)}/${prefixLength}`;
}

/** A CIDR with its host bits cleared: `10.1.2.3/24` gives 10.1.2.0, 24. */
export function networkOf(cidr: Cidr): Cidr {
  return { ...cidr, bytes: masked(cidr, (byte, mask) => byte & mask) };
}

/** True where the address is of the network: `10.1.2.3/24` covers 10.1.2.9. Throws SystemError EINVAL. */
export function coversAddress(cidr: string, address: string): boolean {
  const network = parseCidr(cidr);
  const { family, bytes } = parseAddress(address);
  return family === network.family && networkOf(network).bytes.equals(networkOf({ ...network, bytes }).bytes);
}

/** Whether the address is 0.0.0.0 or ::. Throws SystemError EINVAL. */
export function isUnspecified(address: string): boolean {
  return parseAddress(address).bytes.every((byte) => byte === 0);
}

/** The address with all host bits set, which is the broadcast address of IPv4. */
export function lastAddressOf(cidr: Cidr): Buffer {
  return masked(cidr, (byte, mask) => byte | (~mask & 0xff));
}

function masked({ bytes, prefixLength }: Cidr, apply: (byte: number, mask: number) => number): Buffer {
  const maskOf = (index: number): number => {
    const bits = Math.min(Math.max(prefixLength - index * 8, 0), 8);
    return 0xff & (0xff << (8 - bits));
  };
  return Buffer.from(bytes.map((byte, index) => apply(byte, maskOf(index))));
}
