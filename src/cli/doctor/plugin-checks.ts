import { readHint } from '../../allocation/device-hint.ts';
import { quote } from '../../lib/quote.ts';
import { isSystemError } from '../../lib/system-error.ts';
import type { Platform } from '../../platform/platform.ts';
import { version } from '../../version.ts';
import { askVersion } from '../install.ts';
import { type KeptRecord, recordedConf } from '../node/records.ts';
import { count } from '../text.ts';
import { commandName, programName } from '../tool.ts';
import { type Check, type Examined, listSome, note, ok, warning, wrong } from './check.ts';

/** The name of the plugin that this one can stand in for. */
const predecessor = 'sriov';
const answerTimeoutMs = 5000;

/** The first executable of that name, as the runtime looks for it. */
function findExecutable({ platform, pluginDirs }: Examined, name: string): string | null {
  return pluginDirs.map((directory) => `${directory}/${name}`).find((path) => platform.isExecutable(path)) ?? null;
}

/**
 * Containers that copy sriov-cni into the node's CNI directory at each start, by name: `sriov-cni` of
 * dra-driver-sriov's Helm chart and of the SR-IOV Network Operator's config daemon, `kube-sriov-cni` of sriov-cni's own
 * DaemonSet.
 */
const installers: readonly string[] = ['sriov-cni', 'kube-sriov-cni'];

/** The pods of this node that put sriov-cni in, `<namespace>/<pod>`. Throws SystemError. */
export function findInstallers(platform: Platform): readonly string[] {
  const { podLogDir } = platform.paths;
  return (platform.readDir(podLogDir) ?? []).flatMap((directory) => {
    const [, namespace, name] = /^([^_]+)_([^_]+)_[^_]+$/.exec(directory) ?? [];
    if (name === undefined) return [];
    const isInstaller = installers.some(
      (container) => platform.stat(`${podLogDir}/${directory}/${container}`) !== null,
    );
    return isInstaller ? [`${namespace}/${name}`] : [];
  });
}

/**
 * Looks for living attachments that were made under a name which is another plugin's now, or nobody's, because their
 * DEL goes there.
 */
function checkNamesInUse(examined: Examined, records: readonly KeptRecord[]): Check | null {
  const { platform, pluginDirs } = examined;
  const living = records.filter(({ pod }) => pod !== 'dead');
  const types = living.flatMap(({ record }) => recordedConf(record)?.type ?? []);
  for (const type of new Set(types)) {
    const path = findExecutable(examined, type);
    if (path !== null && askVersion(platform, path) !== null) continue;
    const what = path === null ? `${type} is not in ${pluginDirs.join(' or ')}` : `${path} is another plugin now`;
    const number = types.filter((each) => each === type).length;
    const found = `${what}; the DEL of ${count(number, 'attachment')} of type ${quote(type)} goes there, and gives no VF back`;
    const pods = type === predecessor ? quietly(() => findInstallers(platform)) : [];
    const whose =
      pods.length === 0
        ? 'what copies the other one there at each start'
        : `the container in ${listSome(pods)} that copies sriov-cni there at each start`;
    const stop = `first stop ${whose} (the Helm chart of dra-driver-sriov, sriov-cni’s DaemonSet, the SR-IOV operator)`;
    const remedy = `${type === predecessor ? `${stop}, then: ` : ''}${commandName(platform)} install --to ${pluginDirs[0]} --as ${type}; nobody replaces a plugin of type "${programName}"`;
    return wrong('plugin', found, remedy);
  }
  return null;
}

function quietly(read: () => readonly string[]): readonly string[] {
  try {
    return read();
  } catch (thrown) {
    if (isSystemError(thrown)) return [];
    throw thrown;
  }
}

