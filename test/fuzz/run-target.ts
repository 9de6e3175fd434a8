import process from 'node:process';
import fc from 'fast-check';
import { suite } from '../support/suite.ts';
import type { Target } from './target.ts';

/** FUZZ_CASES: how many inputs a target gets. Without it, a few, the same each time; with it, FUZZ_SEED says which. */
const cases = Number(process.env['FUZZ_CASES'] ?? 250);
const isFull = process.env['FUZZ_CASES'] !== undefined;
const seed = Number(process.env['FUZZ_SEED'] ?? (isFull ? Date.now() % 2 ** 31 : 1));

export const fuzzExtent = { cases, seed, isFull, report };

function report(name: string, outcomes: Readonly<Record<string, number>>): void {
  if (isFull) process.stdout.write(`\nFUZZED ${name}: ${describe(outcomes)}\n`);
}

/**
 * Feeds a target with inputs that depend on the seed alone. Returns how often each outcome was seen. Throws an Error
 * with the seed and the smallest input found that the target gets wrong.
 */
function runTarget({ name, input, feed, speed = 1 }: Target): Readonly<Record<string, number>> {
  const outcomes: Record<string, number> = {};
  const property = fc.property(input, (value) => {
    const outcome = feed(value as never);
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  });
  const result = fc.check(property, { numRuns: Math.ceil(cases * speed), seed });
  if (!result.failed) return outcomes;
  throw new Error(`${name}: ${fc.defaultReportMessage(result) ?? 'failed'}`, { cause: result.errorInstance });
}

function describe(outcomes: Readonly<Record<string, number>>): string {
  const counted = Object.entries(outcomes).sort(([, one], [, other]) => other - one);
  return counted.map(([outcome, count]) => `${outcome} ${count}`).join(', ');
}

/** A test for each target. It fails also where all inputs have the same outcome, for that shows nothing. */
export function fuzz(name: string, targets: readonly Target[]): void {
  const test = suite(name);
  for (const target of targets) {
    test(`${target.name}, seed ${seed}`, () => {
      const outcomes = runTarget(target);
      report(target.name, outcomes);
      if (Object.keys(outcomes).length < 2) throw new Error(`all came to ${describe(outcomes)}`);
    });
  }
}
