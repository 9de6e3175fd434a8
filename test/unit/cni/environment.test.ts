import {
  checkEnvironment,
  checkPluginPath,
  type Environment,
  readCommand,
  splitPluginPath,
} from '../../../src/cni/environment.ts';
import type { CniCommand } from '../../../src/cni/request.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';

const test = suite('cni/environment');

const complete: Environment = {
  CNI_CONTAINERID: 'c1',
  CNI_NETNS: '/run/netns/c1',
  CNI_IFNAME: 'net1',
  CNI_PATH: '/opt/cni/bin',
};

test('reads every verb of CNI, and null where there is none', () => {
  for (const verb of ['ADD', 'DEL', 'CHECK', 'STATUS', 'GC', 'VERSION']) {
    assert.is(readCommand({ CNI_COMMAND: verb }), verb);
  }
  assert.is(readCommand({}), null);
  assert.is(readCommand({ CNI_COMMAND: '' }), null);
});

test('refuses other verbs with code 4, naming the value', () => {
  for (const verb of ['add', 'ADD ', 'UPDATE', 'constructor', '__proto__', 'ADD\u0000']) {
    const allowed = 'ADD, DEL, CHECK, STATUS, GC, VERSION';
    throws(() => readCommand({ CNI_COMMAND: verb }), 'invalidEnvironment', 'CNI_COMMAND: "', allowed);
  }
  throws(() => readCommand({ CNI_COMMAND: 'UPDATE' }), 'invalidEnvironment', '"UPDATE"');
});

const neededBy: Readonly<Record<CniCommand, readonly string[]>> = {
  ADD: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME'],
  DEL: ['CNI_CONTAINERID', 'CNI_IFNAME'],
  CHECK: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME'],
  STATUS: [],
  GC: ['CNI_PATH'],
  VERSION: [],
};

for (const [verb, needed] of Object.entries(neededBy) as [CniCommand, readonly string[]][]) {
  test(`${verb}: names all missing variables at once, and is content with exactly those it needs`, () => {
    checkEnvironment(Object.fromEntries(needed.map((name) => [name, complete[name]])), verb);
    if (needed.length > 0) {
      throws(() => checkEnvironment({}, verb), 'invalidEnvironment', `[${needed.join(',')}]`, verb);
    }
    for (const name of needed) {
      for (const absent of ['', undefined]) {
        throws(() => checkEnvironment({ ...complete, [name]: absent }, verb), 'invalidEnvironment', `[${name}]`, verb);
      }
    }
  });
}

const containerIds: readonly (readonly [string, boolean])[] = [
  ['a', true],
  ['0', true],
  ['A-b_c.d', true],
  ['cri-o_1.2', true],
  ['x'.repeat(255), true],
  ['x'.repeat(256), false],
  ['x'.repeat(65536), false],
  ['-a', false],
  ['_a', false],
  ['.a', false],
  ['..', false],
  ['a/b', false],
  ['a b', false],
  ['a\u0000', false],
  ['a\n', false],
  ['\u202ea', false],
  ['ä', false],
];

test('takes container IDs of the SPEC’s form alone', () => {
  for (const [id, allowed] of containerIds) {
    const check = (): void => checkEnvironment({ ...complete, CNI_CONTAINERID: id }, 'DEL');
    if (allowed) check();
    else throws(check, 'invalidEnvironment', 'CNI_CONTAINERID: "');
  }
});

const ifnames: readonly (readonly [string, boolean])[] = [
  ['n', true],
  ['net1', true],
  ['x'.repeat(15), true],
  ['eth0.100', true],
  ['a-b_c', true],
  ['...', true],
  ['ä'.repeat(7), true],
  ['x'.repeat(16), false],
  ['ä'.repeat(8), false],
  ['.', false],
  ['..', false],
  ['a/b', false],
  ['a:b', false],
  ['a b', false],
  ['a\tb', false],
  ['a\u00a0b', false],
  ['\u00e0', false],
  ['\u{f181a}\u{684c4}', false],
  ['a\u2028b', false],
  ['a\u0000', false],
  ['a\u001b', false],
  ['net%d', false],
  ['a\ufffd', false],
  ['a\udcff', false],
];

test('takes interface names that the kernel takes as they are', () => {
  for (const [name, allowed] of ifnames) {
    const check = (): void => checkEnvironment({ ...complete, CNI_IFNAME: name }, 'ADD');
    if (allowed) check();
    else throws(check, 'invalidEnvironment', 'CNI_IFNAME: "');
  }
});

test('reports all malformed variables at once, after the missing ones', () => {
  const bad = { CNI_CONTAINERID: '-', CNI_IFNAME: 'a/b', CNI_NETNS: 'netns' };
  const named = ['CNI_CONTAINERID: "-"', 'CNI_IFNAME: "a/b"', 'CNI_NETNS: "netns"'];
  throws(() => checkEnvironment(bad, 'ADD'), 'invalidEnvironment', ...named);
  const missing = throws(() => checkEnvironment({ ...bad, CNI_NETNS: '' }, 'ADD'), 'invalidEnvironment', '[CNI_NETNS]');
  assert.not.match(missing.message, 'CNI_IFNAME');
});

test('DEL does without CNI_NETNS, whatever is in it', () => {
  for (const netns of ['', undefined, 'gone', '/run/netns/gone']) {
    checkEnvironment({ ...complete, CNI_NETNS: netns }, 'DEL');
  }
});

test('variables that a verb does not need are not looked at', () => {
  const odd = { CNI_CONTAINERID: '/', CNI_IFNAME: '/', CNI_NETNS: 'x', CNI_PATH: '/opt/cni/bin' };
  for (const verb of ['STATUS', 'GC', 'VERSION'] as const) checkEnvironment(odd, verb);
});

test('CNI_PATH: absolute directories alone count', () => {
  assert.equal(splitPluginPath('/a:/b'), ['/a', '/b']);
  assert.equal(splitPluginPath(':/a::bin:./b:/c:'), ['/a', '/c']);
  assert.equal(splitPluginPath(''), []);
  throws(() => checkEnvironment({ CNI_PATH: 'bin:./x' }, 'GC'), 'invalidEnvironment', 'CNI_PATH: "bin:./x"');
});

test('CNI_PATH is asked for where there is IPAM to run', () => {
  checkPluginPath({ CNI_PATH: '/opt/cni/bin' }, 'ADD');
  throws(() => checkPluginPath({}, 'ADD'), 'invalidEnvironment', '[CNI_PATH]', 'ADD');
  throws(() => checkPluginPath({ CNI_PATH: 'bin' }, 'CHECK'), 'invalidEnvironment', 'CNI_PATH: "bin"');
});
