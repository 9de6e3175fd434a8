import { readHostLocal } from '../../../src/cli/host-local.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';

const test = suite('cli/host-local');

const capacities = (ipam: Readonly<Record<string, unknown>>): readonly number[] =>
  (readHostLocal({ type: 'host-local', ...ipam })?.sets ?? []).map(({ capacity }) => Number(capacity));

test('what host-local hands out: all but network, broadcast and gateway', () => {
  assert.equal(capacities({ subnet: '10.0.2.0/24' }), [253]);
  assert.equal(capacities({ subnet: '10.0.2.0/30' }), [1]);
  assert.equal(capacities({ subnet: '10.0.2.7/24' }), [253]);
  assert.equal(capacities({ subnet: '10.0.2.0/24', gateway: '10.0.2.254' }), [253]);
});

test('a part of the subnet', () => {
  const part = { subnet: '10.0.2.0/24', rangeStart: '10.0.2.10', rangeEnd: '10.0.2.19' };
  assert.equal(capacities(part), [10]);
  assert.equal(capacities({ ...part, gateway: '10.0.2.12' }), [9]);
  assert.equal(capacities({ ...part, rangeEnd: '10.0.2.5' }), [0]);
});

test('ranges of a set add up; sets are for themselves', () => {
  const ranges = [[{ subnet: '10.0.2.0/29' }, { subnet: '10.0.3.0/29' }], [{ subnet: 'fd00::/120' }]];
  assert.equal(capacities({ ranges }), [10, 254]);
  assert.equal(capacities({ subnet: '10.0.4.0/29', ranges }), [5, 10, 254]);
});

test('the store is where host-local has it, unless the config says otherwise', () => {
  assert.is(readHostLocal({ type: 'host-local' })?.dataDir, '/var/lib/cni/networks');
  assert.is(readHostLocal({ type: 'host-local', dataDir: '/x' })?.dataDir, '/x');
});

test('other plugins, nonsense, and what is no address', () => {
  for (const ipam of [null, 'x', {}, { type: 'static' }]) assert.is(readHostLocal(ipam), null);
  assert.equal(capacities({ ranges: [['x'], 'y', [{}]] }), []);
  throws(() => capacities({ subnet: '10.0.2.0' }), 'EINVAL', '10.0.2.0');
});
