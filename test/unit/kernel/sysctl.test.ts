import { writeSysctl } from '../../../src/kernel/sysctl.ts';
import { isSystemError } from '../../../src/lib/system-error.ts';
import { createMemoryPlatform } from '../../../src/platform/memory.ts';
import type { Netns } from '../../../src/platform/platform.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('kernel/sysctl');

const key = 'net/ipv4/conf/eth0.100/arp_notify';
const path = `/proc/sys/${key}`;

function podOf(platform: ReturnType<typeof createMemoryPlatform>): Netns {
  const netns = platform.openNetns('/run/netns/pod');
  if (netns === null) throw new Error('the pod has no namespace');
  return netns;
}

const netnsPaths = { '/run/netns/pod': { device: 4n, inode: 4026533000n } };

test('writes inside the namespace; a name with a dot stays one part of the path', () => {
  const platform = createMemoryPlatform({ files: { [path]: '0\n' }, netnsPaths });
  const netns = podOf(platform);
  assert.is(writeSysctl(platform, netns, key, '1'), true);
  assert.equal(platform.systemWrites, [{ netns, path, content: '1' }]);
});

test('a sysctl that this kernel lacks: false', () => {
  const platform = createMemoryPlatform({ netnsPaths });
  assert.is(writeSysctl(platform, podOf(platform), key, '1'), false);
});

test('other refusals are thrown', () => {
  const platform = createMemoryPlatform({ files: { [path]: '0\n' }, netnsPaths });
  platform.failNext('writeSystemFile', path, 13);
  assert.throws(
    () => writeSysctl(platform, podOf(platform), key, '1'),
    (thrown: Error) => isSystemError(thrown, 'EACCES'),
  );
});
