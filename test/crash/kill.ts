// Kills the plugin at its system calls, at one in each run, and sees whether others can clean up after it.
import { compare, type Site } from './site.ts';
import { describeFault, isChange, type SystemCall } from './strace.ts';

export type Verb = 'ADD' | 'DEL';
export type Recovery = 'DEL' | 'GC' | 'next pod';

export interface Tally {
  /** How many runs were killed. */
  killed: number;
  /** How often the second pod had the VF at once, without a DEL of the first. */
  takenOver: number;
  /** After which kill what was wrong. */
  readonly failures: string[];
}

export interface Pictures {
  /** Nothing attached. */
  readonly before: readonly string[];
  /** The VF is in the first pod, or in the second. */
  readonly attached: readonly [readonly string[], readonly string[]];
}

/** Every `step`th of the calls that change something. */
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

/** An earlier attachment has to have left its few folders and host-local's own files on the site. */
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

/** Gives the VF to another pod without a DEL of the first. False where that took a DEL after all. */
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

/** Cleans up after a kill; in the end nothing is attached. */
function recover(site: Site, how: Recovery, pictures: Pictures, tally: Tally): void {
  if (how === 'DEL') site.succeed('DEL', 0);
  else if (how === 'GC') site.collect();
  else if (attachNext(site, pictures)) tally.takenOver++;
  expectPicture(site, pictures.before, 'in the end');
}

/**
 * Kills the verb before each of the calls, in turn; then others clean up, and all has to be as it was. A run that has
 * fewer calls of that name than the traced one isn't killed, and has to succeed. Ends early where a site can't be
 * reset.
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
