import { quote } from '../lib/quote.ts';
import { CniError } from './errors.ts';
import type { CniCommand } from './request.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

interface Variable {
  readonly name: string;
  /** Verbs that need the variable; only for them its form is checked. */
  readonly neededBy: readonly CniCommand[];
  /** What is allowed, for a value that isn't; null for one that is. */
  readonly problem: (value: string) => string | null;
}

const commands: ReadonlySet<string> = new Set<CniCommand>(['ADD', 'DEL', 'CHECK', 'STATUS', 'GC', 'VERSION']);

/**
 * Whether a text has the form of a container ID or network name (SPEC.md; utils.ValidateContainerID). Both become one
 * path component.
 */
export function isIdentifier(text: string): boolean {
  return text.length <= 255 && /^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(text);
}

export const identifierForm = 'up to 255 of A-Z a-z 0-9 _ . - beginning with a letter or digit';

/**
 * The kernel's isspace (lib/ctype.c) looks at bytes, and this one is Latin-1's space, even as half of a letter such as
 * à.
 */
const kernelsOtherSpace = 0xa0;

/**
 * dev_valid_name (net/core/dev.c): IFNAMSIZ is 16 with the NUL. With `%` the kernel would number the name. U+FFFD
 * stands in the environment for bytes that are no UTF-8, and would be another name.
 */
export function isInterfaceName(text: string): boolean {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length < 1 || bytes.length > 15 || bytes.includes(kernelsOtherSpace)) return false;
  return text.isWellFormed() && text !== '.' && text !== '..' && !/[\s/:%\p{Cc}\ufffd]/u.test(text);
}

/** The directories of CNI_PATH; relative ones are left out, because they would depend on the runtime's directory. */
export function splitPluginPath(text: string): readonly string[] {
  return text.split(':').filter((directory) => directory.startsWith('/'));
}

/** The relative directories of CNI_PATH, which splitPluginPath leaves out. */
export function relativePluginPaths(text: string): readonly string[] {
  return text.split(':').filter((directory) => directory !== '' && !directory.startsWith('/'));
}

const variables: readonly Variable[] = [
  {
    name: 'CNI_CONTAINERID',
    neededBy: ['ADD', 'DEL', 'CHECK'],
    problem: (value) => (isIdentifier(value) ? null : identifierForm),
  },
  {
    name: 'CNI_NETNS',
    neededBy: ['ADD', 'CHECK'],
    problem: (value) => (value.startsWith('/') ? null : 'an absolute path'),
  },
  {
    name: 'CNI_IFNAME',
    neededBy: ['ADD', 'DEL', 'CHECK'],
    problem: (value) =>
      isInterfaceName(value)
        ? null
        : '1 to 15 bytes of UTF-8 without white space, control characters, "/", ":" and "%", not "." or ".."',
  },
  {
    name: 'CNI_PATH',
    neededBy: ['GC'],
    problem: (value) => (splitPluginPath(value).length > 0 ? null : 'absolute directories by ":"'),
  },
];

const missing = (names: readonly string[], purpose: string): string =>
  `required env variables [${names.join(',')}] missing: ${purpose} needs them`;

/**
 * CNI_COMMAND; null if it is unset or empty. Throws CniError invalidEnvironment for a verb that CNI does not have.
 */
export function readCommand(environment: Environment): CniCommand | null {
  const value = environment['CNI_COMMAND'] ?? '';
  if (value === '') return null;
  if (commands.has(value)) return value as CniCommand;
  throw new CniError(
    'invalidEnvironment',
    `CNI_COMMAND: ${quote(value)} is not allowed; allowed: ${[...commands].join(', ')}`,
  );
}

/**
 * Checks the variables that `command` needs: first that all are there, then their form. Throws CniError
 * invalidEnvironment, one for all that are missing or one for all that are malformed.
 */
export function checkEnvironment(environment: Environment, command: CniCommand): void {
  const needed = variables.filter((variable) => variable.neededBy.includes(command));
  const absent = needed.filter(({ name }) => (environment[name] ?? '') === '').map(({ name }) => name);
  if (absent.length > 0) throw new CniError('invalidEnvironment', missing(absent, command));
  const problems = needed.flatMap((variable) => {
    const value = environment[variable.name] ?? '';
    const allowed = variable.problem(value);
    return allowed === null ? [] : [`${variable.name}: ${quote(value)} is not allowed; allowed: ${allowed}`];
  });
  if (problems.length > 0) throw new CniError('invalidEnvironment', problems.join('; '));
}

/** ADD and CHECK need CNI_PATH only if the config has an IPAM plugin. Throws as checkEnvironment does. */
export function checkPluginPath(environment: Environment, command: CniCommand): void {
  const value = environment['CNI_PATH'] ?? '';
  if (splitPluginPath(value).length > 0) return;
  const problem =
    value === ''
      ? missing(['CNI_PATH'], `${command} with ipam`)
      : `CNI_PATH: ${quote(value)} is not allowed; allowed: absolute directories by ":"`;
  throw new CniError('invalidEnvironment', problem);
}
