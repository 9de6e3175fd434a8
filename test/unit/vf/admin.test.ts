import { readVfAdminState } from '../../../src/kernel/rtnl/vfs.ts';
import type { MacAddress } from '../../../src/lib/mac-address.ts';
import type { VfAdminState, VfChange } from '../../../src/settings/settings.ts';
import { adminDifference, applyAdminChange } from '../../../src/vf/admin.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';
import { VfFixture } from './fixture.ts';
import { quietAdmin } from './samples.ts';

const test = suite('vf/admin');

const [ENODEV, EINVAL, EOPNOTSUPP, ETIMEDOUT] = [19, 22, 95, 110];
const all: VfChange = {
  mac: '02:00:00:00:00:01' as MacAddress,
  vlan: 100,
  vlanQos: 5,
  vlanProtocol: '802.1ad',
  minTxRateMbps: 10,
  maxTxRateMbps: 100,
  spoofchk: 'off',
  linkState: 'enable',
  trust: 'on',
};

test('all settings go in one message', () => {
  const at = new VfFixture();
  applyAdminChange(at.host, at.pf(), at.identity, all);
  assert.equal(at.takeChanges(), [
    'host: pf0 vf 0 mac 02:00:00:00:00:01, vlan 100 qos 5 proto 88a8, rate 10 100, spoofchk 0, state 1, trust 1',
  ]);
});

test('nothing to change, no message', () => {
  const at = new VfFixture();
  const pf = at.pf();
  const before = at.node.kernel.messageTypes.length;
  applyAdminChange(at.host, pf, at.identity, {});
  assert.is(at.node.kernel.messageTypes.length, before);
});

test('a refused part is found one by one and named: key, value, VF, PF, driver and errno', () => {
  const at = new VfFixture();
  at.node.kernel.refuse('trust', EOPNOTSUPP);
  const tokens = ['trust = on', 'VF 0', '0000:3b:02.0', 'pf0', 'igb', 'EOPNOTSUPP'];
  throws(() => applyAdminChange(at.host, at.pf(), at.identity, all), 'settingRefused', ...tokens);
});

test('a single refused part isn’t asked for twice', () => {
  const at = new VfFixture();
  at.node.kernel.refuse('rate', EINVAL, { extack: 'link is down' });
  throws(
    () => applyAdminChange(at.host, at.pf(), at.identity, { minTxRateMbps: 0, maxTxRateMbps: 10 }),
    'settingRefused',
    'min_tx_rate = 0, max_tx_rate = 10: ',
  );
  assert.is(at.takeChanges().length, 1);
});

test('a driver that only refuses them together gets them one by one', () => {
  const at = new VfFixture();
  at.node.kernel.refuse('spoofchk', EINVAL, { times: 1 });
  applyAdminChange(at.host, at.pf(), at.identity, { vlan: 7, vlanQos: 0, vlanProtocol: '802.1q', spoofchk: 'off' });
  const [vf] = at.node.vfs;
  assert.is(vf?.vlan, 7);
  assert.is(vf?.spoofchk, 0);
});

test('no answer and a link that is gone are no refusals: the error stays as it is, and nothing is asked for again', () => {
  for (const [errno, code] of [
    [ETIMEDOUT, 'ETIMEDOUT'],
    [ENODEV, 'ENODEV'],
  ] as const) {
    for (const change of [all, { trust: 'on' }] as const) {
      const at = new VfFixture();
      at.node.kernel.refuse('trust', errno);
      const pf = errno === ENODEV ? { ...at.pf(), ifindex: 999 } : at.pf();
      throws(() => applyAdminChange(at.host, pf, at.identity, change), code, 'trust');
      assert.ok(at.takeChanges().length <= 1);
    }
  }
});

test('a bug is no refusal', () => {
  const at = new VfFixture();
  let tries = 0;
  const bug = (): never => {
    tries++;
    throw new TypeError('a bug');
  };
  const host = Object.defineProperty(Object.create(at.host), 'change', { value: bug }) as typeof at.host;
  const pf = at.pf();
  for (const change of [all, { trust: 'on' }] as const) {
    tries = 0;
    throws(() => applyAdminChange(host, pf, at.identity, change), 'Error', 'a bug');
    assert.is(tries, 1);
  }
});

function adminOf(at: VfFixture): VfAdminState {
  const pf = at.pf();
  return readVfAdminState(at.host.session, pf.ifindex, pf.vfIndex) as VfAdminState;
}

test('the way back holds what differs now, MAC excluded', () => {
  const at = new VfFixture();
  assert.equal(adminDifference(adminOf(at), quietAdmin), {});
  applyAdminChange(at.host, at.pf(), at.identity, all);
  assert.equal(adminDifference(adminOf(at), quietAdmin), {
    vlan: 0,
    vlanQos: 0,
    vlanProtocol: '802.1q',
    minTxRateMbps: 0,
    maxTxRateMbps: 0,
    spoofchk: 'on',
    linkState: 'auto',
    trust: 'off',
  });
});

test('what the driver didn’t report before isn’t set on the way back', () => {
  const at = new VfFixture();
  applyAdminChange(at.host, at.pf(), at.identity, { trust: 'on' });
  const silent = { ...quietAdmin, spoofchk: null, trust: null, linkState: null };
  assert.equal(adminDifference(adminOf(at), silent), {});
});
