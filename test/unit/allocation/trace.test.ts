import { Trace } from '../../../src/allocation/trace.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('allocation/trace');

test('the details of an error number all steps, with what each source held; without steps there are no details', () => {
  const trace = new Trace();
  assert.is(trace.failure('io', 'x').details, undefined);
  trace.add('deviceID', ['0000:3b:02.1', '0000:3b:02.3'], 'not used');
  trace.add('CDI specs', [], 'none');
  const { code, message, details } = trace.failure('noVfForPod', 'no VF');
  assert.equal([code, message], [100, 'no VF']);
  assert.is(details, '(1) deviceID [0000:3b:02.1, 0000:3b:02.3]: not used (2) CDI specs: none');
});

test('of what a source held 64 are shown, and how many more there are', () => {
  const detailsOf = (count: number): string => {
    const trace = new Trace();
    const held = Array.from({ length: count }, (_, n) => `vf${n}.`);
    trace.add('s', held, 'v');
    return trace.failure('io', '').details ?? '';
  };
  assert.match(detailsOf(64), /vf63\.\]: v$/);
  assert.match(detailsOf(67), /vf63\. and 3 more\]: v$/);
  assert.not.match(detailsOf(67), 'vf64.');
});

test('steps are a copy; candidates are there only where there was a choice', () => {
  const trace = new Trace();
  trace.add('a', [], 'b');
  const { steps } = trace;
  trace.add('c', ['x'], 'd', []);
  assert.equal(steps, [{ source: 'a', held: [], verdict: 'b' }]);
  assert.equal(trace.steps[1], { source: 'c', held: ['x'], verdict: 'd', candidates: [] });
});
