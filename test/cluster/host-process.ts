import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import process from 'node:process';
import { onProcessEnd } from '../lab/process-end.ts';

const lastBytes = 3000;
const stopTimeoutMs = 10_000;

/** A program of the cluster on this machine, in its network namespace. It ends with this process, however that ends. */
export class HostProcess {
  readonly name: string;
  readonly log: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #exit: string | undefined;

  constructor(name: string, netns: string, argv: readonly string[], log: string) {
    this.name = name;
    this.log = log;
    const output = openSync(log, 'a');
    const wrapped = ['setpriv', '--pdeathsig', 'KILL', '--', 'nsenter', `--net=${netns}`, '--', ...argv];
    // Not in the terminal's process group, because Ctrl-C is for whoever started all of them.
    const options = { detached: true, stdio: ['ignore', output, output] as ['ignore', number, number] };
    this.#child = spawn(wrapped[0] ?? '', wrapped.slice(1), options);
    closeSync(output);
    this.#child.unref();
    const forget = onProcessEnd(() => this.#child.kill('SIGKILL'));
    this.#ended = new Promise((resolve) => {
      const end = (how: string): void => {
        this.#exit = how;
        forget();
        resolve();
      };
      this.#child.on('error', (error) => end(String(error)));
      this.#child.on('exit', (code, signal) => end(String(signal ?? code)));
    });
  }

  /** What it says of itself where it has ended; undefined while it runs. */
  get failure(): string | undefined {
    if (this.#exit === undefined) return undefined;
    return `${this.name} ended with ${this.#exit}\n${readFileSync(this.log, 'utf8').slice(-lastBytes)}`;
  }

  async stop(): Promise<void> {
    if (this.#exit !== undefined) return;
    this.#child.ref();
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), stopTimeoutMs);
    await this.#ended;
    clearTimeout(timer);
  }
}

export const nodeProgram = process.execPath;
