import { Locks } from '../../../src/state/locks.ts';
import { StateDirectory } from '../../../src/state/state-directory.ts';
import { createMemoryPlatform, type MemoryPlatform } from '../../support/memory-platform.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';
import { samplePci } from './sample-record.ts';

const test = suite('state/state-directory');

const root = '/var/lib/cni/dra-sriov';
const victims = { '/etc/cron.d/backup': 'x', '/etc/cron.d/container-c1': 'y' };

/** Every use that the plugin makes of the state directory. */
const uses: readonly ((platform: MemoryPlatform) => unknown)[] = [
  (platform) => new StateDirectory(platform).find(),
  (platform) => new StateDirectory(platform).find('.vfs'),
  (platform) => new StateDirectory(platform).make('vf-net', 'c1'),
  (platform) => new StateDirectory(platform).list(),
  (platform) => new Locks(platform).lockContainer('c1', 'DEL'),
  (platform) => new Locks(platform).tryLockVf(samplePci, 'sweep'),
  (platform) => new Locks(platform).removeAbandoned(),
];

test('what is missing is made: 0755 above the state directory, 0700 in it', () => {
  const platform = createMemoryPlatform();
  assert.is(new StateDirectory(platform).make('vf-net', 'c1'), `${root}/vf-net/c1`);
  const modes = ['/var/lib/cni', root, `${root}/vf-net`, `${root}/vf-net/c1`].map((path) => platform.stat(path)?.mode);
  assert.equal(modes, [0o755, 0o700, 0o700, 0o700]);
});

test('a directory on the way that others own or may write to: nothing is read, made or removed', () => {
  for (const directory of ['/var', '/var/lib', '/var/lib/cni', root]) {
    for (const spoil of [
      (platform: MemoryPlatform) => platform.modes.set(directory, 0o777),
      (platform: MemoryPlatform) => platform.modes.set(directory, 0o775),
      (platform: MemoryPlatform) => platform.owners.set(directory, 1000),
    ]) {
      for (const use of uses) {
        const platform = createMemoryPlatform();
        new StateDirectory(platform).make('.locks');
        platform.files.set(`${root}/.locks/container-c2`, '');
        spoil(platform);
        throws(() => use(platform), 'io', directory);
        assert.equal([...platform.files.keys()], [`${root}/.locks/container-c2`]);
      }
    }
  }
});

test('a directory with the sticky bit will do on the way, not at its end', () => {
  const platform = createMemoryPlatform();
  const state = new StateDirectory(platform);
  state.make();
  platform.modes.set('/var/lib/cni', 0o1777);
  assert.is(new StateDirectory(platform).find(), root);
  platform.modes.set(root, 0o1777);
  throws(() => new StateDirectory(platform).find(), 'io');
  platform.modes.delete(root);
  state.make('.locks');
  platform.modes.set(`${root}/.locks`, 0o1777);
  throws(() => new StateDirectory(platform).find('.locks'), 'io', `${root}/.locks`);
});

test('what another made while it was absent is looked at all the same', () => {
  const platform = createMemoryPlatform();
  const state = new StateDirectory(platform);
  assert.equal(state.list(), []);
  platform.makeDir(root, 0o700);
  platform.owners.set(root, 1000);
  throws(() => state.list(), 'io');
  platform.owners.delete(root);
  assert.equal(state.list('vf-net'), []);
  platform.makeDir(`${root}/vf-net`, 0o700);
  platform.owners.set(`${root}/vf-net`, 1000);
  throws(() => state.list('vf-net'), 'io', `${root}/vf-net`);
});

test('directories: what has just gone is none, nor is a file', () => {
  const platform = createMemoryPlatform({ files: { [`${root}/a/c1`]: '', [`${root}/b`]: '' } });
  const listed = { ...platform, readDir: () => ['a', 'b', 'gone'] };
  assert.equal(
    new StateDirectory(listed).directories(() => true),
    ['a'],
  );
});

test('links: root’s above it are followed and looked at; none of others, and none in it', () => {
  const linked = (): MemoryPlatform => {
    const platform = createMemoryPlatform({ links: { '/var/lib/cni': '../../data/./cni' } });
    platform.makeDir('/data/cni/dra-sriov', 0o700);
    return platform;
  };
  assert.is(new StateDirectory(linked()).find(), root);
  for (const spoil of [
    (platform: MemoryPlatform) => platform.owners.set('/var/lib/cni', 1000),
    (platform: MemoryPlatform) => platform.modes.set('/data', 0o777),
    (platform: MemoryPlatform) => platform.modes.set('/data/cni', 0o777),
  ]) {
    const platform = linked();
    spoil(platform);
    throws(() => new StateDirectory(platform).find(), 'io');
  }
  const loop = createMemoryPlatform({ links: { '/var/lib/cni': '/var/lib/cni' } });
  throws(() => new StateDirectory(loop).find(), 'io');
});

test('.locks that is a link to another directory: nothing there is locked or removed', () => {
  for (const use of uses.slice(4)) {
    const platform = createMemoryPlatform({ files: victims, links: { [`${root}/.locks`]: '/etc/cron.d' } });
    throws(() => use(platform), 'io', '.locks', 'link');
    assert.equal(Object.fromEntries(platform.files), victims);
  }
});

test('only names of our own form are removed from .locks', () => {
  const own = ['container-c1', `vf-${samplePci}`];
  const others = ['backup', 'container-', 'container-.x', 'vf-', 'vf-0', 'c1'];
  const at = (name: string): string => `${root}/.locks/${name}`;
  const platform = createMemoryPlatform({
    files: Object.fromEntries([...own, ...others].map((name) => [at(name), ''])),
  });
  new Locks(platform).removeAbandoned();
  assert.equal([...platform.files.keys()].sort(), others.map(at).sort());
});
