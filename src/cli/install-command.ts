import { type Command, Option } from 'commander';
import type { Platform } from '../platform/platform.ts';
import { programName } from './about.ts';
import type { InstallOptions } from './run-install.ts';
import type { Run } from './tool.ts';

const usualNames: readonly string[] = [programName];

/** Adds `install`, which puts this executable where the container runtime looks for plugins, or takes it away. */
export function addInstall(program: Command, run: Run): void {
  program
    .command('install')
    .description('install this plugin on the node, or remove it')
    .option('--to <dir>', 'directory of the plugins', '/opt/cni/bin')
    .addOption(
      new Option('--as <name>', `the plugin's name, "type" in network configs, e.g. sriov; may be repeated`)
        .argParser((name, names: readonly string[]) => (names === usualNames ? [name] : [...names, name]))
        .default(usualNames, programName),
    )
    .option('--uninstall', 'remove it, and put back the plugin that had its name')
    .option('--force', 'remove it although there are attachments, whose DEL needs it')
    .option('--json', 'print JSON')
    .action((options: InstallOptions) => run((operator, tool) => operator.runInstall(tool, options)));
}

const dayMs = 24 * 60 * 60 * 1000;

/** Adds `pause`, for the container of a DaemonSet that stays when its init container has installed the plugin. */
export function addPause(program: Command, platform: Platform): void {
  program
    .command('pause')
    .description('do nothing until a signal ends it')
    .action(() => {
      for (;;) platform.sleepMs(dayMs);
    });
}
