import process from 'node:process';

const shown = 10;

/** Throws an Error with the first failures, if there are any. */
export function report(failures: readonly string[]): void {
  if (failures.length === 0) return;
  throw new Error(`${failures.length} failures, the first of them:\n${failures.slice(0, shown).join('\n')}`);
}

/** Says what a run has measured. test/run.ts shows it. */
export function reportMeasured(what: string): void {
  process.stdout.write(`\nMEASURED ${what}\n`);
}
