import { isIdentifier } from '../cni/environment.ts';
import { CniError, explain, isBug, isCniError } from '../cni/errors.ts';
import type { Log } from '../lib/log.ts';
import type { PciAddress } from '../lib/pci-address.ts';
import { isSystemError } from '../lib/system-error.ts';
import type { Platform, WriteOptions } from '../platform/platform.ts';
import { type AttachmentKey, type AttachmentRecord, formatRecord } from './attachment-record.ts';
import { parseKey, parseRecord } from './record-codec.ts';
import { StateDirectory } from './state-directory.ts';
import {
  isTemporary,
  NotOurs,
  readPrivateFile,
  removeDeadTemporaries,
  type SeenFile,
  writePrivateFile,
} from './trusted-files.ts';

/**
 * A record holds the config (at most 1 MiB on stdin) twice, and as a text in JSON that is up to three times as long.
 */
const maxRecordBytes = 8 * 1024 * 1024;

/**
 * A network's name begins with a letter or digit (SPEC.md), so names that begin with a dot are free for our own use.
 */
const ownersDirectory = '.vfs';
const damagedDirectory = '.damaged';

const suffix = '.json';

export function sameKey(one: AttachmentKey, other: AttachmentKey): boolean {
  return one.network === other.network && one.containerId === other.containerId && one.ifname === other.ifname;
}

export function describeKey(key: AttachmentKey): string {
  return `${key.ifname} of container ${key.containerId} (network ${key.network})`;
}

/** `net1 of pod default/web (network vf-net)`; names the container if the record knows no pod. */
export function describeAttachment({ key, pod }: Pick<AttachmentRecord, 'key' | 'pod'>): string {
  if (pod?.name === undefined) return describeKey(key);
  const name = pod.namespace === undefined ? pod.name : `${pod.namespace}/${pod.name}`;
  return `${key.ifname} of pod ${name} (network ${key.network})`;
}

/**
 * Attachment records, `<stateDir>/<network>/<containerID>/<ifname>.json`, with a copy of each record that owns a VF,
 * `<stateDir>/.vfs/<BDF>`. A damaged record is set aside, and its copy takes its place. A record changes only under its
 * VF's lock. A record of a newer build is CniError recordVersion, and is never set aside, changed or taken over.
 * Methods that read or write throw CniError io if others than root may write to the directories, SystemError if the
 * disk fails.
 */
export class RecordStore {
  readonly #platform: Platform;
  readonly #log: Log;
  readonly #state: StateDirectory;
  /** A DEL reads its record under each lock, and the copy before it removes that. */
  readonly #seen = new Map<string, SeenFile>();

  constructor(platform: Platform, log: Log, state = new StateDirectory(platform)) {
    this.#platform = platform;
    this.#log = log;
    this.#state = state;
  }

  /** Puts a record on disk, and makes it the owner of its VF. Throws CniError io. */
  write(record: AttachmentRecord): void {
    this.#writeBoth(record, true);
  }

  /**
   * As `write` for a record that is on disk. A power cut may leave the one of before, which leads to the same end:
   * after a boot it tells only which address is to be released. Throws CniError io.
   */
  update(record: AttachmentRecord): void {
    this.#writeBoth(record, 'content');
  }

