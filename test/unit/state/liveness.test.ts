import { SystemError } from '../../../src/lib/system-error.ts';
import { createMemoryPlatform, type MemoryPlatform } from '../../../src/platform/memory.ts';
import { isDead, openRecordedNetns } from '../../../src/state/liveness.ts';
import { assert, suite } from '../../support/suite.ts';
import { sampleRecord } from './sample-record.ts';

const test = suite('state/liveness');

const path = '/run/netns/pod1';

function withNetns(identity: { device: bigint; inode: bigint } | null): MemoryPlatform {
  return createMemoryPlatform({ netnsPaths: identity === null ? {} : { [path]: identity } });
}

const [EMFILE, EINVAL, EACCES, ESRCH] = [24, 22, 13, 3];

function failingWith(errno: number): MemoryPlatform {
  const platform = createMemoryPlatform({ files: { [path]: '' } });
  return Object.assign(platform, {
    openNetns: () => {
      throw new SystemError(`open network namespace ${path}`, errno);
    },
  });
}

test('a pod whose namespace is as recorded is alive', () => {
  const platform = withNetns({ device: 4n, inode: 4026532001n });
  assert.is(isDead(platform, sampleRecord), false);
  assert.is(platform.openNamespaces.size, 0, 'what was opened is closed');
});

test('the recorded namespace is opened, for the caller to close', () => {
  const platform = withNetns({ device: 4n, inode: 4026532001n });
  const netns = openRecordedNetns(platform, sampleRecord);
  assert.is(netns?.inode, 4026532001n);
  assert.is(platform.openNamespaces.size, 1);
});

test('dead: the path is gone', () => {
  assert.is(isDead(withNetns(null), sampleRecord), true);
});

test('dead: another namespace has the path', () => {
  for (const identity of [
    { device: 4n, inode: 4026532002n },
    { device: 5n, inode: 4026532001n },
  ]) {
    const platform = withNetns(identity);
    assert.is(isDead(platform, sampleRecord), true);
    assert.is(openRecordedNetns(platform, sampleRecord), null);
    assert.is(platform.openNamespaces.size, 0);
  }
});

test('dead: the node has booted since, whatever lies at the path', () => {
  const platform = withNetns({ device: 4n, inode: 4026532001n });
  const record = { ...sampleRecord, bootId: 'an-earlier-boot' };
  assert.is(isDead(platform, record), true);
  assert.is(openRecordedNetns(platform, record), null);
});

test('dead: what lies at the path is no namespace, as an unmounted bind leaves it', () => {
  assert.is(isDead(failingWith(EINVAL), sampleRecord), true);
  const platform = createMemoryPlatform({ files: { [path]: '' } });
  assert.is(isDead(platform, sampleRecord), true);
});

test('dead: the process whose namespace it was ends at that moment', () => {
  for (const errno of [EACCES, ESRCH]) {
    const platform = failingWith(errno);
    platform.files.delete(path);
    assert.is(isDead(platform, sampleRecord), true);
  }
});

test('a namespace that can’t be looked at is not dead: nobody loses a VF for want of a descriptor', () => {
  for (const errno of [EMFILE, EACCES]) {
    assert.throws(() => isDead(failingWith(errno), sampleRecord), new RegExp(path));
    assert.throws(() => openRecordedNetns(failingWith(errno), sampleRecord), new RegExp(path));
  }
});
