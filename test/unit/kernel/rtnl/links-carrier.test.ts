import { Namespace } from '../../../../src/kernel/namespace.ts';
import { waitForCarrier } from '../../../../src/kernel/rtnl/links.ts';
import { SystemError } from '../../../../src/lib/system-error.ts';
import { createMemoryPlatform, type MemoryPlatform } from '../../../support/memory-platform.ts';
import { assert, suite } from '../../../support/suite.ts';
import { throws } from '../../../support/throws.ts';
import {
  ack,
  cString,
  type Event,
  FakeSocket,
  header,
  ifinfomsg,
  nla,
  refusal,
  type SentMessage,
  u32,
} from '../fake-kernel.ts';

const test = suite('kernel/rtnl/links, carrier');

const up = 0x1;
const running = 0x40;
const lowerUp = 0x10000;
const event = { bytes: Buffer.alloc(0), senderPort: 0 };

interface Wait {
  readonly platform: MemoryPlatform;
  readonly log: string[];
  readonly sockets: FakeSocket[];
}

/** A link whose flags are, at each look, the next ones; `events` come, one a call, to the subscribed socket. */
function waiting(looks: readonly (number | 'gone')[], events: readonly Event[]): Wait {
  const log: string[] = [];
  const sockets: FakeSocket[] = [];
  const left = [...events];
  const answer = (request: SentMessage, attempt: number): readonly Event[] => {
    log.push('look');
    const flags = looks[attempt - 1] ?? looks.at(-1) ?? 0;
    if (flags === 'gone') return [refusal(request, 19)];
    const link = Buffer.concat([ifinfomsg(3, flags), nla(3, cString('net1')), nla(4, u32(1500))]);
    return [{ bytes: header(request, 16, link), senderPort: 0 }, ack(request)];
  };
  const platform: MemoryPlatform = createMemoryPlatform({
    netlink: (_netns, groups) => {
      log.push(`open ${groups}`);
      const socket = new FakeSocket(answer);
      if (groups !== 0) {
        socket.receive = (timeoutMs) => {
          log.push(`wait ${timeoutMs}`);
          platform.clock.nowMs += 50;
          const next = left.shift() ?? null;
          if (next instanceof Error) throw next;
          return next;
        };
      }
      sockets.push(socket);
      return socket;
    },
  });
  return { platform, log, sockets };
}

function run({ platform }: Wait, timeoutMs = 200): boolean {
  return waitForCarrier(platform, new Namespace(platform, platform.ownNetns()), 3, timeoutMs);
}

test('a link that can send already: one look', () => {
  const wait = waiting([up | running | lowerUp], []);
  assert.is(run(wait), true);
  assert.equal(wait.log, ['open 0', 'look']);
});

test('a carrier that comes between the first look and the subscription is seen', () => {
  const wait = waiting([up, up | running | lowerUp], []);
  assert.is(run(wait), true);
  assert.equal(wait.log, ['open 0', 'look', 'open 1', 'look']);
});

test('carrier that comes later; each event is a reason to look, and the limit is for all of it', () => {
  const wait = waiting([up, up, up, up | running | lowerUp], [event, event]);
  assert.is(run(wait), true);
  assert.equal(wait.log.slice(3), ['look', 'wait 200', 'look', 'wait 150', 'look']);
});

test('carrier whose queue isn’t open yet (no IFF_RUNNING) isn’t enough', () => {
  const wait = waiting([up | lowerUp, up | lowerUp, up | lowerUp | running], [event]);
  assert.is(run(wait), true);
  assert.equal(wait.log.slice(3), ['look', 'wait 200', 'look']);
});

test('lost events are a reason to look', () => {
  const wait = waiting([up, up, up | running | lowerUp], [new SystemError('recv', 105)]);
  assert.is(run(wait), true);
});

test('time is up without an event', () => {
  const wait = waiting([up], [null]);
  assert.is(run(wait), false);
  assert.equal(wait.log.slice(3), ['look', 'wait 200']);
});

test('events without end don’t outlast the limit', () => {
  const wait = waiting([up], new Array(100).fill(event));
  assert.is(run(wait), false);
  assert.is(wait.log.filter((entry) => entry === 'look').length, 6);
});

test('a limit of 0 waits for nothing', () => {
  const wait = waiting([up], [event]);
  assert.is(run(wait, 0), false);
  assert.equal(wait.log, ['open 0', 'look', 'open 1', 'look']);
});

test('a link that is gone', () => {
  assert.is(run(waiting(['gone'], [])), false);
  assert.is(run(waiting([up, up, 'gone'], [event])), false);
});

test('the subscription is closed, whatever happens', () => {
  const broken = waiting([up], [new SystemError('recv', 9)]);
  throws(() => run(broken), 'EBADF');
  const patient = waiting([up, up, up | running | lowerUp], [event]);
  run(patient);
  for (const { sockets } of [broken, patient]) {
    assert.equal(
      sockets.map((socket) => socket.closed),
      [0, 1],
    );
  }
});
