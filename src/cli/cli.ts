import { Command, CommanderError } from 'commander';
import type { Platform } from '../platform/platform.ts';
import { version } from '../version.ts';
import { aboutText, programName } from './about.ts';
import { addInstall, addPause } from './install-command.ts';
import { usualTypes, validateFiles } from './validate.ts';

const helpWidth = 100;

/** Keeps commander from the process: what it prints goes to the platform, and what would end the process is thrown. */
function createProgram(platform: Platform): Command {
  return new Command(programName)
    .description(
      'SR-IOV CNI plugin. The container runtime runs it with CNI_COMMAND set; by hand it has these commands.',
    )
    .version(version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => platform.writeStdout(text),
      writeErr: (text) => platform.writeStderr(text),
      getOutHelpWidth: () => helpWidth,
      getErrHelpWidth: () => helpWidth,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
}

/**
 * The command line, for people: runs when CNI_COMMAND is unset. Returns the exit code: 0, or 1 where a file is invalid
 * or the command line is wrong. Without arguments it says what it is on stderr and succeeds, as libcni's skel does.
 */
export function runCli(platform: Platform): number {
  let exitCode = 0;
  const program = createProgram(platform);
  program
    .command('validate')
    .description('check network configs and conflists (JSON) and NetworkAttachmentDefinitions (YAML or JSON)')
    .argument('<file...>', 'files to check')
    .option(
      '--type <name>',
      'a further name under which this plugin is installed; may be repeated',
      (name, names: readonly string[]) => [...names, name],
      usualTypes,
    )
    .action((files: readonly string[], options: { readonly type: readonly string[] }) => {
      exitCode = validateFiles(platform, files, options.type) ? 0 : 1;
    });
  addInstall(program, platform);
  addPause(program, platform);
  if (platform.argv.length === 0) {
    platform.writeStderr(`${aboutText}\n${program.helpInformation()}`);
    return 0;
  }
  try {
    program.parse(platform.argv, { from: 'user' });
    return exitCode;
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode;
    throw thrown;
  }
}
