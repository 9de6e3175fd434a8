import { identifierForm, isIdentifier } from '../../cni/environment.ts';
import { isSupportedVersion, supportedVersions } from '../../cni/versions.ts';
import { reviewConf } from '../../config/parse.ts';
import { isJsonObject, type Json } from '../../lib/json.ts';
import { printable, quote, show } from '../../lib/quote.ts';
import { error, type Finding, readJson, under, warning } from './finding.ts';
import { at, type Manifest, textAt } from './objects.ts';

export interface NetworkRules {
  /** Values of `type` that mean this plugin; configs of others are only looked at for their `type`. */
  readonly ourTypes: ReadonlySet<string>;
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

/** One plugin's config: ours is checked whole, another's only for its `type`. */
function checkPlugin(config: unknown, rules: NetworkRules): Finding[] {
  if (!isJsonObject(config)) return [error('', `${show(config)} is not allowed; allowed: a JSON object`)];
  const type = config['type'] ?? config['Type'];
  if (typeof type === 'string' && type !== '' && !rules.ourTypes.has(type)) return [];
  // name and cniVersion are the network's, and checked there
  const { name: _, cniVersion: __, ...own } = config;
  const { problems, warnings } = reviewConf(own);
  return [
    ...problems.map(({ path, message }) => error(path, message)),
    ...warnings.map(({ path, message }) => warning(path, message)),
  ];
}

function checkList(plugins: unknown, rules: NetworkRules): Finding[] {
  if (!Array.isArray(plugins) || plugins.length === 0) {
    return [error('plugins', `${show(plugins)} is not allowed; allowed: an array of at least one plugin's config`)];
  }
  const findings = plugins.flatMap((plugin, at) => under(`plugins[${at}]`, '.', checkPlugin(plugin, rules)));
  return plugins.some((plugin) => isOurs(plugin, rules)) ? findings : [...findings, noneOfOurs('plugins', rules)];
}

const isOurs = (config: unknown, { ourTypes }: NetworkRules): boolean =>
  isJsonObject(config) && typeof config['type'] === 'string' && ourTypes.has(config['type']);

function noneOfOurs(path: string, { ourTypes }: NetworkRules): Finding {
  const names = [...ourTypes].map((type) => quote(type)).join(' or ');
  return warning(path, `no plugin of type ${names}, so no settings were checked; see --type`);
}

/** Checks a network config or a conflist (one that has `plugins`), parsed from JSON. */
export function checkNetwork(network: unknown, rules: NetworkRules): Finding[] {
  if (!isJsonObject(network)) return [error('', `${show(network)} is not allowed; allowed: a JSON object`)];
  const common = [...checkName(network, rules), ...checkVersions(network)];
  if (network['plugins'] !== undefined) return [...common, ...checkList(network['plugins'], rules)];
  const findings = [...common, ...checkPlugin(network, rules)];
  const silent = typeof network['type'] === 'string' && network['type'] !== '' && !isOurs(network, rules);
  return silent ? [...findings, noneOfOurs('type', rules)] : findings;
}

const kind = 'NetworkAttachmentDefinition';
const apiVersion = 'k8s.cni.cncf.io/v1';
const resourceNameKey = 'k8s.v1.cni.cncf.io/resourceName';

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

function checkConfig(config: unknown, ourTypes: NetworkRules['ourTypes']): readonly Finding[] {
  if (config === undefined || config === null || config === '') {
    return [warning('', 'missing: Multus will look for a network of this name on the node')];
  }
  if (typeof config !== 'string') return [error('', `${show(config)} is not allowed; allowed: JSON in a string`)];
  const { value, findings } = readJson(config);
  return findings.length > 0 ? findings : checkNetwork(value, { ourTypes, nameNeeded: false });
}

/** Checks a NetworkAttachmentDefinition and the network config in it. */
export function checkDefinition(definition: Json, ourTypes: NetworkRules['ourTypes']): Finding[] {
  const metadata = objectOrEmpty(definition['metadata']);
  const names = [metadata['namespace'], metadata['name']].filter((name) => typeof name === 'string' && name !== '');
  const findings = [
    ...(definition['apiVersion'] === apiVersion
      ? []
      : [error('apiVersion', `${show(definition['apiVersion'])} is not allowed; allowed: "${apiVersion}"`)]),
    ...checkMetadata(metadata),
    ...under('spec.config', ': ', checkConfig(objectOrEmpty(definition['spec'])['config'], ourTypes)),
  ];
  const title = names.length === 0 ? kind : `${kind} ${printable(names.join('/'))}`;
  return under(title, ': ', findings);
}

/** A NetworkAttachmentDefinition. */
export interface Network extends Manifest {
  readonly resourceName: string | null;
  /** The plugin of ours in it; null where there is none, or its config can't be read. */
  readonly plugin: Json | null;
}

function pluginsOf(config: string): readonly Json[] {
  try {
    const network: unknown = JSON.parse(config);
    const plugins = at(network, 'plugins');
    return (Array.isArray(plugins) ? plugins : [network]).filter(isJsonObject);
  } catch {
    // Said where the definition itself is checked.
    return [];
  }
}

export function readNetwork(manifest: Manifest, ourTypes: ReadonlySet<string>): Network | null {
  if (!isDefinition(manifest.object)) return null;
  const plugins = pluginsOf(textAt(manifest.object, 'spec', 'config') ?? '');
  return {
    ...manifest,
    resourceName: textAt(manifest.object, 'metadata', 'annotations', resourceNameKey),
    plugin: plugins.find(({ type }) => ourTypes.has(String(type))) ?? null,
  };
}
