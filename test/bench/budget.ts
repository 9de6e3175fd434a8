// The instructions that the native executable may take are in test/bench/budget.json: `npm run bench:budget` writes how
// many it takes now.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { countUsual } from './count-cases.ts';
import { nativeExecutable } from './subjects.ts';

/** Millions of instructions by the name of the run, such as `ADD, no IPAM`. Each architecture has a budget. */
export type Budget = Readonly<Record<string, number>>;

/** By what share a run may exceed the budget. */
const tolerance = 0.05;

const path = join(import.meta.dirname, 'budget.json');

/** Null for an architecture without a budget. */
export function readBudget(architecture: string): Budget | null {
  const all = JSON.parse(readFileSync(path, 'utf8')) as Readonly<Record<string, Budget>>;
  return all[architecture] ?? null;
}

/** Counts the instructions of every run in the budget. */
export function countForBudget(executable: string): Budget {
  const { version, cases } = countUsual(executable);
  const runs = cases.flatMap(({ name, add, del }) => [
    [`ADD, ${name}`, add.instructions],
    [`DEL, ${name}`, del.instructions],
  ]);
  const all = [['VERSION', version], ...runs] as [string, number][];
  return Object.fromEntries(all.map(([name, instructions]) => [name, Number((instructions / 1e6).toFixed(2))]));
}

/** Runs that take more than the budget allows, each with its figures. */
export function overspent(budget: Budget, counted: Budget): readonly string[] {
  return Object.entries(counted).flatMap(([name, millions]) => {
    const allowed = budget[name] ?? 0;
    return millions <= allowed * (1 + tolerance)
      ? []
      : [`${name} takes ${millions} million instructions; the budget has ${allowed}`];
  });
}

if (import.meta.main) {
  const all = JSON.parse(readFileSync(path, 'utf8')) as Record<string, Budget>;
  all[process.arch] = countForBudget(nativeExecutable);
  writeFileSync(path, `${JSON.stringify(all, null, 2)}\n`);
  process.stdout.write(`${JSON.stringify(all[process.arch], null, 2)}\n`);
}
