import { ratiosOf, spreadOf } from '../../bench/spread.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';

const test = suite('bench/spread');

test('minimum, median and quartiles, whatever the order', () => {
  assert.equal(spreadOf([5, 1, 4, 2, 3]), { min: 1, median: 3, q1: 2, q3: 4 });
  assert.equal(spreadOf([10, 2]), { min: 2, median: 6, q1: 4, q3: 8 });
  assert.equal(spreadOf([7]), { min: 7, median: 7, q1: 7, q3: 7 });
});

test('numbers are not compared as text', () => {
  assert.is(spreadOf([100, 9, 20]).median, 20);
});

test('ratios are taken run by run', () => {
  assert.equal(ratiosOf([2, 40, 3], [1, 10, 1]), { min: 2, median: 3, q1: 2.5, q3: 3.5 });
});

test('nothing, and runs that have no partner, are refused', () => {
  throws(() => spreadOf([]), 'Error', 'values');
  throws(() => ratiosOf([1, 2], [1]), 'Error', '2', '1');
});
