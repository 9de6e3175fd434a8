// Kills the plugin at one system call after the other, and sees whether others can clean up after it.
import { compare, type Site } from './site.ts';
import { describeFault, isChange, type SystemCall } from './strace.ts';

export type Verb = 'ADD' | 'DEL';
export type Recovery = 'DEL' | 'GC' | 'next pod';

export interface Tally {
  /** At how many calls it was killed. */
  killed: number;
  /** How often the second pod had the VF at once, without a DEL of the first. */
  takenOver: number;
  /** What was not as it should be, and after which kill. */
  readonly failures: string[];
}

export interface Pictures {
  /** Nothing attached. */
  readonly before: readonly string[];
  /** The VF is the first pod's, or the second's. */
  readonly attached: readonly [readonly string[], readonly string[]];
}

/** Each so many-th of the calls that change something. */
export function choose(trace: readonly SystemCall[], step: number, first = 0): readonly SystemCall[] {
  return trace.filter(isChange).filter((_, at) => at % step === first);
}

/** The system calls of a verb for the first pod. */
export function learnCalls(site: Site, verb: Verb): readonly SystemCall[] {
  // The first attachment of a node makes folders.
  site.succeed('ADD', 0);
  site.succeed('DEL', 0);
  if (verb === 'DEL') site.occupy();
  const calls = site.trace(verb);
  if (verb === 'ADD') site.succeed('DEL', 0);
  return calls;
}

/** The site has to have had an attachment before, which leaves a few folders and host-local's own files. */
export function takePictures(site: Site): Pictures {
  const before = site.picture();
  const attach = (pod: 0 | 1): readonly string[] => {
    site.succeed('ADD', pod);
    const picture = site.picture();
    site.succeed('DEL', pod);
    expectPicture(site, before, 'an ADD and a DEL that nobody disturbs');
    return picture;
  };
  return { before, attached: [attach(0), attach(1)] };
}

/** Throws an Error that says what differs. */
export function expectPicture(site: Site, expected: readonly string[], what: string): void {
  const difference = compare(expected, site.picture());
  if (difference !== '') throw new Error(`${what}:\n${difference}`);
}

/** The VF is given to another pod, though nobody calls DEL for the first. Tells whether it was at once. */
function attachNext(site: Site, pictures: Pictures): boolean {
  site.forgetSweep();
  const { status, stdout } = site.run('ADD', 1);
  if (status !== 0) {
    // The record says `attached`, and the VF is in a pod that lives: it is that pod's.
    const { code, msg } = JSON.parse(stdout) as { code: number; msg: string };
    if (code !== 102 || !msg.includes('container c0')) throw new Error(`the second pod's ADD: ${stdout}`);
    site.succeed('DEL', 0);
    site.succeed('ADD', 1);
  }
  expectPicture(site, pictures.attached[1], "the second pod's attachment");
  site.succeed('DEL', 1);
  expectPicture(site, pictures.before, "after the second pod's DEL");
  site.succeed('DEL', 0);
  return status === 0;
}

/** What happens after the kill; nothing is attached in the end. */
function recover(site: Site, how: Recovery, pictures: Pictures, tally: Tally): void {
  if (how === 'DEL') site.succeed('DEL', 0);
  else if (how === 'GC') site.collect();
  else if (attachNext(site, pictures)) tally.takenOver++;
  expectPicture(site, pictures.before, 'in the end');
}

/**
 * Kills the verb before each of the calls, in turn; then others clean up, and all has to be as it was. A run may have
 * fewer calls of a name than the one that was traced: then it isn't killed, and has to succeed. Ends early where
 * nothing works any more.
 */
export function killAt(site: Site, verb: Verb, calls: readonly SystemCall[], recovery: Recovery): Tally {
  const tally: Tally = { killed: 0, takenOver: 0, failures: [] };
  const pictures = takePictures(site);
  for (const { name, nth, text } of calls) {
    const fault = { name, nth, kind: 'kill' } as const;
    if (verb === 'DEL') site.occupy();
    try {
      const { status, stdout, stderr } = site.run(verb, 0, fault);
      if (status === null) tally.killed++;
      if (status !== null && status !== 0) throw new Error(`it ended with ${status}: ${stdout}\n${stderr}`);
      recover(site, recovery, pictures, tally);
    } catch (thrown) {
      const where = `${verb}: ${describeFault(fault)}: ${text.slice(0, 160)}; then ${recovery}`;
      tally.failures.push(`${where}\n${(thrown as Error).message}`);
      if (!site.reset()) return tally;
    }
  }
  return tally;
}
