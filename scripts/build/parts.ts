import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import type { Bundle } from './bundle.ts';
import { netlinkAsEsModules } from './netlink-modules.ts';

/** The parts of the program on QuickJS, each loaded when it is first needed (src/hosts/native.ts). */
export const partEntries = {
  boot: 'src/hosts/native.ts',
  plugin: 'src/commands/plugin.ts',
  yaml: 'src/lib/yaml.ts',
  cli: 'src/cli/cli.ts',
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

/** The tool reads YAML by the part that the plugin reads it by. */
const yamlByItsPart: Plugin = {
  name: 'yaml-by-its-part',
  setup(build) {
    build.onLoad({ filter: /\/src\/lib\/yaml\.ts$/ }, () => ({
      contents: "export const { parseYaml, parseYamlDocuments, YamlError } = __host.loadPart('yaml');",
    }));
  },
};

/** Bundles one part into an ES module for QuickJS. Names are kept: a stack trace in an error report can be read. */
export async function bundlePart(root: string, name: PartName, output: string): Promise<Bundle> {
  const alias = Object.fromEntries(
    Object.entries(shimOf).map(([module, shim]) => [module, join(root, shims, `${shim}.ts`)]),
  );
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [partEntries[name]],
    outfile: output,
    bundle: true,
    platform: 'neutral',
    mainFields: ['module', 'main'],
    target: 'es2023',
    format: 'esm',
    alias,
    plugins: name === 'cli' ? [yamlByItsPart] : [netlinkAsEsModules],
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'none',
    charset: 'utf8',
    metafile: true,
    logLevel: 'warning',
  });
  const [written] = Object.values(metafile.outputs);
  if (written === undefined) throw new Error(`esbuild wrote nothing for ${name}`);
  return { bytes: written.bytes, files: written.inputs };
}
