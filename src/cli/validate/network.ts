import { identifierForm, isIdentifier } from '../../cni/environment.ts';
import { isSupportedVersion, supportedVersions } from '../../cni/versions.ts';
import { whyNoLogPath } from '../../commands/log-file.ts';
import { findOddKeys } from '../../config/odd-keys.ts';
import { reviewConf } from '../../config/parse.ts';
import { type ConfKey, schema, unsupportedKeys } from '../../config/schema.ts';
import { cniKeys, foldedKey } from '../../config/spelling.ts';
import { isJsonObject, type Json } from '../../lib/json.ts';
import { printable, quote, show } from '../../lib/quote.ts';
import type { ProbeReport } from '../probe/report.ts';
import { error, type Finding, type Path, parsePath, under, warning } from './finding.ts';
import { checkIpam } from './ipam.ts';
import { checkName as compareNames } from './manifest.ts';
import { checkAgainstNode } from './node.ts';
import { at, type Manifest, resourceNameKey, textAt } from './objects.ts';
import { readJson } from './source.ts';
import { checkKeys, meantBy } from './spelling.ts';

/** Rules for the check of files. */
export interface Rules {
  /** Values of `type` that mean this plugin. Of other plugins' configs only `type` is checked. */
  readonly ourTypes: ReadonlySet<string>;
  /** The report of the node for which they are; null: none. */
  readonly node: ProbeReport | null;
}

export interface NetworkRules extends Rules {
  /** A config inside a NetworkAttachmentDefinition needs no name: Multus gives it the definition's. */
  readonly nameNeeded: boolean;
}

function checkName(network: Json, { nameNeeded }: NetworkRules): Finding[] {
  const name = network['name'] ?? '';
  if (name === '') return nameNeeded ? [error('name', 'missing; a network needs a name')] : [];
  if (typeof name === 'string' && isIdentifier(name)) return [];
  return [error('name', `${show(name)} is not allowed; allowed: ${identifierForm}`)];
}

function checkVersions(network: Json): Finding[] {
  const versions = network['cniVersions'] ?? [];
  const all = [network['cniVersion'] ?? '', ...(Array.isArray(versions) ? versions : [versions])];
  return all
    .filter((version) => version !== '' && !(typeof version === 'string' && isSupportedVersion(version)))
    .map((version) => error('cniVersion', `${show(version)} is not allowed; allowed: ${supportedVersions.join(', ')}`));
}

const ourKeys: readonly string[] = Object.keys(schema.keys);
const selectorKeys = ['pfNames', 'pfPciAddresses', 'vendors', 'devices', 'drivers', 'linkType'];
/** Keys of CNI, of runtimes, and of plugins behind this one in a chain. */
const otherKeys: readonly string[] = [...cniKeys, ...Object.keys(unsupportedKeys)];

function checkConfKeys(config: Json): Finding[] {
  const { vfSelector } = config;
  const own = checkKeys(config, [...ourKeys, ...otherKeys], 'this plugin').filter(
    // The review says more of keys that differ in case alone, and of other plugins' keys.
    ({ path, severity, fix }) =>
      (String(fix).toLowerCase() !== path.toLowerCase() && severity === 'error') || isUnknown(config, path),
  );
  const selector = isJsonObject(vfSelector) ? checkKeys(vfSelector, selectorKeys, 'vfSelector') : [];
  return [...own, ...under('vfSelector', '.', selector, ['vfSelector'])];
}

const isUnknown = (config: Json, key: string): boolean => findOddKeys(config).every(({ path }) => path !== key);

/** A warning about a key is placed at the key. A key that differs from ours in case alone is meant to be ours. */
function onKey(config: Json, path: string): { readonly on?: 'key'; readonly fix?: string } {
  const meant = foldedKey(path);
  if (!(path in config)) return {};
  return meant === undefined ? { on: 'key' } : { on: 'key', fix: meant };
}

const onOff: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  [true, 'on'],
  [1, 'on'],
  ['on', 'on'],
  ['true', 'on'],
  ['yes', 'on'],
  ['enabled', 'on'],
  [false, 'off'],
  [0, 'off'],
  ['off', 'off'],
  ['false', 'off'],
  ['no', 'off'],
  ['disabled', 'off'],
]);

/** The value that an invalid one is meant to be. */
function fixFor(config: Json, path: string): { readonly fix?: string | number } {
  const value = config[path];
  const schemaOf = ourKeys.includes(path) ? schema.keys[path as ConfKey] : undefined;
  const { kind, inner } =
    schemaOf?.kind === 'optional'
      ? { kind: schemaOf.inner.kind, inner: schemaOf.inner }
      : { kind: '', inner: undefined };
  if (kind === 'integer' && typeof value === 'string' && /^\d+$/.test(value)) return { fix: Number(value) };
  if (inner?.kind === 'choice') {
    const choices = inner.choices.map(String);
    const meant = choices.includes('on')
      ? (onOff.get(typeof value === 'string' ? value.toLowerCase() : value) ?? null)
      : meantBy(String(value), choices);
    return meant === null ? {} : { fix: meant };
  }
  return {};
}

