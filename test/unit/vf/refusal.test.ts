import { errno, SystemError } from '../../../src/lib/system-error.ts';
import { isRefusal } from '../../../src/vf/refusal.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('vf/refusal');

test('a no of kernel or driver, in whatever word; not that nothing answered, nor a bug', () => {
  const noAnswers = ['ETIMEDOUT', 'ENOBUFS', 'EINTR', 'EBADMSG', 'ENODEV'];
  for (const [name, number] of Object.entries(errno)) {
    assert.is(isRefusal(new SystemError('set it', number)), !noAnswers.includes(name), name);
  }
  for (const bug of [new TypeError('x is not a function'), new Error('EPERM'), null, 'EPERM'])
    assert.not(isRefusal(bug));
});