function checkInstalled(examined: Examined, records: readonly KeptRecord[]): Check {
  const inUse = checkNamesInUse(examined, records);
  if (inUse !== null) return inUse;
  const { platform, pluginDirs } = examined;
  const found = [programName, predecessor].flatMap((name) => {
    const path = findExecutable(examined, name);
    return path === null ? [] : [{ name, path, version: askVersion(platform, path) }];
  });
  const [directory = ''] = pluginDirs;
  const ours = found.filter((plugin) => plugin.version !== null);
  const foreign = found.find((plugin) => plugin.name === predecessor && plugin.version === null);
  if (ours.length === 0) {
    const also = foreign === undefined ? '' : `, and ${foreign.path} is another plugin`;
    return wrong(
      'plugin',
      `not in ${pluginDirs.join(' or ')}${also}`,
      `${commandName(platform)} install --to ${directory}, with --as sriov for configs of that type`,
    );
  }
  if (foreign !== undefined) {
    const found = `${foreign.path} is another plugin: it serves configs of type "sriov", not this one`;
    return warning(
      'plugin',
      found,
      `${commandName(platform)} install --to ${directory} --as sriov; it is kept, and comes back with --uninstall`,
    );
  }
  const other = ours.find((plugin) => plugin.version !== version);
  if (other !== undefined) {
    return warning(
      'plugin',
      `${other.path} is version ${other.version}, this is ${version}`,
      `${commandName(platform)} install --to ${directory} --as ${other.name}`,
    );
  }
  return ok('plugin', `${ours.map(({ path }) => path).join(', ')}: version ${version}`);
}

/** Multus prints its version for `--version`. Another plugin, which doesn't know that option, ends by itself. */
function askMultus(platform: Platform, path: string): string | null {
  try {
    const process = platform.startProcess({
      path,
      args: ['--version'],
      env: {},
      stdin: '',
      timeoutMs: answerTimeoutMs,
    });
    const { stdout, stderr } = process.wait();
    return /\bv?(\d+\.\d+(?:\.\d+)?)\b/.exec(`${stdout}\n${stderr}`)?.[1] ?? null;
  } catch (thrown) {
    // It can't be run here.
    if (!isSystemError(thrown)) throw thrown;
    return null;
  }
}

/** What a version of Multus passes to a plugin for a DRA-allocated VF (docs/multus.md). */
function behaviourOf(multus: string): string {
  const [major = 0, minor = 0, patch = 0] = multus.split('.').map(Number);
  const number = major * 10_000 + minor * 100 + patch;
  if (number < 40_202) return 'names no VF of a claim';
  return number <= 40_300 ? 'names VFs by their CDI devices' : 'names VFs by their PCI addresses';
}

const handedOver = {
  address: 'PCI addresses',
  pod: 'the pod’s CDI device',
  device: 'CDI devices of claims',
  foreign: 'what is no VF',
  nothing: 'no device, and found theirs through the pod’s claim',
} as const;

/** What Multus has passed, by the configs on record. */
function evidenceOf(records: readonly KeptRecord[]): readonly string[] {
  const shapes = records.flatMap(({ record }): (keyof typeof handedOver)[] => {
    const conf = recordedConf(record);
    if (conf === null) return [];
    const [hint] = conf.deviceHints;
    return [hint === undefined ? 'nothing' : readHint(hint, record.pod?.uid ?? null).shape];
  });
  return [...new Set(shapes)].map((shape) => handedOver[shape]);
}

function checkMultus(examined: Examined, records: readonly KeptRecord[]): Check {
  const path = findExecutable(examined, 'multus') ?? findExecutable(examined, 'multus-shim');
  const evidence = evidenceOf(records);
  const seen = evidence.length === 0 ? '' : `; attachments here were given ${evidence.join(', or ')}`;
  if (path === null) {
    return note(
      'multus',
      `not in ${examined.pluginDirs.join(' or ')}${seen}`,
      'none needed where the driver runs in STANDALONE mode',
    );
  }
  const multus = askMultus(examined.platform, path);
  if (multus === null) return ok('multus', `${path}, of a version that it doesn’t tell${seen}`);
  return ok('multus', `${multus}: ${behaviourOf(multus)}${seen}`);
}

/** Whether the runtime finds this plugin, and which Multus calls it. */
export function checkPlugins(examined: Examined, records: readonly KeptRecord[]): readonly Check[] {
  return [checkInstalled(examined, records), checkMultus(examined, records)];
}
