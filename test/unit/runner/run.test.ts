import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { shownLines } from '../../support/output-excerpt.ts';
import { assert, suite } from '../../support/suite.ts';
import { withTemporaryDirectory } from '../../support/temporary-directory.ts';

const root = join(import.meta.dirname, '../../..');
const test = suite('runner/run');

interface Ran {
  readonly status: number | null;
  readonly lines: readonly string[];
}

function run(args: readonly string[], prefix: readonly string[] = []): Ran {
  const [program = '', ...rest] = [...prefix, process.execPath, join(root, 'test/run.ts'), ...args];
  const { status, stdout, stderr } = spawnSync(program, rest, { encoding: 'utf8', timeout: 240_000 });
  return { status, lines: `${stdout}${stderr}`.split('\n') };
}

/** Runs a test file with that body, whose `test` is a suite. */
function runFile(body: string, prefix?: readonly string[]): Ran {
  return withTemporaryDirectory((folder) => {
    const kind = join(folder, 'kind');
    mkdirSync(kind);
    const support = join(root, 'test/support/suite.ts');
    const head = `import { suite, assert } from '${support}';\nconst test = suite('some');\n`;
    writeFileSync(join(kind, 'some.test.ts'), `${head}${body}\n`);
    return run([kind], prefix);
  });
}

test('a file that passes, and one that fails', () => {
  const good = runFile(`test('a', () => assert.ok(true));`);
  assert.is(good.status, 0);
  assert.is(good.lines.at(-2), '1 passed, 0 failed, 0 skipped');
  const bad = runFile(`test('a', () => assert.ok(true)); test('b', () => assert.ok(false));`);
  assert.is(bad.status, 1);
  assert.is(bad.lines.at(-2), '1 passed, 1 failed, 0 skipped');
});

test('of a test that says much, the begin and the end are shown, and all of it is in a file', () => {
  const loud = `test('a', () => { throw new Error(Array.from({ length: 9000 }, (_, at) => 'line ' + at).join('\\n')); });`;
  const { lines } = runFile(`${loud}\ntest('b', () => assert.ok(false));`);
  assert.ok(lines.length < 3 * shownLines, `${lines.length} lines`);
  assert.ok(lines.some((line) => line.includes('line 0')));
  assert.ok(
    lines.some((line) => line.includes('"b"')),
    'the next failure is shown, too',
  );
  const path = lines.map((line) => /all it printed: (.*)/.exec(line)?.[1]).find((found) => found !== undefined);
  assert.match(readFileSync(join(root, path ?? ''), 'utf8'), 'line 8999');
});

test('a file that waits for a time limit has the others of its kind beside it', () => {
  withTemporaryDirectory((folder) => {
    const [kind, mark] = [join(folder, 'kind'), join(folder, 'mark')];
    mkdirSync(kind);
    const head = `import { suite, assert } from '${join(root, 'test/support/suite.ts')}';
      import { existsSync, writeFileSync } from 'node:fs';
      const test = suite('some');`;
    writeFileSync(join(kind, 'other.test.ts'), `${head}\ntest('marks', () => writeFileSync('${mark}', ''));\n`);
    const waits = `for (let time = 0; time < 2000 && !existsSync('${mark}'); time++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.ok(existsSync('${mark}'));`;
    writeFileSync(join(kind, 'lock-wait.test.ts'), `${head}\ntest('waits', async () => { ${waits} });\n`);
    const { status, lines } = run([kind]);
    assert.is(status, 0, lines.join('\n'));
    assert.is(lines.at(-2), '2 passed, 0 failed, 0 skipped');
  });
});

const strace = ['strace', '-o', '/dev/null', '-e', 'inject=clone,fork,vfork:error=EAGAIN'];
const unstarted = 'a process that can’t be started is a failure, and the run ends';
if (spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0)
  test(unstarted, () => {
    const { status, lines } = runFile(`test('a', () => assert.ok(true));`, strace);
    assert.is(status, 1, lines.join('\n'));
    assert.is(lines.at(-2), '0 passed, 1 failed, 0 skipped');
  });
else test.skip(unstarted, 'strace does not run here');

test('a file that leaves something running, with its output open, is not waited for', () => {
  const { status } = runFile(
    `const { spawn } = await import('node:child_process');
    test('a', () => spawn('sleep', ['900'], { stdio: 'inherit' }).unref());`,
  );
  assert.is(status, 0);
});

test('help, and mistakes', () => {
  assert.match(run(['--help']).lines.join('\n'), 'Usage: ');
  assert.is(run(['--help']).status, 0);
  for (const wrong of [['--bogus'], ['no-such-kind']]) assert.is(run(wrong).status, 2, wrong.join(' '));
});
