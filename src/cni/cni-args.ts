import { quote } from '../lib/quote.ts';
import { CniError } from './errors.ts';

/** Keys of CNI_ARGS that this plugin or the IPAM plugins behind it know. */
const knownArgs: ReadonlySet<string> = new Set([
  'IgnoreUnknown',
  'MAC',
  'IP',
  'GATEWAY',
  'SUBNET',
  'K8S_POD_NAMESPACE',
  'K8S_POD_NAME',
  'K8S_POD_UID',
  'K8S_POD_INFRA_CONTAINER_ID',
]);

const truthValues: ReadonlyMap<string, boolean> = new Map([
  ['1', true],
  ['true', true],
  ['0', false],
  ['false', false],
]);

function splitPair(pair: string): [key: string, value: string] {
  const [key, value, ...rest] = pair.split('=');
  if (key === undefined || key === '' || value === undefined || rest.length > 0) {
    throw new CniError(
      'invalidEnvironment',
      `CNI_ARGS: ${quote(pair)} is not allowed; allowed: KEY=VALUE pairs by ";"`,
    );
  }
  return [key, value];
}

function readIgnoreUnknown(value: string): boolean {
  const truth = truthValues.get(value.toLowerCase());
  if (truth !== undefined) return truth;
  throw new CniError(
    'invalidEnvironment',
    `CNI_ARGS: IgnoreUnknown=${quote(value)} is not allowed; allowed: 1, true, 0 or false`,
  );
}

/**
 * Reads CNI_ARGS: pairs separated by `;`, each with exactly one `=`. Keys are case-sensitive. Of a repeated key the
 * last one counts, because Multus appends the runtime's pairs to its own. The object has no prototype, so every key is
 * harmless. Throws CniError invalidEnvironment for malformed pairs, and for unknown keys unless `IgnoreUnknown` is 1 or
 * true (as types.LoadArgs of containernetworking/cni).
 */
export function parseCniArgs(text: string): Readonly<Record<string, string>> {
  const args: Record<string, string> = Object.create(null);
  const unknown: string[] = [];
  let ignoreUnknown = false;
  for (const pair of text === '' ? [] : text.split(';')) {
    const [key, value] = splitPair(pair);
    args[key] = value;
    if (key === 'IgnoreUnknown') ignoreUnknown = readIgnoreUnknown(value);
    else if (!knownArgs.has(key)) unknown.push(key);
  }
  if (unknown.length > 0 && !ignoreUnknown) {
    const names = unknown.map((key) => quote(key)).join(', ');
    throw new CniError('invalidEnvironment', `CNI_ARGS: unknown keys ${names}; allowed with IgnoreUnknown=1`);
  }
  return Object.freeze(args);
}

/** Those pairs of CNI_ARGS that can be read, for DEL, which has to work whatever the runtime says. */
export function parseCniArgsLeniently(text: string): Readonly<Record<string, string>> {
  const args: Record<string, string> = Object.create(null);
  for (const pair of text.split(';')) {
    const at = pair.indexOf('=');
    if (at > 0) args[pair.slice(0, at)] = pair.slice(at + 1);
  }
  return Object.freeze(args);
}
