import { isJsonObject, present } from '../../../src/lib/json.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('lib/json');

test('tells objects from all else', () => {
  assert.ok(isJsonObject({}));
  for (const value of [null, [], 1, 'x', true, undefined]) assert.not(isJsonObject(value));
});

test('leaves out what is undefined, and nothing else', () => {
  assert.equal(Object.entries(present({ a: undefined, b: null, c: 0, d: '' })), [
    ['b', null],
    ['c', 0],
    ['d', ''],
  ]);
});
