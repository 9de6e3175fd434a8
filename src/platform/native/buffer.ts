/** Text as UTF-8 and back; what is malformed becomes U+FFFD. */
export interface Utf8 {
  encode(text: string): ArrayBuffer;
  decode(bytes: Uint8Array): string;
}

type Encoding = 'utf8' | 'hex';

interface Codec {
  toString(encoding?: Encoding): string;
  equals(other: Uint8Array): boolean;
  readUInt16BE(offset?: number): number;
  readInt32LE(offset?: number): number;
  readUInt32LE(offset?: number): number;
  writeUInt8(value: number, offset?: number): number;
  writeUInt16LE(value: number, offset?: number): number;
  writeUInt16BE(value: number, offset?: number): number;
  writeInt32LE(value: number, offset?: number): number;
  writeUInt32LE(value: number, offset?: number): number;
}

/** What `Buffer` is on this host: all that code has which tsconfig.core.json checks. */
interface NativeBuffer extends Uint8Array<ArrayBuffer>, Codec {
  subarray(begin?: number, end?: number): NativeBuffer;
  toString(encoding?: Encoding): string;
}

export interface NativeBufferConstructor {
  alloc(size: number, fill?: number): NativeBuffer;
  from(source: ArrayBuffer, offset?: number, length?: number): NativeBuffer;
  from(source: string, encoding?: Encoding): NativeBuffer;
  from(source: ArrayLike<number>): NativeBuffer;
  concat(list: readonly Uint8Array[]): NativeBuffer;
  compare(one: Uint8Array, other: Uint8Array): number;
}

function fromHex(text: string): Uint8Array {
  const digits = /^(?:[\da-f]{2})*/i.exec(text)?.[0] ?? '';
  return Uint8Array.from({ length: digits.length / 2 }, (_, index) =>
    Number.parseInt(digits.slice(index * 2, index * 2 + 2), 16),
  );
}

function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += (byte < 16 ? '0' : '') + byte.toString(16);
  return text;
}

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, byteLength);

function requireRange(value: number, max: number, min = 0): void {
  if (value < min || value > max) throw new RangeError(`${value} is out of the range from ${min} to ${max}`);
}

/**
 * The part of Node's Buffer that this program and node-netlink's codecs use, for an engine that has none. It agrees
 * with Node's in results; messages of errors are its own.
 */
export function createBuffer(utf8: Utf8): NativeBufferConstructor & BufferConstructor {
  const encode = (text: string, encoding: string): Uint8Array => {
    if (encoding === 'utf8') return new Uint8Array(utf8.encode(text));
    if (encoding === 'hex') return fromHex(text);
    throw new TypeError(`Unknown encoding: ${encoding}`);
  };

  class OwnBuffer extends Uint8Array implements Codec {
    static alloc(size: number, fill = 0): OwnBuffer {
      const buffer = new OwnBuffer(size);
      return fill === 0 ? buffer : (buffer.fill(fill) as OwnBuffer);
    }

    static override from(source: unknown, second?: unknown, length?: unknown): OwnBuffer {
      if (source instanceof ArrayBuffer) {
        return new OwnBuffer(source, second as number | undefined, length as number | undefined);
      }
      if (typeof source !== 'string') return new OwnBuffer(source as ArrayLike<number>);
      const bytes = encode(source, (second as string | undefined) ?? 'utf8');
      return new OwnBuffer(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
    }

    static concat(list: readonly Uint8Array[]): OwnBuffer {
      let total = 0;
      for (const { length } of list) total += length;
      const joined = new OwnBuffer(total);
      let at = 0;
      for (const bytes of list) {
        joined.set(bytes, at);
        at += bytes.length;
      }
      return joined;
    }

    static compare(one: Uint8Array, other: Uint8Array): number {
      const length = Math.min(one.length, other.length);
      for (let index = 0; index < length; index++) {
        const difference = (one[index] ?? 0) - (other[index] ?? 0);
        if (difference !== 0) return Math.sign(difference);
      }
      return Math.sign(one.length - other.length);
    }

    override toString(encoding: Encoding = 'utf8'): string {
      if (encoding === 'utf8') return utf8.decode(this);
      if (encoding === 'hex') return toHex(this);
      throw new TypeError(`Unknown encoding: ${encoding}`);
    }

    equals(other: Uint8Array): boolean {
      return OwnBuffer.compare(this, other) === 0;
    }

    readUInt16BE(offset = 0): number {
      return viewOf(this).getUint16(offset);
    }

    readInt32LE(offset = 0): number {
      return viewOf(this).getInt32(offset, true);
    }

    readUInt32LE(offset = 0): number {
      return viewOf(this).getUint32(offset, true);
    }

    writeUInt8(value: number, offset = 0): number {
      requireRange(value, 0xff);
      viewOf(this).setUint8(offset, value);
      return offset + 1;
    }

    writeUInt16LE(value: number, offset = 0): number {
      requireRange(value, 0xffff);
      viewOf(this).setUint16(offset, value, true);
      return offset + 2;
    }

    writeUInt16BE(value: number, offset = 0): number {
      requireRange(value, 0xffff);
      viewOf(this).setUint16(offset, value);
      return offset + 2;
    }

    writeInt32LE(value: number, offset = 0): number {
      requireRange(value, 0x7fffffff, -0x80000000);
      viewOf(this).setInt32(offset, value, true);
      return offset + 4;
    }

    writeUInt32LE(value: number, offset = 0): number {
      requireRange(value, 0xffffffff);
      viewOf(this).setUint32(offset, value, true);
      return offset + 4;
    }
  }
  return OwnBuffer as unknown as NativeBufferConstructor & BufferConstructor;
}
