import { Locks, lockFileOfOthers } from '../../../src/state/locks.ts';
import { StateDirectory } from '../../../src/state/state-directory.ts';
import { createMemoryPlatform } from '../../support/memory-platform.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';
import { samplePci } from './sample-record.ts';

const test = suite('state/locks');

const stateDir = '/var/lib/cni/dra-sriov';
const directory = `${stateDir}/.locks`;

test('container and VF are locked apart, and free after unlock', () => {
  const platform = createMemoryPlatform();
  const locks = new Locks(platform);
  const container = locks.lockContainer('c1', 'ADD of net1');
  const vf = locks.lockVf(samplePci, 'ADD of net1');
  assert.equal([...platform.heldLocks.keys()].length, 2);
  assert.is(locks.tryLockVf(samplePci, 'sweep'), null);
  vf.unlock();
  const again = locks.tryLockVf(samplePci, 'sweep');
  assert.ok(again !== null);
  again?.unlock();
  container.unlock();
  assert.is(platform.heldLocks.size, 0);
});

test('the lock directory is for root alone', () => {
  const platform = createMemoryPlatform();
  new Locks(platform).lockContainer('c1', 'ADD');
  assert.is(platform.stat(directory)?.mode, 0o700);
});

test('a lock tells who holds it and what for', () => {
  const platform = createMemoryPlatform();
  new Locks(platform).lockVf(samplePci, 'ADD of net1 of container c1');
  assert.equal([...platform.heldLocks.values()], ['process 4242 (ADD of net1 of container c1)\n']);
});

test('a lock that stays taken is CniError 11, naming lock, holder and time', () => {
  for (const take of ['lockContainer', 'lockVf'] as const) {
    const platform = createMemoryPlatform();
    const locks = new Locks(platform, new StateDirectory(platform), 700);
    const lock = (): unknown => (take === 'lockVf' ? locks.lockVf(samplePci, 'DEL') : locks.lockContainer('c1', 'DEL'));
    lock();
    throws(lock, 'tryAgainLater', take === 'lockVf' ? samplePci : 'c1', 'process 4242 (DEL)', '700 ms');
    assert.is(platform.clock.nowMs, 700);
  }
});

test('a holder that was killed, and whose child holds the lock, is told from one that lives', () => {
  const platform = createMemoryPlatform();
  const locks = new Locks(platform, new StateDirectory(platform), 1);
  locks.lockContainer('c1', 'ADD');
  throws(() => locks.lockContainer('c1', 'DEL'), 'tryAgainLater', 'process 4242 (ADD)', 'killed');
  platform.files.set('/proc/4242/stat', '');
  assert.not.match(throws(() => locks.lockContainer('c1', 'DEL'), 'tryAgainLater', 'process 4242').message, 'killed');
  platform.files.set(`${directory}/container-c1`, 'no process 99');
  assert.not.match(throws(() => locks.lockContainer('c1', 'DEL'), 'tryAgainLater', 'no process 99').message, 'killed');
});

test('a container’s ID may be longer than the name of a file', () => {
  const platform = createMemoryPlatform();
  new Locks(platform).lockContainer('c'.repeat(300), 'ADD');
  assert.equal([...platform.heldLocks.keys()], [`${directory}/container-${'c'.repeat(245)}`]);
});

test('a holder that left no word is another process', () => {
  const platform = createMemoryPlatform();
  const locks = new Locks(platform, new StateDirectory(platform), 1);
  locks.lockContainer('c1', 'ADD');
  for (const path of platform.files.keys()) platform.files.set(path, ' \n');
  throws(() => locks.lockContainer('c1', 'DEL'), 'tryAgainLater', 'another process');
  platform.files.clear();
  throws(() => locks.lockContainer('c1', 'DEL'), 'tryAgainLater', 'another process');
});

test('trying to lock doesn’t wait', () => {
  const platform = createMemoryPlatform();
  const locks = new Locks(platform);
  locks.lockVf(samplePci, 'ADD');
  assert.is(locks.tryLockVf(samplePci, 'sweep'), null);
  assert.is(platform.clock.nowMs, 0);
});

test('a wait ends well before runtimes give up, which is after two minutes', () => {
  const platform = createMemoryPlatform();
  const locks = new Locks(platform);
  locks.lockContainer('c1', 'ADD');
  throws(() => locks.lockContainer('c1', 'DEL'), 'tryAgainLater', 'c1');
  assert.ok(platform.clock.nowMs >= 10_000 && platform.clock.nowMs <= 60_000, `${platform.clock.nowMs}`);
});

const [ENOENT, ENOSPC, EROFS, EACCES] = [2, 28, 30, 13];

