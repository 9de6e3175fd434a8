import type { Command } from 'commander';
import type { Platform } from '../platform/platform.ts';
import { programName } from './about.ts';
import { install, type Outcome, uninstall } from './install.ts';

interface Options {
  readonly to: string;
  readonly as: string;
  readonly uninstall?: true;
  readonly force?: true;
  readonly json?: true;
}

function describe({ path, action, now, before, backup }: Outcome): string {
  switch (action) {
    case 'installed': {
      const isUpdate = before !== null && before !== now && before !== 'another plugin';
      const kept = backup === null ? '' : `the plugin that had this name before is kept as ${backup}\n`;
      return `installed ${path}, version ${now}${isUpdate ? `, was ${before}` : ''}\n${kept}`;
    }
    case 'restored':
      return `removed ${path}, version ${before}; the plugin that had this name before is back\n`;
    case 'removed':
      return `removed ${path}, version ${before}\n`;
    case 'unchanged':
      return now === null ? `nothing to remove: there is no ${path}\n` : `${path} is another plugin, and stays\n`;
  }
}

/** Adds `install`, which puts this executable where the container runtime looks for plugins, or takes it away. */
export function addInstall(program: Command, platform: Platform): void {
  program
    .command('install')
    .description('put this executable where the container runtime looks for plugins')
    .option('--to <dir>', 'directory of the plugins', '/opt/cni/bin')
    .option('--as <name>', `the plugin's name: "type" of network configs, e.g. sriov`, programName)
    .option('--uninstall', 'remove it, and put back the plugin that had its name')
    .option('--force', 'remove it although there are attachments, whose DEL needs it')
    .option('--json', 'print JSON')
    .action((options: Options) => {
      const place = { directory: options.to, name: options.as };
      const outcome =
        options.uninstall === true ? uninstall(platform, place, options.force === true) : install(platform, place);
      platform.writeStdout(options.json === true ? `${JSON.stringify(outcome)}\n` : describe(outcome));
    });
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
