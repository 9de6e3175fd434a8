// Runs the test files of the kinds named on the command line, a process each: node test/run.ts unit kernel [--only TEXT] [--except PATTERN]
// Ends with the line `N passed, N failed, N skipped`; exit code 1 where a test failed, was lost, or none ran.
import { type ChildProcess, fork } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import type { Counts } from './support/suite.ts';

interface Outcome extends Counts {
  readonly file: string;
  readonly output: string;
  readonly ms: number;
}

const fileTimeLimitMs = 15 * 60_000;
/** For runs that are to take long: fuzzing, and `npm run crash`. */
const longTimeLimitMs = 4 * 60 * 60_000;

/** Kinds whose files may run beside each other; the others share names in the kernel or the CPU's time. */
const parallelKinds = new Set(['unit']);

/** Files whose path holds `only`, and those not that match `except`, a regular expression. */
interface Choice {
  readonly only: string | undefined;
  readonly except: string | undefined;
}

function testFiles(kind: string, { only, except }: Choice): string[] {
  return readdirSync(join(import.meta.dirname, kind), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join('test', kind, name))
    .filter((name) => only === undefined || name.includes(only))
    .filter((name) => except === undefined || !new RegExp(except).test(name))
    .sort();
}

function collect(child: ChildProcess): string[] {
  const chunks: string[] = [];
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => chunks.push(chunk.toString()));
  return chunks;
}

function runFile(file: string): Promise<Outcome> {
  const begin = performance.now();
  return new Promise((resolve) => {
    const child = fork(file, { silent: true, execArgv: ['--disable-warning=ExperimentalWarning'] });
    const output = collect(child);
    let counts: Counts | undefined;
    const isLong = file.includes('/fuzz/') || process.env['CRASH_CALLS'] === 'all';
    const timer = setTimeout(() => child.kill('SIGKILL'), isLong ? longTimeLimitMs : fileTimeLimitMs);
    child.on('message', (message) => {
      counts = message as Counts;
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const seen = counts ?? { passed: 0, failed: 1, skipped: 0 };
      const failed = seen.failed === 0 && code !== 0 ? 1 : seen.failed;
      if (counts === undefined) output.push(`${file} ended with ${signal ?? code} before it reported\n`);
      resolve({ file, ...seen, failed, output: output.join(''), ms: performance.now() - begin });
    });
  });
}

function report(outcome: Outcome): void {
  const { file, passed, failed, skipped, ms, output } = outcome;
  const verdict = failed > 0 ? 'FAILED' : 'ok';
  process.stdout.write(
    `${verdict.padEnd(6)} ${file}: ${passed} passed, ${failed} failed, ${skipped} skipped (${ms.toFixed(0)} ms)\n`,
  );
  if (failed > 0) process.stdout.write(`${output}\n`);
  else
    for (const line of output.split('\n'))
      if (/^(SKIPPED|FUZZED|MEASURED) /.test(line)) process.stdout.write(`       ${line}\n`);
}

async function runKind(kind: string, choice: Choice): Promise<Outcome[]> {
  const waiting = testFiles(kind, choice);
  const done: Outcome[] = [];
  const lane = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const outcome = await runFile(file);
      report(outcome);
      done.push(outcome);
    }
  };
  await Promise.all(Array.from({ length: parallelKinds.has(kind) ? 2 : 1 }, lane));
  return done;
}

const args = process.argv.slice(2);
const takeOption = (name: string): string | undefined => {
  const at = args.indexOf(name);
  return at === -1 ? undefined : args.splice(at, 2)[1];
};
const choice: Choice = { only: takeOption('--only'), except: takeOption('--except') };
const totals: Counts = { passed: 0, failed: 0, skipped: 0 };
for (const kind of args) {
  for (const outcome of await runKind(kind, choice)) {
    totals.passed += outcome.passed;
    totals.failed += outcome.failed;
    totals.skipped += outcome.skipped;
  }
}
process.stdout.write(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped\n`);
process.exitCode = totals.failed > 0 || totals.passed === 0 ? 1 : 0;
