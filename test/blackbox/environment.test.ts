import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import process from 'node:process';
import { asRoot } from '../support/netns.ts';
import { builtExecutable, withStandInNode } from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';
import { withTemporaryDirectory } from '../support/temporary-directory.ts';
import { addressesOf, linkNames } from './pod-view.ts';

const test = suite('environment');
const root = asRoot(test);

type Variables = Readonly<Record<string, string>>;

const complete: Variables = {
  CNI_CONTAINERID: 'c1',
  CNI_NETNS: '/run/netns/dra-test-none',
  CNI_IFNAME: 'net1',
  CNI_PATH: '/opt/cni/bin',
};

interface Failure {
  readonly status: number | null;
  readonly error: { readonly code: number; readonly msg: string; readonly cniVersion: string };
  readonly stderr: string;
  /** Files that it left in its state directory. */
  readonly left: readonly string[];
}

/** Runs a verb that has to fail before it looks at the node, with a state directory of its own. */
function refused(
  verb: string,
  variables: Variables,
  input = '{"cniVersion":"1.1.0","name":"n","type":"sriov"}',
): Failure {
  return withTemporaryDirectory((state) => {
    const env = { PATH: process.env['PATH'], DRA_SRIOV_STATE_DIR: state, CNI_COMMAND: verb, ...variables };
    const { status, stdout, stderr } = spawnSync(builtExecutable, { env, input, encoding: 'utf8' });
    assert.match(stdout, /^[^\n]+\n$/, `${verb}: one line of JSON on stdout`);
    return {
      status,
      error: JSON.parse(stdout) as Failure['error'],
      stderr,
      left: readdirSync(state).filter((name) => name !== '.failures'),
    };
  });
}

function without(...names: readonly string[]): Variables {
  return Object.fromEntries(Object.entries(complete).filter(([name]) => !names.includes(name)));
}

function assertRefused(failure: Failure, parts: readonly (string | RegExp)[]): void {
  assert.is(failure.error.code, 4, failure.error.msg);
  assert.is(failure.status, 1);
  for (const part of parts) assert.match(failure.error.msg, part);
  assert.equal(failure.left, []);
}

const needs: Readonly<Record<string, readonly string[]>> = {
  ADD: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME'],
  CHECK: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME'],
  DEL: ['CNI_CONTAINERID', 'CNI_IFNAME'],
  GC: ['CNI_PATH'],
};

for (const [verb, names] of Object.entries(needs)) {
  test(`${verb}: each variable that is missing or empty, and all of them in one message`, () => {
    for (const name of names) {
      assertRefused(refused(verb, without(name)), [name]);
      assertRefused(refused(verb, { ...complete, [name]: '' }), [name]);
    }
    const { error, ...rest } = refused(verb, without(...names));
    assertRefused({ error, ...rest }, names);
    for (const name of Object.keys(complete)) assert.is(error.msg.includes(name), names.includes(name), error.msg);
  });
}

test('missing variables are told before malformed ones and before what is wrong with stdin', () => {
  const failure = refused('ADD', { CNI_CONTAINERID: '../x', CNI_NETNS: '/n' }, 'no JSON');
  assertRefused(failure, ['CNI_IFNAME']);
  assert.not.match(failure.error.msg, 'CNI_CONTAINERID');
});

test('forms of container ID, interface name and namespace', () => {
  const containerIds = ['../x', '-a', '.', '_a', 'a/b', 'a b', 'ä', 'a\nb', 'x'.repeat(256)];
  for (const value of containerIds) {
    assertRefused(refused('ADD', { ...complete, CNI_CONTAINERID: value }), [
      'CNI_CONTAINERID',
      'not allowed; allowed:',
    ]);
  }
  const ifnames = [
    '.',
    '..',
    'a/b',
    'a:b',
    'a b',
    'a\tb',
    'a\u00a0b',
    'sixteen-bytes-xx',
    'eth%d',
    'ääääääää',
    'a\x1b[0m',
  ];
  for (const value of ifnames) {
    for (const verb of ['ADD', 'DEL']) {
      assertRefused(refused(verb, { ...complete, CNI_IFNAME: value }), ['CNI_IFNAME', 'not allowed; allowed:']);
    }
  }
  assertRefused(refused('ADD', { ...complete, CNI_NETNS: 'run/netns/x' }), ['CNI_NETNS', 'absolute']);
  assertRefused(refused('GC', { ...complete, CNI_PATH: 'opt/cni:bin' }), ['CNI_PATH', 'absolute']);
});

test('two malformed variables are in one message', () => {
  const failure = refused('ADD', { ...complete, CNI_CONTAINERID: '../x', CNI_IFNAME: 'a/b', CNI_NETNS: 'x' });
  assertRefused(failure, ['CNI_CONTAINERID', 'CNI_IFNAME', 'CNI_NETNS']);
});

test('a verb that CNI does not have', () => {
  for (const verb of ['add', 'UPDATE', 'ADD ', 'PING\n']) {
    const failure = refused(verb, complete);
    assertRefused(failure, ['CNI_COMMAND', 'ADD, DEL, CHECK, STATUS, GC, VERSION']);
  }
});

