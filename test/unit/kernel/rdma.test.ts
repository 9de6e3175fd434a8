import { moveRdmaDevices } from '../../../src/kernel/rdma.ts';
import { createMemoryPlatform, type MemoryPlatform } from '../../support/memory-platform.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';
import { ack, datagram, done, FakeSocket, header, hex, refusal, type SentMessage } from './fake-kernel.ts';

const test = suite('kernel/rdma');

const list = 0x1401;

/** Captured with strace from `rdma dev` (iproute2 6.1, Linux 6.12), but for the index and the name. */
const mlx5 = hex(`08 00 01 00 07 00 00 00 0b 00 02 00 6d 6c 78 35 5f 32 00 00 08 00 03 00 01 00 00 00
  0c 00 04 00 00 00 00 00 00 00 00 00 0c 00 06 00 00 00 00 00 00 00 00 00 0c 00 07 00 00 00 00 00 00 00 00 00
  05 00 0e 00 07 00 00 00 05 00 54 00 00 00 00 00 05 00 65 00 00 00 00 00`);
const fake = hex('08 00 01 00 00 00 00 00 0a 00 02 00 66 61 6b 65 30 00 00 00 08 00 03 00 01 00 00 00');

interface Moved {
  readonly platform: MemoryPlatform;
  readonly socket: FakeSocket;
  /** Where the thread was at each message. */
  readonly places: readonly (bigint | undefined)[];
  move(names: readonly string[]): string[];
}

function withDevices(devices: readonly Buffer[], answerToMove = (request: SentMessage) => [ack(request)]): Moved {
  const places: (bigint | undefined)[] = [];
  const socket = new FakeSocket((request) => {
    places.push(platform.currentNetns?.inode);
    if (request.type !== list) return answerToMove(request);
    return [...devices.map((device) => datagram(header(request, list, device, 2))), done(request)];
  });
  const platform = createMemoryPlatform({
    netnsPaths: { '/run/netns/pod': { device: 4n, inode: 77n } },
    netlink: (netns, groups, protocol) => {
      assert.equal([netns?.inode, groups, protocol], [77n, 0, 'rdma']);
      return socket;
    },
  });
  const move = (names: readonly string[]): string[] => {
    const pod = platform.openNetns('/run/netns/pod');
    if (pod === null) throw new Error('no pod');
    return moveRdmaDevices(platform, pod, platform.ownNetns(), names);
  };
  return { platform, socket, places, move };
}

test('the bytes of `rdma dev` and `rdma dev set mlx5_2 netns HOST`, the latter from inside the pod', () => {
  const { socket, places, move, platform } = withDevices([fake, mlx5]);
  assert.equal(move(['mlx5_2', 'absent']), ['mlx5_2']);
  assert.equal(
    socket.sent.map(({ type, flags, payload }) => [type, flags, payload.toString('hex')]),
    [
      [0x1401, 0x301, ''],
      [0x1402, 5, hex(`08 00 01 00 07 00 00 00 08 00 44 00 0${platform.ownNetns().fd} 00 00 00`).toString('hex')],
    ],
  );
  assert.equal(places, [undefined, 77n]);
  assert.is(platform.currentNetns, null);
  assert.is(socket.closed, 1);
});

test('none of the names is there: nothing is moved', () => {
  const { socket, move } = withDevices([fake]);
  assert.equal(move(['mlx5_2']), []);
  assert.is(socket.sent.length, 1);
  assert.is(socket.closed, 1);
});

test('a refusal names device and command; the thread is back, the socket closed', () => {
  const { socket, move, platform } = withDevices([fake], (request) => [refusal(request, 95)]);
  throws(() => move(['fake0']), 'EOPNOTSUPP', 'rdma dev set fake0 netns');
  assert.is(platform.currentNetns, null);
  assert.is(socket.closed, 1);
});

test('a device without index or name is malformed', () => {
  for (const attributes of ['08 00 01 00 00 00 00 00', '0a 00 02 00 66 61 6b 65 30 00 00 00']) {
    const { move } = withDevices([hex(attributes)]);
    throws(() => move(['fake0']), 'EBADMSG');
  }
});

test('a move is sent once, whatever becomes of its answer', () => {
  const { socket, move } = withDevices([fake], (request) => [refusal(request, 105)]);
  throws(() => move(['fake0']), 'ENOBUFS');
  assert.equal(
    socket.sent.map(({ type }) => type),
    [0x1401, 0x1402],
  );
});
