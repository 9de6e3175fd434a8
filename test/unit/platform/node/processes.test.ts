import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { poll } from '../../../../src/lib/retry.ts';
import type { ProcessRequest, ProcessResult } from '../../../../src/platform/platform.ts';
import { createNodePlatform } from '../../../support/node-platform.ts';
import { isRunning } from '../../../support/processes.ts';
import { assert, suite } from '../../../support/suite.ts';
import { withTemporaryDirectory } from '../../../support/temporary-directory.ts';
import { throws } from '../../../support/throws.ts';

const test = suite('platform/node/processes');
const platform = createNodePlatform({});

function request(path: string, args: readonly string[], more: Partial<ProcessRequest> = {}): ProcessRequest {
  return { path, args, env: { PATH: '/usr/bin:/bin' }, stdin: '', timeoutMs: 60_000, ...more };
}

function shell(script: string, more: Partial<ProcessRequest> = {}): ProcessResult {
  return platform.startProcess(request('/bin/sh', ['-c', script], more)).wait();
}

/** Whether the process ends. A busy machine needs a while to end one that was killed. */
const ends = (pid: number): boolean =>
  poll(platform, { timeoutMs: 60_000, firstPauseMs: 5, maxPauseMs: 100 }, () => !isRunning(pid));

function timed<T>(task: () => T): { readonly value: T; readonly tookMs: number } {
  const beginMs = platform.monotonicMs();
  return { value: task(), tookMs: platform.monotonicMs() - beginMs };
}

test('stdin goes in; stdout, stderr and the status come out', () => {
  const result = shell('read line; echo "got $line"; echo oops >&2; exit 3', { stdin: 'hällo\n' });
  assert.equal(result, { status: 3, signal: null, timedOut: false, stdout: 'got hällo\n', stderr: 'oops\n' });
});

test('the child sees the given environment and nothing else', () => {
  process.env['DRA_TEST_LEAK'] = 'leaked';
  const env = { CNI_COMMAND: 'ADD', CNI_ARGS: 'A=1;B=2', EMPTY: '' };
  const result = platform.startProcess(request('/usr/bin/env', ['-0'], { env })).wait();
  assert.equal(result.stdout.split('\0').sort(), ['', 'CNI_ARGS=A=1;B=2', 'CNI_COMMAND=ADD', 'EMPTY=']);
  assert.is(platform.startProcess(request('/usr/bin/env', [], { env: {} })).wait().stdout, '');
});

test('arguments arrive as they are, without a shell', () => {
  const args = ['%s|', 'a b', '$HOME', '', '*'];
  assert.is(platform.startProcess(request('/usr/bin/printf', args)).wait().stdout, 'a b|$HOME||*|');
});

test('a child that does not read its stdin is no error', () => {
  const stdin = 'x'.repeat(1024 * 1024);
  assert.equal(shell('exec <&-; echo fine; exit 4', { stdin }), {
    status: 4,
    signal: null,
    timedOut: false,
    stdout: 'fine\n',
    stderr: '',
  });
});

test('a child that reads late gets all of a long stdin', () => {
  const stdin = 'y'.repeat(1024 * 1024);
  assert.is(shell('sleep 0.2; wc -c', { stdin }).stdout.trim(), String(stdin.length));
});

test('a signal ends a child', () => {
  const result = shell('kill -TERM $$');
  assert.equal([result.status, result.signal, result.timedOut], [null, 'SIGTERM', false]);
});

test('a child that can not be started says why', () => {
  withTemporaryDirectory((directory) => {
    writeFileSync(`${directory}/plain`, 'no program', { mode: 0o644 });
    const cases = [
      [`${directory}/absent`, 'ENOENT'],
      [`${directory}/plain`, 'EACCES'],
      [directory, 'EACCES'],
      ['true', 'EINVAL'],
    ] as const;
    for (const [path, code] of cases) {
      throws(() => platform.startProcess(request(path, [])).wait(), code, `run ${path}`);
    }
  });
});

test('a child holds the locks that are held when it is started, and only these', () => {
  withTemporaryDirectory((directory) => {
    const [held, released] = ['held', 'released'].map((name) => platform.lock(`${directory}/${name}`, 0, ''));
    released?.unlock();
    const listed = shell('ls -l /proc/self/fd').stdout;
    assert.match(listed, ` -> ${directory}/held`);
    assert.not.match(listed, 'released');
    held?.unlock();
    assert.not(existsSync(`${directory}/held`));
  });
});

