/** The order of a run: over the runs, everyone comes after each of the others. */
export function inTurn<T>(all: readonly T[], run: number): readonly T[] {
  const order = run % 2 === 0 ? all : all.toReversed();
  const first = (run >> 1) % all.length;
  return [...order.slice(first), ...order.slice(0, first)];
}

/** Without a pause, work of the kernel after one program's exit would count for the next program. */
export const defaultPauseMs = 150;

const sleeping = new Int32Array(new SharedArrayBuffer(4));

export function pause(milliseconds: number): void {
  Atomics.wait(sleeping, 0, 0, milliseconds);
}

/** An option's number. Throws with what is allowed. */
export function wholeNumber(option: string, text: string, least: number): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= least) return number;
  throw new Error(`--${option} ${text}: a whole number from ${least} on is allowed`);
}
