import type { CniError, ErrorName } from '../../../src/cni/errors.ts';
import { readRequest } from '../../../src/cni/read-request.ts';
import { supportedVersions } from '../../../src/cni/versions.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';

const test = suite('cni/read-request');

const environment = {
  CNI_COMMAND: 'ADD',
  CNI_CONTAINERID: 'c1',
  CNI_NETNS: '/run/netns/c1',
  CNI_IFNAME: 'net1',
  CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAME=pod',
  CNI_PATH: '/opt/cni/bin:/usr/lib/cni',
};

const config = { cniVersion: '1.1.0', name: 'vf-test1', type: 'sriov' };

const stdinOf = (value: unknown) => (): string => (typeof value === 'string' ? value : JSON.stringify(value));

const mustNotRead = (): string => {
  throw new Error('stdin was read');
};

function refuses(
  [env, stdin]: readonly [Readonly<Record<string, string | undefined>>, string | object],
  name: ErrorName,
  ...tokens: readonly string[]
): CniError {
  return throws(() => readRequest(env, stdinOf(stdin)), name, ...tokens);
}

test('reads a whole request', () => {
  const stdin = JSON.stringify({ ...config, vlan: 5 });
  const request = readRequest({ ...environment, CNI_NETNS_OVERRIDE: 'True' }, stdinOf(stdin));
  assert.equal(
    { ...request, args: { ...request.args } },
    {
      command: 'ADD',
      containerId: 'c1',
      netns: '/run/netns/c1',
      ifname: 'net1',
      args: { IgnoreUnknown: '1', K8S_POD_NAME: 'pod' },
      pluginDirs: ['/opt/cni/bin', '/usr/lib/cni'],
      netnsOverride: true,
      stdin,
      config: { ...config, vlan: 5 },
      cniVersion: '1.1.0',
      network: 'vf-test1',
    },
  );
});

test('VERSION never waits for stdin', () => {
  assert.is(readRequest({ CNI_COMMAND: 'VERSION' }, mustNotRead).command, 'VERSION');
});

test('DEL does without CNI_NETNS, CNI_PATH and well-formed CNI_ARGS', () => {
  const request = readRequest(
    { CNI_COMMAND: 'DEL', CNI_CONTAINERID: 'c1', CNI_IFNAME: 'net1', CNI_ARGS: 'junk;A=1;B=2=3' },
    stdinOf({ ...config, ipam: { type: 'host-local' } }),
  );
  assert.is(request.netns, '');
  assert.equal(request.pluginDirs, []);
  assert.is(request.args['A'], '1');
});

test('takes CNI_NETNS_OVERRIDE for what skel takes it', () => {
  for (const [value, expected] of [
    ['1', true],
    ['true', true],
    ['TRUE', true],
    ['0', false],
    ['yes', false],
    ['', false],
  ] as const) {
    const request = readRequest({ ...environment, CNI_NETNS_OVERRIDE: value }, stdinOf(config));
    assert.is(request.netnsOverride, expected, value);
  }
});

test('checks in the order of skel: each fault hides those after it', () => {
  const bad = { ...environment, CNI_CONTAINERID: '-', CNI_NETNS: '' };
  const cases: readonly (readonly [Readonly<Record<string, string>>, string, ErrorName, string])[] = [
    [{ ...bad, CNI_COMMAND: 'NOPE' }, '{', 'invalidEnvironment', 'CNI_COMMAND'],
    [bad, '{', 'invalidEnvironment', 'CNI_NETNS'],
    [{ ...bad, CNI_NETNS: '/x' }, '{', 'invalidEnvironment', 'CNI_CONTAINERID'],
    [{ ...environment, CNI_ARGS: 'x' }, '{', 'invalidEnvironment', 'CNI_ARGS'],
    [environment, '{', 'decode', 'stdin'],
    [environment, '{"cniVersion":"9.9.9"}', 'invalidConfig', 'name: '],
    [environment, '{"cniVersion":"9.9.9","name":"a/b"}', 'invalidConfig', 'name: "a/b"'],
    [environment, '{"cniVersion":"9.9.9","name":"a","ipam":{"type":"x"}}', 'incompatibleVersion', '"9.9.9"'],
    [
      { ...environment, CNI_PATH: '' },
      '{"cniVersion":"1.0.0","name":"a","ipam":{"type":"x"}}',
      'invalidEnvironment',
      'CNI_PATH',
    ],
  ];
  for (const [env, stdin, name, token] of cases) refuses([env, stdin], name, token);
  throws(() => readRequest({ ...environment, CNI_IFNAME: '' }, mustNotRead), 'invalidEnvironment', 'CNI_IFNAME');
});