test('time out: the child ends, and what it wrote before is there', () => {
  const { value, tookMs } = timed(() => shell('echo begun; echo why >&2; sleep 300', { timeoutMs: 2000 }));
  assert.equal(value, { status: null, signal: 'SIGKILL', timedOut: true, stdout: 'begun\n', stderr: 'why\n' });
  assert.ok(tookMs >= 1990 && tookMs < 200_000, `took ${tookMs} ms`);
});

test('time out: grandchildren of the group end too', () => {
  const script = 'sleep 301 & echo $!; sleep 302';
  const { value } = timed(() => shell(script, { timeoutMs: 2000 }));
  const pid = Number(value.stdout);
  assert.ok(pid > 1, value.stdout);
  assert.ok(ends(pid));
});

test('a grandchild that keeps the pipes open past the death of the child is not waited for, and lives on', () => {
  const { value, tookMs } = timed(() => shell('sleep 303 & echo $!; exit 3', { timeoutMs: 200_000 }));
  assert.ok(tookMs >= 100 && tookMs < 150_000, `took ${tookMs} ms`);
  assert.equal([value.status, value.timedOut], [3, false]);
  assert.ok(isRunning(Number(value.stdout)));
  process.kill(Number(value.stdout), 'SIGKILL');
});

test('a grandchild that floods the pipes after the death of the child holds nobody up', () => {
  const { value, tookMs } = timed(() => shell('yes >&2 & echo $!; exit 0', { timeoutMs: 200_000 }));
  assert.ok(tookMs < 150_000, `took ${tookMs} ms`);
  assert.equal([value.status, value.stderr.length], [0, 65_536]);
  // It ends by itself, because nobody reads its pipes any more.
  assert.ok(ends(Number(value.stdout)));
});

test('what is too much on stderr is dropped, and the child ends as it will', () => {
  const result = shell('echo first >&2; head -c 20000000 /dev/zero >&2; echo fine');
  assert.equal([result.status, result.stdout, result.stderr.length], [0, 'fine\n', 65_536]);
  assert.ok(result.stderr.startsWith('first\n'));
});

test('the child runs from its start on', () => {
  withTemporaryDirectory((directory) => {
    const child = platform.startProcess(request('/bin/sh', ['-c', `touch '${directory}/ran'; exit 4`]));
    assert.ok(
      poll(platform, { timeoutMs: 60_000, firstPauseMs: 5, maxPauseMs: 50 }, () => existsSync(`${directory}/ran`)),
    );
    assert.is(child.wait().status, 4);
  });
});

test('a child that closes its output and goes on is waited for', () => {
  const { value, tookMs } = timed(() => shell('exec >&- 2>&- <&-; sleep 0.3; exit 5'));
  assert.is(value.status, 5);
  assert.ok(tookMs >= 290, `took ${tookMs} ms`);
});

test('no descriptor and no zombie is left', () => {
  const open = (): string => readdirSync('/proc/self/fd').join();
  const before = open();
  shell('exit 0');
  throws(() => platform.startProcess(request('/absent', [])).wait(), 'ENOENT', '/absent');
  shell('sleep 9', { timeoutMs: 100 });
  assert.is(open(), before);
  assert.is(readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim(), '');
});

test('a grandchild in a session of its own can not hold the caller past the time limit', () => {
  const { value, tookMs } = timed(() => shell('setsid sh -c "echo \\$\\$; exec sleep 200" & wait', { timeoutMs: 500 }));
  assert.ok(tookMs < 150_000, `took ${tookMs} ms`);
  assert.is(value.timedOut, true);
});

test('a grandchild that let go of the pipes lives on', () => {
  const result = shell('sleep 300 >/dev/null 2>&1 </dev/null & echo $!');
  assert.is(result.timedOut, false);
  const pid = Number(result.stdout);
  assert.is(isRunning(pid), true);
  process.kill(pid, 'SIGKILL');
});

test('too much output ends the child with an error', () => {
  throws(() => shell('yes & echo begun; wait'), 'EOVERFLOW', 'run /bin/sh');
});

test('output up to the limit comes whole', () => {
  const result = shell('head -c 4000000 /dev/zero | tr "\\0" z');
  assert.is(result.stdout.length, 4_000_000);
});

test('joining twice runs the child once', () => {
  withTemporaryDirectory((directory) => {
    const child = platform.startProcess(request('/bin/sh', ['-c', `echo run >> ${directory}/runs; echo out`]));
    assert.is(child.wait(), child.wait());
    assert.is(readFileSync(`${directory}/runs`, 'utf8'), 'run\n');
  });
});
