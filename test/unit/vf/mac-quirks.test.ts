import { isAssignableMac, type MacAddress } from '../../../src/lib/mac-address.ts';
import { substituteMac, tryLinkMac, tryTrustedMac } from '../../../src/vf/mac-quirks.ts';
import { stubbornDriver } from '../../support/memory-links.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';
import { VfFixture } from './fixture.ts';

const test = suite('vf/mac-quirks');

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

/** What changes say of trust and MAC: the PF's `trust N`, and `mac` where the netdev was asked for one. */
const trustAndMac = (changes: readonly string[]): string[] =>
  changes.map((line) => (/trust \d/.exec(line) ?? / mac /.exec(line))?.[0].trim() ?? line);

test('an untrusted VF is trusted for the moment of its MAC, and no longer, whatever comes of it', () => {
  const at = new VfFixture();
  assert.is(tryTrustedMac(at.host, at.pf(), at.vf(), mac), true);
  assert.equal(trustAndMac(at.takeChanges()), ['trust 1', 'mac', 'trust 0']);
  assert.is(at.node.link(0).mac, mac);
  const refusing = new VfFixture({ driver: stubbornDriver });
  assert.is(tryTrustedMac(refusing.host, refusing.pf(), refusing.vf(), mac), false);
  assert.equal([refusing.node.vfs[0]?.trust, refusing.takeChanges().length > 2], [0, true]);
  const silent = new VfFixture();
  silent.node.kernel.refuse('mac', ETIMEDOUT);
  throws(() => tryTrustedMac(silent.host, silent.pf(), silent.vf(), mac), 'ETIMEDOUT');
  assert.equal(trustAndMac(silent.takeChanges()), ['trust 1', 'mac', 'trust 0']);
  assert.is(silent.node.vfs[0]?.trust, 0);
});

test('where the PF doesn’t say that the VF is untrusted, or won’t trust it, nothing is tried', () => {
  const trusted = new VfFixture();
  Object.assign(trusted.node.vfs[0] ?? {}, { trust: 1 });
  const untold = new VfFixture();
  Object.assign(untold.node.vfs[0] ?? {}, { trust: 0xffffffff });
  for (const at of [trusted, untold, new VfFixture({ blindPf: true })]) {
    assert.is(tryTrustedMac(at.host, at.pf(), at.vf(), mac), false);
    assert.equal(at.takeChanges(), []);
  }
  const refused = new VfFixture();
  refused.node.kernel.refuse('trust 1', EPERM);
  assert.is(tryTrustedMac(refused.host, refused.pf(), refused.vf(), mac), false);
  assert.equal(trustAndMac(refused.takeChanges()), ['trust 1']);
  assert.is(refused.node.link(0).mac, own);
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
