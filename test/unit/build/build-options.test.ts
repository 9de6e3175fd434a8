import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { assert, suite } from '../../support/suite.ts';

const test = suite('build/build-options');
const script = join(import.meta.dirname, '../../../build.sh');

function refused(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(script, args, { encoding: 'utf8' });
  assert.is(status, 2, `${args.join(' ')}: ${stderr}`);
  assert.is(stdout, '');
  return stderr;
}

test('what build.sh does not know is refused with its usage', () => {
  assert.match(refused('--fast'), /unknown option --fast\nUsage: /);
  assert.match(refused('--runtime', 'deno'), /\bdeno\nUsage: /);
  assert.match(refused('--runtime'), /--runtime needs a value\nUsage: /);
  assert.match(refused('--cpu', 'riscv64'), /riscv64: amd64 and arm64 .*\nUsage: /);
  assert.match(refused('--cpu'), /--cpu needs a value\nUsage: /);
  for (const extra of [['--image'], ['--release'], ['--cpu', 'arm64']]) {
    assert.match(refused('--runtime', 'node', ...extra), /\bnative\b.*\nUsage: /);
  }
});

test('--help tells the options', () => {
  const { status, stdout } = spawnSync(script, ['--help'], { encoding: 'utf8' });
  assert.is(status, 0);
  assert.match(stdout, /--runtime auto .*--runtime native .*--runtime node .*--cpu .*--image .*--release .*--force /s);
});