/** Other plugins accept a PCI address without its domain. This one would look for it among CDI devices. */
function checkDeviceIds(config: Json): Finding[] {
  return ['deviceID', 'pciBusID'].flatMap((key) => {
    const value = config[key];
    if (typeof value !== 'string' || !/^[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/i.test(value)) return [];
    const fix = `0000:${value}`;
    return [error(key, `${quote(value)} is a PCI address without its domain; write ${quote(fix)}`, { fix })];
  });
}

function checkLogFile({ logFile }: Json): Finding[] {
  if (typeof logFile !== 'string' || !logFile.startsWith('/')) return [];
  const reason = whyNoLogPath(logFile);
  const name = logFile.slice(logFile.lastIndexOf('/') + 1);
  const fix = `/var/log/dra-sriov/${name === '' ? 'sriov.log' : name}`;
  return reason === null
    ? []
    : [warning('logFile', `${quote(logFile)} is never written, the log goes to stderr: ${reason}`, { fix })];
}

/** The type of ours that is surely meant; null for another plugin's. `sriov2` is a name that somebody gave. */
function meantType(type: string, { ourTypes }: Rules): string | null {
  return /\d$/.test(type) ? null : meantBy(type, [...ourTypes]);
}

/** One plugin's config: ours is checked whole, another's only for its `type`. */
function checkPlugin(config: unknown, rules: NetworkRules): Finding[] {
  if (!isJsonObject(config)) return [error('', `${show(config)} is not allowed; allowed: a JSON object`)];
  const type = config['type'] ?? config['Type'];
  if (typeof type === 'string' && type !== '' && !rules.ourTypes.has(type)) {
    const fix = meantType(type, rules);
    if (fix === null) return [];
    return [
      error(
        'type',
        `${quote(type)} is not this plugin’s; did you mean ${fix}? If that is a name of yours, add --type`,
        { fix },
      ),
    ];
  }
  // name and cniVersion are the network's, and are checked with it.
  const { name: _, cniVersion: __, ...own } = config;
  const { problems, warnings } = reviewConf(own);
  const keys = checkConfKeys(own);
  const isSaid = (path: string): boolean => keys.some((finding) => finding.at?.[0] === parsePath(path)[0]);
  const isMissing = (message: string): boolean => message.startsWith('missing');
  return [
    ...problems
      .filter(({ path, message }) => !(isMissing(message) && keys.some(({ fix }) => fix === path)))
      .map(({ path, message }) => error(path, message, fixFor(own, path))),
    ...keys,
    ...warnings
      .filter(({ path }) => !isSaid(path))
      .map(({ path, message }) => warning(path, message, onKey(own, path))),
    ...checkDeviceIds(own),
    ...checkLogFile(own),
    ...under('ipam', '.', checkIpam(own['ipam']), ['ipam']),
    ...(rules.node === null ? [] : checkAgainstNode(own, rules.node)),
  ];
}

function checkList(plugins: unknown, rules: NetworkRules): Finding[] {
  if (!Array.isArray(plugins) || plugins.length === 0) {
    return [error('plugins', `${show(plugins)} is not allowed; allowed: an array of at least one plugin's config`)];
  }
  const findings = plugins.flatMap((plugin, at) =>
    under(`plugins[${at}]`, '.', checkPlugin(plugin, rules), ['plugins', at]),
  );
  return plugins.every((plugin) => isForeign(plugin, rules)) ? [...findings, noneOfOurs('plugins', rules)] : findings;
}

function isForeign(config: unknown, rules: Rules): boolean {
  if (!isJsonObject(config)) return false;
  const { type } = config;
  return typeof type === 'string' && type !== '' && !rules.ourTypes.has(type) && meantType(type, rules) === null;
}

/** Whether a network's config has other plugins only, which have to check it themselves. */
function isOfOthers(network: unknown, rules: Rules): boolean {
  const plugins = at(network, 'plugins');
  if (!Array.isArray(plugins)) return isForeign(network, rules);
  return plugins.length > 0 && plugins.every((plugin) => isForeign(plugin, rules));
}

/** Whether a JSON file that nobody named is to be checked: package.json and schemas lie beside manifests. */
export function isNetworkOfOurs(value: unknown, rules: Rules): boolean {
  if (!isJsonObject(value) || isOfOthers(value, rules)) return false;
  const { cniVersion, type, plugins } = value;
  const isTyped = typeof cniVersion === 'string' || typeof type === 'string';
  return isTyped || (Array.isArray(plugins) && plugins.some(isJsonObject));
}

/** The finding if no config is ours, because this plugin may be installed under another name. */
export function noneOfOurs(path: string, { ourTypes }: Pick<Rules, 'ourTypes'>): Finding {
  const names = [...ourTypes].map((type) => quote(type)).join(' or ');
  return warning(path, `no plugin of type ${names}, so no settings were checked; see --type`);
}

/** Checks a network config or a conflist (one that has `plugins`), parsed from JSON. */
export function checkNetwork(network: unknown, rules: NetworkRules): Finding[] {
  if (!isJsonObject(network)) return [error('', `${show(network)} is not allowed; allowed: a JSON object`)];
  const common = [...checkName(network, rules), ...checkVersions(network)];
  if (network['plugins'] !== undefined) return [...common, ...checkList(network['plugins'], rules)];
  const findings = [...common, ...checkPlugin(network, rules)];
  return isForeign(network, rules) ? [...findings, noneOfOurs('type', rules)] : findings;
}

const kind = 'NetworkAttachmentDefinition';
const apiVersion = 'k8s.cni.cncf.io/v1';

/** A qualified name of Kubernetes: `prefix/name`, or `name` alone as the DRA driver's device-info has it. */
const resourceName = /^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;
const objectName = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

export function isDefinition(document: unknown): document is Json {
  return isJsonObject(document) && document['kind'] === kind;
}

const objectOrEmpty = (value: unknown): Json => (isJsonObject(value) ? value : {});

function checkMetadata(metadata: Json): Finding[] {
  const { name, annotations } = metadata;
  const findings: Finding[] = [];
  if (typeof name !== 'string' || !objectName.test(name)) {
    findings.push(error('metadata.name', `${show(name)} is not allowed; allowed: a lower-case DNS name`));
  }
  const resource = objectOrEmpty(annotations)[resourceNameKey] ?? '';
  if (resource !== '' && !(typeof resource === 'string' && resourceName.test(resource))) {
    const path = `metadata.annotations[${quote(resourceNameKey)}]`;
    findings.push(
      error(path, `${show(resource)} is not allowed; allowed: a resource name such as "example.com/sriov_nic_1"`),
    );
  }
  return findings;
}

function checkConfig({ object, name, document, within }: Manifest, rules: Rules): readonly Finding[] {
  const config = at(object, 'spec', 'config');
  if (config === undefined || config === null || config === '') {
    return [warning('', 'missing: Multus will look for a network of this name on the node')];
  }
  if (typeof config !== 'string') return [error('', `${show(config)} is not allowed; allowed: JSON in a string`)];
  const { document: inner, findings } = readJson(config, document.inText([...within, 'spec', 'config']));
  if (inner === null) return findings;
  const network = checkNetwork(inner.value, { ...rules, nameNeeded: false });
  return [...findings, ...network, ...(isJsonObject(inner.value) ? compareNames(name, inner.value) : [])];
}

/** Checks a NetworkAttachmentDefinition and the network config in it; not those of other plugins. */
export function checkDefinition(manifest: Manifest, rules: Rules): Finding[] {
  const definition = manifest.object;
  if (isOfOthers(parseQuietly(textAt(definition, 'spec', 'config') ?? ''), rules)) return [];
  const metadata = objectOrEmpty(definition['metadata']);
  const names = [metadata['namespace'], metadata['name']].filter((name) => typeof name === 'string' && name !== '');
  const findings = [
    ...(definition['apiVersion'] === apiVersion
      ? []
      : [
          error('apiVersion', `${show(definition['apiVersion'])} is not allowed; allowed: "${apiVersion}"`, {
            fix: apiVersion,
          }),
        ]),
    ...checkMetadata(metadata),
    ...under('spec.config', ': ', checkConfig(manifest, rules), ['spec', 'config']),
  ];
  const title = names.length === 0 ? kind : `${kind} ${printable(names.join('/'))}`;
  return under(title, ': ', findings, []);
}

/** A NetworkAttachmentDefinition. */
export interface Network extends Manifest {
  readonly resourceName: string | null;
  /** The plugin of ours in it; null if there is none, or its config can't be read. */
  readonly plugin: Json | null;
  /** False if its config is no JSON, so that nothing is known of its plugins. */
  readonly isReadable: boolean;
  /** Path of the plugin from the top of the config. */
  readonly pluginPath: Path;
}

function parseQuietly(config: string): unknown {
  try {
    return JSON.parse(config);
  } catch {
    // The check of the definition itself reports that.
    return undefined;
  }
}

export function readNetwork(manifest: Manifest, ourTypes: ReadonlySet<string>): Network | null {
  if (!isDefinition(manifest.object)) return null;
  const network = parseQuietly(textAt(manifest.object, 'spec', 'config') ?? '');
  const list = at(network, 'plugins');
  const plugins: readonly unknown[] = Array.isArray(list) ? list : [network];
  const index = plugins.findIndex((plugin) => isJsonObject(plugin) && ourTypes.has(String(plugin['type'])));
  const plugin = plugins[index];
  return {
    ...manifest,
    resourceName: textAt(manifest.object, 'metadata', 'annotations', resourceNameKey),
    plugin: isJsonObject(plugin) ? plugin : null,
    isReadable: isJsonObject(network),
    pluginPath: Array.isArray(list) ? ['plugins', index] : [],
  };
}
