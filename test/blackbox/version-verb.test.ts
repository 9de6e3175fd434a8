import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { builtExecutable } from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';
import { withTemporaryDirectory } from '../support/temporary-directory.ts';

const test = suite('version-verb');

const expected = {
  cniVersion: '1.1.0',
  supportedVersions: ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'],
};
const env = { CNI_COMMAND: 'VERSION' };

test('VERSION needs no other variable, and does not wait for stdin', async () => {
  const child = spawn(builtExecutable, { env, stdio: ['pipe', 'pipe', 'pipe'] });
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
  const [status] = await once(child, 'close');
  clearTimeout(timer);
  child.stdin.destroy();
  assert.is(status, 0, 'it ended by itself while stdin was held open');
  assert.equal(JSON.parse(stdout), expected);
});

test('VERSION does not care what is on stdin', () => {
  for (const input of ['', '{"cniVersion":"0.4.0"}', 'no JSON', '\0\xff', '{"cniVersion":"7.0.0"}']) {
    const { status, stdout, stderr } = spawnSync(builtExecutable, { env, input, encoding: 'utf8' });
    assert.equal([status, JSON.parse(stdout), stderr], [0, expected, ''], input);
  }
});

test('VERSION with a closed stdin', () => {
  const { status, stdout } = spawnSync('sh', ['-c', `exec '${builtExecutable}' <&-`], { env, encoding: 'utf8' });
  assert.equal([status, JSON.parse(stdout)], [0, expected]);
});

test('VERSION asks for nothing of the node, not even where its files are', () => {
  const { status, stdout } = spawnSync(builtExecutable, { env: { ...env, DRA_SRIOV_SYSFS: 'no/path' }, input: '' });
  assert.equal([status, JSON.parse(stdout.toString())], [0, expected]);
});

test('VERSION whose answer can’t be written fails, and says so', () => {
  withTemporaryDirectory((directory) => {
    const command = `exec '${builtExecutable}' >/dev/full`;
    const { status, stderr } = spawnSync('sh', ['-c', command], { env: { ...env, DRA_SRIOV_STATE_DIR: directory } });
    assert.is(status, 1);
    assert.match(stderr.toString(), 'ENOSPC');
  });
});
