/** Text as UTF-8 and back; what is malformed becomes U+FFFD. */
export interface Utf8 {
  encode(text: string): ArrayBuffer;
  decode(bytes: Uint8Array): string;
}

type Encoding = 'utf8' | 'utf-8' | 'hex' | 'latin1';

const kinds = {
  UInt8: ['Uint8', 1, 0, 0xff],
  Int8: ['Int8', 1, -0x80, 0x7f],
  UInt16: ['Uint16', 2, 0, 0xffff],
  Int16: ['Int16', 2, -0x8000, 0x7fff],
  UInt32: ['Uint32', 4, 0, 0xffffffff],
  Int32: ['Int32', 4, -0x80000000, 0x7fffffff],
  BigUInt64: ['BigUint64', 8, 0n, 0xffffffffffffffffn],
  BigInt64: ['BigInt64', 8, -0x8000000000000000n, 0x7fffffffffffffffn],
  Float: ['Float32', 4, -Infinity, Infinity],
  Double: ['Float64', 8, -Infinity, Infinity],
} as const;

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

function toLatin1(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** `readUInt32LE`, `writeInt8` and their kin: every width, both orders, with Node's RangeErrors. */
function addNumbers(prototype: object): void {
  const view = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView =>
    new DataView(buffer, byteOffset, byteLength);
  for (const [name, [kind, size, min, max]] of Object.entries(kinds)) {
    for (const order of size === 1 ? [''] : ['LE', 'BE']) {
      const isLittle = order === 'LE';
      const read = function (this: Uint8Array, offset = 0): number | bigint {
        return view(this)[`get${kind}`](offset, isLittle);
      };
      const write = function (this: Uint8Array, value: number | bigint, offset = 0): number {
        if (value < min || value > max) throw new RangeError(`${value} is out of the range of ${name}`);
        view(this)[`set${kind}`](offset, value as never, isLittle);
        return offset + size;
      };
      Object.defineProperty(prototype, `read${name}${order}`, { value: read });
      Object.defineProperty(prototype, `write${name}${order}`, { value: write });
    }
  }
}

/**
 * The part of Node's Buffer that this program and node-netlink's codecs use, for an engine that has none. It agrees
 * with Node's in results; messages of errors are its own.
 */
export function createBuffer(utf8: Utf8): BufferConstructor {
  const encode = (text: string, encoding: Encoding): Uint8Array => {
    if (encoding === 'utf8' || encoding === 'utf-8') return new Uint8Array(utf8.encode(text));
    if (encoding === 'hex') return fromHex(text);
    if (encoding === 'latin1') return Uint8Array.from({ length: text.length }, (_, index) => text.charCodeAt(index));
    throw new TypeError(`Unknown encoding: ${encoding}`);
  };
  const decode = (bytes: Uint8Array, encoding: Encoding): string => {
    if (encoding === 'utf8' || encoding === 'utf-8') return utf8.decode(bytes);
    if (encoding === 'hex') return toHex(bytes);
    if (encoding === 'latin1') return toLatin1(bytes);
    throw new TypeError(`Unknown encoding: ${encoding}`);
  };

  class NativeBuffer extends Uint8Array {
    static alloc(size: number, fill = 0): NativeBuffer {
      const buffer = new NativeBuffer(size);
      return fill === 0 ? buffer : (buffer.fill(fill) as NativeBuffer);
    }

    static allocUnsafe(size: number): NativeBuffer {
      return new NativeBuffer(size);
    }

    static override from(source: unknown, second?: unknown, length?: unknown): NativeBuffer {
      if (source instanceof ArrayBuffer) {
        return new NativeBuffer(source, second as number | undefined, length as number | undefined);
      }
      if (typeof source !== 'string') return new NativeBuffer(source as ArrayLike<number>);
      const bytes = encode(source, (second as Encoding | undefined) ?? 'utf8');
      return new NativeBuffer(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
    }

    static concat(list: readonly Uint8Array[], totalLength?: number): NativeBuffer {
      const total = totalLength ?? list.reduce((sum, { length }) => sum + length, 0);
      const joined = new NativeBuffer(total);
      let at = 0;
      for (const bytes of list) {
        const rest = total - at;
        joined.set(bytes.length > rest ? bytes.subarray(0, rest) : bytes, at);
        at += Math.min(bytes.length, rest);
      }
      return joined;
    }

    static byteLength(source: string | ArrayBufferView | ArrayBuffer, encoding: Encoding = 'utf8'): number {
      return typeof source === 'string' ? encode(source, encoding).length : source.byteLength;
    }

    static isBuffer(value: unknown): boolean {
      return value instanceof NativeBuffer;
    }

    static compare(one: Uint8Array, other: Uint8Array): number {
      const length = Math.min(one.length, other.length);
      for (let index = 0; index < length; index++) {
        const difference = (one[index] ?? 0) - (other[index] ?? 0);
        if (difference !== 0) return Math.sign(difference);
      }
      return Math.sign(one.length - other.length);
    }

    override slice(start?: number, end?: number): NativeBuffer {
      return this.subarray(start, end) as NativeBuffer;
    }

    override toString(encoding: Encoding = 'utf8', start = 0, end = this.length): string {
      const from = Math.max(0, start);
      return decode(this.subarray(from, Math.max(from, end)), encoding);
    }

    override indexOf(value: unknown, offset = 0): number {
      if (typeof value === 'number') return super.indexOf(value & 0xff, offset);
      const wanted = typeof value === 'string' ? encode(value, 'utf8') : (value as Uint8Array);
      const begin = Math.max(0, offset < 0 ? this.length + offset : offset);
      for (let at = begin; at + wanted.length <= this.length; at++) {
        if (wanted.every((byte, index) => this[at + index] === byte)) return at;
      }
      return -1;
    }

    override includes(value: unknown, offset = 0): boolean {
      return this.indexOf(value, offset) !== -1;
    }

    equals(other: Uint8Array): boolean {
      return NativeBuffer.compare(this, other) === 0;
    }

    compare(other: Uint8Array): number {
      return NativeBuffer.compare(this, other);
    }

    copy(target: Uint8Array, targetStart = 0, start = 0, end = this.length): number {
      const room = Math.max(0, target.length - targetStart);
      const source = this.subarray(start, Math.min(end, start + room));
      target.set(source, targetStart);
      return source.length;
    }

    /**
     * `write(text, encoding)` and `write(text, offset, encoding)` too; a character that doesn't fit whole is left out.
     */
    write(text: string, ...rest: readonly (number | string | undefined)[]): number {
      const [offset = 0, length = this.length - offset] = rest.filter((each) => typeof each === 'number');
      const encoding = rest.find((each) => typeof each === 'string') as Encoding | undefined;
      if (offset < 0 || offset > this.length) throw new RangeError(`offset ${offset} lies outside of the buffer`);
      const bytes = encode(text, encoding ?? 'utf8');
      let end = Math.min(bytes.length, length, this.length - offset);
      const isUtf8 = encoding === undefined || encoding.startsWith('utf');
      if (isUtf8) while (end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
      this.set(bytes.subarray(0, end), offset);
      return end;
    }
  }
  addNumbers(NativeBuffer.prototype);
  return NativeBuffer as unknown as BufferConstructor;
}
