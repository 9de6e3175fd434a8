import type { Platform } from '../../../src/platform/platform.ts';
import { readPrivateFile, requirePrivateDirectory, requireTrustedPath } from '../../../src/state/trusted-files.ts';
import { createMemoryPlatform, type MemoryPlatform } from '../../support/memory-platform.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';

const test = suite('state/trusted-files');

const what = 'the directory';
const EIO = 5;

/** A node where `/data/link` leads to `target`. `modes` has permission bits by path. */
function leadingTo(target: string, modes: Readonly<Record<string, number>>): MemoryPlatform {
  const platform = createMemoryPlatform({
    files: { '/data/own/x': '', '/data/other/x': '', '/other/x': '' },
    links: { '/data/link': target },
  });
  for (const [path, mode] of Object.entries(modes)) platform.modes.set(path, mode);
  return platform;
}

test('a link is followed as the kernel follows it: from its directory, from /, with . and .. and empty names', () => {
  for (const target of ['own', './own', './/own/', '../data/own', './../data/own', './/../data/own', '/data/own']) {
    const platform = leadingTo(target, { '/other': 0o777 });
    assert.is(requireTrustedPath(platform, '/data/link', what), true, target);
    for (const spoilt of ['/data', '/data/own']) {
      platform.modes.set(spoilt, 0o777);
      throws(() => requireTrustedPath(platform, '/data/link', what), 'io', '/data/link', spoilt);
      platform.modes.delete(spoilt);
    }
  }
  for (const target of [
    '../other',
    './../other',
    '..//./other',
    '../../../other',
    '/other',
    '//other',
    '/data/../other',
  ]) {
    const platform = leadingTo(target, { '/other': 0o777, '/data/other': 0o755 });
    throws(() => requireTrustedPath(platform, '/data/link', what), 'io', '/data/link', ': /other: ', '0777');
  }
});

test('of a link to nothing there is nothing', () => {
  for (const target of ['none', '/none', 'own/../none', '']) {
    assert.is(requireTrustedPath(leadingTo(target, {}), '/data/link/x', what), false, target);
  }
});

test('as many links are followed as the kernel follows, and no more', () => {
  const chain = (length: number): MemoryPlatform =>
    createMemoryPlatform({
      files: { '/end/x': '' },
      links: Object.fromEntries(
        Array.from({ length }, (_, at) => [`/l${at}`, at + 1 === length ? 'end' : `l${at + 1}`]),
      ),
    });
  assert.is(requireTrustedPath(chain(40), '/l0', what), true);
  throws(() => requireTrustedPath(chain(41), '/l0', what), 'io', '/l40', 'link');
});

test('a directory of ours is nobody else’s to write to, sticky or not', () => {
  const platform = createMemoryPlatform({ files: { '/ours/x': '' } });
  const look = (mode: number): void => {
    platform.modes.set('/ours', mode);
    const status = platform.stat('/ours');
    if (status !== null) requirePrivateDirectory('/ours', status, what);
  };
  for (const mode of [0o700, 0o755, 0o1755]) look(mode);
  for (const mode of [0o777, 0o1777, 0o770, 0o1770]) throws(() => look(mode), 'io', '/ours', `0${mode.toString(8)}`);
});

/** The platform, with something that happens between the look at a file and its reading. */
function after(platform: MemoryPlatform, happens: () => void): Platform {
  return {
    ...platform,
    stat: (path) => {
      const status = platform.stat(path);
      happens();
      return status;
    },
  };
}

test('a file that becomes a link between the look at it and its reading is not followed', () => {
  const platform = createMemoryPlatform({ files: { '/ours/file': 'own', '/etc/shadow': 'root:secret' } });
  const swapped = after(platform, () => {
    platform.files.delete('/ours/file');
    platform.links.set('/ours/file', '/etc/shadow');
  });
  throws(() => readPrivateFile(swapped, '/ours/file', 100), 'ELOOP', '/ours/file');
});

test('a file that goes between the look at it and its reading is absent', () => {
  const platform = createMemoryPlatform({ files: { '/ours/file': 'own' } });
  assert.is(readPrivateFile(platform, '/ours/file', 100), 'own');
  const gone = after(platform, () => platform.files.delete('/ours/file'));
  assert.is(readPrivateFile(gone, '/ours/file', 100), null);
});

test('a disk that fails says nothing of whose the file is', () => {
  const platform = createMemoryPlatform({ files: { '/ours/file': 'own' } });
  platform.failNext('readFile', '/ours/file', EIO);
  throws(() => readPrivateFile(platform, '/ours/file', 100), 'EIO', '/ours/file');
});

test('a file that is still as it was seen is not read again; one that was written since is, in place or not', () => {
  const platform = createMemoryPlatform({ files: { '/ours/file': 'one' } });
  const seen = new Map();
  const read = (): string | null => readPrivateFile(platform, '/ours/file', 100, seen);
  assert.is(read(), 'one');
  platform.failNext('readFile', '/ours/file', EIO);
  assert.is(read(), 'one');
  platform.files.set('/ours/file', 'two');
  platform.modified.set('/ours/file', 1);
  throws(read, 'EIO');
  assert.is(read(), 'two');
});
