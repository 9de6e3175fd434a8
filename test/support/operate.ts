import { runCli } from '../../src/cli/cli.ts';
import type { MemoryPlatform } from './memory-platform.ts';
import { sourceParts } from './source-parts.ts';

export interface Operation {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** stdout as JSON; undefined where it is none. */
  readonly json: unknown;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Runs one command of the command line on a platform in memory. */
export function operate(platform: MemoryPlatform, ...argv: readonly string[]): Operation {
  const [stdoutBefore, stderrBefore] = [platform.stdout.length, platform.stderr.length];
  const code = runCli({ ...platform, argv }, sourceParts);
  const stdout = platform.stdout.slice(stdoutBefore);
  return { code, stdout, stderr: platform.stderr.slice(stderrBefore), json: parse(stdout) };
}