test('if a lock’s file can’t be made, an existing file is locked; if there is none, the state directory, once for all', () => {
  for (const errno of [ENOSPC, EROFS]) {
    const platform = createMemoryPlatform();
    const [locks, others] = [new Locks(platform), new Locks(platform)];
    locks.lockContainer('c0', 'ADD').unlock();
    for (const name of ['container-c1', `vf-${samplePci}`]) platform.failNext('lock', `${directory}/${name}`, errno);
    const container = locks.lockContainer('c1', 'DEL');
    const vf = locks.lockVf(samplePci, 'DEL');
    assert.equal([...platform.heldLocks.keys()], [stateDir]);
    platform.failNext('lock', `${directory}/vf-${samplePci}`, errno);
    assert.is(others.tryLockVf(samplePci, 'sweep'), null);
    vf.unlock();
    vf.unlock();
    assert.equal([...platform.heldLocks.keys()], [stateDir], 'the container is still locked');
    container.unlock();
    assert.is(platform.heldLocks.size, 0);
    platform.failNext('lock', `${directory}/container-c1`, errno);
    const again = locks.lockContainer('c1', 'DEL');
    assert.equal([...platform.heldLocks.keys()], [stateDir], 'it is locked anew');
    again.unlock();
    platform.files.set(`${directory}/vf-${samplePci}`, '');
    platform.failNext('lock', `${directory}/vf-${samplePci}`, errno);
    locks.lockVf(samplePci, 'DEL').unlock();
    assert.is(platform.readDir(stateDir)?.includes('.locks'), true);
  }
});

test('on a disk on which no state directory can be made there is nothing to lock; other failures are errors', () => {
  const platform = createMemoryPlatform();
  const locks = new Locks(platform);
  platform.failNext('makeDir', stateDir, EROFS);
  locks.lockContainer('c1', 'DEL').unlock();
  assert.is(platform.heldLocks.size, 0);
  platform.failNext('makeDir', stateDir, EACCES);
  throws(() => locks.lockContainer('c1', 'DEL'), 'EACCES');
  for (const failing of [`${directory}/container-c1`, stateDir]) {
    const full = createMemoryPlatform();
    new Locks(full).lockContainer('c0', 'ADD').unlock();
    full.failNext('lock', `${directory}/container-c1`, ENOSPC);
    full.failNext('lock', failing, EACCES);
    throws(() => new Locks(full).lockContainer('c1', 'DEL'), 'EACCES');
  }
  const whole = createMemoryPlatform();
  new Locks(whole).lockContainer('c0', 'ADD').unlock();
  whole.failNext('lock', `${directory}/container-c1`, ENOSPC);
  whole.failNext('lock', `${directory}/container-c1`, ENOENT);
  whole.failNext('lock', stateDir, EACCES);
  throws(() => new Locks(whole).lockContainer('c1', 'DEL'), 'EACCES');
});

test('a lock’s file that is a link is not read to tell who holds it', () => {
  const platform = createMemoryPlatform({ files: { '/etc/shadow': 'root:secret' } });
  const locks = new Locks(platform, new StateDirectory(platform), 1);
  locks.lockContainer('c1', 'ADD');
  const swapped = () => {
    platform.files.delete(`${directory}/container-c1`);
    platform.links.set(`${directory}/container-c1`, '/etc/shadow');
    return null;
  };
  const others = new Locks({ ...platform, lock: swapped }, new StateDirectory(platform), 1);
  throws(() => others.lockContainer('c1', 'DEL'), 'ELOOP', `${directory}/container-c1`);
});

test('the files of locks that nobody holds are removed', () => {
  const platform = createMemoryPlatform({ files: { [`${directory}/container-killed`]: 'process 17 (ADD)' } });
  const locks = new Locks(platform);
  locks.removeAbandoned();
  assert.equal([...platform.files.keys()], []);
  const held = locks.lockVf(samplePci, 'ADD');
  locks.removeAbandoned();
  assert.equal([...platform.files.keys()], [`${directory}/vf-${samplePci}`]);
  held.unlock();
});

test('what else lies among the locks’ files stays', () => {
  const others = ['vf-x', 'container-', 'container-a b', 'a-container-c', '.hidden', 'container-a\nb'].map(
    (name) => `${directory}/${name}`,
  );
  const platform = createMemoryPlatform({ files: Object.fromEntries(others.map((path) => [path, ''])) });
  new Locks(platform).removeAbandoned();
  assert.equal([...platform.files.keys()].sort(), [...others].sort());
});

test('another program’s lock file is made where there is none, keeps its content, and stays', () => {
  const platform = createMemoryPlatform({ files: { '/their/lock': 'theirs' } });
  for (const [path, content] of [
    ['/their/lock', 'theirs'],
    ['/their/other', ''],
  ] as const) {
    const lock = lockFileOfOthers(platform, path, 100);
    assert.is(platform.heldLocks.has(path), true);
    const begin = platform.clock.nowMs;
    assert.is(lockFileOfOthers(platform, path, 100), null);
    assert.is(platform.clock.nowMs - begin, 100);
    lock?.unlock();
    assert.is(platform.heldLocks.has(path), false);
    assert.is(platform.files.get(path), content);
  }
});
