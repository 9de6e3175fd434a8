import { identifierForm, isIdentifier } from '../cni/environment.ts';
import { isJsonObject } from '../cni/json-text.ts';
import { isSupportedVersion, supportedVersions } from '../cni/versions.ts';
import { reviewConf } from '../config/parse.ts';
import { quote, show } from '../lib/quote.ts';
import { error, type Finding, under, warning } from './finding.ts';

type Json = Readonly<Record<string, unknown>>;

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
