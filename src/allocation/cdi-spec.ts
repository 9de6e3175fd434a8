import { explain } from '../cni/errors.ts';
import { parseJson } from '../cni/json-text.ts';
import { readBlockYaml } from '../lib/block-yaml.ts';
import { isJsonObject, type Json } from '../lib/json.ts';
import { show } from '../lib/quote.ts';
import { isSystemError } from '../lib/system-error.ts';
import type { Platform } from '../platform/platform.ts';
import type { Trace } from './trace.ts';

/** A kind of CDI device, `<vendor>/<class>` (CDI specification, "kind"). */
interface CdiKind {
  readonly vendor: string;
  readonly class: string;
}

/** Kinds under which dra-driver-sriov has published VFs, the present one first. */
const kinds: readonly CdiKind[] = [
  { vendor: 'sriovnetwork.k8snetworkplumbingwg.io', class: 'vf' },
  { vendor: 'sriovnetwork.openshift.io', class: 'vf' },
  { vendor: 'virtualfunction.sriovnetwork.openshift.io', class: 'nic' },
];

/** A text in every spec of ours and in its name, to tell foreign specs without parsing them. */
const commonMark = 'sriovnetwork';

const kindNames: ReadonlySet<string> = new Set(kinds.map((kind) => `${kind.vendor}/${kind.class}`));

/** What the CDI library puts in front of a UID (GenerateTransientSpecName). */
const filePrefixes: readonly string[] = kinds.map((kind) => `${kind.vendor}-${kind.class}_`);

const extensions = ['.yaml', '.json'] as const;

/** True for `sriovnetwork.k8snetworkplumbingwg.io/vf` and its predecessors. */
export function isOurKind(kind: string): boolean {
  return kindNames.has(kind);
}

/** True where only a driver of ours writes a file of this name, whatever is in it. */
function isOurFileName(name: string): boolean {
  return name.includes(commonMark) && filePrefixes.some((prefix) => name.startsWith(prefix));
}

/** True for the names that the CDI library reads as specs. */
function isSpecFileName(name: string): boolean {
  return name.endsWith('.yaml') || name.endsWith('.json');
}

/** Every file name that a driver of ours may have given to the spec of a pod or a claim; `uid` has no `/`. */
export function specFileNames(uid: string): readonly string[] {
  return filePrefixes.flatMap((prefix) => extensions.map((extension) => `${prefix}${uid}${extension}`));
}

/** One device of a CDI spec of ours. */
export interface CdiDevice {
  readonly kind: string;
  readonly name: string;
  /** `containerEdits.env`, of a repeated name the last. */
  readonly env: ReadonlyMap<string, string>;
  /** The spec file. */
  readonly file: string;
}

/** A file with a name of ours that can't be read or understood. */
export interface BrokenSpec {
  readonly file: string;
  readonly reason: string;
}

export interface FoundSpecs {
  readonly devices: readonly CdiDevice[];
  readonly broken: readonly BrokenSpec[];
}

interface SpecDirectory {
  /** Of all specs. */
  readonly names: readonly string[];
  /** Of those that may be ours, by their names or by what is in them. */
  readonly candidates: readonly string[];
}

const maxFileBytes = 1024 * 1024;
const maxFilesPerDirectory = 4096;

function readEnv(device: Json, name: string): ReadonlyMap<string, string> {
  const edits = device['containerEdits'] ?? {};
  const list = isJsonObject(edits) ? (edits['env'] ?? []) : edits;
  if (!Array.isArray(list)) throw new Error(`containerEdits.env of device ${show(name)} is no list`);
  return new Map(
    list.map((entry: unknown): [string, string] => {
      const at = typeof entry === 'string' ? entry.indexOf('=') : -1;
      if (typeof entry !== 'string' || at < 1) {
        throw new Error(`${show(entry)} in containerEdits.env of device ${show(name)} is not NAME=VALUE`);
      }
      return [entry.slice(0, at), entry.slice(at + 1)];
    }),
  );
}

/** The devices of a spec; none where its kind is somebody else's. Throws an Error that says what is wrong. */
function readDevices(spec: unknown, file: string): readonly CdiDevice[] {
  if (!isJsonObject(spec)) throw new Error('it is no mapping of keys to values');
  const { kind, devices = [] } = spec;
  if (typeof kind !== 'string') throw new Error(`kind is ${show(kind)}, not <vendor>/<class>`);
  if (!isOurKind(kind)) return [];
  if (!Array.isArray(devices)) throw new Error('devices is no list');
  return devices.map((device: unknown): CdiDevice => {
    const name = isJsonObject(device) ? device['name'] : undefined;
    if (!isJsonObject(device) || typeof name !== 'string') throw new Error(`${show(device)} in devices has no name`);
    return { kind, name, env: readEnv(device, name), file };
  });
}

const firstLine = (text: string): string => text.split('\n')[0] ?? '';

