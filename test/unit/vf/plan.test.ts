import type { MacAddress } from '../../../src/lib/mac-address.ts';
import type { VfAdminState, VfChange, VfSettings } from '../../../src/settings/settings.ts';
import { adminChange, planVf } from '../../../src/vf/plan.ts';
import type { Pf } from '../../../src/vf/vf.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';
import { snapshotWith } from './fixture.ts';
import { quietAdmin, sampleIdentity } from './samples.ts';

const test = suite('vf/plan');

const pf = (mtu: number): Pick<Pf, 'name' | 'mtu'> => ({ name: 'pf0', mtu });
const mac = '02:00:00:00:00:01' as MacAddress;
const [now, busy] = [
  quietAdmin,
  {
    ...quietAdmin,
    vlan: 100,
    vlanQos: 3,
    vlanProtocol: '802.1ad',
    spoofchk: 'off',
    trust: 'on',
    linkState: 'enable',
    minTxRateMbps: 10,
    maxTxRateMbps: 100,
  } as VfAdminState,
];

/** A config asks for all fields of a setting, or for none. */
const tag = (vlan: number, vlanQos = 0): VfSettings => ({ vlan, vlanQos, vlanProtocol: '802.1q' });
const rates = (minTxRateMbps: number, maxTxRateMbps: number): VfSettings => ({ minTxRateMbps, maxTxRateMbps });

test('a config that asks for nothing changes nothing', () => {
  for (const state of [now, busy]) assert.equal(adminChange(state, {}), {});
  assert.equal(planVf({}, sampleIdentity, snapshotWith(now), pf(1500)), { admin: {}, mac: null, mtu: null });
});

test('what is there already is no operation', () => {
  const same: VfSettings[] = [
    { spoofchk: 'off' },
    { trust: 'on' },
    { linkState: 'enable' },
    { vlan: 100, vlanQos: 3, vlanProtocol: '802.1ad' },
    { minTxRateMbps: 10, maxTxRateMbps: 100 },
  ];
  for (const wanted of same) assert.equal(adminChange(busy, wanted), {}, JSON.stringify(wanted));
});

test('what differs is changed, and nothing else', () => {
  const cases: [VfSettings, VfChange][] = [
    [{ spoofchk: 'off', trust: 'off' }, { spoofchk: 'off' }],
    [{ trust: 'on' }, { trust: 'on' }],
    [{ linkState: 'disable' }, { linkState: 'disable' }],
    [tag(100), { vlan: 100, vlanQos: 0, vlanProtocol: '802.1q' }],
    [
      { vlan: 100, vlanQos: 5, vlanProtocol: '802.1ad' },
      { vlan: 100, vlanQos: 5, vlanProtocol: '802.1ad' },
    ],
    [rates(0, 50), { minTxRateMbps: 0, maxTxRateMbps: 50 }],
    [rates(5, 0), { minTxRateMbps: 5, maxTxRateMbps: 0 }],
  ];
  for (const [wanted, change] of cases) assert.equal(adminChange(now, wanted), change, JSON.stringify(wanted));
});

test('of a setting with several fields all are set where one differs', () => {
  assert.equal(adminChange(busy, rates(10, 200)), { minTxRateMbps: 10, maxTxRateMbps: 200 });
  assert.equal(adminChange(busy, rates(0, 100)), { minTxRateMbps: 0, maxTxRateMbps: 100 });
});

test('vlan 0 takes a VLAN off, and is no operation where there is none', () => {
  assert.equal(adminChange(busy, tag(0)), { vlan: 0, vlanQos: 0, vlanProtocol: '802.1q' });
  assert.equal(adminChange(now, tag(0)), {});
});

test('without a VLAN the protocol in the PF’s record means nothing', () => {
  assert.equal(adminChange({ ...now, vlanProtocol: '802.1ad' }, tag(0)), {});
});

test('another priority or protocol of the same VLAN is a change', () => {
  assert.equal(adminChange(busy, { vlan: 100, vlanQos: 4, vlanProtocol: '802.1ad' }), {
    vlan: 100,
    vlanQos: 4,
    vlanProtocol: '802.1ad',
  });
  assert.equal(adminChange(busy, tag(100, 3)), { vlan: 100, vlanQos: 3, vlanProtocol: '802.1q' });
});

