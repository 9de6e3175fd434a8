import { checkedPlace, install, type Outcome, type Place, uninstall } from './install.ts';
import { type ExitCode, exitCodes, printJson, type Tool } from './tool.ts';

export interface InstallOptions {
  readonly to: string;
  readonly as: readonly string[];
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

/** `install`: puts this executable where the container runtime looks for plugins, or takes it away. */
export function runInstall(tool: Tool, options: InstallOptions): ExitCode {
  const { platform } = tool;
  // all names before the first is acted on
  const places = options.as.map((name) => checkedPlace(platform, options.to, name));
  const act = (place: Place): Outcome =>
    options.uninstall === true ? uninstall(platform, place, options.force === true) : install(platform, place);
  const outcomes = places.map(act);
  if (options.json === true) printJson(tool, outcomes);
  else platform.writeStdout(outcomes.map(describe).join(''));
  return exitCodes.fine;
}