/**
 * The CDI spec files of this node (`<cdiDir>/*.yaml` and `*.json`), each parsed at most once. Links are not followed:
 * the CDI library writes a file beside and renames it, so a link is none of ours. Throws CniError io where a directory
 * can't be listed.
 */
export class CdiSpecs {
  readonly #platform: Platform;
  readonly #parseYaml: (text: string) => unknown;
  readonly #trace: Trace;
  readonly #parsed = new Map<string, FoundSpecs>();
  readonly #listed = new Map<string, SpecDirectory>();

  constructor(platform: Platform, parseYaml: (text: string) => unknown, trace: Trace) {
    this.#platform = platform;
    this.#parseYaml = parseYaml;
    this.#trace = trace;
  }

  /** What the files hold that our drivers name after a pod's or claim's UID; no directory is listed. */
  namedAfter(uid: string): FoundSpecs {
    for (const directory of this.#platform.paths.cdiDirs) {
      const found = specFileNames(uid).map((name) => this.#open(`${directory}/${name}`, []));
      const merged = merge(found);
      if (merged.devices.length > 0 || merged.broken.length > 0) return merged;
    }
    return merge([]);
  }

  /**
   * What all files hold in whose text one of `needles` occurs (PCI addresses, names and UIDs are plain text in every
   * spelling that a driver writes): parsing hundreds of other pods' YAML would cost more than the whole attachment.
   * A file or a device in a more important directory hides one of the same name.
   */
  mentioning(needles: readonly string[]): FoundSpecs {
    const hiding: (readonly string[])[] = [];
    const hiddenDevices = new Set<string>();
    const all: FoundSpecs[] = [];
    for (const directory of this.#platform.paths.cdiDirs) {
      const { names, candidates } = this.#list(directory);
      const visible = candidates.filter((name) => !hiding.some((others) => others.includes(name)));
      const { devices, broken } = merge(visible.map((name) => this.#open(`${directory}/${name}`, needles)));
      all.push({ devices: devices.filter((device) => !hiddenDevices.has(qualifiedName(device))), broken });
      hiding.push(names);
      for (const device of devices) hiddenDevices.add(qualifiedName(device));
    }
    return merge(all);
  }

  #list(directory: string): SpecDirectory {
    const known = this.#listed.get(directory);
    if (known !== undefined) return known;
    const names = this.#readDir(directory).filter(isSpecFileName);
    if (names.length > maxFilesPerDirectory) {
      throw this.#trace.failure(
        'io',
        `${directory} holds ${names.length} CDI specs; at most ${maxFilesPerDirectory} are read`,
      );
    }
    const ours = names.filter(isOurFileName);
    const others = ours.length === 0 ? names : names.filter((name) => !isOurFileName(name));
    const marked = this.#platform.filesHolding(directory, others, commonMark);
    const listed = { names, candidates: [...ours, ...marked].sort() };
    this.#listed.set(directory, listed);
    return listed;
  }

  #readDir(directory: string): readonly string[] {
    try {
      return this.#platform.readDir(directory) ?? [];
    } catch (cause) {
      if (!isSystemError(cause)) throw cause;
      throw this.#trace.failure('io', `the CDI directory ${directory} can't be listed: ${explain(cause)}`);
    }
  }

  /** Empty for an absent file, one that mentions none of `needles` (unless there are none), and a foreign one. */
  #open(file: string, needles: readonly string[]): FoundSpecs {
    const known = this.#parsed.get(file);
    if (known !== undefined) return known;
    const nothing: FoundSpecs = { devices: [], broken: [] };
    const ours = isOurFileName(file.slice(file.lastIndexOf('/') + 1));
    try {
      const text = this.#platform.readFile(file, { maxBytes: maxFileBytes, followLinks: false })?.toString('utf8');
      const isRelevant = needles.length === 0 || needles.some((needle) => text?.includes(needle));
      if (text === undefined || !isRelevant) return nothing;
      const found = { devices: readDevices(this.#parse(text, file), file), broken: [] };
      this.#parsed.set(file, found);
      return found;
    } catch (thrown) {
      // Whatever reading a text of others makes of it is said of the file.
      if (!ours) return nothing;
      const reason = firstLine(isSystemError(thrown) ? thrown.message : explain(thrown));
      return { devices: [], broken: [{ file, reason }] };
    }
  }

  #parse(text: string, file: string): unknown {
    if (file.endsWith('.json')) return parseJson(text, 'the file');
    const plain = readBlockYaml(text);
    return plain === undefined ? this.#parseYaml(text) : plain;
  }
}

const qualifiedName = (device: CdiDevice): string => `${device.kind}=${device.name}`;

function merge(found: readonly FoundSpecs[]): FoundSpecs {
  return { devices: found.flatMap(({ devices }) => devices), broken: found.flatMap(({ broken }) => broken) };
}
