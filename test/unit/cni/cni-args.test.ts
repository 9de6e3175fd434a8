import { parseCniArgs, parseCniArgsLeniently } from '../../../src/cni/cni-args.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';

const test = suite('cni/cni-args');

const plain = (args: Readonly<Record<string, string>>): Record<string, string> => ({ ...args });

const refuses = (text: string, ...tokens: readonly string[]): string =>
  throws(() => parseCniArgs(text), 'invalidEnvironment', ...tokens).message;

test('reads what Multus sends, of repeated keys the last', () => {
  const text =
    'IgnoreUnknown=true;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=pod;K8S_POD_INFRA_CONTAINER_ID=abc;K8S_POD_UID=u1;' +
    'IgnoreUnknown=1;K8S_POD_NAMESPACE=other;K8S_POD_UID=u2;CUSTOM=x';
  const args = parseCniArgs(text);
  assert.is(args['K8S_POD_NAMESPACE'], 'other');
  assert.is(args['K8S_POD_UID'], 'u2');
  assert.is(args['CUSTOM'], 'x');
  assert.ok(Object.isFrozen(args));
});

test('takes every known key without IgnoreUnknown, and values may be empty', () => {
  assert.equal(plain(parseCniArgs('')), {});
  assert.equal(plain(parseCniArgs('MAC=02:00:00:00:00:01;IP=10.0.0.1')), { MAC: '02:00:00:00:00:01', IP: '10.0.0.1' });
  assert.equal(plain(parseCniArgs('K8S_POD_NAME=')), { K8S_POD_NAME: '' });
  const ofStatic = { IP: '10.0.0.5/24', GATEWAY: '10.0.0.1', SUBNET: '10.0.0.0/24' };
  assert.equal(plain(parseCniArgs('IP=10.0.0.5/24;GATEWAY=10.0.0.1;SUBNET=10.0.0.0/24')), ofStatic);
});

test('refuses unknown keys, naming all of them, unless IgnoreUnknown is true wherever it stands', () => {
  refuses('A=1;MAC=02:00:00:00:00:01;B=2', '"A", "B"');
  refuses('mac=02:00:00:00:00:01', '"mac"');
  for (const value of ['0', 'false', 'FALSE']) refuses(`IgnoreUnknown=${value};A=1`, '"A"');
  for (const value of ['1', 'true', 'True']) assert.is(parseCniArgs(`A=1;IgnoreUnknown=${value}`)['A'], '1');
  refuses('IgnoreUnknown=1;A=1;IgnoreUnknown=0', '"A"');
});

test('refuses values of IgnoreUnknown that are no truth values', () => {
  for (const value of ['', 'yes', '2', 'toString', 'constructor']) {
    refuses(`IgnoreUnknown=${value}`, `IgnoreUnknown="${value}"`, '1, true, 0 or false');
  }
});

test('refuses pairs without exactly one =', () => {
  for (const text of ['A', 'A=1;', ';', ';A=1', 'A=1=2', 'A==', '=', '=x', 'MAC=a;;IP=b']) {
    refuses(`IgnoreUnknown=1;${text}`, 'CNI_ARGS', 'KEY=VALUE');
  }
});

test('hostile keys and values stay plain data', () => {
  const args = parseCniArgs('IgnoreUnknown=1;__proto__=x;constructor=y;toString=z');
  assert.equal(Object.entries(args).at(1), ['__proto__', 'x']);
  assert.is(args['constructor'], 'y');
  assert.is(Object.getPrototypeOf(args), null);
  assert.is(({} as Record<string, unknown>)['x'], undefined);
  const long = 'v'.repeat(65536);
  assert.is(parseCniArgs(`MAC=${long}`)['MAC'], long);
  assert.ok(refuses(`A=\u202e${long}=`).length < 500);
  assert.not.match(refuses('A\u202e=1\u0007'), '\u202e');
});

test('DEL reads what it can and refuses nothing', () => {
  assert.equal(plain(parseCniArgsLeniently('A=1;;junk;=x;B=2=3;A=4')), { A: '4', B: '2=3' });
  assert.equal(plain(parseCniArgsLeniently('')), {});
  assert.is(Object.getPrototypeOf(parseCniArgsLeniently('__proto__=x')), null);
});
