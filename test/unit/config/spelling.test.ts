import { findMisspelt, foldedKey, isOneEditApart } from '../../../src/config/spelling.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('config/spelling');

const pairs: readonly (readonly [string, string, boolean])[] = [
  ['vlan', 'vlan', true],
  ['vlan', 'vlna', true],
  ['vlan', 'lvan', true],
  ['vlan', 'vla', true],
  ['vlan', 'lan', true],
  ['vlan', 'vlan1', true],
  ['vlan', 'xvlan', true],
  ['vlan', 'vxan', true],
  ['', 'a', true],
  ['vlan', 'vnal', false],
  ['vlan', 'va', false],
  ['vlan', 'vlanid', false],
  ['vlan', 'wxan', false],
  ['vlan', 'anvl', false],
  ['ab', 'ba', true],
  ['abcd', 'badc', false],
  ['', 'ab', false],
];

test('knows one insertion, deletion, substitution or swap', () => {
  for (const [left, right, expected] of pairs) {
    assert.is(isOneEditApart(left, right), expected, `${left} ${right}`);
    assert.is(isOneEditApart(right, left), expected, `${right} ${left}`);
  }
});

test('keys in another case are folded to ours', () => {
  assert.is(foldedKey('VLANQOS'), 'vlanQoS');
  assert.is(foldedKey('vlanQoS'), undefined);
  assert.is(foldedKey('vlanQo'), undefined);
  assert.is(foldedKey('__proto__'), undefined);
});

test('lists what looks like ours, in the order of the config', () => {
  const config = { spoofchck: 'on', vlanQos: 3, link_sate: 'auto', min_txrate: 1, max_tx_rates: 2, Mac: 'x' };
  assert.equal(findMisspelt(config), [
    { key: 'spoofchck', meant: 'spoofchk' },
    { key: 'vlanQos', meant: 'vlanQoS' },
    { key: 'link_sate', meant: 'link_state' },
    { key: 'min_txrate', meant: 'min_tx_rate' },
    { key: 'max_tx_rates', meant: 'max_tx_rate' },
    { key: 'Mac', meant: 'mac' },
  ]);
});

test('our own keys, those of CNI and of other plugins are left alone', () => {
  const known = [
    'cniVersion name type deviceID pciBusID resourceName vfSelector vlan vlanQoS vlanProto mac mtu spoofchk trust',
    'link_state min_tx_rate max_tx_rate ipam logLevel logFile runtimeConfig args prevResult capabilities dns keyArgs',
    'plugins cniVersions disableCheck disableGC loadOnlyInlinedPlugins ipMasq cni.dev/valid-attachments',
    'cni.dev/attachments $schema datastore_type kubernetes master bridge mode guid x',
  ];
  const config = Object.fromEntries(known.flatMap((line) => line.split(' ')).map((key) => [key, 1]));
  assert.equal(findMisspelt(config), []);
});

test('hostile keys cost nothing', () => {
  const huge = 'vlan'.repeat(16384);
  assert.equal(findMisspelt(JSON.parse(`{"${huge}":1,"__proto__":1,"":1,"vlan\\u0000":1}`)), [
    { key: 'vlan\u0000', meant: 'vlan' },
  ]);
});