  #writeBoth(record: AttachmentRecord, durable: WriteOptions['durable']): void {
    const text = formatRecord(record);
    this.#writeRecord(record.key, text, durable);
    const directory = this.#directory(ownersDirectory);
    // Should this process be killed, the DEL of that container removes what it leaves.
    const temporaryIn = this.#state.find(record.key.network, record.key.containerId);
    const options = { durable: false, temporaryIn };
    onlyIo(() => writePrivateFile(this.#platform, directory, record.identity.pci, text, options));
  }

  #writeRecord(key: AttachmentKey, text: string, durable: WriteOptions['durable']): void {
    this.#seen.clear();
    const directory = this.#directory(key.network, key.containerId);
    onlyIo(() => writePrivateFile(this.#platform, directory, fileName(key), text, { durable }));
  }

  #directory(...names: readonly string[]): (make: boolean) => string {
    return (make) => (make ? this.#state.make(...names) : this.#state.findOrMake(...names));
  }

  /**
   * The record, or null if there is none. A damaged one is set aside, reported, and replaced by the copy that its VF
   * has.
   */
  read(key: AttachmentKey): AttachmentRecord | null {
    const file = this.#file(key);
    try {
      return this.peek(key);
    } catch (cause) {
      // A record that the disk refuses, or that a newer build wrote, may be whole, so it is not damaged.
      if (isSystemError(cause) || isCniError(cause, 'recordVersion') || isBug(cause)) throw cause;
      this.#setAside(file, `${key.network}_${key.containerId}_${key.ifname}`, cause);
      return this.#restore(key);
    }
  }

  /** Whether there is a file, damaged or not. That takes one look, and an ADD seldom finds one. */
  hasRecord(key: AttachmentKey): boolean {
    return this.#state.has(key.network, key.containerId) && this.#platform.stat(this.#file(key)) !== null;
  }

  /**
   * The record, for commands that change nothing: sets nothing aside. Throws an Error that says what is wrong with a
   * damaged one.
   */
  peek(key: AttachmentKey): AttachmentRecord | null {
    const text = readPrivateFile(this.#platform, this.#file(key), maxRecordBytes, this.#seen);
    return text === null ? null : parseRecordOf(key, text);
  }

  /** As `read`; if the file is gone, the copy of it that a VF has. */
  find(key: AttachmentKey): AttachmentRecord | null {
    return this.read(key) ?? this.#copyOf(key);
  }

  /**
   * Gives up the VF; the record stays, for the address in it, and says so, because a VF without owner may also be one
   * that its next user has left. Throws CniError io; then the record still owns the VF.
   */
  giveUpVf(record: AttachmentRecord): void {
    this.#writeRecord(record.key, formatRecord({ ...record, vfGivenUp: true }), true);
    this.#disown(record);
  }

  /** Also removes a copy that names nobody, as a power cut may leave it. */
  #disown({ key, identity }: AttachmentRecord): void {
    const owner = this.ownerOf(identity.pci);
    if (owner === null || sameKey(owner, key)) this.#platform.unlink(this.#ownerFile(identity.pci));
  }

  /** Removes the record and its ownership of the VF; succeeds if they are gone already. */
  remove(record: AttachmentRecord): void {
    const { key } = record;
    this.#disown(record);
    this.#platform.unlink(this.#file(key));
    this.tidy(key);
  }

  /**
   * Removes what killed processes have left of this container, if it has no record. Never fails, because these files
   * hold nothing, and a sweep tries again.
   */
  tidy(key: AttachmentKey): void {
    try {
      this.#removeEmptyDirectory(key);
    } catch (thrown) {
      this.#log.warning('what killed processes left can’t be removed', { reason: explain(thrown) });
    }
  }

  /** Removes what killed processes have left of any container. */
  tidyAll(): void {
    const shared = [this.#state.find(), this.#state.find(ownersDirectory)];
    for (const directory of shared) removeDeadTemporaries(this.#platform, directory);
    for (const network of this.#networks()) {
      for (const containerId of this.#containers(network)) {
        if (this.#keysIn(network, containerId).length > 0) continue;
        const directory = this.#state.find(network, containerId);
        removeDeadTemporaries(this.#platform, directory);
        this.#platform.removeDir(directory);
      }
      this.#platform.removeDir(this.#state.find(network));
    }
  }

  /** The attachment that holds the VF; null if none does. Throws CniError recordVersion. */
  ownerOf(pci: PciAddress): AttachmentKey | null {
    const text = this.#readOwner(pci);
    return text === null ? null : parseOwner(text);
  }

  /**
   * As ownerOf, for commands that change nothing: sets nothing aside. Throws an Error for a file that others than root
   * may have written.
   */
  peekOwner(pci: PciAddress): AttachmentKey | null {
    const text = this.#peekOwnerText(pci);
    return text === null ? null : parseOwner(text);
  }

  #peekOwnerText(pci: string): string | null {
    return readPrivateFile(this.#platform, this.#ownerFile(pci), maxRecordBytes, this.#seen);
  }

  #ownerFile(pci: string): string {
    return `${this.#state.find(ownersDirectory)}/${pci}`;
  }

  #readOwner(pci: string): string | null {
    try {
      return this.#peekOwnerText(pci);
    } catch (cause) {
      if (!(cause instanceof NotOurs)) throw cause;
      this.#setAside(this.#ownerFile(pci), pci, cause);
      return null;
    }
  }

  /** Keys of all records of a network. */
  keysOfNetwork(network: string): readonly AttachmentKey[] {
    return this.#containers(network).flatMap((containerId) => this.#keysIn(network, containerId));
  }

  /** Keys of all records of a container, in whatever network. */
  keysOfContainer(containerId: string): readonly AttachmentKey[] {
    // One look tells that most networks have nothing of the container.
    const has = (network: string): boolean =>
      isIdentifier(network) && this.#platform.stat(`${this.#state.root}/${network}/${containerId}`) !== null;
    return this.#state.directories(has).flatMap((network) => this.#keysIn(network, containerId));
  }

  /** Keys of all records on this node. */
  allKeys(): readonly AttachmentKey[] {
    return [...this.keysBehind()];
  }

  /** All keys in order, from behind the one with these names. Looks into a container when its turn comes. */
  *keysBehind(network = '', containerId = '', ifname = ''): Generator<AttachmentKey> {
    for (const each of this.#networks()) {
      if (each < network) continue;
      const first = each === network ? containerId : '';
      for (const container of this.#containers(each, first)) {
        const keys = this.#keysIn(each, container);
        yield* container === first ? keys.filter((key) => key.ifname > ifname) : keys;
      }
    }
  }

  /** Names of the records that were set aside. */
  damaged(): readonly string[] {
    return this.#state.list(damagedDirectory);
  }

  #keysIn(network: string, containerId: string): AttachmentKey[] {
    return this.#state
      .list(network, containerId)
      .filter((name) => name.endsWith(suffix))
      .map((name) => ({ network, containerId, ifname: name.slice(0, -suffix.length) }));
  }

  #networks(): readonly string[] {
    return this.#state.directories(isIdentifier);
  }

  /** Containers of the network in order, from `first` on. */
  #containers(network: string, first = ''): readonly string[] {
    return this.#state.directories((name) => name >= first && isIdentifier(name), network);
  }

  /** Removes temporary files of killed processes first. Nobody writes there, because there is no record. */
  #removeEmptyDirectory({ network, containerId }: AttachmentKey): void {
    const directory = this.#state.find(network, containerId);
    if (!this.#platform.removeDir(directory)) {
      const names = this.#state.list(network, containerId);
      if (names.some((name) => name.endsWith(suffix))) return;
      for (const name of names.filter(isTemporary)) this.#platform.unlink(`${directory}/${name}`);
      this.#platform.removeDir(directory);
    }
    this.#platform.removeDir(this.#state.find(network));
  }

