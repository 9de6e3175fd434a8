import { CniError, explain } from '../cni/errors.ts';
import type { Log } from '../lib/log.ts';
import type { PciAddress } from '../lib/pci-address.ts';
import { isSystemError } from '../lib/system-error.ts';
import type { Platform } from '../platform/platform.ts';
import type { AttachmentKey, AttachmentRecord } from './attachment-record.ts';
import { removeDeadTemporaries } from './leftovers.ts';
import { formatRecord, parseRecord } from './record-codec.ts';

const directoryMode = 0o700;
const fileMode = 0o600;

/** A record holds the config (at most 1 MiB on stdin) twice, and JSON makes a text of it up to three times as long. */
const maxRecordBytes = 8 * 1024 * 1024;

/** Each is lost only where another process removes the folder at that very moment. */
const maxWriteAttempts = 10;

/** A network's name begins with a letter or digit (SPEC.md), so names with a dot in front are free for our own use. */
const ownersDirectory = '.vfs';
const damagedDirectory = '.damaged';

const suffix = '.json';

export function sameKey(one: AttachmentKey, other: AttachmentKey): boolean {
  return one.network === other.network && one.containerId === other.containerId && one.ifname === other.ifname;
}

export function describeKey(key: AttachmentKey): string {
  return `${key.ifname} of container ${key.containerId} (network ${key.network})`;
}

/**
 * Attachment records: `<stateDir>/<network>/<containerID>/<ifname>.json`, and which of them owns a VF:
 * `<stateDir>/.vfs/<BDF>`. A record changes only under its VF's lock.
 */
export class RecordStore {
  readonly #platform: Platform;
  readonly #log: Log;
  readonly #root: string;

  constructor(platform: Platform, log: Log) {
    this.#platform = platform;
    this.#log = log;
    this.#root = platform.paths.stateDir;
  }

  /** Puts a new record on disk, and makes it the owner of its VF. Throws CniError io. */
  write(record: AttachmentRecord): void {
    this.update(record);
    const { key, identity } = record;
    writing(() => this.#writeInto(this.#path(ownersDirectory), identity.pci, JSON.stringify(key), false));
  }

  /** Puts a later state of a record on disk, which owns its VF already. Throws CniError io. */
  update(record: AttachmentRecord): void {
    const { key } = record;
    writing(() => this.#writeInto(this.#directory(key), `${key.ifname}${suffix}`, formatRecord(record), true));
  }

  /** The record, or null where there is none. A damaged one is set aside and reported, and counts as none. */
  read(key: AttachmentKey): AttachmentRecord | null {
    const path = this.#file(key);
    const content = this.#readOwn(path);
    if (content === null) return null;
    try {
      const record = parseRecord(content);
      if (!sameKey(record.key, key)) throw new Error(`it is the record of ${describeKey(record.key)}`);
      return record;
    } catch (cause) {
      this.#setAside(path, key, cause);
      return null;
    }
  }

  /** The VF is nobody's from here on; the record stays, for what else it holds. */
  giveUpVf(record: AttachmentRecord): void {
    const { key, identity } = record;
    const owner = this.ownerOf(identity.pci);
    if (owner !== null && sameKey(owner, key)) this.#platform.unlink(this.#path(ownersDirectory, identity.pci));
  }

  /** Removes the record and its ownership of the VF; succeeds when they are gone already. */
  remove(record: AttachmentRecord): void {
    const { key } = record;
    this.giveUpVf(record);
    this.#platform.unlink(this.#file(key));
    this.tidy(key);
  }

  /** Removes what killed processes left of this container, where it has no record, and in folders that all share. */
  tidy(key: AttachmentKey): void {
    this.#removeEmptyDirectory(key);
    this.#removeSharedTemporaries();
  }

  /** Removes what killed processes left behind, of whatever container. */
  tidyAll(): void {
    this.#removeSharedTemporaries();
    for (const network of this.#networks()) {
      for (const containerId of this.#names(this.#path(network))) {
        if (this.#keysIn(network, containerId).length > 0) continue;
        const directory = this.#path(network, containerId);
        removeDeadTemporaries(this.#platform, directory);
        this.#platform.removeDir(directory);
      }
      this.#platform.removeDir(this.#path(network));
    }
  }

  /** Which attachment holds the VF; null where none does. */
  ownerOf(pci: PciAddress): AttachmentKey | null {
    const content = this.#readOwn(this.#path(ownersDirectory, pci));
    if (content === null) return null;
    try {
      const { network, containerId, ifname } = JSON.parse(content) as Record<string, unknown>;
      if (typeof network === 'string' && typeof containerId === 'string' && typeof ifname === 'string') {
        return { network, containerId, ifname };
      }
    } catch {
      // A half-written owner file is no more than a missing one: the record itself is what counts.
    }
    return null;
  }

  /** Keys of all records of a network. */
  keysOfNetwork(network: string): readonly AttachmentKey[] {
    return this.#names(this.#path(network)).flatMap((containerId) => this.#keysIn(network, containerId));
  }

  /** Keys of all records of a container, in whatever network. */
  keysOfContainer(containerId: string): readonly AttachmentKey[] {
    return this.#networks().flatMap((network) => this.#keysIn(network, containerId));
  }

  /** Keys of all records on this node. */
  allKeys(): readonly AttachmentKey[] {
    return this.#networks().flatMap((network) => this.keysOfNetwork(network));
  }

  #keysIn(network: string, containerId: string): AttachmentKey[] {
    return this.#names(this.#path(network, containerId))
      .filter((name) => name.endsWith(suffix))
      .map((name) => ({ network, containerId, ifname: name.slice(0, -suffix.length) }));
  }

  #networks(): readonly string[] {
    return this.#names(this.#root).filter((name) => !name.startsWith('.'));
  }

  #names(path: string): readonly string[] {
    return this.#platform.readDir(path) ?? [];
  }

  #path(...parts: readonly string[]): string {
    return [this.#root, ...parts].join('/');
  }

  /** A process that was killed while it wrote may have left a temporary file; without records nobody writes there. */
  #removeEmptyDirectory(key: AttachmentKey): void {
    const directory = this.#directory(key);
    const names = this.#names(directory);
    if (names.some((name) => name.endsWith(suffix))) return;
    for (const name of names) this.#platform.unlink(`${directory}/${name}`);
    this.#platform.removeDir(directory);
    this.#platform.removeDir(this.#path(key.network));
  }

