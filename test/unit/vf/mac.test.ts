import type { MacAddress } from '../../../src/lib/mac-address.ts';
import { applyAdminChange } from '../../../src/vf/admin.ts';
import { changeOwnMac, settleMac } from '../../../src/vf/mac.ts';
import { asynchronousDriver, stubbornDriver } from '../../support/memory-links.ts';
import { igbvfDriver } from '../../support/memory-node.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';
import { snapshotWith, VfFixture } from './fixture.ts';
import { quietAdmin } from './samples.ts';

const test = suite('vf/mac');

const mac = '02:00:00:00:00:01' as MacAddress;
const own = '52:54:00:00:00:03' as MacAddress;
const EPERM = 1;

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

test('the netdev’s own MAC: free where an untrusted VF changes it', () => {
  const changes = (options: ConstructorParameters<typeof VfFixture>[0], trust: 'on' | 'off', wanted = mac): boolean => {
    const at = new VfFixture(options);
    return changeOwnMac(
      at.host,
      snapshotWith({ ...quietAdmin, trust }, { ifindex: at.vf().ifindex, mac: own }),
      wanted,
    );
  };
  assert.is(changes({}, 'off'), true);
  assert.is(changes({}, 'on'), false, 'a trusted one may, whatever its PF has set');
  assert.is(changes({}, 'off', own), false, 'nothing is changed');
  assert.is(changes({ driver: stubbornDriver }, 'off'), false, 'it is refused');
  const at = new VfFixture();
  const { ifindex } = at.vf();
  assert.is(changeOwnMac(at.host, snapshotWith(null, { ifindex, mac: own }), mac), true, 'of a PF that tells nothing');
  assert.is(changeOwnMac(at.host, { admin: quietAdmin, netdev: null }, mac), false, 'a VF of vfio-pci');
  assert.is(changeOwnMac(at.host, snapshotWith(quietAdmin, { ifindex: 99, mac: own }), mac), false, 'it is gone');
  at.takeChanges();
  assert.is(changeOwnMac(at.host, snapshotWith(quietAdmin, { ifindex, mac }), mac), false);
  assert.equal(at.takeChanges(), [], 'it had it before');
});
