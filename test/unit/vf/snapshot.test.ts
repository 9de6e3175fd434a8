import { noPf } from '../../../src/vf/identity.ts';
import { moveLinkTo } from '../../../src/vf/move.ts';
import { getPf, takeSnapshot } from '../../../src/vf/snapshot.ts';
import type { MemoryNodeOptions } from '../../support/memory-node.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';
import { drvinfo, VfFixture } from './fixture.ts';
import { quietAdmin } from './samples.ts';

const test = suite('vf/snapshot');

test('holds all that DEL has to give back, and changes nothing', () => {
  const at = new VfFixture();
  Object.assign(at.node.link(0), { up: true, altnames: ['ens1f0v0'], mtu: 1450 });
  Object.assign(at.node.vfs[0] ?? {}, { vlan: 7, qos: 2, maxTxRate: 50 });
  Object.assign(at.node.link(0), { flags: 0x1102 });
  at.node.link(0).settings.set(13, 'e8030000');
  at.node.link(0).ethtool.set(0x07, Buffer.from('0700000003000000', 'hex'));
  at.node.platform.files.set(`/sys/bus/pci/devices/${at.identity.pci}/net/vf0/threaded`, '1\n');
  at.node.platform.files.set(`/sys/bus/pci/devices/${at.identity.pci}/net/vf0/queues/tx-0/tx_maxrate`, '10\n');
  const settings = {
    flags: 0x1100,
    attributes: { alias: '', txqueuelen: 'e8030000' },
    ethtool: { messageLevel: '03000000' },
    files: { threaded: '1', 'queues/tx-0/tx_maxrate': '10' },
  };
  const [mac, altnames] = ['52:54:00:00:00:03', ['ens1f0v0']];
  assert.equal(takeSnapshot(at.node.platform, at.host, at.identity, at.pf()), {
    admin: { ...quietAdmin, vlan: 7, vlanQos: 2, maxTxRateMbps: 50 },
    netdev: { name: 'vf0', ifindex: 3, mac, mtu: 1450, up: true, altnames, identifiedBy: 'parent', settings },
  });
  assert.equal(at.takeChanges(), []);
});

test('what tells the netdev wherever it is: its parent device, else its driver, else its ifindex', () => {
  const of = (options: MemoryNodeOptions, busInfo = ''): unknown => {
    const at = new VfFixture(options);
    Object.assign(at.node.platform, { ethtool: () => [drvinfo(busInfo)] });
    return takeSnapshot(at.node.platform, at.host, at.identity, at.pf()).netdev?.identifiedBy;
  };
  assert.is(of({}), 'parent');
  assert.is(of({ withoutParents: true }, '0000:3b:02.0'), 'bus-info');
  assert.is(of({ withoutParents: true }), 'ifindex');
});

test('RDMA devices, where it has some', () => {
  const at = new VfFixture();
  at.node.addRdmaDevice(0, 'mlx5_2');
  at.node.addRdmaDevice(1, 'mlx5_3');
  assert.equal(takeSnapshot(at.node.platform, at.host, at.identity, at.pf()).rdmaDevices, ['mlx5_2']);
});

test('finds the VF by its number: VF 1 has another record', () => {
  const at = new VfFixture();
  Object.assign(at.node.vfs[1] ?? {}, { vlan: 9 });
  assert.is(takeSnapshot(at.node.platform, at.host, at.identity, { ...at.pf(), vfIndex: 1 }).admin?.vlan, 9);
});

test('a PF that tells nothing: no admin state', () => {
  const at = new VfFixture({ blindPf: true });
  assert.is(takeSnapshot(at.node.platform, at.host, at.identity, at.pf()).admin, null);
});

test('a user-space driver: no netdev', () => {
  const at = new VfFixture({ userspace: [0] });
  assert.equal(takeSnapshot(at.node.platform, at.host, at.identity, at.pf()), { admin: quietAdmin, netdev: null });
});

test('no netdev on the host: 104, naming VF and driver', () => {
  const at = new VfFixture();
  moveLinkTo(at.host, at.vf(), at.openPod(), 'net1');
  throws(() => takeSnapshot(at.node.platform, at.host, at.identity, at.pf()), 'noDriver', '0000:3b:02.0', 'igbvf');
});

test('a netdev that is enslaved on the host: 102, naming both', () => {
  const at = new VfFixture();
  at.node.link(0).master = at.node.kernel.addLink(at.node.host, 'bond0').ifindex;
  throws(() => takeSnapshot(at.node.platform, at.host, at.identity, at.pf()), 'vfBusy', 'vf0', 'bond0');
});

test('PF or netdev of another hardware type: 117, naming VF, interface and type, before anything is asked of it', () => {
  const [infiniband, none] = [32, 65534];
  for (const [type, told] of [
    [infiniband, 'InfiniBand'],
    [none, String(none)],
  ] as const) {
    const take = (at: VfFixture): unknown => takeSnapshot(at.node.platform, at.host, at.identity, at.pf());
    const ofPf = new VfFixture();
    ofPf.node.edit(() => Object.assign(ofPf.node.pf, { type }));
    throws(() => take(ofPf), 'notEthernet', '0000:3b:02.0', 'PF', 'pf0', told);
    const ofVf = new VfFixture();
    ofVf.node.edit(() => Object.assign(ofVf.node.link(0), { type }));
    throws(() => take(ofVf), 'notEthernet', '0000:3b:02.0', 'netdev', 'vf0', told);
  }
});

test('the PF is its netdev with the VF’s number; null for a VF without a PF, and if another device has the PF’s name', () => {
  const at = new VfFixture();
  const pf = getPf(at.node.platform, at.host, at.identity);
  assert.equal([pf?.name, pf?.ifindex, pf?.vfIndex], ['pf0', at.pf().ifindex, at.identity.vfIndex]);
  const { pci, driver, kind } = at.identity;
  assert.is(getPf(at.node.platform, at.host, { ...noPf, pci, driver, kind }), null);
  const snapshot = takeSnapshot(at.node.platform, at.host, { ...noPf, pci, driver, kind }, null);
  assert.equal([snapshot.admin, snapshot.netdev?.name], [null, 'vf0']);
  at.node.edit(() => Object.assign(at.node.pf, { name: 'eth7' }));
  at.node.kernel.addLink(at.node.host, 'pf0', { parent: '0000:5e:00.0' });
  throws(() => getPf(at.node.platform, at.host, at.identity), 'pfMissing', 'pf0', '0000:3b:00.0');
});

test('no PF netdev: 105, naming PF and VF', () => {
  const at = new VfFixture();
  at.node.host.get('pf0').name = 'eth7';
  throws(() => getPf(at.node.platform, at.host, at.identity), 'pfMissing', 'pf0', '0000:3b:00.0', '0000:3b:02.0');
});