  #removeSharedTemporaries(): void {
    for (const directory of [this.#root, this.#path(ownersDirectory)]) removeDeadTemporaries(this.#platform, directory);
  }

  #directory(key: AttachmentKey): string {
    return this.#path(key.network, key.containerId);
  }

  #file(key: AttachmentKey): string {
    return `${this.#directory(key)}/${key.ifname}${suffix}`;
  }

  #readOwn(path: string): string | null {
    const bytes = this.#platform.readFile(path, { maxBytes: maxRecordBytes, followLinks: false });
    return bytes?.toString('utf8') ?? null;
  }

  /** The directory may be removed by another process between its making and the write: then once more. */
  #writeInto(directory: string, name: string, content: string, durable: boolean): void {
    for (let attempt = 1; ; attempt++) {
      try {
        this.#platform.makeDir(directory, directoryMode);
        this.#platform.writeFileAtomic(`${directory}/${name}`, content, { mode: fileMode, durable });
        return;
      } catch (thrown) {
        if (attempt === maxWriteAttempts || !isSystemError(thrown, 'ENOENT')) throw thrown;
      }
    }
  }

  #setAside(path: string, key: AttachmentKey, cause: unknown): void {
    const name = `${key.network}_${key.containerId}_${key.ifname}_${this.#platform.epochMs()}`.slice(-200);
    const target = this.#path(damagedDirectory, name);
    this.#platform.makeDir(this.#path(damagedDirectory), directoryMode);
    try {
      this.#platform.rename(path, target);
    } catch (thrown) {
      // Another process was faster.
      if (isSystemError(thrown, 'ENOENT')) return;
      throw thrown;
    }
    this.#log.error('a damaged attachment record was set aside', { path, movedTo: target, reason: explain(cause) });
  }
}

function writing(write: () => void): void {
  try {
    write();
  } catch (cause) {
    throw new CniError('io', "the attachment record can't be written", { cause });
  }
}
