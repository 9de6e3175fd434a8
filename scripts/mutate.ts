// Puts faults into sources, one at a time, and tells which of them no unit test notices: `npm run mutate -- src/vf
// src/state/locks.ts`. Of a room (default: five of them) the tests of the same room in test/unit are run, and then
// those of the rooms that use it. What hasn't changed since the last run is not tried again. The report with all
// survivors lies in dist/mutation.
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import type { PartialStrykerOptions } from '@stryker-mutator/api/core';
import { Stryker } from '@stryker-mutator/core';

const root = join(import.meta.dirname, '..');
/** Room -> rooms whose tests enter it, too. */
const testedBy: Readonly<Record<string, readonly string[]>> = {
  settings: ['config', 'vf', 'kernel/rtnl', 'state'],
  vf: ['commands'],
  state: ['vf', 'commands'],
  allocation: ['commands'],
  commands: [],
};
const output = 'dist/mutation';

async function mutate(path: string): Promise<void> {
  const [, room = ''] = path.split('/');
  const name = path.replace(/^src\//, '').replaceAll('/', '-');
  const rooms = [room, ...(testedBy[room] ?? [])];
  process.env['MUTATION_TEST_FOLDERS'] = rooms.map((each) => `test/unit/${each}`).join(':');
  const stryker = new Stryker({
    mutate: [statSync(path).isDirectory() ? `${path}/**/*.ts` : path],
    testRunner: 'suite',
    plugins: [join(root, 'test/mutation/runner.ts')],
    coverageAnalysis: 'perTest',
    ignorePatterns: ['/*', '!/src', '!/test', '!/package.json'],
    tempDirName: `${output}/sandbox`,
    ignorers: ['words'],
    tsconfigFile: 'none',
    concurrency: 1,
    maxTestRunnerReuse: 100,
    timeoutMS: 10_000,
    incremental: true,
    incrementalFile: `${output}/${name}-incremental.json`,
    reporters: ['clear-text', 'html'],
    clearTextReporter: { logTests: false, reportTests: false, allowColor: process.stdout.isTTY === true },
    htmlReporter: { fileName: `${output}/${name}.html` },
    logLevel: 'warn' as NonNullable<PartialStrykerOptions['logLevel']>,
    allowConsoleColors: false,
  });
  await stryker.runMutationTest();
}

process.chdir(root);
const asked = process.argv.slice(2);
const usual = Object.keys(testedBy).map((room) => `src/${room}`);
for (const path of asked.length === 0 ? usual : asked) {
  if (!path.startsWith('src/') || !existsSync(path)) throw new Error(`${path} is not in src/`);
  await mutate(path.replace(/\/$/, ''));
}
