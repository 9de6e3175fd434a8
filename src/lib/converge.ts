/** One step towards an end state: its purpose, and how it is done. */
export type Step = readonly [what: string, run: () => void];

/** Runs every step, past failures. Returns the failures in order, each with its cause. */
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
