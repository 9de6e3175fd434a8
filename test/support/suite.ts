import { relative } from 'node:path';
import process from 'node:process';
// biome-ignore lint/style/noRestrictedImports: the one place that may import uvu; see the comment below
import { suite as uvuSuite } from 'uvu';
// biome-ignore lint/style/noRestrictedImports: the one place that may import uvu; see the comment below
import * as assert from 'uvu/assert';

// uvu 0.5.6 exits 0 when a hook throws, when .run() is forgotten, and when a test throws something that is no Error. So
// this counts every test when it is registered and when it has passed, and sets the exit code by those counts.

export { assert };

export type TestBody = () => void | Promise<void>;

export interface Suite {
  (name: string, body: TestBody): void;
  /**
   * Registers a test that can't run here; the reason is printed. In CI (`CI=true`) a skip is a failure unless it is
   * `allowed`.
   */
  skip(name: string, reason: string, options?: { readonly allowedInCi?: boolean }): void;
}

export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

const counts = { registered: 0, passed: 0, failed: 0, skipped: 0 };
const runs: (() => void)[] = [];
let started = false;

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(`a test threw what is no Error: ${String(thrown)}`);
}

/** Opens a group of tests, which run by themselves when the file has been read. */
export function suite(name: string): Suite {
  const inner = uvuSuite(name);
  runs.push(() => inner.run());
  const register = (testName: string, body: TestBody): void => {
    counts.registered++;
    inner(testName, async () => {
      try {
        await body();
        counts.passed++;
      } catch (thrown) {
        counts.failed++;
        throw asError(thrown);
      }
    });
  };
  const skip: Suite['skip'] = (testName, reason, options) => {
    if (process.env['CI'] === 'true' && options?.allowedInCi !== true) {
      register(testName, () => {
        throw new Error(`can't run, and may not be skipped in CI: ${reason}`);
      });
      return;
    }
    counts.skipped++;
    process.stdout.write(`SKIPPED ${name}: ${testName}: ${reason}\n`);
  };
  return Object.assign(register, { skip });
}

process.on('beforeExit', () => {
  if (started) return;
  started = true;
  for (const run of runs) run();
});

process.on('exit', () => {
  const { registered, passed, failed, skipped } = counts;
  const lost = registered - passed - failed;
  const file = relative(process.cwd(), process.argv[1] ?? '');
  if (lost > 0) process.stdout.write(`${file}: ${lost} registered tests did not run\n`);
  if (registered + skipped === 0) process.stdout.write(`${file}: holds no test\n`);
  const bad = failed + Math.max(lost, 0) + (registered + skipped === 0 ? 1 : 0);
  process.send?.({ passed, failed: bad, skipped } satisfies Counts);
  process.exitCode = bad > 0 || (process.exitCode !== undefined && process.exitCode !== 0) ? 1 : 0;
});
