import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { supportedVersions } from '../cni/versions.ts';
import { usualTypes } from '../config/sriov-conf.ts';
import type { Parts } from '../parts.ts';
import type { Platform } from '../platform/platform.ts';
import { version } from '../version.ts';
import { completionScript, shells } from './completion.ts';
import type { InstallOptions } from './install.ts';
import { createStyle, proseWidthOf } from './text.ts';
import { aboutText, commandName, type ExitCode, exitCodes, printJson, programName, type Run } from './tool.ts';

type Operator = ReturnType<Parts['operator']>;

/** Commander prints to the platform, and throws where it would end the process. */
function createProgram(platform: Platform): Command {
  return new Command(commandName(platform))
    .description(
      'SR-IOV CNI plugin. The container runtime runs it with CNI_COMMAND set; by hand it has these commands.',
    )
    .version(version)
    .exitOverride()
    .showHelpAfterError('(--help tells more)')
    .configureOutput({
      writeOut: (text) => platform.writeStdout(text),
      writeErr: (text) => platform.writeStderr(text),
      getOutHelpWidth: () => proseWidthOf(platform),
      getErrHelpWidth: () => proseWidthOf(platform),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
}

/**
 * Command lines that work as they are, for addHelpText. `@` stands for this program; a line without it begins with this
 * program.
 */
const examples =
  (...lines: readonly string[]) =>
  ({ command }: { readonly command: Command }): string => {
    const name = command.parent?.name() ?? programName;
    const whole = lines.map((line) => (line.includes('@') ? line.replaceAll('@', name) : `${name} ${line}`));
    return `\nExamples:\n${whole.map((line) => `  ${line}`).join('\n')}`;
  };

const jsonOption = ['--json', 'print JSON, for programs'] as const;
const fromOption = ['--from <archive>', 'look at the node that this archive of sysdump shows; - is stdin'] as const;

interface NodeOptions {
  readonly json?: boolean;
  /** An archive of `sysdump`. */
  readonly from?: string;
}

const unitsMs: Readonly<Record<string, number>> = { '': 1000, s: 1000, m: 60_000, h: 3_600_000 };
const maxMs = 24 * 3_600_000;

/** `15s`, `1m`, `2h`, or seconds alone, in milliseconds. Throws commander's InvalidArgumentError. */
function parseDuration(text: string): number {
  const [, number = '', unit = ''] = /^(\d{1,6})([smh]?)$/.exec(text) ?? [];
  const ms = number === '' ? 0 : Number(number) * (unitsMs[unit] ?? 0);
  if (ms >= 1000 && ms <= maxMs) return ms;
  throw new InvalidArgumentError('Allowed: 1s to 24h, as in 15s or 1m.');
}

function addNodeCommands(program: Command, run: Run): void {
  program
    .command('inspect')
    .description('show PFs and VFs, and whose they are')
    .argument('[device]', 'PCI address or netdev of a PF or VF: all about that one')
    .option(...jsonOption)
    .option(...fromOption)
    .addHelpText('after', examples('inspect', 'inspect 0000:3b:02.1', 'inspect ens1f0', 'inspect --json'))
    .action((device: string | undefined, options: NodeOptions) =>
      run((operator, tool) => operator.onNode(tool, options.from, (node) => operator.inspect(node, device, options))),
    );
  program
    .command('attachments')
    .description('list the attachments on record')
    .option(...jsonOption)
    .option(...fromOption)
    .addHelpText('after', examples('attachments', 'attachments --json'))
    .action((options: NodeOptions) =>
      run((operator, tool) => operator.onNode(tool, options.from, (node) => operator.attachments(node, options))),
    );
  program
    .command('resolve')
    .description('tell which VF an ADD would take, and why')
    .requiredOption('--pod-uid <uid>', 'UID of the pod: kubectl get pod NAME -o jsonpath={.metadata.uid}')
    .option('--network <names>', 'its networks, with commas, in the order of the annotation')
    .option('--ifname <name>', 'name of the interface, if it is one network')
    .option('--config <file>', 'the network config, a conflist or NetworkAttachmentDefinitions')
    .option(...jsonOption)
    .option(...fromOption)
    .addHelpText(
      'after',
      examples(
        'resolve --pod-uid UID',
        'resolve --pod-uid UID --network vf-test1,vf-test1',
        'resolve --pod-uid UID --config nad.yaml',
      ),
    )
    .action((options: Parameters<Operator['resolve']>[1] & NodeOptions) =>
      run((operator, tool) => operator.onNode(tool, options.from, (node) => operator.resolve(node, options))),
    );
  program
    .command('explain')
    .description('follow a pod from its claim to its interface')
    .argument('<pod>', 'its name, namespace/name, UID or container ID')
    .option(...jsonOption)
    .option(...fromOption)
    .addHelpText('after', examples('explain vf-test8/pod0-7c9d', 'explain 6f2d8a0c-11aa-4c57-9d5e-3f1b0a7c9e01'))
    .action((pod: string, options: NodeOptions) =>
      run((operator, tool) => operator.onNode(tool, options.from, (node) => operator.explain(node, pod, options))),
    );
  program
    .command('gc')
    .description('give back what dead pods hold')
    .option('--dry-run', 'only tell what it would give back')
    .option('--addresses', 'also release addresses of host-local whose containers are gone')
    .option('--here', 'even if process 1 has another mount or network namespace')
    .option(...jsonOption)
    .addHelpText('after', examples('gc --dry-run', 'gc'))
    .action((options: Parameters<Operator['gc']>[1]) => run((operator, tool) => operator.gc(tool, options)));
  program
    .command('doctor')
    .description('look for what commonly goes wrong')
    .option(...jsonOption)
    .option(...fromOption)
    .addHelpText('after', examples('doctor', 'CNI_PATH=/usr/libexec/cni @ doctor', 'doctor --from sysdump.tar'))
    .action((options: NodeOptions) =>
      run((operator, tool) => operator.onNode(tool, options.from, (node) => operator.doctor(node, options))),
    );
  program
    .command('sysdump')
    .description('pack what these commands read, to look at it elsewhere with --from')
    .option('--output <file>', 'the archive; - is stdout; by default a new file here')
    .option('--with-addresses', 'keep IP and MAC addresses as they are')
    .addHelpText('after', examples('sysdump', 'sysdump --output node1.tar', 'doctor --from node1.tar'))
    .action((options: Parameters<Operator['sysdump']>[1]) => run((operator, tool) => operator.sysdump(tool, options)));
}

function addProbe(program: Command, run: Run): void {
  program
    .command('probe')
    .description('try what a NIC takes, on a VF that nobody uses')
    .argument('[device]', 'PCI address or netdev of a PF or VF; by default one VF of each PF')
    .option('--dry-run', 'change nothing, only show what can be seen')
    .option('--here', 'even if process 1 has another mount or network namespace')
    .option(...jsonOption)
    .addHelpText('after', examples('probe', 'probe 0000:3b:02.1', 'probe --json > node1.json'))
    .action((device: string | undefined, options: Parameters<Operator['probe']>[2]) =>
      run((operator, tool) => operator.probe(tool, device, options)),
    );
}

function addMeasuringCommands(program: Command, run: Run): void {
  program
    .command('stats')
    .description('show what each VF sends and receives')
    .option('--watch', 'look again and again, until a signal ends it')
    .addOption(
      new Option('--every <time>', 'time between two looks, for rates: 1s, 1m')
        .argParser(parseDuration)
        .default(1000, '1s'),
    )
    .addOption(new Option(...jsonOption).conflicts('watch'))
    .addHelpText('after', examples('stats', 'stats --watch --every 5s', 'stats --json'))
    .action((options: Parameters<Operator['stats']>[1]) => run((operator, tool) => operator.stats(tool, options)));
  program
    .command('metrics')
    .description('print metrics of VFs, attachments and subnets for Prometheus')
    .option('--textfile <file>', 'write them to this file, for node_exporter: its name ends in .prom')
    .option('--every <time>', 'write the file anew each time, until a signal ends it: 15s, 1m', parseDuration)
    .addHelpText('after', examples('metrics', 'metrics --textfile /run/node_exporter/sriov.prom --every 15s'))
    .action((options: Parameters<Operator['metrics']>[1]) => run((operator, tool) => operator.metrics(tool, options)));
}

function addFileCommands(program: Command, run: Run): void {
  program
    .command('validate')
    .description('check network configs and manifests')
    .argument('<file...>', 'network configs, conflists, manifests; directories; - is stdin')
    .addOption(
      new Option('--type <name>', 'a further name under which this plugin is installed; may be repeated')
        .argParser((name, names: readonly string[]) => [...names, name])
        .default(usualTypes, usualTypes.join(', ')),
    )
    .option('--node <file>', 'also warn of what that node refuses: from `probe --json` there')
    .option(...jsonOption)
    .addHelpText(
      'after',
      examples(
        'validate sriov.conflist',
        'validate nad.yaml deployment.yaml claim.yaml',
        'validate manifests/',
        'validate --node node1.json nad.yaml',
        'kubectl get deploy,net-attach-def -A -o yaml | @ validate -',
      ),
    )
    .action((files: readonly string[], options: Parameters<Operator['validate']>[2]) =>
      run((operator, tool) => operator.validate(tool, files, options)),
    );
}

function addPreflight(program: Command, run: Run): void {
  program
    .command('preflight')
    .description('tell whether this node may be switched from sriov-cni to this plugin')
    .argument('[file...]', 'the NetworkAttachmentDefinitions: files; directories; - is stdin')
    .option(...jsonOption)
    .addHelpText('after', examples('preflight nads.yaml', 'kubectl get net-attach-def -A -o yaml | @ preflight -'))
    .action((files: readonly string[], options: { readonly json?: boolean }) =>
      run((operator, tool) => operator.preflight(tool, files, options)),
    );
}

function addVersion(program: Command, platform: Platform): void {
  program
    .command('version')
    .description('tell the version, and the supported CNI versions')
    .option(...jsonOption)
    .action(({ json = false }: { readonly json?: boolean }) => {
      if (json) printJson({ platform }, { version, cniVersions: supportedVersions });
      else platform.writeStdout(`${programName} ${version}\nCNI ${supportedVersions.join(', ')}\n`);
    });
}

function addCompletion(program: Command, platform: Platform): void {
  program
    .command('completion')
    .description(`print the completion for a shell: ${shells.join(' or ')}`)
    .argument('<shell>', shells.join(' or '))
    .addHelpText(
      'after',
      examples(
        '@ completion bash > /etc/bash_completion.d/@',
        '@ completion zsh > /usr/local/share/zsh/site-functions/_@',
        'source <(@ completion bash)',
      ),
    )
    .action((shell: string, _options: unknown, command: Command) => {
      const script = completionScript(program, shell);
      if (script === null)
        command.error(`error: no completion for ${JSON.stringify(shell)}; allowed: ${shells.join(', ')}`);
      else platform.writeStdout(script);
    });
}

/**
 * The command line, which runs when CNI_COMMAND is unset. Returns the exit code (docs/operations.md). Without arguments
 * it prints name and versions to stderr and succeeds, as libcni's skel does.
 */
export function runCli(platform: Platform, parts: Omit<Parts, 'cli' | 'plugin' | 'failures'>): number {
  let exitCode: ExitCode = exitCodes.fine;
  const program = createProgram(platform);
  const run: Run = (command) => {
    const { yaml, sriovCniCache } = parts;
    exitCode = command(parts.operator(), {
      platform,
      here: platform,
      style: createStyle(platform),
      yaml,
      sriovCniCache,
    });
  };
  addNodeCommands(program, run);
  addProbe(program, run);
  addMeasuringCommands(program, run);
  addFileCommands(program, run);
  addPreflight(program, run);
  addInstall(program, run);
  addPause(program, platform);
  addVersion(program, platform);
  addCompletion(program, platform);
  if (platform.argv.length === 0) {
    platform.writeStderr(`${aboutText}\n${program.helpInformation()}`);
    return exitCodes.fine;
  }
  try {
    program.parse(platform.argv, { from: 'user' });
    return exitCode;
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? exitCodes.fine : exitCodes.usage;
    throw thrown;
  }
}

const usualNames: readonly string[] = [programName];

/** Adds `install`, which puts this executable where the container runtime looks for plugins, or removes it. */
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
    .option('--force', 'remove it even if there are attachments, whose DEL needs it')
    .option(...jsonOption)
    .addHelpText(
      'after',
      examples(
        'install',
        'install --as sriov --as dra-sriov',
        'install --to /usr/libexec/cni',
        'install --as sriov --uninstall',
      ),
    )
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
