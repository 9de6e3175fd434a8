import { bytesFromText, textFromBytes } from '../../lib/byte-text.ts';
import { errno, SystemError } from '../../lib/system-error.ts';
import { NLA_F_NESTED, NLA_TYPE_MASK } from './constants.ts';

/** Bytes of struct nlattr: u16 nla_len, u16 nla_type. */
const headerLength = 4;

/**
 * The error for a reply that breaks the netlink format: SystemError EBADMSG whose detail names the part and its length.
 */
export function malformed(detail: string): SystemError {
  return new SystemError('read a netlink reply', errno.EBADMSG, detail);
}

/** One attribute (struct nlattr, linux/netlink.h): header, payload, padding to 4 bytes. */
export function attribute(type: number, ...payload: readonly Uint8Array[]): Buffer {
  return encode(type, false, payload);
}

/** An attribute that holds others and says so (NLA_F_NESTED), as the kernel requires of some. */
export function nestedAttribute(type: number, ...attributes: readonly Uint8Array[]): Buffer {
  return encode(type, true, attributes);
}

export function u32Attribute(type: number, value: number): Buffer {
  return attribute(type, Uint8Array.of(value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24));
}

/** The text with its NUL. */
export function stringAttribute(type: number, text: string): Buffer {
  return attribute(type, bytesFromText(text), Uint8Array.of(0));
}

/** NLA_ALIGN, RTNH_ALIGN: up to a multiple of 4. */
export function align(length: number): number {
  return (length + 3) & ~3;
}

function encode(type: number, nested: boolean, payload: readonly Uint8Array[]): Buffer {
  const length = payload.reduce((sum, part) => sum + part.length, headerLength);
  if (length > 0xffff) throw new RangeError(`an attribute of ${length} bytes; at most 65535 fit`);
  const bytes = Buffer.alloc(align(length));
  bytes.set([length & 0xff, length >> 8, type & 0xff, (type >> 8) | (nested ? NLA_F_NESTED >> 8 : 0)]);
  let at = headerLength;
  for (const part of payload) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/**
 * Visits the attributes in `data` from byte `from` on, with the places where the payload begins and ends; types come
 * without the flag bits NLA_F_NESTED and NLA_F_NET_BYTEORDER. Ends early where `visit` returns true. Throws SystemError
 * EBADMSG, naming `owner`, for one that is too short or reaches past the end.
 */
export function walkAttributes(
  owner: string,
  data: Buffer,
  visit: (type: number, begin: number, end: number) => boolean | undefined,
  from = 0,
): void {
  const end = data.length;
  for (let at = from; at < end; ) {
    const length = lengthAt(data, at);
    if (length < headerLength || length > end - at) throw misfit(owner, length, end - at);
    if (visit(typeAt(data, at), at + headerLength, at + length) === true) return;
    at += align(length);
  }
}

// Bytes behind the end count as zero, so the length in a cut header is too long or too short.

const lengthAt = (data: Buffer, at: number): number => (data[at] as number) | ((data[at + 1] as number) << 8);

const typeAt = (data: Buffer, at: number): number =>
  ((data[at + 2] as number) | ((data[at + 3] as number) << 8)) & NLA_TYPE_MASK;

function misfit(owner: string, length: number, left: number): SystemError {
  return malformed(`an attribute of ${owner}, ${left} bytes left, says that it has ${length}`);
}

/** Attributes whose places are known; `get` reads one. */
export interface Attributes {
  /** The payload; that of the last one if the type is repeated. */
  get(type: number): Buffer | undefined;
  has(type: number): boolean;
}

/** Above the highest type of any list that is read here. */
const typesInUse = 128;

/** The attributes in `data` from byte `from` on, of types below 128. Throws as walkAttributes does. */
export function readAttributes(owner: string, data: Buffer, from = 0): Attributes {
  const places = new Uint32Array(typesInUse);
  const end = data.length;
  // A link has sixty attributes, and links are read most of all. So an attribute takes neither a call nor an object.
  for (let at = from; at < end; ) {
    const length = (data[at] as number) | ((data[at + 1] as number) << 8);
    if (length < headerLength || length > end - at) throw misfit(owner, length, end - at);
    const type = ((data[at + 2] as number) | ((data[at + 3] as number) << 8)) & NLA_TYPE_MASK;
    if (type < typesInUse) places[type] = at + headerLength;
    at += (length + 3) & ~3;
  }
  return {
    get(type) {
      const begin = places[type] ?? 0;
      return begin === 0
        ? undefined
        : data.subarray(begin, begin - headerLength + lengthAt(data, begin - headerLength));
    },
    has: (type) => (places[type] ?? 0) !== 0,
  };
}

/** The first attribute of a type, or null. */
export function findAttribute(owner: string, data: Buffer, wanted: number, from = 0): Buffer | null {
  const end = data.length;
  for (let at = from; at < end; ) {
    const length = lengthAt(data, at);
    if (length < headerLength || length > end - at) throw misfit(owner, length, end - at);
    if (typeAt(data, at) === wanted) return data.subarray(at + headerLength, at + length);
    at += align(length);
  }
  return null;
}

/**
 * The data, which must hold at least `length` bytes, because kernels let structs grow at their ends. Throws SystemError
 * EBADMSG, naming the attribute and both lengths, where there is less.
 */
export function atLeast(name: string, data: Buffer, length: number): Buffer {
  if (data.length < length) throw malformed(`${name} holds ${data.length} bytes; at least ${length} are needed`);
  return data;
}

/** The first `length` bytes. Throws as atLeast does. */
export function leading(name: string, data: Buffer, length: number): Buffer {
  return atLeast(name, data, length).subarray(0, length);
}

/** Four bytes in the host's order, which is little-endian wherever this runs, as a number. */
export function u32At(data: Uint8Array, at: number): number {
  const low = (data[at] as number) | ((data[at + 1] as number) << 8);
  return (low | ((data[at + 2] as number) << 16) | ((data[at + 3] as number) << 24)) >>> 0;
}

/** A host-order u32. Throws SystemError EBADMSG where there are less than 4 bytes. */
export function toU32(name: string, data: Buffer): number {
  return u32At(atLeast(name, data, 4), 0);
}

/** Text up to its NUL, as textFromBytes reads it. Throws SystemError EBADMSG where there is none. */
export function toText(name: string, data: Buffer): string {
  const end = data.indexOf(0);
  if (end === -1) throw malformed(`${name} holds ${data.length} bytes and no NUL`);
  // Nearly all texts are short and ASCII, for which a call of the host costs more than this loop.
  let text = '';
  for (let at = 0; at < end; at++) {
    const byte = data[at] as number;
    if (byte >= 0x80) return textFromBytes(data.subarray(0, end));
    text += String.fromCharCode(byte);
  }
  return text;
}
