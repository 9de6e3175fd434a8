import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Makes an empty directory for `body` and removes it with all in it when `body`, or the promise it returns, is done,
 * also when it throws.
 */
export function withTemporaryDirectory<T>(body: (directory: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), 'dra-sriov-test-'));
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  let result: T;
  try {
    result = body(directory);
  } catch (thrown) {
    remove();
    throw thrown;
  }
  if (result instanceof Promise) return result.finally(remove) as T;
  remove();
  return result;
}
