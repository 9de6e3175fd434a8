import { readSysctl, setSysctls } from '../../../src/kernel/sysctl.ts';
import { isSystemError } from '../../../src/lib/system-error.ts';
import type { Netns } from '../../../src/platform/platform.ts';
import { createMemoryPlatform } from '../../support/memory-platform.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';

const test = suite('kernel/sysctl');

const key = 'net/ipv4/conf/eth0.100/arp_notify';
const path = `/proc/sys/${key}`;
const other = 'net/ipv6/conf/eth0.100/ndisc_notify';
const [EROFS, EACCES] = [30, 13];

function podOf(platform: ReturnType<typeof createMemoryPlatform>): Netns {
  const netns = platform.openNetns('/run/netns/pod');
  if (netns === null) throw new Error('the pod has no namespace');
  return netns;
}

const netnsPaths = { '/run/netns/pod': { device: 4n, inode: 4026533000n } };

test('writes inside the namespace; a name with a dot stays one part of the path', () => {
  const platform = createMemoryPlatform({ files: { [path]: '0\n' }, netnsPaths });
  const netns = podOf(platform);
  assert.equal(setSysctls(platform, netns, [[key, '1']]), []);
  assert.equal(platform.systemWrites, [{ netns, path, content: '1' }]);
});

test('what is missing or refused is told, and the others are set', () => {
  const platform = createMemoryPlatform({ files: { [path]: '0\n' }, netnsPaths });
  const failures = setSysctls(platform, podOf(platform), [
    [other, '1'],
    [key, '1'],
  ]);
  assert.equal(
    failures.map(({ message, cause }) => [message, isSystemError(cause, 'ENOENT')]),
    [[`set ${other} to 1`, true]],
  );
  assert.is(platform.systemWrites.length, 1);
  platform.failNext('writeSystemFile', path, EACCES);
  const [failure] = setSysctls(platform, podOf(platform), [[key, '2']]);
  assert.ok(isSystemError(failure?.cause, 'EACCES'));
});

test('a refusal is no failure where the value is there already', () => {
  for (const [value, failed] of [
    ['1\n', 0],
    ['0\n', 1],
    ['11\n', 1],
  ] as const) {
    const platform = createMemoryPlatform({ files: { [path]: value }, netnsPaths });
    platform.failNext('writeSystemFile', path, EROFS);
    assert.is(setSysctls(platform, podOf(platform), [[key, '1']]).length, failed, value);
  }
});

test('what can’t be read is null, and a bug is none of that', () => {
  const platform = createMemoryPlatform({ files: { [path]: '1\n' }, netnsPaths });
  const netns = podOf(platform);
  assert.equal([readSysctl(platform, netns, key), readSysctl(platform, netns, other)], ['1', null]);
  platform.failNext('readFile', path, EACCES);
  assert.is(readSysctl(platform, netns, key), null);
  const readFile = (): never => {
    throw new TypeError('x is not a function');
  };
  throws(() => readSysctl({ ...platform, readFile }, netns, key), 'Error', 'x is not a function');
});
