import { type MacAddress, zeroMac } from '../../../src/lib/mac-address.ts';
import { applyAdminChange } from '../../../src/vf/admin.ts';
import { tryLinkMac } from '../../../src/vf/mac-quirks.ts';
import { restoreVf } from '../../../src/vf/restore.ts';
import { describeNetdev } from '../../../src/vf/snapshot.ts';
import type { VfSnapshot } from '../../../src/vf/vf.ts';
import { igbvfDriver, type MemoryNodeOptions } from '../../support/memory-node.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';
import { VfFixture } from './fixture.ts';
import { quietAdmin } from './samples.ts';

const test = suite('vf/restore');

const [EIO, ENODEV, EINVAL, EOPNOTSUPP] = [5, 19, 22, 95];
const mac = '02:00:00:00:00:01' as MacAddress;

/** A node with a snapshot of its VF 0 as it is now. */
class Restoring extends VfFixture {
  readonly snapshot: VfSnapshot;
  readonly before: unknown;

  constructor(options: MemoryNodeOptions = {}, admin: VfSnapshot['admin'] = quietAdmin) {
    super(options);
    this.snapshot = { admin, netdev: describeNetdev(this.vf()) };
    this.before = this.node.picture();
  }

  restore(snapshot: VfSnapshot = this.snapshot): string[] {
    const { platform } = this.node;
    return restoreVf(platform, this.log, this.host, this.identity, snapshot).map((failure) => failure.message);
  }

  /** All that ADD could have changed, and a pod besides. */
  disturb(): void {
    applyAdminChange(this.host, this.pf(), this.identity, {
      vlan: 5,
      vlanQos: 3,
      vlanProtocol: '802.1ad',
      minTxRateMbps: 1,
      maxTxRateMbps: 2,
      spoofchk: 'off',
      linkState: 'enable',
      trust: 'on',
      mac,
    });
    const changed = { name: 'net1', mtu: 1400, mac, up: true, altnames: ['podname'] };
    this.node.edit(() => Object.assign(this.node.link(0), changed));
    this.takeChanges();
  }
}

test('a VF that is as before is not touched', () => {
  const at = new Restoring();
  assert.equal(at.restore(), []);
  assert.equal(at.takeChanges(), []);
});

test('a VF that nothing was changed of is looked at once, and for its MAC, which drivers change late', () => {
  const at = new Restoring();
  const { session } = at.host;
  const asked: string[] = [];
  const request = session.request.bind(session);
  session.request = (message) => {
    asked.push(message.what);
    return request(message);
  };
  assert.equal(at.restore(), []);
  const looks = asked.filter((what) => what.startsWith('read interface'));
  assert.equal(looks, ['read interface pf0', 'read interface vf0', 'read interface 3']);
});

test('everything comes back', () => {
  for (const options of [{}, { driver: igbvfDriver }]) {
    const at = new Restoring(options);
    at.disturb();
    assert.equal(at.restore(), []);
    assert.equal(at.node.picture(), at.before);
    assert.equal(at.logged, []);
  }
});

test('only what differs is touched', () => {
  const at = new Restoring();
  at.node.link(0).mtu = 1400;
  applyAdminChange(at.host, at.pf(), at.identity, { trust: 'on' });
  at.takeChanges();
  assert.equal(at.restore(), []);
  assert.equal(at.takeChanges(), ['host: vf0 mtu 1500', 'host: pf0 vf 0 trust 0']);
});

test('a VF that was up is up again, also after a rename that needed it down', () => {
  const at = new Restoring();
  at.node.link(0).up = true;
  const snapshot: VfSnapshot = { admin: quietAdmin, netdev: describeNetdev(at.vf()) };
  at.node.edit(() => Object.assign(at.node.link(0), { name: 'dev9', up: true }));
  assert.equal(at.restore(snapshot), []);
  assert.is(at.node.link(0).up, true);
  assert.is(at.node.link(0).name, 'vf0');
});

test('a cleared admin MAC leaves igbvf deaf, unless another address comes between', () => {
  const at = new Restoring({ driver: igbvfDriver });
  applyAdminChange(at.host, at.pf(), at.identity, { mac, trust: 'on' });
  at.takeChanges();
  assert.equal(at.restore(), []);
  assert.ok(at.node.link(0).driver?.hears);
  const own = at.snapshot.netdev?.mac;
  const macs = at.takeChanges().filter((change) => change.startsWith('host: vf0 mac'));
  assert.is(macs.length, 2);
  assert.not(macs[0] === `host: vf0 mac ${own}`);
  assert.is(macs[1], `host: vf0 mac ${own}`);
});

test('an admin MAC of before is restored with the netdev’s, though the VF is untrusted', () => {
  const own = '52:54:00:00:00:03' as MacAddress;
  const at = new Restoring({ driver: igbvfDriver }, { ...quietAdmin, mac: own });
  const [vf] = at.node.vfs;
  if (vf !== undefined) vf.mac = own;
  const before = at.node.picture();
  at.disturb();
  assert.equal(at.restore(), []);
  assert.equal(at.node.picture(), before);
});

