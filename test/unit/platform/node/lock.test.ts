import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createNodePlatform } from '../../../support/node-platform.ts';
import { assert, suite } from '../../../support/suite.ts';
import { withTemporaryDirectory } from '../../../support/temporary-directory.ts';
import { throws } from '../../../support/throws.ts';

const test = suite('platform/node/lock');
const platform = createNodePlatform({});

function start(script: string, ...args: readonly string[]): ChildProcess {
  const path = join(import.meta.dirname, script);
  return spawn(process.execPath, [path, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Holds the lock until the file `release` is there. */
async function startHolder(path: string, release: string): Promise<ChildProcess> {
  const child = start('lock-holder.ts', path, 'the holder', release);
  if (child.stdout === null) throw new Error('no stdout');
  const [said] = await once(child.stdout, 'data');
  assert.is(String(said), 'held\n');
  return child;
}

async function inDirectory(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'dra-sriov-lock-'));
  try {
    await body(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test('a lock is held once, shows its note, and goes with its file', () => {
  withTemporaryDirectory((directory) => {
    const path = `${directory}/vf.lock`;
    writeFileSync(path, 'a longer note that a killed process left');
    const lock = platform.lock(path, 0, 'ADD of pod x');
    assert.ok(lock);
    assert.is(readFileSync(path, 'utf8'), 'ADD of pod x');
    const beginMs = platform.monotonicMs();
    assert.is(platform.lock(path, 50, 'other'), null);
    const tookMs = platform.monotonicMs() - beginMs;
    assert.ok(tookMs >= 49 && tookMs < 20_000, `waited ${tookMs} ms`);
    assert.is(readFileSync(path, 'utf8'), 'ADD of pod x');
    lock?.unlock();
    lock?.unlock();
    assert.not(existsSync(path));
    const again = platform.lock(path, 0, 'other');
    assert.is(statSync(path).mode & 0o7777, 0o600);
    again?.unlock();
  });
});

test('a lock file without its directory is an error, not a wait', () => {
  withTemporaryDirectory((directory) => {
    throws(() => platform.lock(`${directory}/absent/vf.lock`, 1000, ''), 'ENOENT', `lock ${directory}/absent`);
  });
});

test('another process holds it until it lets go', () =>
  inDirectory(async (directory) => {
    const [path, release] = [`${directory}/vf.lock`, `${directory}/release`];
    const child = await startHolder(path, release);
    assert.is(platform.lock(path, 0, 'me'), null);
    assert.is(readFileSync(path, 'utf8'), 'the holder');
    writeFileSync(release, '');
    const lock = platform.lock(path, 60_000, 'me');
    assert.is(readFileSync(path, 'utf8'), 'me');
    lock?.unlock();
    if (child.exitCode === null) await once(child, 'exit');
    assert.is(child.exitCode, 0);
  }));

test('a killed holder holds nothing', () =>
  inDirectory(async (directory) => {
    const path = `${directory}/vf.lock`;
    const child = await startHolder(path, `${directory}/never`);
    assert.is(platform.lock(path, 0, 'me'), null);
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.ok(existsSync(path));
    const lock = platform.lock(path, 0, 'me');
    assert.ok(lock);
    lock?.unlock();
    assert.not(existsSync(path));
  }));

test('a lock without a note is one on what is there, which stays as it is', () => {
  withTemporaryDirectory((directory) => {
    const path = `${directory}/their.lock`;
    throws(() => platform.lock(path, 0, null), 'ENOENT');
    writeFileSync(path, 'theirs');
    const lock = platform.lock(path, 0, null);
    assert.is(platform.lock(path, 0, null), null);
    lock?.unlock();
    assert.is(readFileSync(path, 'utf8'), 'theirs');
    platform.lock(path, 0, null)?.unlock();
  });
});

test('who loses the file to a newcomer takes none of theirs away', () => {
  withTemporaryDirectory((directory) => {
    const path = `${directory}/vf.lock`;
    const lost = platform.lock(path, 0, 'lost');
    unlinkSync(path);
    const newcomer = platform.lock(path, 0, 'newcomer');
    assert.ok(newcomer);
    lost?.unlock();
    assert.is(readFileSync(path, 'utf8'), 'newcomer');
    assert.is(platform.lock(path, 0, 'third'), null);
    newcomer?.unlock();
  });
});

test('processes that make and unlink the file at the same time never hold it together', () =>
  inDirectory(async (directory) => {
    const [path, counter] = [`${directory}/vf.lock`, `${directory}/counter`];
    writeFileSync(counter, '0');
    const children = Array.from({ length: 6 }, () => start('lock-counter.ts', path, counter, '40'));
    await Promise.all(children.map((child) => once(child, 'exit')));
    assert.equal(
      children.map((child) => child.exitCode),
      [0, 0, 0, 0, 0, 0],
    );
    assert.is(readFileSync(counter, 'utf8'), '240');
    assert.not(existsSync(path));
  }));
