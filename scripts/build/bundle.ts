import { build, type Metafile } from 'esbuild';

/** A file of the bundle, by its path relative to the repository, and the bytes that it takes there. */
export type BundledFiles = Metafile['outputs'][string]['inputs'];

export interface Bundle {
  readonly bytes: number;
  readonly files: BundledFiles;
}

/**
 * Bundles the program into one CommonJS file. Names of functions and variables stay, so that a stack trace in an error
 * report can be read; they cost 180 KB and no measurable time. A source map would cost 5 ms of every start.
 */
export async function bundleProgram(root: string, entry: string, output: string): Promise<Bundle> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile: output,
    bundle: true,
    platform: 'node',
    // As for QuickJS. The requires of a UMD module (`main`) would stay for run time, when nothing can find them.
    mainFields: ['module', 'main'],
    target: 'node26',
    format: 'cjs',
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
  });
  const [written] = Object.values(metafile.outputs);
  if (written === undefined) throw new Error(`esbuild wrote nothing for ${entry}`);
  return { bytes: written.bytes, files: written.inputs };
}

/** Bytes of the bundle by npm package, the program's own as `src`; largest first. */
export function bytesByPackage(files: BundledFiles): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const [path, { bytesInOutput }] of Object.entries(files)) {
    const name = packageOf(path) ?? 'src';
    sums.set(name, (sums.get(name) ?? 0) + bytesInOutput);
  }
  return new Map([...sums].sort(([, one], [, other]) => other - one));
}

/** Name of the npm package that a path lies in; undefined for the program's own files. */
export function packageOf(path: string): string | undefined {
  const inside = path.split('node_modules/').at(-1);
  if (inside === undefined || inside === path) return undefined;
  return inside
    .split('/')
    .slice(0, inside.startsWith('@') ? 2 : 1)
    .join('/');
}
