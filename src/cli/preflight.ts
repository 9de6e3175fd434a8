import { explain } from '../cni/errors.ts';
import { usualTypes } from '../config/sriov-conf.ts';
import { isSystemError } from '../lib/system-error.ts';
import type { SriovCniEntry } from '../state/sriov-cni-cache.ts';
import { type Check, type Examined, examine, listSome, note, ok, warning, wrong } from './doctor/check.ts';
import { describeChecks, summarise } from './doctor/doctor.ts';
import { nodeChecks } from './doctor/node-checks.ts';
import { findInstallers } from './doctor/plugin-checks.ts';
import { askVersion } from './install.ts';
import { describeWithVf } from './node/records.ts';
import { count } from './text.ts';
import { commandName, type ExitCode, exitCodes, printJson, type Tool } from './tool.ts';
import type { Finding } from './validate/finding.ts';
import { type Network, readNetwork } from './validate/network.ts';
import { checkArguments } from './validate/validate.ts';

interface PreflightOptions {
  readonly json?: boolean;
}

const predecessor = 'sriov';

const named = ({ namespace, name }: Network): string => (namespace === null ? name : `${namespace}/${name}`);

/** Keys that sriov-cni ignores or treats in another way (docs/migrating-from-sriov-cni.md). */
function differencesOf({ plugin }: Network): readonly string[] {
  if (plugin === null) return [];
  const { mtu, logLevel } = plugin;
  return [
    ...(mtu === undefined || mtu === 0 ? [] : ['mtu is set on the VF, which sriov-cni doesn’t do']),
    ...(logLevel === 'panic' || logLevel === 'verbose' ? ['logLevel means the nearest level that there is here'] : []),
  ];
}

/** Checks the given definitions, which are in the cluster: this plugin may refuse what sriov-cni takes in silence. */
function checkDefinitions(tool: Tool, files: readonly string[]): readonly Check[] {
  const self = commandName(tool.platform);
  const advice = `kubectl get net-attach-def -A -o yaml | ${self} preflight -`;
  if (files.length === 0) return [warning('definitions', 'none were given, so none were looked at', advice)];
  const ourTypes = new Set(usualTypes);
  const checked = checkArguments(tool, files, { ourTypes, node: null });
  const networks = checked
    .flatMap(({ manifests }) => manifests.flatMap((manifest) => readNetwork(manifest, ourTypes) ?? []))
    .filter(({ plugin, isReadable }) => plugin !== null || !isReadable);
  const findings = checked.flatMap(({ file, findings: own }) => own.map((finding) => ({ ...finding, file })));
  const say = ({ file, path, message }: Finding & { readonly file: string }): string =>
    `${path === '' ? file : path}: ${message}`;
  const refused = findings.filter(({ severity }) => severity === 'error').map(say);
  const odd = findings.filter(({ severity }) => severity === 'warning').map(say);
  const different = networks.flatMap((network) => differencesOf(network).map((text) => `${named(network)}: ${text}`));
  return [
    refused.length > 0
      ? wrong(
          'definitions',
          `${count(refused.length, 'fault')}: ${listSome(refused)}`,
          `${self} validate says where each stands, and what to write`,
        )
      : ok('definitions', `${count(networks.length, 'definition')} of this plugin, none refused`),
    odd.length + different.length > 0
      ? warning(
          'differences',
          listSome([...different, ...odd]),
          'see whether that is what you want: docs/migrating-from-sriov-cni.md',
        )
      : ok('differences', 'none that these definitions would show'),
  ];
}

function checkOverwriters({ platform }: Examined): Check {
  const pods = findInstallers(platform);
  if (pods.length === 0) return ok('overwriters', 'no pod on this node copies sriov-cni into the CNI directory');
  const remedy = 'take the container sriov-cni out of them first, or use type "dra-sriov" in the definitions';
  return wrong('overwriters', `copy sriov-cni over this plugin whenever they start: ${listSome(pods)}`, remedy);
}

function checkPlace({ platform, pluginDirs }: Examined): Check {
  const path = pluginDirs
    .map((directory) => `${directory}/${predecessor}`)
    .find((each) => platform.stat(each) !== null);
  if (path === undefined)
    return note('plugin', `no ${predecessor} in ${pluginDirs.join(' or ')}: there is nothing to take the place of`);
  const kind = platform.stat(path)?.kind;
  if (kind !== 'file')
    return wrong('plugin', `${path} is a ${kind}, which install leaves alone`, 'put a file in its place, or remove it');
  const version = askVersion(platform, path);
  if (version !== null) return ok('plugin', `${path} is this plugin already, version ${version}`);
  return ok('plugin', `${path} is another plugin, which install --as ${predecessor} keeps for the way back`);
}

/** Checks pods of sriov-cni: their DEL comes to this plugin, which needs sriov-cni's files of them. */
function checkPods({ platform }: Examined, entries: readonly SriovCniEntry[]): readonly Check[] {
  if (entries.length === 0) return [ok('pods', 'sriov-cni has no attachment here')];
  const unusable = entries.filter(({ attachment }) => attachment === null);
  const [first] = unusable;
  const drain = 'drain the node before the switch: kubectl drain NODE --ignore-daemonsets';
  if (first !== undefined) {
    return [wrong('pods', `can’t be given back: ${listSome(unusable.map(describeWithVf))}: ${first.reason}`, drain)];
  }
  if (platform.stat(`${platform.paths.sriovCniDir}/pci`)?.kind !== 'directory') {
    const reason = 'this release of sriov-cni keeps no list of the VFs that it gave away';
    return [wrong('pods', `${count(entries.length, 'attachment')}, and ${reason}: others could get their VFs`, drain)];
  }
  return [
    ok(
      'pods',
      `${count(entries.length, 'attachment')}, which this plugin’s DEL gives back: ${listSome(entries.map(describeWithVf))}`,
    ),
  ];
}

function entriesOf({ platform, sriovCniCache }: Tool): readonly SriovCniEntry[] | string {
  try {
    return sriovCniCache().listEntries(platform);
  } catch (thrown) {
    if (isSystemError(thrown)) return explain(thrown);
    throw thrown;
  }
}

/** `preflight [FILE...]`: whether this node may be switched from sriov-cni to this plugin. Changes nothing. */
export function preflight(tool: Tool, files: readonly string[], { json = false }: PreflightOptions): ExitCode {
  const examined = examine(tool);
  const entries = entriesOf(tool);
  const checks: readonly Check[] = [
    ...nodeChecks.map((check) => check(examined)),
    checkPlace(examined),
    checkOverwriters(examined),
    ...checkDefinitions(tool, files),
    ...(typeof entries === 'string'
      ? [wrong('pods', entries, 'run it as root on the host')]
      : checkPods(examined, entries)),
  ];
  const isGo = checks.every(({ verdict }) => verdict !== 'wrong');
  if (json) printJson(tool, { go: isGo, checks });
  else {
    const { style, platform } = tool;
    const verdict = isGo ? style.good('Go: this node may be switched.') : style.bad('No-go: mend what is wrong first.');
    platform.writeStdout(`${describeChecks(tool, checks)}${summarise(checks)} ${verdict}\n`);
  }
  return isGo ? exitCodes.fine : exitCodes.wrong;
}
