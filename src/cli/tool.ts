import { isIdentifier } from '../cni/environment.ts';
import { supportedVersions } from '../cni/versions.ts';
import { printable } from '../lib/quote.ts';
import type { Parts } from '../parts.ts';
import type { Platform } from '../platform/platform.ts';
import { version } from '../version.ts';
import { fitLines, type Style } from './text.ts';

/** All that a command of the command line works with. */
export interface Tool {
  /** The node. */
  readonly platform: Platform;
  /** The machine that the program runs on, whose files the command line names: the node, except with an archive. */
  readonly here: Platform;
  readonly style: Style;
  /** Loaded when it is first needed. */
  readonly yaml: Parts['yaml'];
  readonly sriovCniCache: Parts['sriovCniCache'];
}

/** Runs one command and returns the exit code. */
export type Run = (command: (operator: ReturnType<Parts['operator']>, tool: Tool) => ExitCode) => void;

/** Exit codes on which a program may rely (docs/operations.md). */
export const exitCodes = {
  /** It was done, and nothing is wrong. */
  fine: 0,
  /** Something is wrong with what was looked at, or could not be done. */
  wrong: 1,
  /** The command line is wrong; nothing was looked at. */
  usage: 2,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Prints one JSON value, for programs. */
export function printJson({ platform }: Pick<Tool, 'platform'>, value: unknown): void {
  const text = JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner), 2);
  platform.writeStdout(`${text}\n`);
}

/** Says on stderr why a command can't be carried out. */
export function complain({ platform }: Pick<Tool, 'platform'>, message: string): void {
  platform.writeStderr(`${fitLines(platform, 'stderr', `error: ${message}`)}\n`);
}

/** `default/web`, or the beginning of the container's ID if no pod is known. */
export function nameHolder(
  pod: { readonly namespace?: string; readonly name?: string } | null,
  containerId: string,
): string {
  if (pod?.name === undefined) return `container ${printable(containerId.slice(0, 13))}`;
  return printable(pod.namespace === undefined ? pod.name : `${pod.namespace}/${pod.name}`);
}

/** `5s`, `12m`, `3h`, `6d`, as kubectl writes ages. */
export function formatAge(ms: number): string {
  const seconds = Math.max(Math.floor(ms / 1000), 0);
  const units = [
    ['d', 86_400],
    ['h', 3600],
    ['m', 60],
  ] as const;
  const unit = units.find(([, length]) => seconds >= 2 * length);
  return unit === undefined ? `${seconds}s` : `${Math.floor(seconds / unit[1])}${unit[0]}`;
}

export const programName = 'dra-sriov';

/**
 * The command for this program: the name that it is installed under, such as `sriov`; its usual name if Node runs it
 * from source.
 */
export function commandName({ executable }: Pick<Platform, 'executable'>): string {
  const name = executable.slice(executable.lastIndexOf('/') + 1);
  return isIdentifier(name) && name !== 'node' ? name : programName;
}

/** What CNI plugins print when they are run by hand (libcni's skel). */
export const aboutText = `CNI plugin ${programName} v${version}\nCNI protocol versions supported: ${supportedVersions.join(', ')}\n`;
