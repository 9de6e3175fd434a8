const trailer = 'TRAILER!!!';
const alignBytes = 4;

export interface CpioEntry {
  readonly name: string;
  /** File type and permissions, as in stat(2). */
  readonly mode: number;
  readonly content?: Uint8Array;
  /** Major and minor number of a device node. */
  readonly device?: readonly [number, number];
}

function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((alignBytes - (bytes.length % alignBytes)) % alignBytes)]);
}

function hex(value: number): string {
  return value.toString(16).padStart(8, '0');
}

function writeEntry(entry: CpioEntry, inode: number): Buffer {
  const content = entry.content ?? new Uint8Array();
  const [major, minor] = entry.device ?? [0, 0];
  const name = `${entry.name}\0`;
  const owner = 0;
  const links = 1;
  const fields = [inode, entry.mode, owner, owner, links, 0, content.length, 0, 0, major, minor, name.length, 0];
  const header = `070701${fields.map(hex).join('')}${name}`;
  return Buffer.concat([padded(Buffer.from(header)), padded(content)]);
}

export const folderEntry = (name: string): CpioEntry => ({ name, mode: 0o040755 });

/** A file that everybody may read and run. */
export const fileEntry = (name: string, content: Uint8Array): CpioEntry => ({ name, mode: 0o100755, content });

export const linkEntry = (name: string, to: string): CpioEntry => ({ name, mode: 0o120777, content: Buffer.from(to) });

/** The device that the kernel opens for the first process. */
export const consoleEntry: CpioEntry = { name: 'dev/console', mode: 0o020600, device: [5, 1] };

/** Writes an archive in the format "newc", which the kernel unpacks as its first root file system; see cpio(5). */
export function writeCpio(entries: readonly CpioEntry[]): Buffer {
  const all = [...entries, { name: trailer, mode: 0 }];
  return Buffer.concat(all.map((entry, index) => writeEntry(entry, index + 1)));
}
