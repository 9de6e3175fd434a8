import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { builtExecutable } from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';
import { withTemporaryDirectory } from '../support/temporary-directory.ts';

const test = suite('cli');

const root = join(import.meta.dirname, '../..');

interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(...args: readonly string[]): Run {
  return spawnSync(builtExecutable, args, { env: {}, encoding: 'utf8' });
}

/** `validate` of a file with that content; `{PATH}` stands for the file's path in its output. */
function validate(content: string, ...options: readonly string[]): Run {
  return withTemporaryDirectory((directory) => {
    const path = join(directory, 'file');
    writeFileSync(path, content);
    const { status, stdout, stderr } = run('validate', ...options, path);
    return { status, stdout: stdout.replaceAll(path, '{PATH}'), stderr };
  });
}

test('--version is that of package.json', () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  assert.equal([run('--version').status, run('--version').stdout.trim()], [0, version]);
});

test('--help tells of the commands, on stdout', () => {
  const { status, stdout, stderr } = run('--help');
  assert.equal([status, stderr], [0, '']);
  for (const part of ['Usage: dra-sriov', 'CNI_COMMAND', 'validate']) assert.match(stdout, part);
  assert.match(run('validate', '--help').stdout, '--type');
});

test('without arguments it says what it is on stderr and succeeds, also with an empty CNI_COMMAND', () => {
  for (const env of [{}, { CNI_COMMAND: '' }]) {
    const { status, stdout, stderr } = spawnSync(builtExecutable, [], { env, encoding: 'utf8', input: '{}' });
    assert.equal([status, stdout], [0, '']);
    assert.match(stderr, /^CNI plugin dra-sriov v\d/);
    assert.match(stderr, '0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0');
  }
});

test('a reader that has had enough: it ends silently, as a program that SIGPIPE ends', () => {
  // The writing end of a pipe whose reader has ended.
  const script = 'exec 3> >(:); wait $!; exec "$0" "$@" >&3 3>&-';
  for (const args of [
    ['--help'],
    ['version'],
    ['completion', 'bash'],
    ['validate', '--json', join(root, 'package.json')],
  ]) {
    const { status, stderr } = spawnSync('bash', ['-c', script, builtExecutable, ...args], { encoding: 'utf8' });
    assert.equal([status, stderr], [141, ''], args.join(' '));
  }
});

test('a wrong command line: exit code 2, said on stderr', () => {
  for (const args of [['frobnicate'], ['--frobnicate'], ['validate'], ['validate', '--frobnicate', 'x']]) {
    const { status, stdout, stderr } = run(...args);
    assert.equal([status, stdout], [2, ''], args.join(' '));
    assert.match(stderr, /^error: /);
  }
});

test('validate: the examples are valid', () => {
  const names = [
    'cnitool/sriov.conflist',
    'multus-multiple-vf.yaml',
    'chained-tuning.yaml',
    'vlan-qos.yaml',
    'dpdk.yaml',
  ];
  const paths = names.map((name) => join(root, 'conf-examples', name));
  const { status, stdout } = run('validate', ...paths);
  assert.is(status, 0, stdout);
  assert.equal(
    stdout.trimEnd().split('\n'),
    paths.map((path) => `valid: ${path}`),
  );
});

test('validate: every error of a config with its path, exit code 1', () => {
  const config = { cniVersion: '3.0', name: 'a/b', type: 'sriov', vlan: 5000, runtimeConfig: { mac: 'x' }, mtuu: 1 };
  const { status, stdout, stderr } = validate(JSON.stringify(config));
  assert.equal([status, stderr], [1, '']);
  for (const [path, value] of [
    ['cniVersion', '"3.0"'],
    ['name', '"a/b"'],
    ['vlan', '5000'],
    ['runtimeConfig.mac', '"x"'],
  ]) {
    const said = new RegExp(`^error: \\{PATH\\}:1:.*: ${path}: ${value} .*allowed: `);
    assert.ok(
      stdout.split('\n').some((line) => said.test(line)),
      stdout,
    );
  }
  assert.match(stdout, /: mtuu: .*\n {2}write: mtu\n/);
  assert.not.match(stdout, 'valid:');
});

test('validate: a warning alone is no failure', () => {
  const { status, stdout } = validate('{"cniVersion":"1.0.0","name":"n","type":"sriov","Vlan":1}');
  assert.is(status, 0);
  assert.match(stdout, 'warning: {PATH}:1:49: Vlan');
  assert.match(stdout, 'valid: {PATH}');
});

test('validate: conflists and NetworkAttachmentDefinitions, with the place inside', () => {
  const list = { cniVersion: '1.0.0', name: 'n', plugins: [{ type: 'tuning' }, { type: 'sriov', trust: 'yes' }] };
  const inList = validate(JSON.stringify(list));
  assert.is(inList.status, 1);
  assert.match(inList.stdout, 'plugins[1].trust: "yes"');
  const definition = (config: string): string =>
    `apiVersion: k8s.cni.cncf.io/v1\nkind: NetworkAttachmentDefinition\nmetadata:\n  name: a\nspec:\n  config: '${config}'\n`;
  const inDefinition = validate(definition('{"cniVersion":"1.0.0","type":"sriov","vlan":-1}'));
  assert.is(inDefinition.status, 1);
  assert.match(inDefinition.stdout, 'NetworkAttachmentDefinition a: spec.config: vlan: -1');
  assert.is(validate(definition('{"cniVersion":"1.0.0","type":"sriov","vlan":0}')).status, 0);
});

test('validate: --type for another name of this plugin', () => {
  const text = '{"cniVersion":"1.0.0","name":"n","type":"my-sriov","vlan":-1}';
  assert.is(validate(text).status, 0);
  const { status, stdout } = validate(text, '--type', 'my-sriov');
  assert.is(status, 1);
  assert.match(stdout, 'vlan: -1');
});

test('validate: what is no config, with the line where it stops being JSON', () => {
  assert.match(validate('{\n  "name": "n",\n}').stdout, 'error: {PATH}:3:1: ');
  for (const text of ['', 'just: yaml\n']) assert.match(validate(text).stdout, 'error: {PATH}');
  for (const text of ['{\n', '', 'just: yaml\n', '[]', '7', '\0', '- a: [']) assert.is(validate(text).status, 1, text);
});

test('validate: several files, one of which is missing', () => {
  const example = join(root, 'conf-examples/cnitool/sriov.conflist');
  const { status, stdout } = run('validate', '/nonexistent/file', example);
  assert.is(status, 1);
  assert.match(stdout, /^error: \/nonexistent\/file: .*\n/);
  assert.ok(stdout.endsWith(`\nvalid: ${example}\n`), stdout);
});
