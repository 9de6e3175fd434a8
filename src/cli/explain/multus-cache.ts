import { usualTypes } from '../../config/sriov-conf.ts';
import { isJsonObject, type Json } from '../../lib/json.ts';
import { isSystemError } from '../../lib/system-error.ts';
import type { Platform } from '../../platform/platform.ts';

/** libcni's file of an attachment (`results/<network>-<container>-<ifname>`, cniCacheV1). */
interface CachedResult {
  readonly containerId: string;
  readonly podUid: string | null;
  readonly namespace: string | null;
  readonly name: string | null;
}

/** A network of this plugin that Multus attaches, by its place in the pod's annotation. */
interface AnnotatedNetwork {
  readonly network: string;
  readonly ifname: string;
  /** The config as on stdin, without the runtime's keys. */
  readonly config: Json;
}

export interface Annotation {
  /** The file. */
  readonly source: string;
  /** Networks of this plugin, without the cluster's own network and those of others. */
  readonly networks: readonly AnnotatedNetwork[];
}

/** A file takes some KiB. */
const maxFileBytes = 1024 * 1024;
const maxFilesRead = 4096;

/** An unreadable file counts as absent, because others write and remove it meanwhile. */
function readJsonFile(platform: Platform, path: string): unknown {
  try {
    const text = platform.readFile(path, { maxBytes: maxFileBytes, followLinks: false })?.toString('utf8');
    return text === undefined ? null : JSON.parse(text);
  } catch (thrown) {
    if (thrown instanceof SyntaxError || isSystemError(thrown)) return null;
    throw thrown;
  }
}

const textOf = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);

function readResult(value: unknown): CachedResult | null {
  if (!isJsonObject(value)) return null;
  const containerId = textOf(value['containerId']);
  if (containerId === null) return null;
  const pairs = Array.isArray(value['cniArgs']) ? value['cniArgs'] : [];
  const args = new Map(pairs.filter(Array.isArray).map(([key, arg]): [unknown, unknown] => [key, arg]));
  return {
    containerId,
    podUid: textOf(args.get('K8S_POD_UID')),
    namespace: textOf(args.get('K8S_POD_NAMESPACE')),
    name: textOf(args.get('K8S_POD_NAME')),
  };
}

/** The attachments that libcni keeps results of; empty if Multus keeps nothing here. */
export function listCachedResults(platform: Platform): readonly CachedResult[] {
  const directory = `${platform.paths.multusDir}/results`;
  const names = (platform.readDir(directory) ?? []).slice(0, maxFilesRead);
  return names.flatMap((name) => readResult(readJsonFile(platform, `${directory}/${name}`)) ?? []);
}

/** The network's config in a delegate of Multus: JSON in base64, as Go writes bytes. */
function readConfig(delegate: Json): unknown {
  const bytes = textOf(delegate['Bytes']);
  if (bytes === null) return null;
  try {
    // The engine's own: the Buffer of the native host knows no base64.
    return JSON.parse(Buffer.from(Uint8Array.fromBase64(bytes)).toString('utf8'));
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return null;
    throw thrown;
  }
}

/** Our plugin's config in a delegate of Multus; null if it has none of ours. */
function ownConfig(delegate: Json): { readonly network: string; readonly config: Json } | null {
  const whole = readConfig(delegate);
  if (!isJsonObject(whole)) return null;
  const plugins = Array.isArray(whole['plugins']) ? whole['plugins'].filter(isJsonObject) : [whole];
  const config = plugins.find(({ type }) => usualTypes.includes(String(type)));
  const network = textOf(whole['name']);
  return config === undefined || network === null ? null : { network, config };
}

/**
 * The networks of this plugin in a pod's annotation, as Multus keeps them for DEL (`<multusDir>/<container>`, a list of
 * DelegateNetConf); null if it has no file of that container. An interface without a name is called `net` with its
 * place in the list.
 */
export function readAnnotation(platform: Platform, containerId: string): Annotation | null {
  const source = `${platform.paths.multusDir}/${containerId}`;
  const delegates = readJsonFile(platform, source);
  if (!Array.isArray(delegates)) return null;
  const networks = delegates.flatMap((delegate: unknown, at) => {
    const own = isJsonObject(delegate) ? ownConfig(delegate) : null;
    if (own === null) return [];
    return [{ ...own, ifname: textOf((delegate as Json)['ifnameRequest']) ?? `net${at}` }];
  });
  return { source, networks };
}