test('CNI_PATH is needed for ADD and CHECK as soon as there is an IPAM plugin', () => {
  const input = '{"cniVersion":"1.1.0","name":"n","type":"sriov","ipam":{"type":"host-local"}}';
  for (const verb of ['ADD', 'CHECK']) assertRefused(refused(verb, without('CNI_PATH'), input), ['CNI_PATH']);
  assert.is(refused('ADD', without('CNI_PATH')).error.code, 8, 'without one it is not');
});

test('malformed CNI_ARGS', () => {
  const malformed = ['A', 'A=B=C', '=x', 'MAC=02:00:00:00:00:01;', ';', 'A=1;;B=2', 'MAC', 'IgnoreUnknown=maybe'];
  for (const text of malformed) {
    for (const verb of ['ADD', 'CHECK']) assertRefused(refused(verb, { ...complete, CNI_ARGS: text }), ['CNI_ARGS']);
  }
});

test('unknown CNI_ARGS are named, and let pass with IgnoreUnknown', () => {
  for (const [text, keys] of [
    ['FOO=1;K8S_POD_NAME=x;BAR=2', ['FOO', 'BAR']],
    ['mac=02:00:00:00:00:01', ['mac']],
    ['IgnoreUnknown=0;FOO=1', ['FOO']],
    ['IgnoreUnknown=1;IgnoreUnknown=false;FOO=1', ['FOO']],
  ] as const) {
    assertRefused(refused('ADD', { ...complete, CNI_ARGS: text }), ['CNI_ARGS', ...keys]);
  }
  for (const text of [
    'IgnoreUnknown=1;FOO=1',
    'FOO=1;IgnoreUnknown=true',
    'IgnoreUnknown=True;__proto__=x',
    'IP=;MAC=',
  ]) {
    assert.is(refused('ADD', { ...complete, CNI_ARGS: text }).error.code, 8, `${text}: only the namespace is missing`);
  }
});

test('CNI_ARGS that mean something, with bad values', () => {
  for (const [text, key] of [
    ['MAC=03:00:00:00:00:01', 'MAC'],
    ['IgnoreUnknown=1;K8S_POD_UID=../../etc', 'K8S_POD_UID'],
    ['IgnoreUnknown=1;K8S_POD_NAMESPACE=a/b', 'K8S_POD_NAMESPACE'],
  ] as const) {
    const { error } = refused('ADD', { ...complete, CNI_ARGS: text });
    assert.is(error.code, 7, error.msg);
    assert.match(error.msg, `CNI_ARGS ${key}`);
  }
});

test('a directory of this plugin’s own variables that is relative', () => {
  for (const name of [
    'DRA_SRIOV_STATE_DIR',
    'DRA_SRIOV_SYSFS',
    'DRA_SRIOV_CDI_DIRS',
    'DRA_SRIOV_KUBELET_DIR',
    'DRA_SRIOV_SRIOV_CNI_DIR',
  ]) {
    assertRefused(refused('ADD', { ...complete, [name]: 'some/where' }), [name, 'some/where']);
  }
});

root('of a repeated CNI_ARGS key the last counts, and DEL minds none of it', () => {
  withStandInNode({ built: true }, (node) => {
    const conf = node.conf({ deviceID: node.vfPcis[0], ipam: node.ipam() });
    const before = node.picture();
    const args = 'IgnoreUnknown=1;MAC=02:00:00:00:00:01;IP=10.0.2.77;MAC=02:00:00:00:00:02';
    node.succeed('ADD', conf, { args });
    const [link] = node.pod.ip('link', 'show', 'net1') as [{ address: string }];
    assert.is(link.address, '02:00:00:00:00:02');
    assert.equal(addressesOf(node.pod, 'net1'), ['10.0.2.77/24'], 'IP= is for host-local, which gets CNI_ARGS too');
    node.succeed('DEL', conf, { args: 'A=B=C;;FOO' });
    assert.equal(node.picture(), before);
  });
});

root('names that only look odd', () => {
  withStandInNode({ built: true }, (node) => {
    const conf = node.conf({ deviceID: node.vfPcis[0] });
    for (const ifname of ['fifteen-bytes-x', '-', '...', 'üüü', "a'b", '$(id)', '--help']) {
      const call = { ifname, containerId: `a.b_c-${'9'.repeat(100)}` };
      node.succeed('ADD', conf, call);
      assert.ok(linkNames(node.pod).includes(ifname), ifname);
      node.succeed('DEL', conf, call);
      assert.equal(linkNames(node.pod), ['lo']);
      assert.equal(node.stateFiles(), []);
    }
  });
});

root('a refusal that comes after the config is read: JSON on stdout, the log line on stderr, exit code 1', () => {
  withStandInNode({ built: true }, (node) => {
    const { status, stdout, stderr } = node.cni('ADD', node.conf({ vlan: 9999 }));
    assert.is(status, 1);
    assert.match(stdout, /^\{"cniVersion":"1\.0\.0","code":7,"msg":"[^\n]*"\}\n$/);
    assert.match(stderr, /^time=\S+ level=error msg="ADD failed" [^\n]*reason=[^\n]*vlan[^\n]*\n$/);
  });
});
