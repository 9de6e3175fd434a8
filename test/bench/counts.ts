// Counts what one run takes. Unlike times, counts are the same on a busy machine and an idle one.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CniCall } from '../support/cni-node.ts';
import type { StandInNode } from '../support/stand-in-node.ts';

export interface Counts {
  /** Instructions of the plugin in user mode, without its children's and the kernel's. */
  readonly instructions: number;
  readonly systemCalls: number;
  readonly netlinkMessages: number;
}

/** Runs a verb that succeeds, so that it can be run once more for the other way of counting. */
export type CountedRun = (program: readonly string[]) => void;

/** Whether this machine has valgrind and strace. */
export function canCount(): boolean {
  return ['valgrind', 'strace'].every((program) => spawnSync(program, ['--version']).status === 0);
}

/** The total in what callgrind wrote. Throws where there is none. */
export function readTotal(text: string): number {
  const total = /^(?:summary|totals): (\d+)/m.exec(text)?.[1];
  if (total === undefined) throw new Error('callgrind wrote no total');
  return Number(total);
}

/** Counts in what `strace -o` wrote: the calls of the process itself, and the messages among them. */
export function readTrace(text: string): Pick<Counts, 'systemCalls' | 'netlinkMessages'> {
  const calls = text.split('\n').filter((line) => /^\w+\(/.test(line));
  const isMessage = (call: string): boolean => /^sendto\(.*nlmsg_(?:len|type)=/.test(call);
  return { systemCalls: calls.length, netlinkMessages: calls.filter(isMessage).length };
}

/** Counts what a verb takes: each run is watched by another program. */
export class Counter {
  readonly #directory: string;
  readonly #executable: string;

  /** `directory` is for the files of valgrind and strace. */
  constructor(directory: string, executable: string) {
    this.#directory = directory;
    this.#executable = executable;
  }

  countInstructions(run: CountedRun): number {
    const output = join(this.#directory, 'callgrind.out');
    run(['valgrind', '-q', '--tool=callgrind', `--callgrind-out-file=${output}`, this.#executable]);
    return readTotal(readFileSync(output, 'utf8'));
  }

  countSystemCalls(run: CountedRun): Pick<Counts, 'systemCalls' | 'netlinkMessages'> {
    const output = join(this.#directory, 'strace.out');
    run(['strace', '-o', output, this.#executable]);
    return readTrace(readFileSync(output, 'utf8'));
  }

  /**
   * An ADD and its DEL. The first of each, which finds directories to make and a sweep to do, isn't counted. `prepare`
   * is called before each run.
   */
  countAttachment(
    node: StandInNode,
    conf: unknown,
    call: CniCall = {},
    prepare: () => void = () => {},
  ): { readonly add: Counts; readonly del: Counts } {
    const running =
      (command: string): CountedRun =>
      (program) => {
        prepare();
        node.succeed(command, conf, { ...call, program });
      };
    const [add, del] = [running('ADD'), running('DEL')];
    for (const run of [add, del]) run([this.#executable]);
    const instructions = [add, del].map((run) => this.countInstructions(run));
    const calls = [add, del].map((run) => this.countSystemCalls(run));
    const countsOf = (at: number): Counts => ({ instructions: instructions[at], ...calls[at] }) as Counts;
    return { add: countsOf(0), del: countsOf(1) };
  }
}
