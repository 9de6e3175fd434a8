// A program's system calls, and faults in them, by strace(1). Children are left alone.
import { readFileSync } from 'node:fs';

/** One system call of a run: the `nth` of its name, from 1. */
export interface SystemCall {
  readonly name: string;
  readonly nth: number;
  /** As strace prints it. */
  readonly text: string;
}

/** What happens to the `nth` call of that name, or (`lasting`) to all from the `nth` on. */
export interface Fault {
  readonly name: string;
  readonly nth: number;
  /** The process is killed before the call does anything, or the call does nothing and fails with that errno. */
  readonly kind: 'kill' | { readonly errno: string };
  readonly lasting?: boolean;
}

export function describeFault({ name, nth, kind, lasting }: Fault): string {
  return `${kind === 'kill' ? 'SIGKILL' : kind.errno} at ${name} ${nth}${lasting === true ? ' and all later ones' : ''}`;
}

/** The command that runs a program under strace; its calls go to `log`, with the paths of their descriptors. */
export function traced(log: string, fault?: Fault): readonly string[] {
  // With a file for its output, strace ignores signals by default. With `-I 2` a signal ends it and what it runs.
  const strace = ['strace', '-I', '2', '-y', '-s', '80', '-o', log];
  if (fault === undefined) return strace;
  const what = fault.kind === 'kill' ? 'signal=KILL' : `error=${fault.kind.errno}`;
  const when = `${fault.nth}${fault.lasting === true ? '+' : ''}`;
  return [...strace, '-e', 'trace=all', '-e', `inject=${fault.name}:${what}:when=${when}`];
}

/** The calls of a run, bar the execve that began it. */
export function readTrace(log: string): readonly SystemCall[] {
  const counts = new Map<string, number>();
  const calls: SystemCall[] = [];
  for (const line of readFileSync(log, 'utf8').split('\n')) {
    const name = /^(\w+)\(/.exec(line)?.[1];
    if (name === undefined || name === 'execve') continue;
    const nth = (counts.get(name) ?? 0) + 1;
    counts.set(name, nth);
    calls.push({ name, nth, text: line });
  }
  return calls;
}

/** The last call of a run that was ended from outside, as strace prints it. */
export function lastCall(log: string): string {
  const calls = readFileSync(log, 'utf8')
    .split('\n')
    .filter((line) => /^\w+\(/.test(line));
  return calls.at(-1) ?? 'no call';
}

/** True where the call makes a thread, not a process. */
export function isThread({ text }: SystemCall): boolean {
  return text.includes('CLONE_THREAD');
}

const changingCalls =
  /^(write|pwrite64|fsync|fdatasync|rename\w*|mkdir\w*|f?chmod\w*|f?truncate|unlink\w*|rmdir|flock|v?fork|clone\d?|kill)$/;
/** Of four types of route messages the third reads (RTNL_KIND). strace prints types in hexadecimal or by name. */
const readingMessage = /nlmsg_type=(0x\w*[26ae]\b|RTM_GET)/;

/** True where the call changes something outside of the process: a file, a lock, the network, another process. */
export function isChange(call: SystemCall): boolean {
  const { name, text } = call;
  if (isThread(call)) return false;
  if (name === 'sendto') return !readingMessage.test(text);
  if (name.startsWith('open')) return text.includes('O_CREAT') || text.includes('O_TRUNC');
  return changingCalls.test(name);
}
