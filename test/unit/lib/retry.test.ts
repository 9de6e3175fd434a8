import { poll, retry } from '../../../src/lib/retry.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';

const test = suite('lib/retry');

const limits = { timeoutMs: 100, firstPauseMs: 10, maxPauseMs: 40 };

function createClock() {
  const pauses: number[] = [];
  const clock = {
    nowMs: 1000,
    monotonicMs: () => clock.nowMs,
    sleepMs: (ms: number) => {
      pauses.push(ms);
      clock.nowMs += ms;
    },
  };
  return { clock, pauses };
}

function failing(times: number): () => number {
  let calls = 0;
  return () => {
    calls++;
    if (calls <= times) throw new Error(`failure ${calls}`);
    return calls;
  };
}

test('returns what the first success returns, without a pause', () => {
  const { clock, pauses } = createClock();
  assert.is(
    retry(clock, limits, () => true, failing(0)),
    1,
  );
  assert.equal(pauses, []);
});

test('pauses double up to their limit', () => {
  const { clock, pauses } = createClock();
  assert.is(
    retry(clock, limits, () => true, failing(3)),
    4,
  );
  assert.equal(pauses, [10, 20, 40]);
});

test('when time is up the last error is thrown, and no pause goes over it', () => {
  const { clock, pauses } = createClock();
  throws(() => retry(clock, limits, () => true, failing(99)), 'Error', 'failure 4');
  assert.equal(pauses, [10, 20, 40]);
  assert.ok(clock.nowMs <= 1100);
});

test('a machine that stood still for the whole time has a few more attempts, because the first may be too early', () => {
  const { clock } = createClock();
  const standsStill = { ...clock, sleepMs: (ms: number) => clock.sleepMs(10_000 + ms) };
  for (const times of [1, 2])
    assert.is(
      retry(standsStill, limits, () => true, failing(times)),
      times + 1,
    );
  throws(() => retry(standsStill, limits, () => true, failing(99)), 'Error', 'failure 3');
});

test('an error that is not retryable is thrown at once', () => {
  const { clock, pauses } = createClock();
  throws(() => retry(clock, limits, () => false, failing(1)), 'Error', 'failure 1');
  assert.equal(pauses, []);
});

test('poll tells whether it became true in time', () => {
  const { clock } = createClock();
  let calls = 0;
  assert.is(
    poll(clock, limits, () => ++calls === 3),
    true,
  );
  assert.is(calls, 3);
  assert.is(
    poll(clock, limits, () => false),
    false,
  );
});

test('what poll’s check throws passes through', () => {
  const { clock } = createClock();
  throws(() => poll(clock, limits, failing(1) as never), 'Error', 'failure 1');
});