test('the config must be an object', () => {
  for (const text of ['[]', 'null', '"x"', '1', 'true']) {
    refuses([environment, text], 'decode', 'object');
  }
  refuses([environment, ''], 'decode');
});

test('names of networks have the SPEC’s form', () => {
  for (const name of ['a', '0-x_y.z', 'x'.repeat(255)]) {
    assert.is(readRequest(environment, stdinOf({ ...config, name })).network, name);
  }
  for (const name of [
    undefined,
    null,
    '',
    '.x',
    '..',
    'a/b',
    'a b',
    'a\u0000',
    '\u202ea',
    'x'.repeat(256),
    5,
    {},
    [],
  ]) {
    refuses([environment, { ...config, name }], 'invalidConfig', 'name: ');
  }
});

test('an absent version is 0.1.0, one that is no string code 6, an unknown one code 1', () => {
  for (const absent of [undefined, null, '']) {
    assert.is(readRequest(environment, stdinOf({ ...config, cniVersion: absent })).cniVersion, '0.1.0');
  }
  for (const version of supportedVersions) {
    assert.is(readRequest(environment, stdinOf({ ...config, cniVersion: version })).cniVersion, version);
  }
  for (const version of [1, 1.1, true, {}, ['1.0.0']]) {
    refuses([environment, { ...config, cniVersion: version }], 'decode', 'cniVersion');
  }
  refuses([environment, { ...config, cniVersion: '1.2.0' }], 'incompatibleVersion', '"1.2.0"');
});

test('CHECK, STATUS and GC need a config of their time', () => {
  const cases = { CHECK: '0.4.0', STATUS: '1.1.0', GC: '1.1.0' };
  for (const [verb, first] of Object.entries(cases)) {
    const env = { ...environment, CNI_COMMAND: verb };
    for (const version of supportedVersions) {
      const stdin = { ...config, cniVersion: version };
      if (version >= first) assert.is(readRequest(env, stdinOf(stdin)).command, verb);
      else refuses([env, stdin], 'incompatibleVersion', verb, version);
    }
  }
});

test('ADD and CHECK ask for CNI_PATH only where they have IPAM to run', () => {
  for (const verb of ['ADD', 'CHECK']) {
    const env = { ...environment, CNI_COMMAND: verb, CNI_PATH: undefined };
    for (const ipam of [undefined, null, {}, { type: '' }]) readRequest(env, stdinOf({ ...config, ipam }));
    refuses([env, { ...config, ipam: { type: 'host-local' } }], 'invalidEnvironment', '[CNI_PATH]');
  }
});

test('hostile JSON: prototype keys are harmless, depth is limited', () => {
  const text = '{"__proto__":{"name":"evil","cniVersion":"0.1.0"},"name":"good","cniVersion":"1.0.0","constructor":1}';
  const request = readRequest(environment, stdinOf(text));
  assert.is(request.network, 'good');
  assert.is(request.stdin, text);
  refuses([environment, '{"__proto__":{"name":"evil"}}'], 'invalidConfig', 'name: ');
  refuses([environment, `{"name":"a","x":${'['.repeat(100)}${']'.repeat(100)}}`], 'decode', '64');
});

test('what the reader throws passes through', () => {
  const failing = (): string => {
    throw new RangeError('too big');
  };
  assert.throws(
    () => readRequest(environment, failing),
    (thrown: unknown) => thrown instanceof RangeError,
  );
});
