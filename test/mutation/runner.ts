// Stryker's test runner for suites of test/support/suite.ts. Tests run in this process, so that a mutant takes little
// time, and only those that reach it.
import { readdirSync, readFileSync } from 'node:fs';
import { registerHooks, stripTypeScriptTypes } from 'node:module';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
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
import { listed } from './suite.ts';

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

const root = `${pathToFileURL(process.cwd()).href}/`;
let generation = 0;

/** Every generation has modules of its own: what one has kept, or made while it was loaded, is of no other mutant. */
function renewModules(): void {
  const ownSuite = new URL('suite.ts', import.meta.url).href;
  const ownParts = `${root}test/mutation/parts.ts`;
  const stripped = new Map<string, string>();
  registerHooks({
    resolve: (specifier, from, next) => {
      if (/\/suite\.ts$/.test(specifier)) return { url: ownSuite, shortCircuit: true };
      if (specifier.endsWith('/source-parts.ts') && from.parentURL?.startsWith(ownParts) !== true) {
        return { url: `${ownParts}?generation=${generation}`, shortCircuit: true };
      }
      const found = next(specifier, from);
      const isOurs = found.url.startsWith(root) && !found.url.includes('/node_modules/') && found.url.endsWith('.ts');
      return isOurs ? { ...found, url: `${found.url}?generation=${generation}` } : found;
    },
    // A file is stripped of its types once, not in every generation.
    load: (url, context, next) => {
      if (!url.includes('?generation=')) return next(url, context);
      const path = fileURLToPath(url);
      const source = stripped.get(path) ?? stripTypeScriptTypes(readFileSync(path, 'utf8'));
      stripped.set(path, source);
      return { format: 'module', source, shortCircuit: true };
    },
  });
}

function testFiles(): readonly string[] {
  const folders = (process.env[foldersVariable] ?? '').split(':');
  return folders.flatMap((folder) => {
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
    return names.filter((name) => name.endsWith('.test.ts')).map((name) => join(folder, name));
  });
}

/** The tests of a file, as it is in this generation. */
async function loadTests(file: string): Promise<readonly Test[]> {
  listed.length = 0;
  await import(resolve(file));
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
  generation++;
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
    renewModules();
    return Promise.resolve();
  }

  capabilities(): TestRunnerCapabilities {
    return { reloadEnvironment: true };
  }

  /**
   * Each test in a generation of its own: what a module makes when it is first used is reached by every test that uses
   * it.
   */
  async dryRun(): Promise<CompleteDryRunResult> {
    const tests: TestResult[] = [];
    for (const file of testFiles()) {
      const { length } = await loadTests(file);
      for (let at = 0; at < length; at++) {
        generation++;
        const test = (await loadTests(file))[at];
        if (test !== undefined) tests.push(await runTest(test));
      }
    }
    const { mutantCoverage } = context;
    return { status: DryRunStatus.Complete, tests, ...(mutantCoverage === undefined ? {} : { mutantCoverage }) };
  }

  async mutantRun({ activeMutant, hitLimit, testFilter, disableBail }: MutantRunOptions): Promise<MutantRunResult> {
    context.hitLimit = hitLimit;
    context.hitCount = hitLimit === undefined ? undefined : 0;
    context.activeMutant = activeMutant.id;
    const files = testFiles().filter((file) => testFilter?.some((id) => id.startsWith(`${file}#`)) ?? true);
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
