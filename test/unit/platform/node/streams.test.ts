import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { assert, suite } from '../../../support/suite.ts';

const test = suite('platform/node/streams');
const script = join(import.meta.dirname, 'stream-user.ts');

/** Runs `"$@"`, the stream user with its arguments, as a shell line says. */
function inShell(
  line: string,
  args: readonly string[],
  input = '',
): { stdout: string; stderr: string; status: number | null } {
  const command = ['-c', `set -o pipefail; ${line}`, 'bash', process.execPath, script, ...args];
  const { stdout, stderr, status } = spawnSync('bash', command, {
    input,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return { stdout, stderr, status };
}

test('stdin is read to its end, up to the limit', () => {
  const input = 'z'.repeat(300_000);
  assert.equal(inShell('"$@"', ['count-stdin', '300000'], input), { stdout: '300000', stderr: '', status: 5 });
  assert.match(inShell('"$@"', ['count-stdin', '299999'], input).stdout, /SystemError: read stdin: EOVERFLOW/);
  assert.is(inShell('"$@" < /dev/null', ['count-stdin', '9']).stdout, '0');
});

test('a stdin that trickles in is waited for, also when it does not block', () => {
  const nonBlocking = "python3 -c \"import os; os.set_blocking(0, False); os.execv('$1', ['$1', '$2', '$3', '$4'])\"";
  const slow = `(printf ab; sleep 0.3; printf cd) | ${nonBlocking}`;
  assert.is(inShell(slow, ['count-stdin', '100']).stdout, '4');
});

test('a closed stdin is an empty one, a directory an error', () => {
  assert.is(inShell('"$@" <&-', ['count-stdin', '9']).stdout, '0');
  assert.match(inShell('"$@" < /', ['count-stdin', '9']).stdout, /SystemError: read stdin: EISDIR/);
});

test('a long text reaches a slow reader whole, also through a pipe that does not block', () => {
  const bytes = String(2 * 500_000);
  assert.is(inShell('"$@" | (sleep 0.2; wc -c)', ['write-stdout', '500000']).stdout.trim(), bytes);
  const nonBlocking = "python3 -c \"import os; os.set_blocking(1, False); os.execv('$1', ['$1', '$2', '$3', '$4'])\"";
  assert.is(inShell(`${nonBlocking} | (sleep 0.2; wc -c)`, ['write-stdout', '500000']).stdout.trim(), bytes);
});

test('a stderr that nobody reads, or that is closed, harms nothing', () => {
  assert.is(inShell('"$@" 2>&-', ['write-stderr']).stdout, 'went on');
  assert.is(inShell('"$@" 2> >(exec 0<&-; sleep 1)', ['write-stderr']).stdout, 'went on');
  assert.is(inShell('"$@" 2>/dev/full', ['write-stderr']).stdout, 'went on');
});

test('tells terminals from pipes', () => {
  assert.is(inShell('"$@" 2>&1', ['terminals']).stdout, 'false false');
  const onTerminal = inShell(`script -qec '${process.execPath} ${script} terminals' /dev/null`, []);
  assert.match(onTerminal.stdout, /true true/);
  const half = inShell(`script -qec '${process.execPath} ${script} terminals | cat' /dev/null`, []);
  assert.match(half.stdout, /false true/);
});

test('tells how wide a terminal is', () => {
  const columns = (width: string, end = ''): string =>
    inShell(`script -qec 'stty ${width}; ${process.execPath} ${script} columns${end}' /dev/null`, []).stdout.trim();
  assert.equal([columns('cols 80'), columns('cols 123'), columns('cols 0')], ['80', '123', 'null']);
  assert.is(columns('cols 80', ' | cat'), 'null');
});

test('exit ends with its code', () => {
  assert.is(inShell('"$@"', ['nothing']).status, 6);
});
