// Stryker's test runner for suites of test/support/suite.ts. Tests run in this process, so that a mutant takes little
// time, and only those that reach it.
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { Script } from 'node:vm';
import { INSTRUMENTER_CONSTANTS, type InstrumenterContext } from '@stryker-mutator/api/core';
import type { Ignorer } from '@stryker-mutator/api/ignore';
import { declareClassPlugin, declareValuePlugin, PluginKind } from '@stryker-mutator/api/plugin';
import {
  type CompleteDryRunResult,
  DryRunStatus,
  determineHitLimitReached,
  type MutantRunOptions,
  type MutantRunResult,
  type TestResult,
  type TestRunner,
  type TestRunnerCapabilities,
  TestStatus,
  toMutantRunResult,
} from '@stryker-mutator/api/test-runner';
import { build, type Plugin } from 'esbuild';
import { assert, listed, suite } from './suite.ts';

/** Folders of test files, joined by `:`; in that order they are run. */
const foldersVariable = 'MUTATION_TEST_FOLDERS';

interface Test {
  readonly id: string;
  readonly fileName: string;
  readonly body: () => void | Promise<void>;
}

/** What Stryker puts into the sources goes by this object; what is not set is undefined. */
type Context = { -readonly [Key in keyof InstrumenterContext]?: InstrumenterContext[Key] | undefined };

const context: Context = {};
Object.assign(globalThis, { [INSTRUMENTER_CONSTANTS.NAMESPACE]: context });

const requirePackage = createRequire(import.meta.url);
const ownSuite = join(import.meta.dirname, 'suite.ts');

/** A test file and all that it imports of ours. */
interface Program {
  /** Each call makes all modules anew. */
  readonly load: (require: (id: string) => unknown) => void;
  readonly sources: ReadonlySet<string>;
}

const programs = new Map<string, Program>();

/** Our suite in place of that of the tests; paths of files as they would be without a bundle. */
const bundlePlugin: Plugin = {
  name: 'mutation',
  setup: (build) => {
    build.onResolve({ filter: /\/suite\.ts$/ }, () => ({ path: ownSuite, external: true }));
    build.onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8')
        .replaceAll('import.meta.dirname', JSON.stringify(dirname(path)))
        .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href));
      return { contents: text, loader: 'ts' };
    });
  },
};

async function programOf(file: string): Promise<Program> {
  const known = programs.get(file);
  if (known !== undefined) return known;
  const { outputFiles, metafile } = await build({
    entryPoints: [file],
    absWorkingDir: process.cwd(),
    bundle: true,
    metafile: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    target: 'esnext',
    packages: 'external',
    treeShaking: false,
    plugins: [bundlePlugin],
    logLevel: 'error',
  });
  const source = `(function (require) { const module = { exports: {} };\n${outputFiles[0]?.text ?? ''}\n})`;
  const load = new Script(source, { filename: file }).runInThisContext() as Program['load'];
  const program = { load, sources: new Set(Object.keys(metafile.inputs)) };
  programs.set(file, program);
  return program;
}

function testFiles(): readonly string[] {
  const folders = (process.env[foldersVariable] ?? '').split(':');
  return folders.flatMap((folder) => {
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
    return names.filter((name) => name.endsWith('.test.ts')).map((name) => join(folder, name));
  });
}

/** The tests of a file, with modules of their own: what one of them has kept, or made while it was loaded, is new. */
async function loadTests(file: string): Promise<readonly Test[]> {
  const { load } = await programOf(file);
  listed.length = 0;
  load((id) => (id === ownSuite ? { assert, suite } : requirePackage(id)));
  return listed.map(({ name, body }, at) => ({ id: `${file}#${at} ${name}`, fileName: resolve(file), body }));
}

/** A module that a mutant keeps from being loaded is noticed by every test of the file. */
function unloadable(file: string, thrown: unknown): Test {
  const body = (): never => {
    throw thrown;
  };
  return { id: file, fileName: resolve(file), body };
}

async function runTest({ id, fileName, body }: Test): Promise<TestResult> {
  const begin = performance.now();
  const result = { id, name: id, fileName };
  context.currentTestId = id;
  try {
    await body();
    return { ...result, timeSpentMs: performance.now() - begin, status: TestStatus.Success };
  } catch (thrown) {
    const failureMessage = thrown instanceof Error ? thrown.message : String(thrown);
    return { ...result, timeSpentMs: performance.now() - begin, status: TestStatus.Failed, failureMessage };
  } finally {
    context.currentTestId = undefined;
  }
}

async function runTests(
  files: readonly string[],
  isWanted: (id: string) => boolean,
  goesOn: boolean,
): Promise<TestResult[]> {
  const results: TestResult[] = [];
  for (const file of files) {
    const tests = await loadTests(file).catch((thrown: unknown) => [unloadable(file, thrown)]);
    for (const test of tests.filter(({ id }) => id === file || isWanted(id))) {
      const result = await runTest(test);
      results.push(result);
      if (result.status === TestStatus.Failed && !goesOn) return results;
    }
  }
  return results;
}

class SuiteRunner implements TestRunner {
  init(): Promise<void> {
    return Promise.resolve();
  }

  capabilities(): TestRunnerCapabilities {
    return { reloadEnvironment: true };
  }

  /**
   * Each test with modules of its own: what a module makes when it is first used is reached by every test that uses it.
   */
  async dryRun(): Promise<CompleteDryRunResult> {
    const tests: TestResult[] = [];
    for (const file of testFiles()) {
      const { length } = await loadTests(file);
      for (let at = 0; at < length; at++) {
        const test = (await loadTests(file))[at];
        if (test !== undefined) tests.push(await runTest(test));
      }
    }
    const { mutantCoverage } = context;
    if (mutantCoverage === undefined) throw new Error('no test has reached a source with mutants in it');
    return { status: DryRunStatus.Complete, tests, mutantCoverage };
  }

  async mutantRun(options: MutantRunOptions): Promise<MutantRunResult> {
    const { activeMutant, sandboxFileName, hitLimit, testFilter, disableBail } = options;
    context.hitLimit = hitLimit;
    context.hitCount = hitLimit === undefined ? undefined : 0;
    context.activeMutant = activeMutant.id;
    const files: string[] = [];
    for (const file of testFiles()) {
      const isAsked = testFilter?.some((id) => id.startsWith(`${file}#`)) ?? true;
      const { sources } = await programOf(file);
      if (isAsked && sources.has(relative(process.cwd(), sandboxFileName))) files.push(file);
    }
    const tests = await runTests(files, (id) => testFilter?.includes(id) ?? true, disableBail);
    const timedOut = determineHitLimitReached(context.hitCount, hitLimit);
    return toMutantRunResult(timedOut ?? { status: DryRunStatus.Complete, tests });
  }
}

/** Babel's, as far as it is looked at. */
interface SyntaxNode {
  readonly type: string;
  readonly value?: unknown;
  readonly id?: { readonly name?: string };
}

/** Words for people, also the texts of documents: tests don't go by them. */
const proseIgnorer: Ignorer = {
  shouldIgnore: (path) => {
    const { type, value, id } = (path as { readonly node: SyntaxNode }).node;
    const isSentence = type === 'StringLiteral' && /\w [a-z]/i.test(String(value));
    const isOfDocuments = type === 'VariableDeclarator' && /Texts$/.test(id?.name ?? '');
    return isSentence || isOfDocuments ? 'words' : undefined;
  },
};

export const strykerPlugins = [
  declareClassPlugin(PluginKind.TestRunner, 'suite', SuiteRunner),
  declareValuePlugin(PluginKind.Ignore, 'words', proseIgnorer),
];
