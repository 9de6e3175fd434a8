import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cleaningUp } from './clean-up.ts';

/**
 * Makes an empty directory for `body` and removes it with all in it when `body`, or the promise it returns, is done,
 * also when it throws.
 */
export function withTemporaryDirectory<T>(body: (directory: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), 'dra-sriov-test-'));
  return cleaningUp(
    () => body(directory),
    () => rmSync(directory, { recursive: true, force: true }),
  );
}
