import { align, formatAttribute, padding, parseAttribute, putU32, readU32 } from 'netlink/dist/structs.js';
import { bytesFromText, textFromBytes } from '../../lib/byte-text.ts';
import { decoding, malformed } from './malformed.ts';

/** One attribute (struct nlattr, linux/netlink.h): header, payload, padding to 4 bytes. */
export function attribute(type: number, ...payload: readonly Uint8Array[]): Buffer {
  return encode(type, false, payload);
}

/** An attribute that holds others and says so (NLA_F_NESTED), where the kernel insists on it. */
export function nestedAttribute(type: number, ...attributes: readonly Uint8Array[]): Buffer {
  return encode(type, true, attributes);
}

export function u32Attribute(type: number, value: number): Buffer {
  return attribute(type, putU32(value));
}

/** The text with its NUL. */
export function stringAttribute(type: number, text: string): Buffer {
  return attribute(type, bytesFromText(text), Buffer.alloc(1));
}

function encode(type: number, nested: boolean, payload: readonly Uint8Array[]): Buffer {
  const encoded = Buffer.concat(formatAttribute({ type, nested, data: [...payload] }));
  return Buffer.concat([encoded, Buffer.alloc(padding(encoded.length))]);
}

/**
 * Visits the attributes in `data`, types without the flag bits NLA_F_NESTED and NLA_F_NET_BYTEORDER; ends early where
 * `visit` returns true. Throws SystemError EBADMSG, naming `owner`, for one that is too short or reaches past the end.
 */
export function walkAttributes(
  owner: string,
  data: Buffer,
  visit: (type: number, payload: Buffer) => boolean | undefined,
): void {
  let rest = data;
  while (rest.length > 0) {
    const unread = rest;
    const { x, consumed } = decoding(`an attribute of ${owner}, ${unread.length} bytes left`, () =>
      parseAttribute(unread),
    );
    if (visit(x.type, x.data) === true) return;
    rest = rest.subarray(align(consumed));
  }
}

/** The payloads by type; of a repeated type the last. Throws as walkAttributes does. */
export function readAttributes(owner: string, data: Buffer): ReadonlyMap<number, Buffer> {
  const attributes = new Map<number, Buffer>();
  walkAttributes(owner, data, (type, payload) => {
    attributes.set(type, payload);
    return false;
  });
  return attributes;
}

/** The first attribute of a type, or null. */
export function findAttribute(owner: string, data: Buffer, type: number): Buffer | null {
  let found: Buffer | null = null;
  walkAttributes(owner, data, (each, payload) => {
    if (each !== type) return false;
    found = payload;
    return true;
  });
  return found;
}

/**
 * The first `length` bytes. Kernels let structs grow at their ends, so more is fine.
 * Throws SystemError EBADMSG, naming the attribute and both lengths, where there is less.
 */
export function leading(name: string, data: Buffer, length: number): Buffer {
  if (data.length < length) throw malformed(`${name} holds ${data.length} bytes; at least ${length} are needed`);
  return data.subarray(0, length);
}

/** A host-order u32. Throws SystemError EBADMSG where there are less than 4 bytes. */
export function toU32(name: string, data: Buffer): number {
  return readU32.call(leading(name, data, 4), 0);
}

/** Text up to its NUL, as textFromBytes reads it. Throws SystemError EBADMSG where there is none. */
export function toText(name: string, data: Buffer): string {
  const end = data.indexOf(0);
  if (end === -1) throw malformed(`${name} holds ${data.length} bytes and no NUL`);
  return textFromBytes(data.subarray(0, end));
}
