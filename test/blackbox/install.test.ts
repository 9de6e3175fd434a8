import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { asRoot } from '../support/netns.ts';
import { builtExecutable } from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';
import { withTemporaryDirectory } from '../support/temporary-directory.ts';

const test = suite('install');
const root = asRoot(test);

const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'));

function dra(env: Readonly<Record<string, string>>, ...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(builtExecutable, args, { env, encoding: 'utf8' });
  return { status, stdout, stderr };
}

/** `install` into the directory, on a node without attachments. */
function install(directory: string, ...args: readonly string[]) {
  return dra({ DRA_SRIOV_STATE_DIR: join(directory, 'no-state') }, 'install', '--to', directory, ...args);
}

const isWhole = (path: string): boolean => spawnSync('cmp', ['-s', builtExecutable, path]).status === 0;

function supportedVersions(path: string): readonly string[] {
  const answer = execFileSync(path, { env: { CNI_COMMAND: 'VERSION' }, input: '', encoding: 'utf8' });
  return JSON.parse(answer).supportedVersions;
}

test('the copy is the executable, for all to run, and works', () => {
  withTemporaryDirectory((directory) => {
    const path = join(directory, 'dra-sriov');
    const outcome = install(directory);
    assert.equal(outcome, { status: 0, stdout: `installed ${path}, version ${version}\n`, stderr: '' });
    assert.equal(readdirSync(directory), ['dra-sriov']);
    assert.is(lstatSync(path).mode, 0o100755);
    assert.ok(isWhole(path));
    assert.ok(supportedVersions(path).includes('1.1.0'));
    const here = spawnSync(builtExecutable, ['install', '--to', '.'], { cwd: directory, env: {}, encoding: 'utf8' });
    assert.equal([here.status, here.stdout], [0, `installed ${directory}/./dra-sriov, version ${version}\n`]);
    // The installed executable installs itself under another name.
    const second = spawnSync(path, ['install', '--to', directory, '--as', 'sriov'], { env: {}, encoding: 'utf8' });
    assert.is(second.status, 0, second.stderr);
    assert.ok(isWhole(join(directory, 'sriov')));
  });
});

root('another plugin comes back when this one is removed', () => {
  withTemporaryDirectory((directory) => {
    const path = join(directory, 'sriov');
    const other = '#!/bin/sh\necho sriov-cni >&2\n';
    writeFileSync(path, other);
    chmodSync(path, 0o750);
    const { status, stdout } = install(directory, '--as', 'sriov');
    assert.is(status, 0);
    assert.match(stdout, `${path}.before-dra-sriov`);
    assert.equal(readdirSync(directory), ['sriov', 'sriov.before-dra-sriov']);
    const again = install(directory, '--as', 'sriov', '--json');
    assert.is(JSON.parse(again.stdout)[0].backup, `${path}.before-dra-sriov`);
    assert.is(install(directory, '--as', 'sriov', '--uninstall').status, 0);
    assert.equal(readdirSync(directory), ['sriov']);
    assert.is(readFileSync(path, 'utf8'), other);
    assert.is(lstatSync(path).mode, 0o100750);
  });
});

root('it stays while a VF is in a pod', () => {
  withTemporaryDirectory((directory) => {
    const state = join(directory, 'state');
    mkdirSync(join(state, 'vf-test1/c1'), { recursive: true });
    writeFileSync(join(state, 'vf-test1/c1/net1.json'), '{}');
    const env = { DRA_SRIOV_STATE_DIR: state };
    assert.is(dra(env, 'install', '--to', directory).status, 0);
    const refused = dra(env, 'install', '--to', directory, '--uninstall');
    assert.equal([refused.status, refused.stdout], [1, '']);
    assert.match(refused.stderr, /net1 .*vf-test1/);
    assert.is(dra(env, 'install', '--to', directory, '--uninstall', '--force').status, 0);
    assert.equal(readdirSync(directory), ['state']);
  });
});

