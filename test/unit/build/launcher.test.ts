import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, suite } from '../../support/suite.ts';

const test = suite('build/launcher');
const launcher = join(import.meta.dirname, '../../../bin/dra-sriov');

interface Answer {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs the launcher by a link to it, as from a CNI directory, in another working directory and with no Node in PATH.
 */
function launch(env: Readonly<Record<string, string>>, ...args: readonly string[]): Answer {
  const directory = mkdtempSync(join(tmpdir(), 'dra-sriov-launcher-'));
  try {
    const link = join(directory, 'sriov');
    symlinkSync(launcher, link);
    const options = { cwd: directory, env: { PATH: '/usr/bin:/bin', ...env }, encoding: 'utf8', input: '' } as const;
    const { status, stdout, stderr } = spawnSync(link, args, options);
    return { status, stdout, stderr };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test('the plugin runs from source by a link', () => {
  const { status, stdout, stderr } = launch({ CNI_COMMAND: 'VERSION' });
  assert.is(stderr, '');
  assert.is(status, 0);
  assert.ok((JSON.parse(stdout) as { supportedVersions: string[] }).supportedVersions.includes('1.1.0'));
});

test('the parts that are loaded when needed are found', () => {
  const cli = launch({}, '--version');
  assert.is(cli.status, 0, cli.stderr);
  assert.match(cli.stdout, /\d+\.\d+\.\d+/);
});

test('a bad path in the environment is a CNI error for a runtime, and plain text for a person', () => {
  const runtime = launch({ CNI_COMMAND: 'ADD', DRA_SRIOV_STATE_DIR: 'relative' });
  assert.is(runtime.status, 1);
  const { code, msg } = JSON.parse(runtime.stdout) as { code: number; msg: string };
  assert.is(code, 4);
  assert.match(msg, /DRA_SRIOV_STATE_DIR is 'relative'/);
  const person = launch({ DRA_SRIOV_STATE_DIR: 'relative' });
  assert.is(person.status, 1);
  assert.is(person.stdout, '');
  assert.match(person.stderr, /^dra-sriov: DRA_SRIOV_STATE_DIR is 'relative'/);
});
