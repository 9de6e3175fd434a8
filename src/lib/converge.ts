/** One step towards an end state: what it is for, and how it is done. */
export type Step = readonly [what: string, run: () => void];

/** Runs every step, past failures; returns what failed, in order, each with its cause. */
export function converge(steps: readonly Step[], isDone: (thrown: unknown) => boolean = () => false): readonly Error[] {
  const failures: Error[] = [];
  for (const [what, run] of steps) {
    try {
      run();
    } catch (cause) {
      if (!isDone(cause)) failures.push(new Error(what, { cause }));
    }
  }
  return failures;
}
