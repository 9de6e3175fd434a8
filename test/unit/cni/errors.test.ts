import { CniError, errorCodes, explain, isBug, isCniError } from '../../../src/cni/errors.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('cni/errors');

test('every code is there once, ours from 100 up', () => {
  const codes = Object.values(errorCodes);
  assert.is(new Set(codes).size, codes.length);
  const reserved: readonly number[] = codes.filter((code) => code < 100);
  assert.equal(reserved, [1, 2, 3, 4, 5, 6, 7, 8, 11, 50, 51]);
});

test('is told by name and code', () => {
  const thrown = new CniError('vfBusy', 'busy');
  assert.ok(isCniError(thrown));
  assert.ok(isCniError(thrown, 'vfBusy'));
  assert.not(isCniError(thrown, 'vfMissing'));
  for (const other of [new Error('x'), 'CniError', null, undefined, { name: 'CniError', code: 102 }]) {
    assert.not(isCniError(other));
  }
});

test('explains causes, outermost first, also such as are no errors', () => {
  assert.is(explain(new Error('a', { cause: new Error('b', { cause: 'c' }) })), 'a: b: c');
  assert.is(explain(undefined), 'undefined');
});

test('the end of memory, which QuickJS tells by throwing null, is named', () => {
  assert.is(explain(null), 'out of memory');
  assert.is(explain(new Error('while parsing', { cause: null })), 'while parsing: out of memory');
});

test('a bug is what the engine throws; what we throw, and JSON.parse of its text, is none', () => {
  const ofText = caught(() => JSON.parse('{'));
  assert.equal([new Error('x'), new CniError('io', 'x'), ofText].map(isBug), [false, false, false]);
  const ofProgram = caught(() => (undefined as unknown as { x: 1 }).x);
  const ofMemory = Object.assign(new Error('stack overflow'), { name: 'InternalError' });
  assert.equal([ofProgram, new RangeError('x'), ofMemory, null].map(isBug), [true, true, true, true]);
});

function caught(task: () => unknown): unknown {
  try {
    return task();
  } catch (thrown) {
    return thrown;
  }
}
