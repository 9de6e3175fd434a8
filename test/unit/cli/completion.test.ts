import { spawnSync } from 'node:child_process';
import { createMemoryPlatform } from '../../support/memory-platform.ts';
import { operate } from '../../support/operate.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('cli/completion');

const scriptFor = (shell: string): string => operate(createMemoryPlatform(), 'completion', shell).stdout;

/** What bash offers for a line, whose last word is being typed. */
function complete(...words: readonly string[]): readonly string[] {
  const ask = `
    ${scriptFor('bash')}
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    COMPREPLY=()
    _dra_sriov
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { status, stdout, stderr } = spawnSync('bash', ['-c', ask, 'bash', ...words], { encoding: 'utf8' });
  assert.equal([status, stderr], [0, ''], words.join(' '));
  return stdout.split('\n').filter((line) => line !== '');
}

test('bash: commands', () => {
  assert.equal(complete('dra-sriov', 'in'), ['inspect', 'install']);
  for (const name of [
    'inspect',
    'attachments',
    'resolve',
    'explain',
    'gc',
    'doctor',
    'validate',
    'completion',
    'help',
    '--version',
  ]) {
    assert.ok(complete('dra-sriov', '').includes(name), name);
  }
  assert.equal(complete('dra-sriov', 'help', 'do'), ['doctor']);
});

test('bash: options of a command, and words and files as arguments', () => {
  assert.equal(complete('dra-sriov', 'gc', '--'), ['--dry-run', '--addresses', '--here', '--json', '--help']);
  assert.equal(complete('dra-sriov', 'resolve', '--po'), ['--pod-uid']);
  assert.equal(complete('dra-sriov', 'completion', ''), ['bash', 'zsh']);
  assert.ok(complete('dra-sriov', 'validate', '/etc/host').includes('/etc/hosts'));
  assert.ok(complete('dra-sriov', 'resolve', '--config', '/etc/host').includes('/etc/hosts'));
  assert.equal(complete('dra-sriov', 'resolve', '--pod-uid', ''), []);
});

test('bash: nothing is offered for what isn’t a command', () => {
  assert.equal(complete('dra-sriov', 'nope', ''), []);
});

test('zsh: every command and option, with its description', () => {
  const script = scriptFor('zsh');
  assert.match(script, /^#compdef dra-sriov\n/);
  for (const part of ["'inspect:", "'--dry-run[", "'--config[", ':file:_files', "'1:word:(bash zsh)'"]) {
    assert.ok(script.includes(part), part);
  }
});

const hasZsh = spawnSync('zsh', ['--version']).status === 0;
const zsh = hasZsh ? test : (name: string): void => test.skip(name, 'zsh is missing');

zsh('zsh: it reads the script, and knows the function for the command', () => {
  const ask = `autoload -U compinit; compinit -u -D; eval "$(cat)"; print $_comps[dra-sriov]`;
  const { status, stdout, stderr } = spawnSync('zsh', ['-fc', ask], { input: scriptFor('zsh'), encoding: 'utf8' });
  assert.equal([status, stdout, stderr], [0, '_dra_sriov\n', '']);
});

test('another shell is a wrong command line', () => {
  const { code, stdout, stderr } = operate(createMemoryPlatform(), 'completion', 'fish');
  assert.equal([code, stdout], [2, '']);
  assert.match(stderr, /^error: .*"fish".*: bash, zsh$/m);
});