test('what can not be installed leaves all as it was, with exit code 1, or 2 for a wrong command line, and the reason', () => {
  withTemporaryDirectory((directory) => {
    symlinkSync('bridge', join(directory, 'sriov'));
    const refuse = (code: number, ...args: readonly string[]): string => {
      const { status, stdout, stderr } = install(directory, ...args);
      assert.equal([status, stdout], [code, ''], args.join(' '));
      assert.equal(readdirSync(directory), ['sriov'], args.join(' '));
      return stderr;
    };
    assert.match(refuse(1, '--as', 'sriov'), 'link to "bridge"');
    assert.match(refuse(2, '--as', 'a/b'), '--as "a/b"');
    assert.match(refuse(1, '--to', join(directory, 'absent')), join(directory, 'absent'));
    assert.match(refuse(2, '--too'), "'--too'");
    refuse(2, 'more');
  });
});

test('a copy that does not fit leaves the old plugin and nothing half-written', () => {
  withTemporaryDirectory((directory) => {
    const path = join(directory, 'dra-sriov');
    writeFileSync(path, 'old');
    const script = `ulimit -f 1000; trap '' XFSZ; exec "$0" install --to ${directory}`;
    const { status, stderr } = spawnSync('sh', ['-c', script, builtExecutable], { env: {}, encoding: 'utf8' });
    assert.is(status, 1);
    assert.match(stderr, /dra-sriov.*EFBIG/);
    assert.equal(readdirSync(directory), ['dra-sriov']);
    assert.is(readFileSync(path, 'utf8'), 'old');
  });
});

test('whenever it is killed, the name means the old plugin or the whole new one, and the next installation tidies up', async () => {
  await withTemporaryDirectory(async (directory) => {
    const path = join(directory, 'dra-sriov');
    cpSync('/bin/true', path);
    const isOld = (): boolean => spawnSync('cmp', ['-s', '/bin/true', path]).status === 0;
    // The first is killed at once. On a busy machine it may have ended even so.
    for (let waitMs = 0, tries = 0; ; tries++) {
      assert.ok(tries < 100, 'never early enough, or never late enough');
      const child: ChildProcess = spawn(builtExecutable, ['install', '--to', directory], { env: {}, stdio: 'ignore' });
      const ended = new Promise((resolve) => child.once('close', resolve));
      if (waitMs > 0) await Promise.race([delay(waitMs), ended]);
      child.kill('SIGKILL');
      await ended;
      if (isOld()) {
        waitMs = 3 * waitMs + 1;
        continue;
      }
      assert.ok(isWhole(path), 'neither the old nor the new one');
      if (waitMs > 0) break;
      rmSync(`${path}.before-dra-sriov`);
      cpSync('/bin/true', path);
    }
    assert.is(install(directory).status, 0);
    assert.equal(readdirSync(directory), ['dra-sriov', 'dra-sriov.before-dra-sriov']);
  });
});

test('installers that run at the same time all succeed', async () => {
  await withTemporaryDirectory(async (directory) => {
    const codes = await Promise.all(
      Array.from({ length: 3 }, () => {
        const child = spawn(builtExecutable, ['install', '--to', directory], { env: {}, stdio: 'ignore' });
        return new Promise((resolve) => child.once('close', resolve));
      }),
    );
    assert.equal(codes, [0, 0, 0]);
    assert.equal(readdirSync(directory), ['dra-sriov']);
    assert.ok(isWhole(join(directory, 'dra-sriov')));
  });
});

test('pause waits until it is told to end', async () => {
  const child = spawn(builtExecutable, ['pause'], { env: {}, stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('close', (code, signal) => resolve(signal ?? code)));
  const before = await Promise.race([delay(300, 'still there'), ended]);
  child.kill('SIGTERM');
  assert.equal([before, await ended], ['still there', 'SIGTERM']);
});
