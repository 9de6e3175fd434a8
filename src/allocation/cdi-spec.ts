import { explain } from '../cni/errors.ts';
import { parseJson, readAs } from '../cni/json-text.ts';
import { readBlockYaml } from '../lib/block-yaml.ts';
import { arrayOf, lazily, object, optional, text, textThat } from '../lib/json-schema.ts';
import { isSystemError } from '../lib/system-error.ts';
import type { Platform } from '../platform/platform.ts';
import type { Trace } from './trace.ts';

/** A kind of CDI device, `<vendor>/<class>` (CDI specification, "kind"). */
interface CdiKind {
  readonly vendor: string;
  readonly class: string;
}

/** Kinds under which releases of dra-driver-sriov publish VFs, that of the newest first. */
const kinds: readonly CdiKind[] = [
  { vendor: 'sriovnetwork.k8snetworkplumbingwg.io', class: 'vf' },
  { vendor: 'sriovnetwork.openshift.io', class: 'vf' },
  { vendor: 'virtualfunction.sriovnetwork.openshift.io', class: 'nic' },
];

/** Text that every spec of ours and its name contain, so that JavaScript need not read foreign specs. */
const commonMark = 'sriovnetwork';

const kindNames: ReadonlySet<string> = new Set(kinds.map((kind) => `${kind.vendor}/${kind.class}`));

/** Beginnings of file names, which the CDI library puts in front of a UID (GenerateTransientSpecName). */
const filePrefixes: readonly string[] = kinds.map((kind) => `${kind.vendor}-${kind.class}_`);

/** Of the files that the CDI library reads as specs. */
const extensions = ['.yaml', '.json'] as const;

/** True for `sriovnetwork.k8snetworkplumbingwg.io/vf` and its predecessors. */
export function isOurKind(kind: string): boolean {
  return kindNames.has(kind);
}

/** True if only a driver of ours writes a file of this name, whatever is in it. */
function isOurFileName(name: string): boolean {
  return filePrefixes.some((prefix) => name.startsWith(prefix));
}

/** Every file name that a driver of ours may have given to the spec of a pod or a claim; `uid` has no `/`. */
export function specFileNames(uid: string): readonly string[] {
  return filePrefixes.flatMap((prefix) => extensions.map((extension) => `${prefix}${uid}${extension}`));
}

/** One device of a CDI spec of ours. */
export interface CdiDevice {
  readonly kind: string;
  readonly name: string;
  /** `containerEdits.env`; of a repeated name the last one. */
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

const maxFileBytes = 1024 * 1024;
const maxFilesPerDirectory = 4096;

const isAssignment = (text: string): boolean => text.indexOf('=') > 0;

/** The parts of a spec that are read (CDI specification, "config.go"). */
const schemas = lazily(() => {
  const env = arrayOf(textThat(isAssignment, 'NAME=VALUE'), 'a list');
  const device = object({ name: text(), containerEdits: optional(object({ env: optional(env) })) });
  return {
    spec: object({ kind: text('<vendor>/<class>') }),
    ours: object({ devices: optional(arrayOf(device, 'a list')) }),
  };
});

/** The devices of a spec; none if its kind is somebody else's. Throws CniError decode. */
function readDevices(spec: unknown, file: string): readonly CdiDevice[] {
  const { kind } = readAs(schemas().spec, spec, '');
  if (!isOurKind(kind)) return [];
  const { devices = [] } = readAs(schemas().ours, spec, '');
  return devices.map(({ name, containerEdits }) => ({ kind, name, env: toMap(containerEdits?.env ?? []), file }));
}

function toMap(env: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    env.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)] as const),
  );
}

const firstLine = (text: string): string => text.split('\n')[0] ?? '';

/**
 * The CDI spec files of this node (`<cdiDir>/*.yaml` and `*.json`), each parsed at most once. Links are not followed,
 * because the CDI library writes plain files and renames them into place. Throws CniError io if a directory can't be
 * listed.
 */
export class CdiSpecs {
  readonly #platform: Platform;
  readonly #parseYaml: (text: string) => unknown;
  readonly #trace: Trace;
  readonly #parsed = new Map<string, FoundSpecs>();

  constructor(platform: Platform, parseYaml: (text: string) => unknown, trace: Trace) {
    this.#platform = platform;
    this.#parseYaml = parseYaml;
    this.#trace = trace;
  }

  /** Contents of the files that our drivers name after a pod's or claim's UID. Lists no directory. */
  namedAfter(uid: string): FoundSpecs {
    for (const directory of this.#platform.paths.cdiDirs) {
      const found = specFileNames(uid).map((name) => this.#open(`${directory}/${name}`, []));
      const merged = merge(found);
      if (merged.devices.length > 0 || merged.broken.length > 0) return merged;
    }
    return merge([]);
  }

  /**
   * Contents of all files in whose text one of `needles` occurs: PCI addresses, names and UIDs are plain text in
   * whatever a driver writes. Parsing the YAML of hundreds of other pods would cost more than the whole attachment. A
   * file or device in a more important directory hides one of the same name.
   */
  mentioning(needles: readonly string[]): FoundSpecs {
    const hiding: string[] = [];
    const hiddenDevices = new Set<string>();
    const all: FoundSpecs[] = [];
    for (const directory of this.#platform.paths.cdiDirs) {
      const isVisible = (name: string): boolean =>
        hiding.every((other) => this.#platform.stat(`${other}/${name}`) === null);
      const visible = this.#search(directory, needles).filter(isVisible);
      const { devices, broken } = merge(visible.map((name) => this.#open(`${directory}/${name}`, needles)));
      all.push({ devices: devices.filter((device) => !hiddenDevices.has(qualifiedName(device))), broken });
      hiding.push(directory);
      for (const device of devices) hiddenDevices.add(qualifiedName(device));
    }
    return merge(all);
  }

  /** Names of the specs that may be ours and hold one of `texts`; any, where there are none of these. */
  #search(directory: string, texts: readonly string[]): readonly string[] {
    const limits = { maxFiles: maxFilesPerDirectory, maxBytes: maxFileBytes };
    try {
      return this.#platform.searchFiles(directory, { endings: extensions, mark: commonMark, texts, ...limits }) ?? [];
    } catch (cause) {
      if (!isSystemError(cause)) throw cause;
      const reason = isSystemError(cause, 'EOVERFLOW')
        ? `holds more than ${maxFilesPerDirectory} CDI specs, which are not read`
        : `can't be listed: ${explain(cause)}`;
      throw this.#trace.failure('io', `the CDI directory ${directory} ${reason}`);
    }
  }

  /** Empty for an absent file, a foreign one, and one that mentions none of `needles`, if there are any. */
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
      // Any error counts: a parser may throw anything at the text of others. It is reported for the file.
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
