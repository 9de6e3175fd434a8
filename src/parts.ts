// Parts of the program that are loaded when they are first needed: a plugin that starts for every attachment shall not read
// the command line tool, nor the tool the plugin. The bundler turns each `require` of a literal path into a module that is
// initialised by that call. From source there is none: whoever starts the program from source provides it (bin/dra-sriov.ts).

type Plugin = typeof import('./commands/plugin.ts');
type Cli = typeof import('./cli/cli.ts');
type Operator = typeof import('./cli/operator.ts');
type Yaml = typeof import('./lib/yaml.ts');
type SriovCniCache = typeof import('./state/sriov-cni-cache.ts');

declare function require(path: './commands/plugin.ts'): Plugin;
declare function require(path: './cli/cli.ts'): Cli;
declare function require(path: './cli/operator.ts'): Operator;
declare function require(path: './lib/yaml.ts'): Yaml;
declare function require(path: './state/sriov-cni-cache.ts'): SriovCniCache;

export interface Parts {
  /** ADD, DEL, CHECK, STATUS and GC. */
  plugin(): Plugin;
  /** What runs when CNI_COMMAND is unset. */
  cli(): Cli;
  /** What the command line's commands do; works with modules of the plugin. */
  operator(): Operator;
  /** For manifests, and for CDI specs that neither JSON nor the CDI library of Go has written. */
  yaml(): Yaml;
  /** For pods that sriov-cni attached before this plugin took its place. */
  sriovCniCache(): SriovCniCache;
}

/** Each part is loaded by the first call of its function. */
export const parts: Parts = {
  plugin: () => require('./commands/plugin.ts'),
  cli: () => require('./cli/cli.ts'),
  operator: () => require('./cli/operator.ts'),
  yaml: () => require('./lib/yaml.ts'),
  sriovCniCache: () => require('./state/sriov-cni-cache.ts'),
};
