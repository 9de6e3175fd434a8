import type { MacAddress } from '../../../src/lib/mac-address.ts';
import type { VfSettings } from '../../../src/settings/settings.ts';
import { adminDifferences, difference } from '../../../src/vf/verify.ts';
import { assert, suite } from '../../support/suite.ts';
import type { FakeVf } from '../../support/vf-info.ts';
import { VfFixture } from './fixture.ts';
import { quietAdmin } from './samples.ts';

const test = suite('vf/verify');

const asked: VfSettings = {
  mac: '02:00:00:00:00:01' as MacAddress,
  vlan: 100,
  vlanQos: 5,
  vlanProtocol: '802.1ad',
  spoofchk: 'off',
  trust: 'on',
  linkState: 'enable',
  minTxRateMbps: 10,
  maxTxRateMbps: 100,
};
const attached: Partial<FakeVf> = {
  mac: '02:00:00:00:00:01',
  vlan: 100,
  qos: 5,
  proto: 0x88a8,
  spoofchk: 0,
  trust: 1,
  linkState: 1,
  minTxRate: 10,
  maxTxRate: 100,
};

function differences(vf: Partial<FakeVf>, settings: VfSettings, before = quietAdmin): string[] {
  const at = new VfFixture();
  Object.assign(at.node.vfs[0] ?? {}, vf);
  return adminDifferences(at.host, at.pf(), at.identity, before, settings);
}

test('as ADD left it: no difference', () => {
  assert.equal(differences(attached, asked), []);
  assert.equal(differences({}, {}), []);
});

test('every setting is compared, and the difference says what is and what should be', () => {
  const cases: [Partial<FakeVf>, RegExp][] = [
    [{ mac: '02:00:00:00:00:02' }, /mac .*02:00:00:00:00:02.*02:00:00:00:00:01$/],
    [{ vlan: 101 }, /vlan .*101.*100$/],
    [{ qos: 0 }, /vlanQoS .*0.*5$/],
    [{ proto: 0x8100 }, /vlanProto .*802.1q.*802.1ad$/],
    [{ spoofchk: 1 }, /spoofchk .*on.*off$/],
    [{ trust: 0 }, /trust .*off.*on$/],
    [{ linkState: 2 }, /link_state .*disable.*enable$/],
    [{ minTxRate: 0 }, /min_tx_rate .*0.*10$/],
    [{ maxTxRate: 50 }, /max_tx_rate .*50.*100$/],
  ];
  for (const [change, expected] of cases) {
    const found = differences({ ...attached, ...change }, asked);
    assert.is(found.length, 1, found.join('; '));
    assert.match(found[0] ?? '', expected);
    assert.match(found[0] ?? '', /^VF 0 of PF pf0: /);
  }
});

test('what wasn’t asked for must be as it was before ADD', () => {
  const found = differences({ trust: 1, maxTxRate: 5 }, { vlan: 0 });
  assert.is(found.length, 2);
  assert.match(found.join(), /trust .*on.*off/);
});

test('a MAC that wasn’t asked for is the pod’s business', () => {
  assert.equal(differences({ mac: '02:00:00:00:00:09' }, {}), []);
});

test('a VLAN of before that the config doesn’t name is held to whole', () => {
  const before = { ...quietAdmin, vlan: 100, vlanQos: 3, vlanProtocol: '802.1ad' } as const;
  assert.equal(differences({ vlan: 100, qos: 3, proto: 0x88a8 }, {}, before), []);
  assert.is(differences({ vlan: 100, qos: 0, proto: 0x8100 }, {}, before).length, 2);
});

test('a VLAN that the config names is held to whole, whatever was before', () => {
  const before = { ...quietAdmin, vlan: 7, vlanQos: 3, vlanProtocol: '802.1ad' } as const;
  const tag = { vlan: 100, vlanQos: 0, vlanProtocol: '802.1q' } as const;
  assert.equal(differences({ vlan: 100, qos: 0, proto: 0x8100 }, tag, before), []);
  assert.is(differences({ vlan: 100, qos: 3, proto: 0x88a8 }, tag, before).length, 2);
});

test('without a VLAN the protocol means nothing', () => {
  assert.equal(differences({ proto: 0x88a8 }, { vlan: 0 }), []);
});

test('a setting that the driver no longer reports is unknown', () => {
  assert.match(differences({ trust: 0xffffffff }, { trust: 'on' }).join(), /trust .*unknown.*on/);
});

test('a PF or VF that is gone is one difference', () => {
  const at = new VfFixture();
  const gone = /VF \d of PF pf0/;
  assert.match(adminDifferences(at.host, null, at.identity, quietAdmin, {}).join(), gone);
  assert.match(adminDifferences(at.host, { ...at.pf(), vfIndex: 9 }, at.identity, quietAdmin, {}).join(), gone);
});

test('difference says nothing of what is equal', () => {
  assert.equal(difference('x', 1, 1), []);
  const [told = '', ...others] = difference('x', null, 'on');
  assert.match(told, /^x .*\bunknown\b.*\bon$/);
  assert.equal(others, []);
});
