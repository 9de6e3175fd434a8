import { announce } from '../../../src/kernel/announce.ts';
import { Namespace } from '../../../src/kernel/namespace.ts';
import type { MacAddress } from '../../../src/lib/mac-address.ts';
import { SystemError } from '../../../src/lib/system-error.ts';
import { createMemoryPlatform } from '../../support/memory-platform.ts';
import { assert, suite } from '../../support/suite.ts';
import { ack, FakeSocket, fakeSession, hex, refusal } from './fake-kernel.ts';

const test = suite('kernel/announce');

const mac = '02:11:22:33:44:55' as MacAddress;

interface Announced {
  /** Types of the messages on the route socket, with the address that they name. */
  readonly neighbours: readonly string[];
  readonly frames: readonly string[];
  readonly failures: readonly string[];
}

function announced(addresses: readonly string[], { from = mac, platform = createMemoryPlatform() } = {}): Announced {
  const socket = new FakeSocket();
  const netns = platform.ownNetns();
  const pod = new Namespace({ ...platform, openNetlink: () => socket }, netns);
  const failures = announce(platform, pod, 3, from, addresses);
  for (const sent of platform.frames) assert.equal([sent.netns, sent.ifindex], [netns, 3]);
  return {
    neighbours: socket.sent.map(({ type, payload }) => `${type} ${payload.subarray(16).toString('hex')}`),
    frames: platform.frames.map((sent) => sent.frame.toString('hex')),
    failures: failures.map((failure) => `${failure.message}: ${(failure.cause as Error).message}`),
  };
}

function framesFor(addresses: readonly string[], from = mac): readonly string[] {
  const { frames, failures } = announced(addresses, { from });
  assert.equal(failures, []);
  return frames;
}

function bytes(...parts: readonly string[]): string {
  return hex(parts.join('')).toString('hex');
}

test('one IPv4 address: the kernel asks for it, and then forgets it', () => {
  const expected = { neighbours: ['28 0a010203', '29 0a010203'], frames: [], failures: [] };
  assert.equal(announced(['10.1.2.3/24']), expected);
  const { neighbours, frames } = announced(['fd00:1::3/64', '10.1.2.3/24']);
  assert.equal(neighbours, expected.neighbours);
  assert.is(frames.length, 1);
});

test('more than one IPv4 address: for each a gratuitous ARP request, broadcast', () => {
  const head = 'ff ff ff ff ff ff 02 11 22 33 44 55 08 06 00 01 08 00 06 04 00 01 02 11 22 33 44 55';
  assert.equal(announced(['10.1.2.3/24', '10.1.2.4/24']), {
    neighbours: [],
    frames: [
      bytes(head, '0a 01 02 03 00 00 00 00 00 00 0a 01 02 03'),
      bytes(head, '0a 01 02 04 00 00 00 00 00 00 0a 01 02 04'),
    ],
    failures: [],
  });
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
  assert.equal(announced(['10.1.2.3', 'fd00:1::3']), announced(['10.1.2.3/24', 'fd00:1::3/64']));
});

test('no address: nothing is sent', () => {
  assert.equal(announced([]), { neighbours: [], frames: [], failures: [] });
});

test('never throws: what is no address is told, and the others go out', () => {
  const { neighbours, frames, failures } = announced(['fd00:1::3/64', 'nonsense', '10.1.2.3/24']);
  assert.is(failures.length, 1);
  for (const token of ['nonsense', '02:11:22:33:44:55', 'EINVAL']) assert.match(failures[0] ?? '', token);
  assert.equal([neighbours.length, frames.length], [2, 1]);
});

test('where the kernel won’t ask, its table being full, the address goes out in a frame', () => {
  const platform = createMemoryPlatform();
  const [session] = fakeSession((request) => [refusal(request, 105)]);
  const pod = { netns: platform.ownNetns(), session } as Namespace;
  assert.equal(announce(platform, pod, 3, mac, ['10.1.2.3/24', 'fd00:1::3/64']), []);
  assert.is(platform.frames.length, 2);
});

test('a neighbour that can’t be removed again has been announced', () => {
  const platform = createMemoryPlatform();
  const [session] = fakeSession((request) => [request.type === 29 ? refusal(request, 2) : ack(request)]);
  const pod = { netns: platform.ownNetns(), session } as Namespace;
  assert.equal(announce(platform, pod, 3, mac, ['10.1.2.3/24']), []);
  assert.equal(platform.frames, []);
});

test('never throws where frames can not be sent; all of them go in one call', () => {
  const platform = createMemoryPlatform();
  const calls: number[] = [];
  const sendFrames = (_netns: unknown, _ifindex: number, frames: readonly Uint8Array[]): never => {
    calls.push(frames.length);
    throw new SystemError('send frames', 100);
  };
  Object.assign(platform, { sendFrames });
  const { failures } = announced(['fd00:1::3/64', '10.1.2.3/24', '10.1.2.4/24'], { platform });
  assert.equal(failures, ['announce fd00:1::3 10.1.2.3 10.1.2.4 at 02:11:22:33:44:55: send frames: ENETDOWN']);
  assert.equal(calls, [3]);
});
