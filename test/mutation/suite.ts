// What test files get in place of test/support/suite.ts while mutants are tried: their tests are only listed, and
// test/mutation/runner.ts runs them in one process, over and over.
// biome-ignore lint/style/noRestrictedImports: stands in for the one place that may import uvu
export * as assert from 'uvu/assert';

interface ListedTest {
  readonly name: string;
  readonly body: () => void | Promise<void>;
}

export const listed: ListedTest[] = [];

export function suite(suiteName: string): unknown {
  const register = (name: string, body: ListedTest['body']): void =>
    void listed.push({ name: `${suiteName}: ${name}`, body });
  return Object.assign(register, { skip: () => undefined });
}