test('a setting that the driver doesn’t report is set when asked for', () => {
  const silent = { ...now, spoofchk: null, trust: null, linkState: null };
  assert.equal(adminChange(silent, { spoofchk: 'on', trust: 'off', linkState: 'auto' }), {
    spoofchk: 'on',
    trust: 'off',
    linkState: 'auto',
  });
});

test('MAC and MTU: as asked, and null where nothing is', () => {
  assert.is(planVf({ mac }, sampleIdentity, snapshotWith(now), pf(1500)).mac, mac);
  assert.is(planVf({ mtu: 1400 }, sampleIdentity, snapshotWith(now), pf(1500)).mtu, 1400);
  assert.is(planVf({ mtu: 1500 }, sampleIdentity, snapshotWith(now), pf(1500)).mtu, null);
  assert.is(planVf({ mtu: 9000 }, sampleIdentity, snapshotWith(now, { mtu: 9000 }), pf(1500)).mtu, null);
});

test('an MTU over the PF’s is 7, naming value, limit and PF', () => {
  assert.is(planVf({ mtu: 9000 }, sampleIdentity, snapshotWith(now), pf(9000)).mtu, 9000);
  throws(
    () => planVf({ mtu: 9001 }, sampleIdentity, snapshotWith(now), pf(9000)),
    'invalidConfig',
    '9001',
    'pf0',
    '9000',
  );
});

test('a VF of a user-space driver has no MTU to set', () => {
  assert.is(
    planVf({ mtu: 9001 }, { ...sampleIdentity, kind: 'userspace' }, { admin: now, netdev: null }, pf(1500)).mtu,
    null,
  );
});

test('a PF that tells nothing: all that needs it is 106, named', () => {
  const cases: [VfSettings, string][] = [
    [{ vlan: 5, mac, mtu: 1400 }, 'vlan = 5: PF'],
    [{ vlan: 0, spoofchk: 'on' }, 'spoofchk = on: PF'],
    [{ trust: 'off' }, 'trust = off: PF'],
    [{ linkState: 'auto' }, 'link_state = auto: PF'],
    [{ minTxRateMbps: 0, maxTxRateMbps: 5 }, 'max_tx_rate = 5: PF'],
  ];
  for (const [settings, word] of cases) {
    throws(() => planVf(settings, sampleIdentity, snapshotWith(null), pf(1500)), 'settingRefused', word, 'pf0');
  }
});

test('a PF that tells nothing has no VLAN and no limits, and the netdev takes MAC and MTU', () => {
  const none = { vlan: 0, vlanQos: 0, vlanProtocol: '802.1q', minTxRateMbps: 0, maxTxRateMbps: 0 } as const;
  const settings: VfSettings = { ...none, mac, mtu: 1400 };
  assert.equal(planVf(settings, sampleIdentity, snapshotWith(null), pf(1500)), { admin: {}, mac, mtu: 1400 });
});

test('without a PF on this machine a setting of the PF is 106, and says so; the MTU is left to the driver', () => {
  const alone = { ...sampleIdentity, pfPci: null, pfName: null, pfDriver: null, vfIndex: null } as const;
  for (const settings of [{ vlan: 5 }, { spoofchk: 'on' }, { trust: 'on' }, { maxTxRateMbps: 5 }] as const) {
    throws(() => planVf(settings, alone, snapshotWith(null), null), 'settingRefused', '0000:3b:02.1');
  }
  const none = { vlan: 0, vlanQos: 0, vlanProtocol: '802.1q', minTxRateMbps: 0, maxTxRateMbps: 0 } as const;
  assert.equal(planVf({ ...none, mac, mtu: 9216 }, alone, snapshotWith(null), null), { admin: {}, mac, mtu: 9216 });
});

test('a MAC that neither PF nor netdev could take is 106', () => {
  const userspace = { ...sampleIdentity, kind: 'userspace' } as const;
  throws(() => planVf({ mac }, userspace, { admin: null, netdev: null }, pf(1500)), 'settingRefused', 'mac');
});