test('a driver that refuses an all-zero admin MAC is left with what it has, with a warning', () => {
  for (const errno of [EINVAL, EOPNOTSUPP]) {
    const at = new Restoring();
    applyAdminChange(at.host, at.pf(), at.identity, { mac });
    at.node.kernel.refuse('vf 0 mac 00:00:00:00:00:00', errno);
    assert.equal(at.restore(), []);
    assert.is(at.node.vfs[0]?.mac, mac);
    assert.is(at.logged.length, 1);
    assert.match(at.logged[0] ?? '', 'level=warning');
    assert.match(at.logged[0] ?? '', mac);
  }
});

test('an all-zero MAC that fails for another reason is a failure', () => {
  const at = new Restoring();
  applyAdminChange(at.host, at.pf(), at.identity, { mac });
  at.node.kernel.refuse('vf 0 mac 00:00:00:00:00:00', EIO);
  assert.equal(at.restore(), ['restore the MAC']);
});

test('a name or altname that another device has meanwhile is lost, with a warning', () => {
  const at = new Restoring();
  at.node.edit(() => Object.assign(at.node.link(0), { name: 'dev9' }));
  at.node.kernel.addLink(at.node.host, 'vf0');
  at.node.link(1).altnames = ['mine'];
  const { netdev } = at.snapshot;
  if (netdev === null) throw new Error('no netdev');
  assert.equal(at.restore({ ...at.snapshot, netdev: { ...netdev, altnames: ['mine'] } }), []);
  assert.is(at.node.link(0).name, 'dev9');
  assert.is(at.logged.length, 2);
  for (const line of at.logged) assert.match(line, 'level=warning');
});

test('an altname that the kernel will not take is a warning; one that it may take later is a failure', () => {
  const at = new Restoring();
  const { netdev } = at.snapshot;
  if (netdev === null) throw new Error('no netdev');
  const snapshot = { ...at.snapshot, netdev: { ...netdev, altnames: ['odd', 'fine'] } };
  at.node.kernel.refuse('add altnames odd', EINVAL);
  assert.equal(at.restore(snapshot), []);
  assert.equal(at.node.link(0).altnames, ['fine']);
  assert.match(at.logged.join(''), /level=warning.*EINVAL/);
  at.node.kernel.refuse('altnames', EIO);
  assert.equal(at.restore(snapshot), ['restore the altnames']);
});

test('every step is tried past a failure, and all failures come back', () => {
  const at = new Restoring();
  at.disturb();
  for (const what of ['name vf0', 'altnames', 'mtu', 'vf 0 trust']) at.node.kernel.refuse(what, EIO);
  assert.equal(at.restore(), [
    'restore the name',
    'restore the altnames',
    'restore the MTU',
    'restore the PF’s settings',
  ]);
  assert.is(at.node.link(0).up, false, 'the last step ran');
  assert.is(at.node.vfs[0]?.vlan, 0, 'and the other settings');
});

test('a VF whose driver is away for a moment is waited for; one whose driver stays away is not gone', () => {
  const at = new Restoring();
  at.disturb();
  at.node.kernel.refuse('mtu 1500', ENODEV, { times: 3 });
  assert.equal(at.restore(), []);
  assert.equal(at.node.picture(), at.before);
  at.disturb();
  at.node.kernel.refuse('mtu 1500', ENODEV);
  assert.equal(at.restore(), ['restore the MTU']);
});

test('a VF that is gone is restored', () => {
  const at = new Restoring();
  at.disturb();
  at.node.removeVf(0);
  assert.equal(at.restore(), []);
  assert.equal(at.takeChanges(), []);
});

test('without its netdev (no driver) the PF’s settings are restored all the same', () => {
  const at = new Restoring();
  at.disturb();
  const { links } = at.node.host;
  at.node.edit(() => links.splice(links.indexOf(at.node.link(0)), 1));
  assert.equal(at.restore(), []);
  assert.is(at.node.vfs[0]?.vlan, 0);
  assert.is(at.node.vfs[0]?.mac, '00:00:00:00:00:00');
});

test('a PF whose netdev is away is not gone: the netdev is restored, its settings when the PF is back', () => {
  const at = new Restoring();
  at.disturb();
  const { links } = at.node.host;
  at.node.edit(() => links.splice(links.indexOf(at.node.pf), 1));
  const failures = restoreVf(at.node.platform, at.log, at.host, at.identity, at.snapshot);
  assert.equal(
    failures.map(({ message }) => message),
    ['restore the PF’s settings'],
  );
  throws(() => {
    throw failures[0]?.cause;
  }, 'pfMissing');
  assert.is(at.node.link(0).mtu, 1500);
  assert.is(at.node.link(0).name, 'vf0');
  assert.is(at.node.link(0).mac, mac, 'the PF may change it again');
  at.node.edit(() => links.push(at.node.pf));
  assert.equal(at.restore(), []);
  assert.equal(at.node.picture(), at.before);
});

