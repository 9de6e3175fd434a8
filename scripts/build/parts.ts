import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BuildOptions, build, type Plugin, transform } from 'esbuild';
import type { Bundle } from './bundle.ts';
import { netlinkAsEsModules } from './netlink-modules.ts';
import { borrowFrom, findSharedModules, lendingEntry, type SharedModule } from './shared-modules.ts';

/** A part of the program on QuickJS, loaded when it is first needed. */
interface Part {
  /** Path of its entry. */
  readonly entry: string;
  /** Functions for which other parts get stubs. The first call of one loads the part. */
  readonly calls?: readonly string[];
  /** The part takes modules from the part `plugin`. */
  readonly borrows?: true;
  /**
   * Only people wait for the part, or hardly any run needs it. It has a third of the size, and takes half a ms more.
   */
  readonly deflated?: true;
}

/** Traits of parts that src/parts.ts loads in every host. */
const traits: Readonly<Record<string, Omit<Part, 'entry'>>> = {
  cli: { deflated: true },
  operator: { borrows: true, deflated: true },
  failures: { borrows: true, deflated: true },
  yaml: { deflated: true },
  sriovCniCache: { borrows: true, deflated: true },
};

const root = join(import.meta.dirname, '../..');
const sourceOfParts = readFileSync(join(root, 'src/parts.ts'), 'utf8');
const loads = /(\w+): \(\) => require\('\.\/([^']+)'\)/g;

/**
 * Parts by name. A verb doesn't need the code of another verb, and hardly any run needs the code that gives back
 * sriov-cni's attachments. ip-address makes its constants when it is loaded, 1.4 ms that a run without addresses saves.
 */
export const parts: Readonly<Record<string, Part>> = {
  boot: { entry: 'src/hosts/native.ts' },
  ...Object.fromEntries(
    [...sourceOfParts.matchAll(loads)].map(([, name = '', path]) => [name, { entry: `src/${path}`, ...traits[name] }]),
  ),
  plugin: { entry: 'src/hosts/native-main.ts' },
  add: { entry: 'src/commands/add.ts', calls: ['add'], borrows: true },
  check: { entry: 'src/commands/check.ts', calls: ['check'], borrows: true, deflated: true },
  status: { entry: 'src/commands/status.ts', calls: ['status'], borrows: true, deflated: true },
  gc: { entry: 'src/commands/gc.ts', calls: ['gc'], borrows: true, deflated: true },
  detach: {
    entry: 'src/commands/detach.ts',
    calls: ['detach', 'giveBack', 'detachIncomplete', 'isOwnedByOther'],
    borrows: true,
  },
  sriovCni: {
    entry: 'src/commands/sriov-cni.ts',
    calls: ['detachFromSriovCni', 'reclaimFromSriovCni', 'vfOfSriovCni'],
    borrows: true,
    deflated: true,
  },
  podVfs: { entry: 'src/allocation/pod-vfs.ts', calls: ['chooseVf', 'findByPod'], borrows: true },
  driverSpecs: {
    entry: 'src/allocation/driver-specs.ts',
    calls: [
      'isLeftOver',
      'listClaims',
      'listPodSpecs',
      'listedAddresses',
      'nadName',
      'readClaimDevice',
      'readClaimsOf',
      'readPodSpec',
      'sortAddresses',
    ],
    borrows: true,
  },
  blockYaml: { entry: 'src/lib/block-yaml.ts', calls: ['readBlockYaml'] },
  deviceInfo: {
    entry: 'src/allocation/device-info.ts',
    calls: ['isOfResource', 'isPublished', 'listPublished', 'readDeviceInfo'],
    borrows: true,
  },
  selector: {
    entry: 'src/allocation/selector.ts',
    calls: ['whyNotSelected'],
    borrows: true,
    deflated: true,
  },
  config: { entry: 'src/config/parse.ts', calls: ['parseConf', 'parseDelConf', 'reviewConf'], borrows: true },
  records: { entry: 'src/state/record-codec.ts', calls: ['parseRecord', 'parseKey'], borrows: true },
  results: {
    entry: 'src/cni/result-versions.ts',
    calls: ['checkConvertible', 'formatResult', 'parsePrevResult', 'parseResult', 'resultSoFar'],
    borrows: true,
  },
  ipam: { entry: 'src/ipam/plugin.ts', calls: ['findPlugin', 'isNotImplemented', 'startPlugin'], borrows: true },
  addresses: { entry: 'src/ipam/give-addresses.ts', calls: ['giveAddresses'], borrows: true },
  hostUse: { entry: 'src/vf/host-use-of-up.ts', calls: ['listUsesOfUp'], borrows: true, deflated: true },
  reap: {
    entry: 'src/commands/reap.ts',
    calls: ['isWhole', 'reclaimIfLeft', 'reclaimSelf', 'reclaimVf'],
    borrows: true,
    deflated: true,
  },
  sweep: { entry: 'src/commands/sweep-records.ts', calls: ['sweepAfter', 'tidy'], borrows: true, deflated: true },
  namespaces: {
    entry: 'src/kernel/namespace-search.ts',
    calls: ['listProcessNetns', 'openNetnsOfNode', 'searchNetns', 'visitOtherNamespaces'],
    borrows: true,
    deflated: true,
  },
  rdma: { entry: 'src/kernel/rdma.ts', calls: ['moveRdmaDevices', 'listRdmaDevices'], borrows: true, deflated: true },
  logFile: {
    entry: 'src/commands/log-file.ts',
    calls: ['openLogFile', 'whyNoLogPath'],
    borrows: true,
    deflated: true,
  },
  ipv4: { entry: 'src/kernel/ip-text4.ts', calls: ['parseIpv4', 'formatIpv4'] },
  ipv6: { entry: 'src/kernel/ip-text6.ts', calls: ['parseIpv6', 'formatIpv6'], deflated: true },
};

