import { spawn } from 'node:child_process';
import process from 'node:process';
import { type CommandResult, commandResult } from './command.ts';
import { LabError } from './lab-error.ts';

export interface ChildOptions {
  readonly timeoutMs: number;
  readonly cwd?: string | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly stdin?: string | Uint8Array | undefined;
}

const drainMs = 2000;

/** Runs a program on this machine; ends it, and all it started, after `timeoutMs`. */
export function runChild(argv: readonly string[], options: ChildOptions): Promise<CommandResult> {
  const [program = '', ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      detached: true,
      env: { ...process.env, ...options.env },
      stdio: 'pipe',
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    const timer = setTimeout(() => {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      child.stdout.destroy();
      child.stderr.destroy();
      const said = Buffer.concat([...out, ...err]).toString();
      reject(new LabError('timeout', `not done after ${options.timeoutMs} ms: ${argv.join(' ')}\n${said}`));
    }, options.timeoutMs);
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.on('error', (cause) => {
      clearTimeout(timer);
      reject(new LabError('command', `could not run ${program}`, { cause }));
    });
    child.on('exit', () => {
      // Processes that the program left running may hold its output open for ever.
      setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, drainMs).unref();
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve(commandResult(code ?? 128, Buffer.concat(out), Buffer.concat(err)));
    });
    // A program may end without reading its input.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.stdin);
  });
}

/** As `runChild`, but throws when the program fails. Returns its standard output. */
export async function runChecked(argv: readonly string[], options: ChildOptions): Promise<Buffer> {
  const result = await runChild(argv, options);
  if (result.status !== 0) {
    throw new LabError('command', `${argv.join(' ')} ended with ${result.status}\n${result.stderr || result.stdout}`);
  }
  return result.stdoutBytes;
}
