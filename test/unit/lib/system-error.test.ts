import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { errno, errnoName, failureOf, isSystemError, SystemError } from '../../../src/lib/system-error.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';

const test = suite('lib/system-error');

test('says what failed, with the name of the errno and the kernel’s own words', () => {
  assert.is(new SystemError('set VF 3 of ens1f0', 95, 'no trust').message, 'set VF 3 of ens1f0: EOPNOTSUPP (no trust)');
  assert.is(new SystemError('open /x', 2, '').message, 'open /x: ENOENT');
  assert.is(new SystemError('x', 9999).code, 'errno 9999');
  assert.is(errnoName(16), 'EBUSY');
});

test('is told by name and code, not by class', () => {
  const thrown = new SystemError('x', 16);
  assert.ok(isSystemError(thrown));
  assert.ok(isSystemError(thrown, 'EAGAIN', 'EBUSY'));
  assert.not(isSystemError(thrown, 'EAGAIN'));
  assert.ok(isSystemError(Object.assign(new Error('x'), { name: 'SystemError', code: 'EBUSY' }), 'EBUSY'));
  for (const other of [new Error('EBUSY'), 'EBUSY', null, undefined, { name: 'SystemError' }])
    assert.not(isSystemError(other));
});

test('the numbers are the system’s', () => {
  const known = constants.errno as Readonly<Record<string, number>>;
  // Node's list lacks those that only Linux has.
  for (const [name, number] of Object.entries(errno)) assert.is(number, known[name] ?? number, name);
});

test('a failed system call of either host, and nothing else', () => {
  assert.equal(failureOf({ errno: 16, detail: 'in use' }), { errno: 16, detail: 'in use' });
  assert.equal(failureOf(throws(() => readFileSync('/absent'), 'Error')), { errno: 2, detail: '' });
  assert.is(failureOf(throws(() => readFileSync('/a\0b'), 'Error'))?.errno, 22);
  const bugs = [new TypeError('x is not a function'), new SystemError('x', 16), 'EBUSY', null, undefined, {}];
  for (const bug of bugs) assert.is(failureOf(bug), null);
});
