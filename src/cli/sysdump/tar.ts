// The part of tar that a sysdump needs (POSIX.1-1988 ustar, with pax's header for a long name). Libraries for it need
// streams, promises or TextDecoder, cut long names, or accept malformed archives.

export interface TarMember {
  readonly name: string;
  readonly bytes: Buffer;
}

const blockLength = 512;
/** [from, length] of the fields of a header. */
const fields = {
  name: [0, 100],
  size: [124, 12],
  checksum: [148, 8],
  type: [156, 1],
  magic: [257, 6],
  prefix: [345, 155],
} as const;

const padding = (length: number): number => (blockLength - (length % blockLength)) % blockLength;

const octal = (value: number, length: number): string => `${value.toString(8).padStart(length - 1, '0')}\0`;

function sumOf(header: Uint8Array): number {
  const [from, length] = fields.checksum;
  const counted = (byte: number, at: number): number => (at >= from && at < from + length ? 0x20 : byte);
  return header.reduce((sum, byte, at) => sum + counted(byte, at), 0);
}

/** The header of a regular file of root's that nobody else may read. */
function formatHeader(name: string, size: number, type: '0' | 'x', epochSeconds: number): Buffer {
  const header = Buffer.alloc(blockLength);
  const put = (at: number, text: string): void => header.set(Buffer.from(text), at);
  put(0, name);
  put(100, octal(0o600, 8));
  put(108, octal(0, 8));
  put(116, octal(0, 8));
  put(124, octal(size, 12));
  put(136, octal(epochSeconds, 12));
  put(156, type);
  put(257, 'ustar\u000000');
  put(148, `${sumOf(header).toString(8).padStart(6, '0')}\0 `);
  return header;
}

/** `30 path=…\n`, with its own length before it. */
function formatPaxPath(name: string): string {
  const record = ` path=${name}\n`;
  const length = Buffer.from(record).length;
  const digits = String(length + String(length).length).length;
  return `${length + digits}${record}`;
}

function formatMember(name: string, content: string, epochSeconds: number, type: '0' | 'x' = '0'): string {
  const size = Buffer.from(content).length;
  const header = formatHeader(name, size, type, epochSeconds).toString('utf8');
  return `${header}${content}${'\0'.repeat(padding(size))}`;
}

/** An archive of texts, as text: all else in it is ASCII. */
export function formatTar(
  members: readonly (readonly [name: string, content: string])[],
  epochSeconds: number,
): string {
  const formatted = members.map(([name, content]) => {
    const isShort = Buffer.from(name).length <= fields.name[1] && Buffer.from(name).length === name.length;
    const long = isShort ? '' : formatMember('pax', formatPaxPath(name), epochSeconds, 'x');
    return `${long}${formatMember(isShort ? name : 'long-name', content, epochSeconds)}`;
  });
  return `${formatted.join('')}${'\0'.repeat(2 * blockLength)}`;
}

function textAt(header: Buffer, [from, length]: readonly [number, number]): string {
  return (
    header
      .subarray(from, from + length)
      .toString('utf8')
      .split('\0', 1)[0] ?? ''
  );
}

function sizeAt(header: Buffer, field: readonly [number, number]): number | null {
  const digits = textAt(header, field).trim();
  return /^[0-7]{1,11}$/.test(digits) ? Number.parseInt(digits, 8) : null;
}

function readPaxPath(bytes: Buffer): string {
  const path = /^\d+ path=([^\n]*)\n$/.exec(bytes.toString('utf8'))?.[1];
  if (path === undefined) throw new Error('it has a header that no sysdump has');
  return path;
}

function requireName(name: string, known: ReadonlySet<string>): void {
  const isPlain = name !== '' && name.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
  if (!isPlain) throw new Error(`${JSON.stringify(name)} is no name of a file in it`);
  if (known.has(name)) throw new Error(`it holds ${JSON.stringify(name)} twice`);
}

/**
 * The members of an archive that formatTar has made, at most `maxMembers`. Throws an Error that says what is wrong with
 * it: cut short, damaged, or with anything but regular files in it.
 */
export function readTar(archive: Buffer, maxMembers: number): readonly TarMember[] {
  const members: TarMember[] = [];
  const names = new Set<string>();
  let longName: string | null = null;
  for (let at = 0; ; ) {
    const header = archive.subarray(at, at + blockLength);
    if (header.length < blockLength) throw new Error('it is cut short');
    if (header.every((byte) => byte === 0)) return members;
    if (textAt(header, fields.magic) !== 'ustar' || sizeAt(header, fields.checksum) !== sumOf(header)) {
      throw new Error(at === 0 ? 'it is no tar archive' : `it is damaged at byte ${at}`);
    }
    const size = sizeAt(header, fields.size);
    const begin = at + blockLength;
    if (size === null || size > archive.length - begin) throw new Error('it is cut short');
    const bytes = archive.subarray(begin, begin + size);
    at = begin + size + padding(size);
    const type = textAt(header, fields.type);
    if (type === 'x') {
      longName = readPaxPath(bytes);
      continue;
    }
    const prefix = textAt(header, fields.prefix);
    const name: string = longName ?? `${prefix === '' ? '' : `${prefix}/`}${textAt(header, fields.name)}`;
    longName = null;
    if (type !== '0' && type !== '') throw new Error(`${JSON.stringify(name)} in it is no regular file`);
    requireName(name, names);
    if (members.length === maxMembers) throw new Error(`it holds more than ${maxMembers} files`);
    names.add(name);
    members.push({ name, bytes });
  }
}
