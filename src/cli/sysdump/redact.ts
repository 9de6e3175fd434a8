import { formatAddress, networkOf, parseAddress } from '../../kernel/ip-text.ts';
import { isSystemError } from '../../lib/system-error.ts';

/** Replaces what nobody else should see. */
export interface Redaction {
  text(text: string): string;
  /** An IPv4 or IPv6 address of 4 or 16 bytes. */
  ip(bytes: Buffer): Buffer;
  /** A MAC address of 6 bytes. */
  mac(bytes: Buffer): Buffer;
}

const octet = '(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)';
const group = '[\\da-f]{1,4}';
const groups = `${group}(?::${group})*`;
/** Allows an address also behind an escape in a text of JSON. */
const begin = (notBehind: string): string => `(?:(?<=\\\\[bfnrt])|(?<!${notBehind}))`;
/** A MAC address, an IPv4 address, an IPv6 address, in this order. PCI addresses don't match. */
const addresses = new RegExp(
  [
    `${begin('[\\da-f:-]')}[\\da-f]{2}(?:([:-])[\\da-f]{2})(?:\\1[\\da-f]{2}){4}(?![\\da-f:-])`,
    `(?<![\\d.])${octet}(?:\\.${octet}){3}(?!\\.?\\d)`,
    `${begin('[\\w:]')}(?:${group}(?::${group}){7}|(?:${groups})?::(?:${groups})?)(?![\\w:])`,
  ].join('|'),
  'gi',
);

/** Bytes that are replaced. Those behind them stay, so that subnets and their addresses still fit together. */
const hiddenBytes = { 4: 2, 16: 6 } as const;

const startsWith = (bytes: Buffer, ...prefix: readonly number[]): boolean =>
  prefix.every((byte, at) => bytes[at] === byte);

/** Addresses that say nothing of anybody: unspecified, loopback, masks and broadcast, multicast, link-local. */
function isOfNobody(bytes: Buffer): boolean {
  const [first = 0, second = 0] = bytes;
  if (bytes.length === 4) return first === 0 || first === 127 || first >= 224 || (first === 169 && second === 254);
  return startsWith(bytes, 0, 0, 0, 0, 0, 0) || first === 0xff;
}

/** Whether an address is made of the MAC address (RFC 4291, appendix A). */
const isEui64 = (bytes: Buffer): boolean => bytes[11] === 0xff && bytes[12] === 0xfe;

/** Words in the names of secrets in configs. */
const secretWords = 'passw|secret|token|credential|private.?key|api.?key|authorization|certificate.*data|key.?data';
/** A secret in JSON, or in JSON that is a text of JSON, with escaped quotes. */
const secretInJson = new RegExp(`(\\\\*")([^"\\\\]*(?:${secretWords})[^"\\\\]*)\\1(\\s*:\\s*)\\1.*?(?<!\\\\)\\1`, 'gi');
const secretInLine = new RegExp(`^(\\s*[\\w.-]*(?:${secretWords})[\\w.-]*\\s*[:=]\\s*)\\S.*$`, 'gim');
const secretInWord = new RegExp(`\\b([\\w.-]*(?:${secretWords})[\\w.-]*=)[^\\s"]+`, 'gi');
const pem = /-----BEGIN [^-]+-----[\s\S]*?(?:-----END [^-]+-----|$)/g;
const bearer = /\bbearer\s+\S+/gi;
export const removed = '(removed)';

function removeSecrets(text: string): string {
  return text
    .replace(pem, removed)
    .replace(bearer, removed)
    .replace(
      secretInJson,
      (_, quote: string, key: string, colon: string) => `${quote}${key}${quote}${colon}${quote}${removed}${quote}`,
    )
    .replace(secretInWord, (_, key: string) => `${key}${removed}`)
    .replace(secretInLine, (_, key: string) => `${key}${removed}`);
}

/** A delegate's config in Multus' files. */
const encoded = /("Bytes"\s*:\s*")([A-Za-z\d+/]+={0,2})(")/g;

