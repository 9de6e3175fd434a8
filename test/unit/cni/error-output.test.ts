import { formatError } from '../../../src/cni/error-output.ts';
import { CniError, errorCodes } from '../../../src/cni/errors.ts';
import { SystemError } from '../../../src/lib/system-error.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('cni/error-output');

const format = (thrown: unknown): Record<string, unknown> => JSON.parse(formatError(thrown, '1.0.0'));

test('an error of known meaning keeps its code, message and details', () => {
  const thrown = new CniError('noVfForPod', 'no VF for pod a/b', { details: 'per-pod CDI spec: absent' });
  assert.equal(format(thrown), {
    cniVersion: '1.0.0',
    code: 100,
    msg: 'no VF for pod a/b',
    details: 'per-pod CDI spec: absent',
  });
});

test('without details there is no such key; without a version it is the newest', () => {
  assert.equal(JSON.parse(formatError(new CniError('vfBusy', 'busy'))), {
    cniVersion: '1.1.0',
    code: 102,
    msg: 'busy',
  });
});

test('the message has the causes, outermost first', () => {
  const cause = new SystemError('set VF 3 of ens1f0', 22, 'not supported');
  const thrown = new CniError('settingRefused', 'vlan 5 refused by ens1f0 (ice)', { cause });
  assert.is(format(thrown)['msg'], 'vlan 5 refused by ens1f0 (ice): set VF 3 of ens1f0: EINVAL (not supported)');
  assert.is(format(thrown)['code'], 106);
});

test('a delegated error keeps the code of the other plugin', () => {
  const delegated = format(CniError.delegated('host-local', 11, 'no addresses', 'range full'));
  assert.equal(delegated, { cniVersion: '1.0.0', code: 11, msg: 'host-local: no addresses', details: 'range full' });
});

test('system errors: files are code 5, the rest of the kernel 113, also as causes', () => {
  for (const errno of [2, 5, 13, 20, 21, 23, 24, 28, 30, 36, 40, 75]) {
    assert.is(format(new SystemError('open /x', errno))['code'], errorCodes.io, String(errno));
  }
  for (const errno of [1, 16, 19, 22, 95, 105, 110, 12345]) {
    assert.is(format(new SystemError('set link', errno))['code'], errorCodes.kernel, String(errno));
  }
  const wrapped = new Error('restore vlan', { cause: new SystemError('set VF 3', 16) });
  assert.is(format(wrapped)['code'], 113);
  assert.is(format(wrapped)['msg'], 'restore vlan: set VF 3: EBUSY');
});

test('errors are told by name, for parts that are loaded separately', () => {
  const foreign = Object.assign(new Error('busy'), { name: 'CniError', code: 102, details: undefined });
  assert.equal(format(foreign), { cniVersion: '1.0.0', code: 102, msg: 'busy' });
});

test('all else is a bug: 999 with the message, and the stack as details', () => {
  const { code, msg, details } = format(new TypeError('x is not a function'));
  assert.is(code, 999);
  assert.is(msg, 'x is not a function');
  assert.match(String(details), 'error-output.test.ts');
  for (const [thrown, text] of [
    ['text', 'text'],
    [undefined, 'undefined'],
    [null, 'out of memory'],
    [{ a: 1 }, '[object Object]'],
  ] as const) {
    assert.equal(format(thrown), { cniVersion: '1.0.0', code: 999, msg: text });
  }
});

test('message and details are on one line, drive no terminal, and have an end', () => {
  const evil = 'a\nb\u001b[31m\u202e\u2028\u0000\u0085c';
  const { msg, details } = format(
    new CniError('io', `name ${evil}`, { details: `step ${evil}`, cause: new Error(evil) }),
  );
  const shown = 'a\\nb\\u001b[31m\\u202e\\u2028\\u0000\\u0085c';
  assert.equal([msg, details], [`name ${shown}: ${shown}`, `step ${shown}`]);
  const long = format(new CniError('io', 'x'.repeat(1_000_000), { details: 'y'.repeat(1_000_000) }));
  assert.equal([String(long['msg']).length, String(long['details']).length], [4001, 32_001]);
  assert.is(format(new CniError('io', 'it says "a\\b"'))['msg'], 'it says "a\\b"');
});
