// Stryker's test runner for suites of test/support/suite.ts. Tests run in this process, so that a mutant takes milliseconds, and only those
// that reach it.
import { readdirSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { join, resolve } from 'node:path';
import process from 'node:process';
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

/** Folders of test files, joined by `:`. */
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

async function loadTests(): Promise<readonly Test[]> {
  const ownSuite = new URL('suite.ts', import.meta.url).href;
  registerHooks({
    resolve: (specifier, from, next) =>
      specifier.endsWith('/support/suite.ts') ? { url: ownSuite, shortCircuit: true } : next(specifier, from),
  });
  const { listed } = (await import(ownSuite)) as typeof import('./suite.ts');
  const tests: Test[] = [];
  for (const folder of (process.env[foldersVariable] ?? '').split(':')) {
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.test.ts'),
    );
    for (const name of files.sort()) {
      const fileName = resolve(join(folder, name));
      const before = listed.length;
      await import(fileName);
      for (const { name: title, body } of listed.slice(before)) {
        tests.push({ id: `${tests.length} ${title}`, fileName, body });
      }
    }
  }
  return tests;
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

class SuiteRunner implements TestRunner {
  #tests: readonly Test[] | undefined;

  /** Modules stay loaded: Stryker starts a new process for a mutant that counts while they load. */
  capabilities(): TestRunnerCapabilities {
    return { reloadEnvironment: false };
  }

  async dryRun(): Promise<CompleteDryRunResult> {
    const tests = await this.#run(() => true, true);
    const { mutantCoverage } = context;
    return { status: DryRunStatus.Complete, tests, ...(mutantCoverage === undefined ? {} : { mutantCoverage }) };
  }

  async mutantRun(options: MutantRunOptions): Promise<MutantRunResult> {
    const { activeMutant, hitLimit, mutantActivation, testFilter, disableBail } = options;
    context.hitLimit = hitLimit;
    context.hitCount = hitLimit === undefined ? undefined : 0;
    if (mutantActivation === 'static') context.activeMutant = activeMutant.id;
    this.#tests ??= await loadTests();
    context.activeMutant = activeMutant.id;
    const tests = await this.#run((id) => testFilter?.includes(id) ?? true, disableBail);
    const timedOut = determineHitLimitReached(context.hitCount, hitLimit);
    return toMutantRunResult(timedOut ?? { status: DryRunStatus.Complete, tests });
  }

  async #run(isWanted: (id: string) => boolean, goesOn: boolean): Promise<TestResult[]> {
    this.#tests ??= await loadTests();
    const results: TestResult[] = [];
    for (const test of this.#tests.filter(({ id }) => isWanted(id))) {
      const result = await runTest(test);
      results.push(result);
      if (result.status === TestStatus.Failed && !goesOn) break;
    }
    return results;
  }
}

/** Babel's, as far as it is looked at. */
interface SyntaxNode {
  readonly type: string;
  readonly value?: unknown;
}

/** Words for people: tests don't go by them. */
const proseIgnorer: Ignorer = {
  shouldIgnore: (path) => {
    const { type, value } = (path as { readonly node: SyntaxNode }).node;
    return type === 'StringLiteral' && /\w [a-z]/i.test(String(value)) ? 'words' : undefined;
  },
};

export const strykerPlugins = [
  declareClassPlugin(PluginKind.TestRunner, 'suite', SuiteRunner),
  declareValuePlugin(PluginKind.Ignore, 'words', proseIgnorer),
];
