import { join } from 'node:path';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import type { Bundle } from './bundle.ts';
import { netlinkAsEsModules } from './netlink-modules.ts';
import { borrowFrom, findSharedModules, lendingEntry, type SharedModule } from './shared-modules.ts';

/** The parts of the program on QuickJS, each loaded when it is first needed (src/hosts/native.ts). */
export const partEntries = {
  boot: 'src/hosts/native.ts',
  plugin: 'src/commands/plugin.ts',
  add: 'src/commands/add.ts',
  check: 'src/commands/check.ts',
  status: 'src/commands/status.ts',
  gc: 'src/commands/gc.ts',
  'give-back': 'src/vf/give-back.ts',
  ipv4: 'src/kernel/ip-text4.ts',
  ipv6: 'src/kernel/ip-text6.ts',
  yaml: 'src/lib/yaml.ts',
  'sriov-cni-cache': 'src/state/sriov-cni-cache.ts',
  cli: 'src/cli/cli.ts',
  operator: 'src/cli/operator.ts',
} as const;

export type PartName = keyof typeof partEntries;

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

/** A module of which other parts get stubs in place of these functions: the first call of one loads the part that it is. */
function whenCalled(name: PartName, functions: readonly string[]): Plugin {
  const load = `let part; const load = () => (part ??= __host.loadPart('${name}'));`;
  const stubs = functions.map((each) => `export const ${each} = (...args) => load().${each}(...args);`);
  const contents = [load, ...stubs].join('\n');
  return {
    name: `${name}-when-called`,
    setup(setup) {
      const path = join('/', partEntries[name]).replaceAll('.', '\\.');
      setup.onLoad({ filter: new RegExp(`${path}$`) }, () => ({ contents }));
    },
  };
}

/**
 * Modules that are parts of their own, by the functions that others call. A verb has no use for the code of another one, of which DEL's is
 * needed by all; ip-address makes its constants when it is loaded: 1.4 ms that a run without addresses needn't spend.
 */
const calledFunctions: Readonly<Partial<Record<PartName, readonly string[]>>> = {
  add: ['add'],
  check: ['check'],
  status: ['status'],
  gc: ['gc'],
  'give-back': ['bringHome', 'restoreVf'],
  ipv4: ['parseIpv4', 'formatIpv4'],
  ipv6: ['parseIpv6', 'formatIpv6'],
};

/** For all parts but the one itself. */
function othersWhenCalled(part: PartName): readonly Plugin[] {
  const others = Object.entries(calledFunctions).filter(([name]) => name !== part);
  return others.map(([name, functions]) => whenCalled(name as PartName, functions));
}

function usualOptions(root: string, name: PartName): BuildOptions {
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
    plugins: [netlinkAsEsModules, ...othersWhenCalled(name)],
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'none',
    charset: 'utf8',
    logLevel: 'warning',
  };
}

const entryOf = (name: PartName, entry: string = partEntries[name]): BuildOptions => ({
  entryPoints: [entry],
  outfile: 'unused',
});

/** Parts that work with modules of the part `plugin`. */
const borrowers: readonly PartName[] = ['add', 'check', 'status', 'gc', 'give-back', 'operator', 'sriov-cni-cache'];

/** What the part `plugin` has and its borrowers need. */
export async function findShared(root: string): Promise<readonly SharedModule[]> {
  const own = (name: PartName): BuildOptions => ({ ...usualOptions(root, name), ...entryOf(name) });
  const needed = borrowers.map((name) => findSharedModules(root, own('plugin'), own(name)));
  const names = new Map<string, Set<string>>();
  for (const shared of (await Promise.all(needed)).flat()) {
    names.set(shared.path, new Set([...(names.get(shared.path) ?? []), ...shared.names]));
  }
  return [...names].map(([path, each]) => ({ path, names: [...each] }));
}

function optionsOf(root: string, name: PartName, shared: readonly SharedModule[], entry?: string): BuildOptions {
  const usual = usualOptions(root, name);
  if (name === 'plugin') {
    return { ...usual, stdin: { contents: lendingEntry(partEntries.plugin, shared), resolveDir: root } };
  }
  const own = { ...usual, ...entryOf(name, entry) };
  return borrowers.includes(name)
    ? { ...own, plugins: [borrowFrom(root, 'plugin', shared), ...(usual.plugins ?? [])] }
    : own;
}

/**
 * Bundles one part, or another entry in its place, into an ES module for QuickJS. Names are kept: a stack trace in an error report can be
 * read.
 */
export async function bundlePart(
  root: string,
  name: PartName,
  output: string,
  shared: readonly SharedModule[],
  entry?: string,
): Promise<Bundle> {
  const { metafile } = await build({ ...optionsOf(root, name, shared, entry), outfile: output, metafile: true });
  const [written] = Object.values(metafile.outputs);
  if (written === undefined) throw new Error(`esbuild wrote nothing for ${name}`);
  return { bytes: written.bytes, files: written.inputs };
}
