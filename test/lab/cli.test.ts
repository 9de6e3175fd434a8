import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { assert, suite } from '../support/suite.ts';
import { runChild } from './child.ts';
import type { CommandResult } from './command.ts';

const test = suite('lab command line');

type Call = (words: readonly string[], stdin?: string) => Promise<CommandResult>;

/** A command line whose lab is another than a contributor's own. */
async function withCommandLine(body: (call: Call, folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'dra-sriov-lab-cli.'));
  const program = join(import.meta.dirname, 'cli.ts');
  const env = { XDG_RUNTIME_DIR: folder };
  const call: Call = (words, stdin) =>
    runChild([process.execPath, program, ...words], { timeoutMs: 120_000, env, stdin });
  try {
    await body(call, folder);
  } finally {
    await call(['down']);
    rmSync(folder, { recursive: true });
  }
}

test('run starts a lab, runs programs in it, and leaves it until down', async () => {
  await withCommandLine(async (call, folder) => {
    const first = await call(['run', 'sh', '-c', 'echo said; echo complained >&2; touch /tmp/mark; exit 3']);
    assert.is(first.stdout, 'said\n');
    assert.match(first.stderr, 'complained');
    assert.is(first.status, 3);
    assert.is((await call(['run', '-i', 'sh', '-c', 'ls /tmp/mark; cat'], 'typed')).stdout, '/tmp/mark\ntyped');
    assert.match((await call(['down'])).stderr, 'ended');
    assert.equal(readdirSync(folder), []);
    assert.match((await call(['down'])).stderr, 'no lab runs');
  });
});

test('a prompt ends the lab it started', async () => {
  await withCommandLine(async (call, folder) => {
    const shown = await call([], 'ip -br link show ens1f0; echo $((6 * 7))\n');
    assert.match(shown.stdout, '52:54:00:11:22:30');
    assert.match(shown.stdout, '\n42');
    assert.match(shown.stderr, 'ended');
    assert.equal(readdirSync(folder), []);
  });
});

test('a mistake is told without starting anything', async () => {
  await withCommandLine(async (call, folder) => {
    const wrong = await call(['bogus']);
    assert.is(wrong.status, 1);
    assert.match(wrong.stderr, 'there is no command bogus');
    assert.is((await call(['run'])).status, 1);
    assert.match((await call(['--help'])).stdout, 'Usage: npm run lab');
    assert.equal(readdirSync(folder), []);
  });
});
