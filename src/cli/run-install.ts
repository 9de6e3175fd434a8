import { explain } from '../cni/errors.ts';
import { install, nameProblem, type Outcome, pluginDirectory, uninstall } from './install.ts';
import { complain, type ExitCode, exitCodes, printJson, type Tool } from './tool.ts';

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

function commandLineProblem({ as, uninstall: removes, force }: InstallOptions): string | null {
  if (force === true && removes !== true) return '--force is for --uninstall';
  return as.map(nameProblem).find((problem) => problem !== null) ?? null;
}

function act({ platform }: Tool, { to, as, uninstall: removes, force }: InstallOptions): readonly Outcome[] {
  const directory = pluginDirectory(platform, to);
  const places = as.map((name) => ({ directory, name }));
  return places.map((place) =>
    removes === true ? uninstall(platform, place, force === true) : install(platform, place),
  );
}

/** `install`: puts this executable where the container runtime looks for plugins, or takes it away. */
export function runInstall(tool: Tool, options: InstallOptions): ExitCode {
  const problem = commandLineProblem(options);
  if (problem !== null) {
    complain(tool, problem);
    return exitCodes.usage;
  }
  try {
    const outcomes = act(tool, options);
    if (options.json === true) printJson(tool, outcomes);
    else tool.platform.writeStdout(outcomes.map(describe).join(''));
    return exitCodes.fine;
  } catch (thrown) {
    complain(tool, explain(thrown));
    return exitCodes.wrong;
  }
}