function partOf(name: string): Part {
  const part = parts[name];
  if (part === undefined) throw new Error(`there is no part ${name}`);
  return part;
}

/** The table of parts that native/src/parts.rs includes. `bytes` is a file beside the table. */
export function formatPartTable(): string {
  const lines = Object.entries(parts).map(
    ([name, { deflated = false }]) =>
      `Part { name: "${name}", deflated: ${deflated}, bytes: include_bytes!("${name}") },`,
  );
  return `[\n${lines.join('\n')}\n]\n`;
}

/** On QuickJS the host has the parts. */
const loadedByHost: Plugin = {
  name: 'loaded-by-host',
  setup(setup) {
    setup.onLoad({ filter: /\/src\/parts\.ts$/ }, () => ({
      contents: sourceOfParts.replace(loads, (_, name) => `${name}: () => __host.loadPart('${name}')`),
      loader: 'ts',
    }));
  },
};

const shims = 'src/platform/native/node-modules';
const shimOf = {
  os: 'os',
  'node:events': 'events',
  'node:util': 'util',
  'node:process': 'process',
  'node:child_process': 'unused',
  'node:fs': 'unused',
  'node:path': 'unused',
};

/** Stubs in place of a part that is called by its functions. */
function whenCalled(name: string, { entry, calls = [] }: Part): Plugin {
  const load = `let part; const load = () => (part ??= __host.loadPart('${name}'));`;
  const stubs = calls.map((each) => `export const ${each} = (...args) => load().${each}(...args);`);
  const contents = [load, ...stubs].join('\n');
  return {
    name: `${name}-when-called`,
    setup(setup) {
      const path = join('/', entry).replaceAll('.', '\\.');
      setup.onLoad({ filter: new RegExp(`${path}$`) }, () => ({ contents }));
    },
  };
}

/** Replaces imports of a part's entry by stubs, except in the part itself. */
function othersWhenCalled(name: string): readonly Plugin[] {
  const others = Object.entries(parts).filter(([other, { calls }]) => other !== name && calls !== undefined);
  return others.map(([other, part]) => whenCalled(other, part));
}

function usualOptions(root: string, name: string): BuildOptions {
  const alias = Object.fromEntries(
    Object.entries(shimOf).map(([module, shim]) => [module, join(root, shims, `${shim}.ts`)]),
  );
  return {
    absWorkingDir: root,
    bundle: true,
    platform: 'neutral',
    mainFields: ['module', 'main'],
    target: 'es2023',
    format: 'esm',
    alias,
    plugins: [netlinkAsEsModules, loadedByHost, ...othersWhenCalled(name)],
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'none',
    charset: 'utf8',
    logLevel: 'warning',
  };
}

