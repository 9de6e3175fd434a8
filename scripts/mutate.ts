// Puts faults into sources, one at a time, and tells which of them no unit test notices: `npm run mutate -- src/vf
// src/state/locks.ts`. For each room (default: five of them) it runs the tests of the same room in test/unit, and then
// those of the rooms that use it. It doesn't try again what hasn't changed since the last run. The report of a room is
// dist/mutation/ROOM.html, or .json, with all survivors.
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import type { PartialStrykerOptions } from '@stryker-mutator/api/core';
import { Stryker } from '@stryker-mutator/core';

const root = join(import.meta.dirname, '..');
/** Room -> other rooms whose tests use it. */
const testedBy: Readonly<Record<string, readonly string[]>> = {
  settings: ['config', 'vf', 'kernel/rtnl', 'state'],
  vf: ['commands'],
  state: ['vf', 'commands'],
  allocation: ['commands'],
  commands: [],
};
const output = 'dist/mutation';

/** `paths` are files and folders of one room: their tests are looked at once. */
async function mutate(room: string, paths: readonly string[]): Promise<void> {
  const rooms = [room, ...(testedBy[room] ?? [])];
  process.env['MUTATION_TEST_FOLDERS'] = rooms.map((each) => `test/unit/${each}`).join(':');
  const stryker = new Stryker({
    mutate: paths.map((path) => (statSync(path).isDirectory() ? `${path}/**/*.ts` : path)),
    testRunner: 'suite',
    plugins: [join(root, 'test/mutation/runner.ts')],
    coverageAnalysis: 'perTest',
    ignorePatterns: ['/*', '!/src', '!/test', '!/scripts', '!/package.json'],
    tempDirName: `${output}/sandbox`,
    ignorers: ['words'],
    tsconfigFile: 'none',
    concurrency: 1,
    maxTestRunnerReuse: 400,
    // Loops without end are found by counting. The time limit would take a mutant for killed on a busy machine.
    timeoutMS: 600_000,
    // All tests run once first, on a busy machine too.
    dryRunTimeoutMinutes: 15,
    incremental: true,
    incrementalFile: `${output}/${room}.json`,
    reporters: ['progress-append-only', 'clear-text', 'html'],
    clearTextReporter: { logTests: false, reportTests: false, allowColor: process.stdout.isTTY === true },
    htmlReporter: { fileName: `${output}/${room}.html` },
    logLevel: 'warn' as NonNullable<PartialStrykerOptions['logLevel']>,
    allowConsoleColors: false,
  });
  await stryker.runMutationTest();
}

process.chdir(root);
const asked = process.argv.slice(2);
const usual = Object.keys(testedBy).map((room) => `src/${room}`);
const paths = (asked.length === 0 ? usual : asked).map((path) => path.replace(/\/$/, ''));
for (const path of paths) if (!path.startsWith('src/') || !existsSync(path)) throw new Error(`${path} is not in src/`);
for (const [room, ofRoom] of Map.groupBy(paths, (path) => path.split('/')[1] ?? '')) await mutate(room, ofRoom);
