import { isJsonObject, type Json } from '../lib/json.ts';
import { quote, show } from '../lib/quote.ts';
import { parseCniArgs, parseCniArgsLeniently } from './cni-args.ts';
import {
  checkEnvironment,
  checkPluginPath,
  type Environment,
  identifierForm,
  isIdentifier,
  readCommand,
  splitPluginPath,
} from './environment.ts';
import { CniError } from './errors.ts';
import { parseJson } from './json-text.ts';
import type { CniCommand, CniRequest } from './request.ts';
import { type CniVersion, checkVersion, impliedVersion, newestVersion } from './versions.ts';

function readConfig(stdin: string): Json {
  const config = parseJson(stdin, 'the network config on stdin');
  if (isJsonObject(config)) return config;
  throw new CniError('decode', `the network config on stdin is ${show(config)}; expected a JSON object`);
}

/** The version that a config claims; '' and null mean none, as in Go. Throws CniError decode if it is no string. */
function readVersion(config: Json): string {
  const version = config['cniVersion'] ?? '';
  if (typeof version !== 'string') {
    throw new CniError(
      'decode',
      `cniVersion: ${show(version)} is not allowed; allowed: a string such as "${newestVersion}"`,
    );
  }
  return version === '' ? impliedVersion : version;
}

function readNetworkName(config: Json): string {
  const name = config['name'] ?? '';
  if (name === '') throw new CniError('invalidConfig', 'invalid network config: name: missing; a network needs a name');
  if (typeof name === 'string' && isIdentifier(name)) return name;
  throw new CniError(
    'invalidConfig',
    `invalid network config: name: ${show(name)} is not allowed; allowed: ${identifierForm}`,
  );
}

function hasIpam(config: Json): boolean {
  const ipam = config['ipam'];
  return isJsonObject(ipam) && typeof ipam['type'] === 'string' && ipam['type'] !== '';
}

function isTrue(value: string | undefined): boolean {
  return value === '1' || value?.toLowerCase() === 'true';
}

const withoutStdin = {
  stdin: '',
  config: Object.freeze({}),
  cniVersion: newestVersion,
  network: '',
} as const satisfies Partial<CniRequest>;

function readStdinPart(
  command: CniCommand,
  stdin: string,
): { stdin: string; config: Json; cniVersion: CniVersion; network: string } {
  const config = readConfig(stdin);
  const network = readNetworkName(config);
  const cniVersion = readVersion(config);
  checkVersion(command, cniVersion);
  return { stdin, config, cniVersion, network };
}

/**
 * Reads what the runtime says, in the order of libcni's skel: environment (all that is missing at once), form of
 * container ID, interface name and CNI_ARGS, JSON on stdin, network name, version; then CNI_PATH, if ADD or CHECK will
 * run an IPAM plugin. Doesn't call `readStdin` for VERSION. Throws CniError invalidEnvironment, decode, invalidConfig
 * or incompatibleVersion, and whatever `readStdin` throws.
 */
export function readRequest(environment: Environment, readStdin: () => string): CniRequest {
  const command = readCommand(environment);
  if (command === null)
    throw new CniError('invalidEnvironment', `CNI_COMMAND: ${quote('')} is not allowed; it is missing`);
  checkEnvironment(environment, command);
  const attaching = command === 'ADD' || command === 'CHECK';
  const args = (attaching ? parseCniArgs : parseCniArgsLeniently)(environment['CNI_ARGS'] ?? '');
  const stdinPart = command === 'VERSION' ? withoutStdin : readStdinPart(command, readStdin());
  if (attaching && hasIpam(stdinPart.config)) checkPluginPath(environment, command);
  return {
    command,
    containerId: environment['CNI_CONTAINERID'] ?? '',
    netns: environment['CNI_NETNS'] ?? '',
    ifname: environment['CNI_IFNAME'] ?? '',
    args,
    pluginDirs: splitPluginPath(environment['CNI_PATH'] ?? ''),
    netnsOverride: isTrue(environment['CNI_NETNS_OVERRIDE']),
    ...stdinPart,
  };
}
