// Netlink messages built and taken apart by hand, so that what is tested isn't checked against itself. Little-endian.

/** struct nlattr and its payload, padded. */
export function attribute(type: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt16LE(4 + payload.length, 0);
  header.writeUInt16LE(type, 2);
  return Buffer.concat([header, payload, Buffer.alloc(-payload.length & 3)]);
}

export function words(...values: readonly number[]): Buffer {
  const buffer = Buffer.alloc(values.length * 4);
  for (const [at, value] of values.entries()) buffer.writeUInt32LE(value >>> 0, at * 4);
  return buffer;
}

/** Attributes in their order, types without their flag bits. */
export function listAttributes(data: Buffer): readonly (readonly [type: number, payload: Buffer])[] {
  const found: (readonly [number, Buffer])[] = [];
  for (let at = 0; at + 4 <= data.length; ) {
    const length = data.readUInt16LE(at);
    if (length < 4) break;
    found.push([data.readUInt16LE(at + 2) & 0x3fff, data.subarray(at + 4, at + length)]);
    at += (length + 3) & ~3;
  }
  return found;
}

/** Attributes by type; of a repeated type the last. */
export function attributesOf(data: Buffer): ReadonlyMap<number, Buffer> {
  return new Map(listAttributes(data));
}
