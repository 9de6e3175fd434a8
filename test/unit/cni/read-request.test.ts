import { type CniError, isCniError } from '../../../src/cni/errors.ts';
import { readRequest } from '../../../src/cni/read-request.ts';
import { supportedVersions } from '../../../src/cni/versions.ts';
import { assert, suite } from '../../support/suite.ts';

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

function refusal(env: Readonly<Record<string, string | undefined>>, stdin: () => string): CniError {
  try {
    readRequest(env, stdin);
  } catch (thrown) {
    if (isCniError(thrown)) return thrown;
    throw thrown;
  }
  throw new Error('nothing was thrown');
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
  const cases: readonly (readonly [Readonly<Record<string, string>>, string, number, string])[] = [
    [{ ...bad, CNI_COMMAND: 'NOPE' }, '{', 4, 'CNI_COMMAND'],
    [bad, '{', 4, 'CNI_NETNS'],
    [{ ...bad, CNI_NETNS: '/x' }, '{', 4, 'CNI_CONTAINERID'],
    [{ ...environment, CNI_ARGS: 'x' }, '{', 4, 'CNI_ARGS'],
    [environment, '{', 6, 'not JSON'],
    [environment, '{"cniVersion":"9.9.9"}', 7, 'name'],
    [environment, '{"cniVersion":"9.9.9","name":"a/b"}', 7, '"a/b"'],
    [environment, '{"cniVersion":"9.9.9","name":"a","ipam":{"type":"x"}}', 1, '"9.9.9"'],
    [{ ...environment, CNI_PATH: '' }, '{"cniVersion":"1.0.0","name":"a","ipam":{"type":"x"}}', 4, 'CNI_PATH'],
  ];
  for (const [env, stdin, code, words] of cases) {
    const { code: actual, message } = refusal(env, stdinOf(stdin));
    assert.is(actual, code, message);
    assert.match(message, words);
  }
  assert.is(refusal({ ...environment, CNI_IFNAME: '' }, mustNotRead).code, 4);
});

test('the config must be an object', () => {
  for (const text of ['[]', 'null', '"x"', '1', 'true']) {
    const { code, message } = refusal(environment, stdinOf(text));
    assert.is(code, 6);
    assert.match(message, 'expected a JSON object');
  }
  assert.is(refusal(environment, stdinOf('')).code, 6);
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
    const { code, message } = refusal(environment, stdinOf({ ...config, name }));
    assert.is(code, 7, String(name));
    assert.match(message, 'name: ');
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
    assert.is(refusal(environment, stdinOf({ ...config, cniVersion: version })).code, 6);
  }
  assert.is(refusal(environment, stdinOf({ ...config, cniVersion: '1.2.0' })).code, 1);
});

test('CHECK, STATUS and GC need a config of their time', () => {
  const cases = { CHECK: '0.4.0', STATUS: '1.1.0', GC: '1.1.0' };
  for (const [verb, first] of Object.entries(cases)) {
    const env = { ...environment, CNI_COMMAND: verb };
    for (const version of supportedVersions) {
      const stdin = stdinOf({ ...config, cniVersion: version });
      if (version >= first) assert.is(readRequest(env, stdin).command, verb);
      else assert.is(refusal(env, stdin).code, 1, `${verb} ${version}`);
    }
  }
});

test('ADD and CHECK ask for CNI_PATH only where they have IPAM to run', () => {
  for (const verb of ['ADD', 'CHECK']) {
    const env = { ...environment, CNI_COMMAND: verb, CNI_PATH: undefined };
    for (const ipam of [undefined, null, {}, { type: '' }]) readRequest(env, stdinOf({ ...config, ipam }));
    assert.match(refusal(env, stdinOf({ ...config, ipam: { type: 'host-local' } })).message, '[CNI_PATH] missing');
  }
});

test('hostile JSON: prototype keys are harmless, depth is limited', () => {
  const text = '{"__proto__":{"name":"evil","cniVersion":"0.1.0"},"name":"good","cniVersion":"1.0.0","constructor":1}';
  const request = readRequest(environment, stdinOf(text));
  assert.is(request.network, 'good');
  assert.is(request.stdin, text);
  assert.is(refusal(environment, stdinOf('{"__proto__":{"name":"evil"}}')).code, 7);
  assert.is(refusal(environment, stdinOf(`{"name":"a","x":${'['.repeat(100)}${']'.repeat(100)}}`)).code, 6);
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
