import { announce } from '../../../src/kernel/announce.ts';
import type { MacAddress } from '../../../src/lib/mac-address.ts';
import { SystemError } from '../../../src/lib/system-error.ts';
import { createMemoryPlatform } from '../../../src/platform/memory.ts';
import type { Platform } from '../../../src/platform/platform.ts';
import { assert, suite } from '../../support/suite.ts';
import { hex } from './fake-kernel.ts';

const test = suite('kernel/announce');

const mac = '02:11:22:33:44:55' as MacAddress;

function framesFor(addresses: readonly string[], from = mac): readonly string[] {
  const platform = createMemoryPlatform();
  const netns = platform.ownNetns();
  assert.equal(announce(platform, netns, 3, from, addresses), []);
  for (const sent of platform.frames) assert.equal([sent.netns, sent.ifindex], [netns, 3]);
  return platform.frames.map((sent) => sent.frame.toString('hex'));
}

function bytes(...parts: readonly string[]): string {
  return hex(parts.join('')).toString('hex');
}

test('IPv4: a gratuitous ARP request and a gratuitous ARP reply, broadcast', () => {
  const ethernet = 'ff ff ff ff ff ff 02 11 22 33 44 55 08 06';
  const arp = '00 01 08 00 06 04';
  const sender = '02 11 22 33 44 55 0a 01 02 03';
  assert.equal(framesFor(['10.1.2.3/24']), [
    bytes(ethernet, arp, '00 01', sender, '00 00 00 00 00 00 0a 01 02 03'),
    bytes(ethernet, arp, '00 02', sender, '02 11 22 33 44 55 0a 01 02 03'),
  ]);
});

// Checksums computed with Python's struct and socket modules.
test('IPv6: an unsolicited neighbour advertisement to all nodes, with override flag and link-layer address', () => {
  const address = 'fd 00 00 01 00 00 00 00 00 00 00 00 00 00 00 03';
  assert.equal(framesFor(['fd00:1::3/64']), [
    bytes(
      '33 33 00 00 00 01 02 11 22 33 44 55 86 dd',
      '60 00 00 00 00 20 3a ff',
      address,
      'ff 02 00 00 00 00 00 00 00 00 00 00 00 00 00 01',
      '88 00 f3 fc 20 00 00 00',
      address,
      '02 01 02 11 22 33 44 55',
    ),
  ]);
});

test('a checksum whose sum carries more than once', () => {
  const [frame] = framesFor(['ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/128'], '02:ff:ff:ff:ff:ff' as MacAddress);
  assert.is(frame?.slice(2 * 54, 2 * 58), '880053a3');
});

test('addresses without prefix length', () => {
  assert.equal(framesFor(['10.1.2.3', 'fd00:1::3']), framesFor(['10.1.2.3/24', 'fd00:1::3/64']));
});

function explained(failures: readonly Error[]): readonly string[] {
  return failures.map((failure) => `${failure.message}: ${(failure.cause as Error).message}`);
}

test('never throws: what is no address is told, and the others go out', () => {
  const platform = createMemoryPlatform();
  const failures = announce(platform, platform.ownNetns(), 3, mac, ['fd00:1::3/64', 'nonsense', '10.1.2.3/24']);
  assert.equal(explained(failures), [
    'announce nonsense at 02:11:22:33:44:55: read address "nonsense": EINVAL (no IPv4 address)',
  ]);
  assert.is(platform.frames.length, 3);
});

test('never throws where frames can not be sent; all of them go in one call', () => {
  const platform = createMemoryPlatform();
  const calls: number[] = [];
  const sendFrames: Platform['sendFrames'] = (_netns, _ifindex, frames) => {
    calls.push(frames.length);
    throw new SystemError('send frames', 100);
  };
  const addresses = ['fd00:1::3/64', '10.1.2.3/24'];
  const failures = announce({ ...platform, sendFrames }, platform.ownNetns(), 3, mac, addresses);
  assert.equal(explained(failures), ['announce fd00:1::3/64 10.1.2.3/24 at 02:11:22:33:44:55: send frames: ENETDOWN']);
  assert.equal(calls, [3]);
});
