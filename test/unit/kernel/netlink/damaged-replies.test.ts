import { isSystemError } from '../../../../src/lib/system-error.ts';
import type { Datagram } from '../../../../src/platform/platform.ts';
import { replies } from '../../../fuzz/netlink-replies.ts';
import { assert, suite } from '../../../support/suite.ts';
import { ack, done, fakeSession, header, refusal, type SentMessage } from '../fake-kernel.ts';

const test = suite('kernel/netlink/damaged-replies');

const seed = 20240611;
const rounds = 2000;

/** Mulberry32: the same numbers on every run. */
function randomFrom(start: number): (below: number) => number {
  let state = start;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

type Random = ReturnType<typeof randomFrom>;

function damage(bytes: Buffer, random: Random): Buffer {
  const damaged = Buffer.from(bytes);
  const at = random(Math.max(damaged.length, 1));
  switch (random(6)) {
    case 0:
      return damaged.subarray(0, at);
    case 1:
      return Buffer.concat([damaged.subarray(0, at), damaged.subarray(at + 1 + random(8))]);
    case 2:
      return Buffer.concat([damaged.subarray(0, at), Buffer.alloc(1 + random(8), random(256)), damaged.subarray(at)]);
    case 3:
      damaged[at] = random(256);
      return damaged;
    case 4:
      // It is most often a length field, because attributes start at multiples of 4.
      if (damaged.length >= 4)
        damaged.writeUInt16LE([0, 1, 3, 4, 5, 0x7fff, 0xffff][random(7)] ?? 0, at & ~3 & (damaged.length - 2));
      return damaged;
    default:
      for (let count = 0; count < 8 && damaged.length > 0; count++) damaged[random(damaged.length)] = random(256);
      return damaged;
  }
}

const reads = replies.map(({ type, sample, read }) => [type, sample, read] as const);

/** What the kernel says, undamaged: the replies and their end, or a refusal with words. */
function answer(request: SentMessage, type: number, payload: Buffer, refused: boolean): readonly Datagram[] {
  if (refused) return [refusal(request, 22, 'no', false)];
  const isDump = (request.flags & 0x300) === 0x300;
  const reply = { bytes: header(request, type, payload, isDump ? 2 : 0), senderPort: 0 };
  return [reply, isDump ? done(request) : ack(request)];
}

test('the undamaged replies are good', () => {
  for (const [type, payload, read] of reads) {
    const [session] = fakeSession((request) => answer(request, type, payload, false));
    const result = read(session);
    assert.ok(Array.isArray(result) ? result.length > 0 : result !== null);
  }
});

test(`${rounds} damaged replies (seed ${seed}): a result or a SystemError, nothing else, and an end`, () => {
  const random = randomFrom(seed);
  const outcomes: Record<string, number> = {};
  for (let round = 0; round < rounds; round++) {
    const [type, payload, read] = reads[round % reads.length] as (typeof reads)[number];
    const refused = random(10) === 0;
    const [session, socket] = fakeSession((request) =>
      answer(request, type, payload, refused).map(({ bytes }) => ({ bytes: damage(bytes, random), senderPort: 0 })),
    );
    let outcome = 'result';
    try {
      read(session);
    } catch (thrown) {
      if (!isSystemError(thrown)) throw new Error(`round ${round}: ${String(thrown)}`, { cause: thrown });
      outcome = thrown.code;
    }
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    assert.ok(socket.timeouts.length <= 60, `round ${round}: ${socket.timeouts.length} receives`);
  }
  // Otherwise the damage is too little, or too much, to prove anything.
  for (const outcome of ['result', 'EBADMSG', 'ETIMEDOUT', 'EINVAL']) {
    assert.ok((outcomes[outcome] ?? 0) > 20, JSON.stringify(outcomes));
  }
});