function inBase64(text: string, change: (text: string) => string): string {
  return text.replace(encoded, (whole, before: string, base64: string, after: string) => {
    try {
      // The engine decodes, because the Buffer of the native host has no base64.
      const bytes = Uint8Array.fromBase64(base64);
      const changed = Uint8Array.from(Buffer.from(change(Buffer.from(bytes).toString('utf8'))));
      return `${before}${changed.toBase64()}${after}`;
    } catch (thrown) {
      if (thrown instanceof SyntaxError) return whole;
      throw thrown;
    }
  });
}

/** Replaces nothing but secrets. */
export const secretsOnly: Redaction = {
  text: (text) => inBase64(removeSecrets(text), removeSecrets),
  ip: (bytes) => bytes,
  mac: (bytes) => bytes,
};

/**
 * Replaces secrets, IP and MAC addresses, in the order in which they come: equal addresses by equal ones, and addresses
 * of one /16 (IPv6: /48) by addresses of one. 240.0.0.0/4 (RFC 1112) and 2001:db8::/32 (RFC 3849) are nobody's.
 */
export class AddressRedaction implements Redaction {
  readonly #networks = new Map<string, number>();
  readonly #macs = new Map<string, number>();

  text(text: string): string {
    return inBase64(this.#addresses(removeSecrets(text)), (inner) => this.#addresses(removeSecrets(inner)));
  }

  ip(bytes: Buffer): Buffer {
    const result = Buffer.from(bytes);
    if (bytes.length === 16 && isEui64(bytes)) this.#replaceEui64(result);
    const isLinkLocal = bytes.length === 16 && startsWith(bytes, 0xfe, 0x80);
    if (isOfNobody(bytes) || isLinkLocal) return result;
    const hidden = hiddenBytes[bytes.length === 4 ? 4 : 16];
    const number = numberOf(this.#networks, bytes.subarray(0, hidden).toString('hex'));
    const [high, low] = [(number >> 8) & 0xff, number & 0xff];
    result.set(bytes.length === 4 ? [240 + (high & 0xf), low] : [0x20, 0x01, 0x0d, 0xb8, high, low]);
    return result;
  }

  mac(bytes: Buffer): Buffer {
    const isAnybody = bytes.every((byte) => byte === 0) || bytes.every((byte) => byte === 0xff);
    if (isAnybody) return Buffer.from(bytes);
    const number = numberOf(this.#macs, bytes.toString('hex')) + 1;
    const group = (bytes[0] ?? 0) & 1;
    return Buffer.from([2 | group, 0, 0, (number >> 16) & 0xff, (number >> 8) & 0xff, number & 0xff]);
  }

  #replaceEui64(bytes: Buffer): void {
    const mac = this.mac(Buffer.from([(bytes[8] ?? 0) ^ 2, ...bytes.subarray(9, 11), ...bytes.subarray(13)]));
    bytes.set([(mac[0] ?? 0) ^ 2, ...mac.subarray(1, 3), 0xff, 0xfe, ...mac.subarray(3)], 8);
  }

  #addresses(text: string): string {
    return text.replace(addresses, (address: string, separator: string | undefined, at: number) => {
      if (separator === undefined) return this.#ipText(address, prefixLengthAt(text, at + address.length));
      const mac = this.mac(Buffer.from(address.replaceAll(separator, ''), 'hex')).toString('hex');
      return mac.match(/../g)?.join(separator) ?? address;
    });
  }

  #ipText(text: string, prefixLength: number | null): string {
    try {
      const address = parseAddress(text);
      const replaced = this.ip(address.bytes);
      if (replaced.equals(address.bytes)) return text;
      const isNetwork = prefixLength !== null && networkOf({ ...address, prefixLength }).bytes.equals(address.bytes);
      // A network that is larger than what is replaced stays a network, which contains the replaced addresses.
      return formatAddress(isNetwork ? networkOf({ ...address, bytes: replaced, prefixLength }).bytes : replaced);
    } catch (thrown) {
      if (isSystemError(thrown)) return text;
      throw thrown;
    }
  }
}

/** Prefix length of the CIDR whose address ends there; null if it is an address alone. */
function prefixLengthAt(text: string, at: number): number | null {
  const digits = /^\/(\d{1,3})(?!\d)/.exec(text.slice(at, at + 5))?.[1];
  return digits === undefined ? null : Number(digits);
}

function numberOf(numbers: Map<string, number>, key: string): number {
  const number = numbers.get(key) ?? numbers.size;
  numbers.set(key, number);
  return number;
}