  #file(key: AttachmentKey): string {
    return `${this.#state.find(key.network, key.containerId)}/${fileName(key)}`;
  }

  /** Reads the copies of all VFs, so it serves rare cases only. */
  #copyOf(key: AttachmentKey): AttachmentRecord | null {
    for (const pci of this.#state.list(ownersDirectory)) {
      if (pci.startsWith('.')) continue;
      const text = this.#readOwner(pci);
      const owner = text === null ? null : parseOwner(text);
      if (text === null || owner === null || !sameKey(owner, key)) continue;
      try {
        return parseRecordOf(key, text);
      } catch (cause) {
        if (isCniError(cause, 'recordVersion') || isBug(cause)) throw cause;
        this.#log.error('the copy of an attachment record is damaged too', { pci, reason: explain(cause) });
      }
    }
    return null;
  }

  #restore(key: AttachmentKey): AttachmentRecord | null {
    const copy = this.#copyOf(key);
    if (copy !== null) this.write(copy);
    return copy;
  }

  #setAside(path: string, name: string, cause: unknown): void {
    const target = `${this.#state.make(damagedDirectory)}/${`${name}_${this.#platform.epochMs()}`.slice(-200)}`;
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

function onlyIo(write: () => void): void {
  try {
    write();
  } catch (cause) {
    if (isCniError(cause) || isBug(cause)) throw cause;
    throw new CniError('io', "the attachment record can't be written", { cause });
  }
}

const fileName = (key: AttachmentKey): string => `${key.ifname}${suffix}`;

/**
 * The key in a record; null if the text is none. Throws CniError recordVersion if a newer build has a key of another
 * form.
 */
function parseOwner(text: string): AttachmentKey | null {
  const key = parseKey(text);
  if (key !== null) return key;
  try {
    parseRecord(text);
  } catch (thrown) {
    if (isCniError(thrown, 'recordVersion') || isBug(thrown)) throw thrown;
  }
  return null;
}

/** Throws an Error that says what is wrong with the text; CniError recordVersion for one of a newer build. */
function parseRecordOf(key: AttachmentKey, text: string): AttachmentRecord {
  const record = parseRecord(text);
  if (sameKey(record.key, key)) return record;
  throw new Error(`it is the record of ${describeKey(record.key)}`);
}
