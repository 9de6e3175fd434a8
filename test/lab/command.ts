import { LabError } from './lab-error.ts';

export interface CommandResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output as it came; `stdout` is its text in UTF-8. */
  readonly stdoutBytes: Buffer;
}

export interface RunOptions {
  readonly timeoutMs?: number;
  readonly stdin?: string | Uint8Array;
  /** Added to the environment the lab gives every command. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export type StartOptions = Omit<RunOptions, 'timeoutMs' | 'stdin'>;

/** A command that runs beside others, with its output kept in files. */
export interface BackgroundCommand {
  readonly pid: number;
  /** Sends the signal (SIGTERM by default) to the command and all it started, and waits for its end. */
  stop(signal?: 'TERM' | 'INT' | 'KILL'): Promise<CommandResult>;
  /** Waits for the command's own end. */
  wait(options?: { readonly timeoutMs?: number }): Promise<CommandResult>;
}

/** A place where commands run as root: the lab's guest, or the machine with the real hardware. */
export interface CommandRunner {
  /** Runs one program, found by PATH. Rejects when time is up, not when the program fails. */
  run(argv: readonly string[], options?: RunOptions): Promise<CommandResult>;
  /** Runs a script with /bin/sh. */
  sh(script: string, options?: RunOptions): Promise<CommandResult>;
  start(argv: readonly string[], options?: StartOptions): Promise<BackgroundCommand>;
}

export const defaultTimeoutMs = 30_000;

export function commandResult(status: number, stdout: Buffer, stderr: Buffer): CommandResult {
  return { status, stdout: stdout.toString(), stderr: stderr.toString(), stdoutBytes: stdout };
}

/** Returns the result of a command that succeeded; throws with the command's output otherwise. */
export function expectSuccess(result: CommandResult, what: string): CommandResult {
  if (result.status === 0) return result;
  throw new LabError('command', `${what} ended with ${result.status}\n${result.stderr || result.stdout}`);
}

/** Runs a program that has to succeed. Returns its standard output. */
export async function must(
  runner: CommandRunner,
  argv: readonly string[] | string,
  options?: RunOptions,
): Promise<string> {
  const result = typeof argv === 'string' ? await runner.sh(argv, options) : await runner.run(argv, options);
  return expectSuccess(result, typeof argv === 'string' ? argv : argv.join(' ')).stdout;
}
