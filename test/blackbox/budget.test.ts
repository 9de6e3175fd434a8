import { existsSync } from 'node:fs';
import process from 'node:process';
import { countForBudget, overspent, readBudget } from '../bench/budget.ts';
import { canCount } from '../bench/counts.ts';
import { nativeExecutable } from '../bench/subjects.ts';
import { asRoot } from '../support/netns.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('budget');

const name = 'VERSION, ADD and DEL take no more instructions than test/bench/budget.json has, and 5 %';
const budget = readBudget(process.arch);
// The budget is that of the build, and not of an executable that the other tests are to run with.
const isForThese = process.env['DRA_SRIOV_EXECUTABLE'] === undefined && existsSync(nativeExecutable);

if (budget === null) test.skip(name, `there is no budget for ${process.arch}`, { allowedInCi: true });
else if (!isForThese) test.skip(name, 'it is for the native executable alone', { allowedInCi: true });
else if (!canCount()) test.skip(name, 'valgrind or strace is not installed');
else {
  asRoot(test)(name, () => {
    const spent = overspent(budget, countForBudget(nativeExecutable));
    assert.equal(spent, [], 'after a look at what it is for: npm run bench:budget writes what it takes now');
  });
}

test('what is more than 5 % above the budget, or not in it, is named', () => {
  assert.equal(overspent({ ADD: 20 }, { ADD: 21 }), []);
  assert.equal(overspent({ ADD: 20, DEL: 1 }, { ADD: 21.1, GC: 1 }), [
    'ADD takes 21.1 million instructions; the budget has 20',
    'GC takes 1 million instructions; the budget has 0',
  ]);
});
