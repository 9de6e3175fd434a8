import { spawnSync } from 'node:child_process';
import { accessSync, constants, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ownCpu } from '../../../scripts/build/cpu.ts';
import { assert, suite } from '../../support/suite.ts';
import { withTemporaryDirectory } from '../../support/temporary-directory.ts';

const test = suite('build/toolchain');
const root = join(import.meta.dirname, '../../..');
const needed = /^rust-version = "(.*)"$/m.exec(readFileSync(join(root, 'native/Cargo.toml'), 'utf8'))?.[1] ?? '';
/** All that the script may find, besides the toolchains. */
const tools = ['bash', 'sed', 'sort', 'dirname', 'uname'];

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

interface Found {
  readonly status: number | null;
  /** Number of the toolchain chosen, from 0; -1 for none. */
  readonly chosen: number;
  readonly stderr: string;
}

const compilers = ['cc', 'musl-gcc'] as const;

/**
 * Runs the script with toolchains of these versions in PATH. '' stands for rustup's proxies without a toolchain; a `-`
 * behind the version says that the library's source is missing.
 */
function ask(versions: readonly string[], present: readonly string[] = compilers, ...args: readonly string[]): Found {
  return withTemporaryDirectory((directory) => {
    const places = versions.map((version, at) => {
      const place = join(directory, String(at));
      const library = join(place, version.endsWith('-') ? 'none' : 'lib/rustlib/src/rust/library');
      mkdirSync(library, { recursive: true });
      writeFileSync(join(library, 'Cargo.lock'), '');
      const said = `"\${0##*/} ${version.replace('-', '')} (0123456 2026-01-01)"`;
      const body = version === '' ? 'exit 1' : `[ "$1" = --print ] && echo ${place} || echo ${said}`;
      for (const name of ['cargo', 'rustc']) {
        writeFileSync(join(place, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
      }
      return place;
    });
    const bin = join(directory, 'bin');
    mkdirSync(bin);
    for (const tool of tools) {
      const path = ['/usr/bin', '/bin'].map((place) => join(place, tool)).find(isProgram);
      symlinkSync(path ?? '', join(bin, tool));
    }
    for (const name of present) writeFileSync(join(bin, name), '', { mode: 0o755 });
    const env = { PATH: [...places, bin].join(':'), HOME: directory };
    const { status, stdout, stderr } = spawnSync(join(root, 'scripts/toolchain.sh'), args, { env, encoding: 'utf8' });
    return { status, chosen: places.indexOf(stdout.trim()), stderr };
  });
}

test('the first that is recent enough', () => {
  assert.is(ask([`${needed}.0`]).chosen, 0);
  assert.is(ask(['1.65.0', '', '1.100.0-', '1.100.0', '1.120.0']).chosen, 3);
});

test('none: one sentence that says what there is and what to install', () => {
  for (const [versions, why] of [
    [[], 'cargo'],
    [[''], 'cargo'],
    [['1.65.0'], '1.65.0'],
    [['1.100.0-'], 'no source'],
  ] as const) {
    const { status, stderr } = ask(versions);
    assert.is(status, 1);
    assert.match(stderr, why);
    assert.match(stderr, needed);
    assert.is(stderr.trim().split('\n').length, 1, stderr);
  }
});

test('no C compiler, or none for musl', () => {
  for (const present of [[], ['cc'], ['musl-gcc']]) {
    const { status, stderr } = ask([`${needed}.0`], present);
    assert.is(status, 1);
    assert.match(stderr, 'C compiler');
  }
});

test('for another CPU its own gcc and musl are needed, and are named if they are missing', () => {
  const [cpu, gcc] = ownCpu === 'amd64' ? ['arm64', 'aarch64-linux-musl-gcc'] : ['amd64', 'x86_64-linux-musl-gcc'];
  const { status, stderr } = ask([`${needed}.0`], compilers, '--cpu', cpu);
  assert.is(status, 1);
  assert.match(stderr, `no ${gcc}`);
  assert.match(stderr, `musl-dev:${cpu}`);
  assert.is(ask([`${needed}.0`], [...compilers, gcc], '--cpu', cpu).chosen, 0);
  assert.is(ask([`${needed}.0`], compilers, '--cpu', ownCpu).chosen, 0);
});
