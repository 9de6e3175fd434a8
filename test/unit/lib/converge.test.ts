import { converge, type Step } from '../../../src/lib/converge.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('lib/converge');

function steps(failures: readonly number[], ran: number[]): Step[] {
  return [0, 1, 2].map((at) => [
    `step ${at}`,
    () => {
      ran.push(at);
      if (failures.includes(at)) throw new Error(`cause ${at}`);
    },
  ]);
}

test('runs every step in order, past failures, and returns them with their causes', () => {
  const ran: number[] = [];
  const failures = converge(steps([0, 2], ran));
  assert.equal(ran, [0, 1, 2]);
  assert.equal(
    failures.map(({ message, cause }) => [message, (cause as Error).message]),
    [
      ['step 0', 'cause 0'],
      ['step 2', 'cause 2'],
    ],
  );
});

test('what counts as done is no failure', () => {
  const failures = converge(steps([0, 2], []), (thrown) => (thrown as Error).message === 'cause 0');
  assert.equal(
    failures.map(({ message }) => message),
    ['step 2'],
  );
  assert.equal(converge([]), []);
});
