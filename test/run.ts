// Runs the test files of the kinds named on the command line, a process each; see `help`.
import { type ChildProcess, fork } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, isAbsolute, join, relative } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { excerptOutput } from './support/output-excerpt.ts';
import type { Counts } from './support/suite.ts';

const help = `Usage: node test/run.ts KIND... [--only TEXT]

Runs the test files of each kind, a process each. Ends with the line \`N passed, N failed, N skipped\`; exit code 1 where a
test failed, was lost, or none ran.

  KIND         unit, kernel, blackbox, crash, fuzz or lab: a folder of test/
  --only TEXT  files whose path holds that text
`;

interface Outcome extends Counts {
  readonly file: string;
  readonly output: string;
  readonly ms: number;
}

const root = join(import.meta.dirname, '..');
/** All that failing files printed, of which only the begin and the end are shown. */
const outputFolder = join(root, 'node_modules/.cache/dra-sriov-cni/test-output');
const fileTimeLimitMs = 25 * 60_000;
/** For runs that are to take long: fuzzing, and `npm run crash`. */
const longTimeLimitMs = 4 * 60 * 60_000;
/** What a file has left running may hold its output open for ever. */
const drainMs = 2000;

/** Kinds of which two files run at a time; the others need the CPUs, or the kernel's names, for themselves. */
const parallelKinds = new Set(['unit', 'blackbox']);

/** Files that wait for time limits and do little else: the others of their kind run beside them. */
const waitingFiles = /\/(ipam-time-limit|lock-wait)\.test\.ts$/;

/** Kinds that run sources, many times over: Node strips and compiles each once. */
const sourceKinds = new Set(['unit', 'kernel']);
const compileCache = join(root, 'node_modules/.cache/dra-sriov-cni/compile-cache');

function environmentOf(kind: string): NodeJS.ProcessEnv {
  return sourceKinds.has(kind) ? { NODE_COMPILE_CACHE: compileCache, ...process.env } : process.env;
}

function testFiles(kind: string, only: string | undefined): string[] {
  const folder = isAbsolute(kind) ? kind : join('test', kind);
  return readdirSync(isAbsolute(folder) ? folder : join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join(folder, name))
    .filter((name) => only === undefined || name.includes(only))
    .sort();
}

function collect(child: ChildProcess): string[] {
  const chunks: string[] = [];
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => chunks.push(chunk.toString()));
  return chunks;
}

const running = new Set<ChildProcess>();

/** To a file's process and all that it started, as far as that stays in its process group. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  } catch {
    // All of it has ended.
  }
}

function timeLimitMs(file: string): number {
  return file.includes('/fuzz/') || process.env['CRASH_CALLS'] === 'all' ? longTimeLimitMs : fileTimeLimitMs;
}

function runFile(file: string, env: NodeJS.ProcessEnv): Promise<Outcome> {
  const begin = performance.now();
  return new Promise((resolve) => {
    const execArgv = ['--disable-warning=ExperimentalWarning'];
    const child = fork(file, { cwd: root, silent: true, detached: true, execArgv, env });
    running.add(child);
    const output = collect(child);
    let counts: Counts | undefined;
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      signalGroup(child, 'SIGKILL');
    }, timeLimitMs(file));
    child.on('message', (message) => {
      counts = message as Counts;
    });
    const end = (how: string, isGood: boolean): void => {
      clearTimeout(timer);
      running.delete(child);
      const seen = counts ?? { passed: 0, failed: 1, skipped: 0 };
      const failed = seen.failed === 0 && !isGood ? 1 : seen.failed;
      if (counts === undefined) output.push(`${file} ${how} before it reported\n`);
      resolve({ file, ...seen, failed, output: output.join(''), ms: performance.now() - begin });
    };
    // A process that could not be started never closes.
    child.on('error', (error) => end(`could not be run (${error.message})`, false));
    child.on('exit', (code, signal) => {
      const drained = setTimeout(() => {
        signalGroup(child, 'SIGKILL');
        child.stdout?.destroy();
        child.stderr?.destroy();
      }, drainMs);
      child.on('close', () => {
        clearTimeout(drained);
        end(
          isLate ? `took longer than ${timeLimitMs(file) / 60_000} minutes` : `ended with ${signal ?? code}`,
          code === 0,
        );
      });
    });
  });
}

/** Prints an excerpt of what a failing file said; where that is not all, the rest lies in a file. */
function reportFailure(file: string, output: string): void {
  const excerpt = excerptOutput(output);
  process.stdout.write(`${excerpt}\n`);
  if (excerpt === output) return;
  const path = join(outputFolder, `${file.replaceAll('/', '-')}.txt`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, output);
  process.stdout.write(`       all it printed: ${relative(root, path)}\n\n`);
}

function report(outcome: Outcome): void {
  const { file, passed, failed, skipped, ms, output } = outcome;
  const verdict = failed > 0 ? 'FAILED' : 'ok';
  process.stdout.write(
    `${verdict.padEnd(6)} ${file}: ${passed} passed, ${failed} failed, ${skipped} skipped (${ms.toFixed(0)} ms)\n`,
  );
  if (failed > 0) reportFailure(file, output);
  else
    for (const line of output.split('\n'))
      if (/^(SKIPPED|FUZZED|MEASURED) /.test(line)) process.stdout.write(`       ${line}\n`);
}

async function runKind(kind: string, only: string | undefined): Promise<Outcome[]> {
  const files = testFiles(kind, only);
  const done: Outcome[] = [];
  const lane = async (left: string[]): Promise<void> => {
    for (let file = left.shift(); file !== undefined; file = left.shift()) {
      const outcome = await runFile(file, environmentOf(kind));
      report(outcome);
      done.push(outcome);
    }
  };
  const waiting = files.filter((file) => waitingFiles.test(file));
  const working = files.filter((file) => !waiting.includes(file));
  await Promise.all([lane(waiting), ...Array.from({ length: parallelKinds.has(kind) ? 2 : 1 }, () => lane(working))]);
  return done;
}

async function runKinds(kinds: readonly string[], only: string | undefined): Promise<void> {
  const totals: Counts = { passed: 0, failed: 0, skipped: 0 };
  for (const kind of kinds) {
    for (const outcome of await runKind(kind, only)) {
      totals.passed += outcome.passed;
      totals.failed += outcome.failed;
      totals.skipped += outcome.skipped;
    }
  }
  process.stdout.write(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped\n`);
  process.exitCode = totals.failed > 0 || totals.passed === 0 ? 1 : 0;
}

function readArguments(): {
  readonly kinds: readonly string[];
  readonly only: string | undefined;
  readonly help: boolean;
} {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { only: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  });
  return { kinds: positionals, only: values.only, help: values.help === true };
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    // They are no part of the terminal's process group, and clean up by themselves.
    for (const child of running) signalGroup(child, signal);
    process.kill(process.pid, signal);
  });
}
try {
  const { kinds, only, help: wantsHelp } = readArguments();
  if (wantsHelp) process.stdout.write(help);
  else await runKinds(kinds, only);
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code !== 'ENOENT' && code?.startsWith('ERR_PARSE_ARGS') !== true) throw error;
  process.stderr.write(`test/run.ts: ${message}\n${help}`);
  process.exitCode = 2;
}