test('a PF whose device is gone has no settings to restore; the netdev is', () => {
  const at = new Restoring();
  at.disturb();
  at.node.removePf();
  assert.equal(at.restore(), []);
  assert.equal([at.node.link(0).mtu, at.node.link(0).mac], [1500, at.snapshot.netdev?.mac]);
});

test('without settings of the PF in the snapshot the MAC comes back, although the PF’s netdev is away', () => {
  const at = new Restoring({}, null);
  at.disturb();
  at.node.edit(() => at.node.host.links.splice(at.node.host.links.indexOf(at.node.pf), 1));
  assert.equal(at.restore(), []);
  assert.is(at.node.link(0).mac, at.snapshot.netdev?.mac);
});

/** While the plugin waits for the device that the kernel doesn't find, `happen` does. */
function whileWaiting(at: Restoring, happen: () => void): void {
  const { sleepMs } = at.node.platform;
  const waiting: typeof sleepMs = (ms) => {
    happen();
    sleepMs(ms);
  };
  Object.assign(at.node.platform, { sleepMs: waiting });
}

test('a VF or PF that goes meanwhile has nothing left to restore; another failure than its absence is one', () => {
  const withoutVf = new Restoring();
  withoutVf.disturb();
  withoutVf.node.kernel.refuse('mtu 1500', ENODEV);
  whileWaiting(withoutVf, () => withoutVf.node.removeVf(0));
  assert.equal(withoutVf.restore(), []);

  const withoutPf = new Restoring();
  withoutPf.disturb();
  withoutPf.node.kernel.refuse('pf0 vf 0', ENODEV);
  whileWaiting(withoutPf, () => withoutPf.node.removePf());
  assert.equal(withoutPf.restore(), []);

  const failing = new Restoring();
  failing.disturb();
  failing.node.removePf();
  failing.node.kernel.refuse('mtu 1500', EIO);
  assert.equal(failing.restore(), ['restore the MTU']);
});

test('a VF of user space has no netdev that could be gone: a PF that isn’t found for a while is a failure', () => {
  const at = new VfFixture({ userspace: [0] });
  applyAdminChange(at.host, at.pf(), at.identity, { mac, trust: 'on' });
  at.node.kernel.refuse('pf0 vf 0', ENODEV);
  const failures = restoreVf(at.node.platform, at.log, at.host, at.identity, { admin: quietAdmin, netdev: null });
  assert.equal(
    failures.map(({ message }) => message),
    ['restore the PF’s settings', 'restore the MAC'],
  );
});

test('a PF that has another name now is found by its PCI address; the device that has its name is left alone', () => {
  const at = new Restoring();
  at.disturb();
  at.node.edit(() => Object.assign(at.node.pf, { name: 'eth7' }));
  const impostor = at.node.kernel.addLink(at.node.host, 'pf0', { vfs: [{ ...at.node.vfs[0] } as never] });
  const theirs = structuredClone(impostor.vfs);
  assert.equal(at.restore(), []);
  assert.is(at.node.vfs[0]?.vlan, 0);
  assert.equal(impostor.vfs, theirs);
});

test('a VF of a user-space driver has its PF settings alone', () => {
  const at = new VfFixture({ userspace: [0] });
  applyAdminChange(at.host, at.pf(), at.identity, { mac, trust: 'on' });
  const failures = restoreVf(at.node.platform, at.log, at.host, at.identity, { admin: quietAdmin, netdev: null });
  assert.equal(failures, []);
  assert.is(at.node.vfs[0]?.mac, '00:00:00:00:00:00');
  assert.is(at.node.vfs[0]?.trust, 0);
});

test('a netdev that had no MAC is not given one of all zeros, which none takes', () => {
  const at = new Restoring();
  const netdev = at.snapshot.netdev;
  if (netdev === null) throw new Error('no netdev');
  assert.equal(at.restore({ ...at.snapshot, netdev: { ...netdev, mac: zeroMac } }), []);
  assert.equal(at.takeChanges(), []);
});

test('igbvf: a MAC that no PF guarded before may be changed by the VF again', () => {
  const at = new Restoring({ driver: igbvfDriver });
  const snapshot: VfSnapshot = { ...at.snapshot, macIsFree: true };
  applyAdminChange(at.host, at.pf(), at.identity, { mac });
  assert.equal(at.restore(snapshot), []);
  assert.equal(at.node.picture(), at.before);
  assert.ok(tryLinkMac(at.host, at.vf(), mac), 'the untrusted VF changes its MAC');
});

test('igbvf: a PF that refuses once to let go of it is asked again', () => {
  const at = new Restoring({ driver: igbvfDriver });
  applyAdminChange(at.host, at.pf(), at.identity, { mac });
  at.takeChanges();
  at.node.kernel.refuse(/pf0 vf 0 mac 00:00/, 1, { times: 1 });
  const admin = { ...quietAdmin, mac: at.snapshot.netdev?.mac ?? zeroMac };
  assert.equal(at.restore({ ...at.snapshot, admin, macIsFree: true }), []);
  const [first, second] = at.takeChanges();
  assert.equal([first, second], Array(2).fill('host: pf0 vf 0 mac 00:00:00:00:00:00'));
});
