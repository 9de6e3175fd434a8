import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { assert, suite } from '../support/suite.ts';
import { runChild } from './child.ts';
import type { CommandResult } from './command.ts';

const test = suite('lab command line');

type Call = (words: readonly string[], stdin?: string) => Promise<CommandResult>;

const limitMs = 120_000;
const root = join(import.meta.dirname, '../..');

/** The command line of a checkout. */
function callOf(checkout: string, folder: string): Call {
  const program = join(checkout, 'test/lab/cli.ts');
  return (words, stdin) =>
    runChild([process.execPath, program, ...words], { timeoutMs: limitMs, env: { XDG_RUNTIME_DIR: folder }, stdin });
}

/** For a command line with a lab of its own, not the contributor's. */
async function withCommandLine(body: (call: Call, folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'dra-sriov-lab-cli.'));
  const call = callOf(root, folder);
  try {
    await body(call, folder);
  } finally {
    await call(['down']);
    rmSync(folder, { recursive: true });
  }
}

/** A person's session on a terminal with the command line. */
class Session {
  readonly child: ChildProcess;
  #shown = '';

  constructor(folder: string, words: readonly string[] = []) {
    const argv = [join(root, 'test/lab/cli.ts'), ...words];
    this.child = spawn(process.execPath, argv, { env: { ...process.env, XDG_RUNTIME_DIR: folder } });
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        this.#shown += chunk.toString();
      });
  }

  type(text: string): void {
    this.child.stdin?.write(text);
  }

  /** Waits until the text is shown, and forgets all up to it. */
  async sees(text: string): Promise<void> {
    const end = performance.now() + limitMs;
    while (!this.#shown.includes(text)) {
      if (performance.now() > end) throw new Error(`${text} is not shown: ${this.#shown}`);
      await delay(50);
    }
    this.#shown = this.#shown.slice(this.#shown.indexOf(text) + text.length);
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
    assert.not.match((await call(['down'])).stderr, 'ended');
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
    assert.match(wrong.stderr, 'bogus');
    assert.is((await call(['run'])).status, 1);
    assert.match((await call(['--help'])).stdout, 'Usage: npm run lab');
    assert.equal(readdirSync(folder), []);
  });
});

test('two prompts that are opened at once share a lab, which ends with the last; Ctrl-C ends what runs in one', async () => {
  await withCommandLine(async (call, folder) => {
    const [one, other] = [new Session(folder), new Session(folder)];
    for (const session of [one, other]) await session.sees('[lab]');
    one.type('sleep 1000\n');
    other.type('touch /tmp/mark; echo seen $((6 * 7))\n');
    await other.sees('seen 42');
    one.type('\u0003');
    await one.sees('[lab]');
    one.type('ls /tmp/mark; exit\n');
    await one.sees('\r/tmp/mark');
    await one.sees('it keeps running');
    assert.is((await call(['run', 'pidof', 'sleep'])).stdout, '');
    other.type('exit\n');
    await other.sees('ended');
    assert.equal(readdirSync(folder), []);
  });
});

test('a prompt whose client is killed is closed, with what it runs, and its lab ends', async () => {
  await withCommandLine(async (call, folder) => {
    const [one, other] = [new Session(folder), new Session(folder)];
    for (const session of [one, other]) await session.sees('[lab]');
    one.type('sleep 1000; echo over\n');
    await one.sees('sleep');
    await delay(500);
    one.child.kill('SIGKILL');
    other.type('while pidof sleep; do usleep 100000; done; echo gone $((6 * 7))\n');
    await other.sees('gone 42');
    other.child.kill('SIGHUP');
    await once(other.child, 'exit');
    const end = performance.now() + limitMs;
    while (readdirSync(folder).length > 0 && performance.now() < end) await delay(100);
    assert.not.match((await call(['down'])).stderr, 'ended');
  });
});

test('a program whose client is interrupted ends, and the lab goes on', async () => {
  await withCommandLine(async (call, folder) => {
    await call(['run', 'true']);
    const session = new Session(folder, ['run', 'sleep', '1000']);
    await delay(1500);
    session.child.kill('SIGINT');
    assert.is((await call(['run', 'pidof', 'sleep'])).stdout, '');
  });
});

test('two checkouts have a lab each', async () => {
  await withCommandLine(async (call, folder) => {
    const copy = join(folder, 'checkout');
    for (const name of ['package.json', 'test/lab']) cpSync(join(root, name), join(copy, name), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    const callOther = callOf(copy, folder);
    try {
      await Promise.all([call, callOther].map((each, at) => each(['run', 'touch', `/tmp/${at}`])));
      assert.is((await call(['run', 'ls', '/tmp', join(root, 'package.json')])).stderr, '');
      assert.match((await callOther(['run', 'ls', '/tmp'])).stdout, /^1$/m);
      assert.match((await call(['down'])).stderr, 'ended');
      assert.is((await callOther(['run', 'ls', join(copy, 'package.json')])).status, 0);
    } finally {
      await callOther(['down']);
      rmSync(copy, { recursive: true });
    }
  });
});
