import { isAssignableMac, type MacAddress } from '../../../src/lib/mac-address.ts';
import { applyAdminChange } from '../../../src/vf/admin.ts';
import { settleMac, substituteMac, tryLinkMac } from '../../../src/vf/mac.ts';
import { asynchronousDriver, stubbornDriver } from '../../support/memory-links.ts';
import { igbvfDriver } from '../../support/memory-node.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';
import { VfFixture } from './fixture.ts';

const test = suite('vf/mac');

const mac = '02:00:00:00:00:01' as MacAddress;
const own = '52:54:00:00:00:03' as MacAddress;
const [EBUSY, EAGAIN, EPERM, EIO, ETIMEDOUT] = [16, 11, 1, 5, 110];

test('a MAC that the netdev has already is not set', () => {
  const at = new VfFixture();
  assert.is(tryLinkMac(at.host, at.vf(), own), true);
  assert.equal(at.takeChanges(), []);
});

test('a MAC is set and read back', () => {
  const at = new VfFixture();
  assert.is(tryLinkMac(at.host, at.vf(), mac), true);
  assert.equal(at.takeChanges(), [`host: vf0 mac ${mac}`]);
});

test('a driver that is busy is asked again', () => {
  for (const errno of [EBUSY, EAGAIN]) {
    const at = new VfFixture();
    at.node.kernel.refuse('mac', errno, { times: 3 });
    assert.is(tryLinkMac(at.host, at.vf(), mac), true);
    assert.is(at.takeChanges().length, 4);
  }
});

test('a driver that stays busy is given up after a while; one that refuses, at the second time', () => {
  const busy = new VfFixture();
  busy.node.kernel.refuse('mac', EBUSY);
  assert.is(tryLinkMac(busy.host, busy.vf(), mac), false);
  assert.ok(busy.node.platform.clock.nowMs > 100 && busy.node.platform.clock.nowMs <= 1000);
  const refusing = new VfFixture();
  refusing.node.kernel.refuse('mac', EPERM);
  assert.is(tryLinkMac(refusing.host, refusing.vf(), mac), false);
  assert.is(refusing.takeChanges().length, 2);
});

test('a mailbox that fails once is asked again, whatever the error', () => {
  for (const errno of [EPERM, EIO]) {
    const at = new VfFixture();
    at.node.kernel.refuse('mac', errno, { times: 1 });
    assert.is(tryLinkMac(at.host, at.vf(), mac), true);
  }
});

test('no answer is no refusal: nothing is inferred from it', () => {
  const at = new VfFixture();
  at.node.kernel.refuse('mac', ETIMEDOUT);
  throws(() => tryLinkMac(at.host, at.vf(), mac), 'ETIMEDOUT', mac);
  assert.is(at.takeChanges().length, 1);
});

test('a driver that says yes and does nothing has not taken it', () => {
  const at = new VfFixture({ driver: () => ({ ...stubbornDriver(), setMac: () => 0 }) });
  assert.is(tryLinkMac(at.host, at.vf(), mac), false);
});

test('igbvf, untrusted: refused beside an admin MAC, and taken over by up, down and up', () => {
  const at = new VfFixture({ driver: igbvfDriver });
  applyAdminChange(at.host, at.pf(), at.identity, { mac });
  at.node.link(0).up = true;
  at.takeChanges();
  settleMac(at.node.platform, at.host, at.vf(), mac, at.identity);
  assert.is(at.node.link(0).mac, mac);
  assert.is(at.node.link(0).up, true);
  assert.ok(at.node.link(0).driver?.hears);
  const changes = at.takeChanges();
  assert.equal(changes.slice(0, 1), [`host: vf0 mac ${mac}`]);
  assert.equal(changes.slice(-2), ['host: vf0 down', 'host: vf0 up']);
});

test('a netdev that gets the admin MAC later is waited for', () => {
  const at = new VfFixture({ driver: (vf) => asynchronousDriver(vf, 400) });
  at.node.kernel.refuse('vf0 mac', EPERM);
  applyAdminChange(at.host, at.pf(), at.identity, { mac });
  settleMac(at.node.platform, at.host, at.vf(), mac, at.identity);
  assert.is(at.node.link(0).mac, mac);
  assert.ok(at.node.platform.clock.nowMs >= 400);
});

test('a MAC that never comes is 106, naming MAC, VF, PF, driver and what it has', () => {
  const at = new VfFixture({ driver: stubbornDriver });
  const settle = (): unknown => settleMac(at.node.platform, at.host, at.vf(), mac, at.identity);
  throws(settle, 'settingRefused', mac, 'VF 0', '0000:3b:02.0', 'pf0', 'igbvf', own);
  assert.ok(at.node.platform.clock.nowMs <= 2000, 'the wait is bounded');
});

test('settled already: nothing is touched', () => {
  const at = new VfFixture({ driver: stubbornDriver });
  settleMac(at.node.platform, at.host, at.vf(), own, at.identity);
  assert.equal(at.takeChanges(), []);
});

test('the substitute is another assignable address, and not that of the next device', () => {
  for (const address of [own, mac, 'fe:ff:ff:ff:ff:ff', '00:1b:21:00:00:00', '02:00:00:00:00:00'] as MacAddress[]) {
    const other = substituteMac(address);
    assert.not(other === address);
    assert.ok(isAssignableMac(other), other);
    assert.match(other, /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/);
    assert.not(other.slice(0, 8) === address.slice(0, 8), 'same vendor part');
  }
});
