import type { Command, Option } from 'commander';

export const shells = ['bash', 'zsh'] as const;

/** One command with what may follow it. */
interface Completed {
  readonly name: string;
  readonly description: string;
  readonly options: readonly Option[];
  /** The kind of its argument: files, a device, a pod, or one of these words. */
  readonly operand: 'files' | 'device' | 'pod' | readonly string[];
}

const operands: Readonly<Record<string, Completed['operand']>> = {
  validate: 'files',
  preflight: 'files',
  inspect: 'device',
  explain: 'pod',
  completion: shells,
};

/** Options whose value is a file. */
const fileOptions: ReadonlySet<string> = new Set(['--config', '--textfile', '--from', '--output']);

/** The VFs and PFs of this node, found without running the program. */
const listDevices =
  'for d in /sys/bus/pci/devices/*; do [ -e "$d/physfn" ] || [ -e "$d/sriov_totalvfs" ] && basename "$d"; done 2>/dev/null';

/** The pods of this node, as the kubelet names their directories of logs. */
const listPods = 'ls /var/log/pods 2>/dev/null | while IFS=_ read -r n p rest; do echo "$n/$p"; done';

function describeCommands(program: Command): readonly Completed[] {
  return program.commands.map((command) => ({
    name: command.name(),
    description: command.description(),
    options: command.createHelp().visibleOptions(command),
    operand: operands[command.name()] ?? [],
  }));
}

const flagsOf = ({ options }: Completed): string =>
  options
    .flatMap(({ long, short }) => [long, short])
    .filter(Boolean)
    .join(' ');

function bashOperand({ operand }: Completed): string {
  if (operand === 'files') return 'COMPREPLY=($(compgen -f -- "$cur"))';
  if (operand === 'device') return `COMPREPLY=($(compgen -W "$(${listDevices})" -- "$cur"))`;
  if (operand === 'pod') return `COMPREPLY=($(compgen -W "$(${listPods})" -- "$cur"))`;
  return `COMPREPLY=($(compgen -W "${operand.join(' ')}" -- "$cur"))`;
}

function bashCommand(command: Completed): string {
  return [
    `    ${command.name})`,
    `      if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W "${flagsOf(command)}" -- "$cur"))`,
    `      else ${bashOperand(command)}`,
    '      fi ;;',
  ].join('\n');
}

function bashScript(name: string, commands: readonly Completed[]): string {
  const fn = `_${name.replaceAll('-', '_')}`;
  const valued = [...new Set(commands.flatMap(({ options }) => options.filter(({ required }) => required)))];
  const longs = [...new Set(valued.map(({ long }) => long ?? ''))].filter((long) => !fileOptions.has(long));
  return `# bash completion of ${name}; made by \`${name} completion bash\`
${fn}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]}
  # the line is split at colons, which PCI addresses are full of
  if declare -F _get_comp_words_by_ref >/dev/null; then _get_comp_words_by_ref -n : cur prev; fi
  COMPREPLY=()
  case $prev in
    ${[...fileOptions].join('|')}) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    ${longs.join('|')}) return ;;
  esac
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W "${[...commands.map((command) => command.name), 'help', '--help', '--version'].join(' ')}" -- "$cur"))
    return
  fi
  case \${COMP_WORDS[1]} in
${commands.map(bashCommand).join('\n')}
    help) COMPREPLY=($(compgen -W "${commands.map((command) => command.name).join(' ')}" -- "$cur")) ;;
  esac
  if declare -F __ltrim_colon_completions >/dev/null; then __ltrim_colon_completions "$cur"; fi
}
complete -o filenames -F ${fn} ${name}
`;
}

const zshText = (text: string): string => text.replace(/[[\]:'\\]/g, (char) => (char === "'" ? "'\\''" : `\\${char}`));

function zshOption({ long, description, required }: Option): string {
  const value = !required ? '' : fileOptions.has(long ?? '') ? ':file:_files' : ':value:';
  return `'${long}[${zshText(description)}]${value}'`;
}

const zshList = (what: string, list: string): string =>
  ` '1:${what}:{local -a found; found=(\${(f)"$(${list})"}); compadd -a found}'`;

function zshOperand({ operand }: Completed): string {
  if (operand === 'files') return " '*:file:_files'";
  if (operand === 'device') return zshList('device', listDevices);
  if (operand === 'pod') return zshList('pod', listPods);
  return operand.length === 0 ? '' : ` '1:word:(${operand.join(' ')})'`;
}

function zshScript(name: string, commands: readonly Completed[]): string {
  const cases = commands.map(
    (command) => `    ${command.name}) _arguments ${command.options.map(zshOption).join(' ')}${zshOperand(command)} ;;`,
  );
  const fn = `_${name.replaceAll('-', '_')}`;
  return `#compdef ${name}
# zsh completion of ${name}; made by \`${name} completion zsh\`
${fn}() {
  local -a commands
  commands=(
${commands.map((command) => `    '${command.name}:${zshText(command.description)}'`).join('\n')}
    'help:show help'
  )
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  ((CURRENT--))
  case $command in
${cases.join('\n')}
    help) _describe command commands ;;
  esac
}
if [ "$funcstack[1]" = "_${name}" ]; then ${fn} "$@"; else compdef ${fn} ${name}; fi
`;
}

/** The script for a shell to complete this program's commands; null for an unknown shell. */
export function completionScript(program: Command, shell: string): string | null {
  const commands = describeCommands(program);
  if (shell === 'bash') return bashScript(program.name(), commands);
  return shell === 'zsh' ? zshScript(program.name(), commands) : null;
}
