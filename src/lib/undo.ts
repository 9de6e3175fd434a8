/** The inverse of one step that changed the node. */
interface Inverse {
  readonly what: string;
  readonly run: () => void;
}

/** Inverses, newest last. Push each straight after its step, or before it where the step can half-succeed. */
export class UndoStack {
  readonly #inverses: Inverse[] = [];

  push(what: string, run: () => void): void {
    this.#inverses.push({ what, run });
  }

  /** Runs all inverses, newest first, past failures; returns what failed. The stack is empty afterwards. */
  unwind(): readonly Error[] {
    const failures: Error[] = [];
    for (let inverse = this.#inverses.pop(); inverse !== undefined; inverse = this.#inverses.pop()) {
      try {
        inverse.run();
      } catch (cause) {
        failures.push(new Error(inverse.what, { cause }));
      }
    }
    return failures;
  }
}
