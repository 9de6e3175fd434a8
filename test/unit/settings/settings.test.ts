import { changeVf, readVfAdminState, spellVfChange } from '../../../src/kernel/rtnl/vfs.ts';
import {
  differingFields,
  fieldsOf,
  keyOf,
  partsOf,
  pfSettings,
  settingKeys,
  settings,
  settingTexts,
  type VfChange,
} from '../../../src/settings/settings.ts';
import { assert, suite } from '../../support/suite.ts';
import { VfFixture } from '../vf/fixture.ts';
import { quietAdmin } from '../vf/samples.ts';

const test = suite('settings/settings');

/** Each field has another value than a new VF. */
const wanted = {
  mac: '02:00:00:00:00:01' as typeof quietAdmin.mac,
  vlan: 100,
  vlanQos: 5,
  vlanProtocol: '802.1ad',
  spoofchk: 'off',
  trust: 'on',
  linkState: 'disable',
  minTxRateMbps: 4294967295,
  maxTxRateMbps: 7,
} as const satisfies Required<VfChange>;

const fields = pfSettings.flatMap((setting) => fieldsOf(setting));

test('the lists have the same settings, and no two have a key, a field or a name in common', () => {
  const ofPf: readonly unknown[] = pfSettings;
  assert.equal(
    settings.filter((setting) => !ofPf.includes(setting)).map(({ keys }) => Object.keys(keys)),
    [['mtu']],
  );
  const inKernelOrder = partsOf(wanted).map(({ setting }) => setting.name);
  const names = pfSettings.map(({ name }) => name);
  assert.equal([...inKernelOrder].sort(), [...names].sort());
  const keys = settings.flatMap((setting) => Object.keys(setting.keys));
  for (const list of [keys, fields, names]) assert.is(new Set<string>(list).size, list.length);
  assert.equal(Object.keys(settingKeys()), keys);
  assert.equal(settingTexts.flatMap((texts) => Object.keys(texts)).sort(), keys.sort());
});

test('each field has a key of its setting', () => {
  for (const setting of pfSettings) {
    const keys = fieldsOf(setting).map((field) => keyOf(setting, field));
    assert.equal(keys, Object.keys(setting.keys));
  }
});

test('each setting is read as it was set, and nothing else is changed', () => {
  for (const { setting, change } of partsOf(wanted)) {
    const at = new VfFixture();
    changeVf(at.host.session, at.pf(), 0, change);
    assert.equal(readVfAdminState(at.host.session, at.pf().ifindex, 0), { ...quietAdmin, ...change }, setting.name);
    const own = fieldsOf(setting);
    for (const field of fields) assert.is(field in change, own.includes(field), `${setting.name}, ${field}`);
  }
});

test('what isn’t known or wanted is no part of a change', () => {
  assert.equal(partsOf({}), []);
  assert.equal(partsOf({ spoofchk: null, trust: null }), []);
});

test('only fields that are wanted differ, and none that mean nothing', () => {
  const differing = (now: object, asked: VfChange): readonly string[] =>
    pfSettings.flatMap((setting) => differingFields(setting, { ...quietAdmin, ...now }, asked));
  assert.equal(differing({ vlan: 7, trust: 'on' }, {}), []);
  assert.equal(differing({ vlan: 7, vlanQos: 1, trust: 'on' }, { vlan: 7, trust: 'off' }), ['trust']);
  assert.equal(differing({ vlanProtocol: '802.1ad' }, { vlan: 0, vlanProtocol: '802.1q' }), []);
  assert.equal(differing({ vlan: 7, vlanProtocol: '802.1ad' }, { vlan: 7, vlanProtocol: '802.1q' }), ['vlanProtocol']);
});

test('a change as `ip` takes it', () => {
  const tag = { vlan: 7, vlanQos: 0, vlanProtocol: '802.1q' } as const;
  assert.is(spellVfChange('pf0', 3, tag), 'ip link set pf0 vf 3 vlan 7');
  assert.is(spellVfChange('pf0', 3, { ...tag, vlanQos: 2 }), 'ip link set pf0 vf 3 vlan 7 qos 2');
  assert.is(spellVfChange('pf0', 3, { ...tag, vlanProtocol: '802.1ad' }), 'ip link set pf0 vf 3 vlan 7 proto 802.1ad');
  assert.is(
    spellVfChange('pf0', 3, wanted),
    'ip link set pf0 vf 3 mac 02:00:00:00:00:01 vlan 100 qos 5 proto 802.1ad min_tx_rate 4294967295 max_tx_rate 7 ' +
      'spoofchk off state disable trust on',
  );
});
