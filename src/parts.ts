// Parts of the program that are loaded when they are first needed: a plugin that starts for every attachment shall not
// read the command line tool, nor the tool the plugin. Node's bundler turns each `require` of a literal path into a
// module that the call initialises. On QuickJS each part is bytecode of its own: scripts/build/parts.ts reads their
// names and paths here. From source there is no `require`, and the script that starts the program provides one.

interface Modules {
  './commands/plugin.ts': typeof import('./commands/plugin.ts');
  './cli/cli.ts': typeof import('./cli/cli.ts');
  './cli/operator.ts': typeof import('./cli/operator.ts');
  './state/failures.ts': typeof import('./state/failures.ts');
  './lib/yaml.ts': typeof import('./lib/yaml.ts');
  './state/sriov-cni-cache.ts': typeof import('./state/sriov-cni-cache.ts');
}

declare function require<Path extends keyof Modules>(path: Path): Modules[Path];

/** Each part is loaded by the first call of its function. */
export const parts = {
  /** ADD, DEL, CHECK, STATUS and GC. */
  plugin: () => require('./commands/plugin.ts'),
  /** The command line, which runs when CNI_COMMAND is unset. */
  cli: () => require('./cli/cli.ts'),
  /** The work of the command line's commands, with modules of the plugin. */
  operator: () => require('./cli/operator.ts'),
  /** For a verb that has failed. */
  failures: () => require('./state/failures.ts'),
  /** For manifests, and for CDI specs that neither JSON nor the CDI library of Go has written. */
  yaml: () => require('./lib/yaml.ts'),
  /** For pods that sriov-cni attached before this plugin took its place. */
  sriovCniCache: () => require('./state/sriov-cni-cache.ts'),
};

export type Parts = typeof parts;
