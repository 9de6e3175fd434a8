// Parts borrow modules of the part `plugin`, which exports what they import, so that they don't carry it a second time.
import { dirname, join, relative } from 'node:path';
import { type BuildOptions, build, type Plugin } from 'esbuild';

/** Imports of a borrowing part from one module of the lending part; the path is relative to the repository. */
export interface SharedModule {
  readonly path: string;
  readonly names: readonly string[];
}

/** Leaves the imports of these files as they are. */
function leaveOut(root: string, paths: ReadonlySet<string>): Plugin {
  return {
    name: 'leave-out',
    setup(setup) {
      setup.onResolve({ filter: /^\.{1,2}\/.*\.ts$/ }, ({ path, importer, kind }) => {
        if (kind === 'entry-point') return null;
        const target = relative(root, join(dirname(importer), path));
        return paths.has(target) ? { path: target, external: true } : null;
      });
    },
  };
}

/**
 * The named imports in what esbuild writes: `import { a, b as c } from "path";`. Throws for any other form.
 */
export function readImports(source: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, Set<string>>();
  for (const [statement, clause = '', path = ''] of source.matchAll(/^import\s*([^"]*?)\s*from\s*"([^"]+)";?$/gm)) {
    const names = /^\{(.*)\}$/s.exec(clause)?.[1];
    if (names === undefined) throw new Error(`the parts can't share this: ${statement}`);
    const known = found.get(path) ?? new Set();
    for (const name of names.split(',')) known.add(name.replace(/ as .*/s, '').trim());
    found.set(path, known);
  }
  return new Map([...found].sort().map(([path, names]) => [path, [...names].sort()]));
}

/**
 * The imports of `borrower` from modules of `lender`, each given as esbuild would bundle it by itself.
 */
export async function findSharedModules(
  root: string,
  lender: BuildOptions,
  borrower: BuildOptions,
): Promise<readonly SharedModule[]> {
  const { metafile } = await build({ ...lender, write: false, metafile: true });
  const lent = new Set(Object.keys(metafile?.inputs ?? {}));
  const plugins = [leaveOut(root, lent), ...(borrower.plugins ?? [])];
  const { outputFiles = [] } = await build({
    ...borrower,
    plugins,
    minify: false,
    minifyWhitespace: false,
    write: false,
  });
  const imports = readImports(outputFiles[0]?.text ?? '');
  return [...imports].filter(([path]) => lent.has(path)).map(([path, names]) => ({ path, names }));
}

/**
 * Under which name a module lends one of its own: that name, of which the engine has made an atom anyway, but with the
 * module's number where an earlier module lends the same.
 */
function lentName(shared: readonly SharedModule[], at: number, name: string): string {
  return shared.findIndex(({ names }) => names.includes(name)) === at ? name : `${name}${at}`;
}

/** The source of an entry that exports what `entry` does, and the shared modules' names. */
export function lendingEntry(entry: string, shared: readonly SharedModule[]): string {
  const lines = shared.map(
    ({ path, names }, at) =>
      `export { ${names.map((name) => `${name} as ${lentName(shared, at, name)}`).join(', ')} } from './${path}';`,
  );
  return [`export * from './${entry}';`, ...lines].join('\n');
}

/** Takes shared names from the part `lender`, which is loaded once, with the borrower. */
export function borrowFrom(root: string, lender: string, shared: readonly SharedModule[]): Plugin {
  return {
    name: `borrow-from-${lender}`,
    setup(setup) {
      setup.onResolve({ filter: /^lending-part$/ }, () => ({ path: lender, namespace: 'lending-part' }));
      setup.onLoad({ filter: /.*/, namespace: 'lending-part' }, () => ({
        contents: `export const part = __host.loadPart('${lender}');`,
      }));
      setup.onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const at = shared.findIndex((module) => module.path === relative(root, path));
        const module = shared[at];
        if (module === undefined) return null;
        const names = module.names.map((name) => `${lentName(shared, at, name)}: ${name}`);
        return {
          contents: `import { part } from 'lending-part';\nexport const { ${names.join(', ')} } = part;`,
          resolveDir: join(root, 'src'),
        };
      });
    },
  };
}