const entryOf = (name: string, entry = partOf(name).entry): BuildOptions => ({
  entryPoints: [entry],
  outfile: 'unused',
});

/** Modules with numbers only, which the bundler inlines where they are used, unless they are borrowed. */
const neverLent = new Set(['src/kernel/netlink/constants.ts']);

/** Modules that several parts of an ADD or DEL need, and `plugin` itself doesn't. `plugin` carries them for all. */
const lentToAll = [
  'src/cni/json-text.ts',
  'src/kernel/netdev-files.ts',
  'src/kernel/rtnl/vfs.ts',
  'src/kernel/sysctl.ts',
  'src/lib/converge.ts',
  'src/settings/settings.ts',
];

/** Imports of the borrowers that the part `plugin` has. */
export async function findShared(root: string): Promise<readonly SharedModule[]> {
  const own = (name: string): BuildOptions => ({ ...usualOptions(root, name), ...entryOf(name) });
  const contents = [partOf('plugin').entry, ...lentToAll].map((path) => `import './${path}';`).join('\n');
  const lender: BuildOptions = { ...usualOptions(root, 'plugin'), stdin: { contents, resolveDir: root } };
  const borrowers = Object.keys(parts).filter((name) => partOf(name).borrows);
  const needed = borrowers.map((name) => findSharedModules(root, lender, own(name)));
  const names = new Map<string, Set<string>>();
  for (const shared of (await Promise.all(needed)).flat()) {
    names.set(shared.path, new Set([...(names.get(shared.path) ?? []), ...shared.names]));
  }
  // Each part has its own stubs for a part that is called by its functions.
  const called = new Set(Object.values(parts).flatMap(({ entry, calls }) => (calls === undefined ? [] : [entry])));
  const isLent = (path: string): boolean => !called.has(path) && !neverLent.has(path);
  return [...names].filter(([path]) => isLent(path)).map(([path, each]) => ({ path, names: [...each] }));
}

function optionsOf(root: string, name: string, shared: readonly SharedModule[], entry?: string): BuildOptions {
  const usual = usualOptions(root, name);
  if (name === 'plugin') {
    return { ...usual, stdin: { contents: lendingEntry(partOf('plugin').entry, shared), resolveDir: root } };
  }
  const own = { ...usual, ...entryOf(name, entry) };
  return partOf(name).borrows
    ? { ...own, plugins: [borrowFrom(root, 'plugin', shared), ...(usual.plugins ?? [])] }
    : own;
}

/** Names that a direct `eval` sees stay as they are: here those of the module, and none of its functions'. */
const evalOfModule = 'eval("");';

/**
 * Shortens the names of parameters and local variables, each of which the engine makes an atom of when it loads the
 * part. The names of a module's functions and classes stay, so that a stack trace in an error report can be read.
 */
async function shortenLocalNames(source: string): Promise<string> {
  const { code } = await transform(`${source}\n${evalOfModule}`, {
    minifyIdentifiers: true,
    minifyWhitespace: true,
    target: 'es2023',
    charset: 'utf8',
    legalComments: 'none',
  });
  const shortened = code.replace(evalOfModule, '');
  if (shortened === code || shortened.includes(evalOfModule)) throw new Error('esbuild wrote eval in another way');
  return shortened;
}

/** Bundles one part, or another entry in its place, into an ES module for QuickJS. */
export async function bundlePart(
  root: string,
  name: string,
  output: string,
  shared: readonly SharedModule[],
  entry?: string,
): Promise<Bundle> {
  const options = { ...optionsOf(root, name, shared, entry), outfile: output, metafile: true as const };
  const { metafile, outputFiles } = await build({ ...options, write: false });
  writeFileSync(output, await shortenLocalNames(outputFiles[0]?.text ?? ''));
  const [written] = Object.values(metafile.outputs);
  if (written === undefined) throw new Error(`esbuild wrote nothing for ${name}`);
  return { bytes: written.bytes, files: written.inputs };
}
