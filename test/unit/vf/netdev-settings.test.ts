import { restoreVf } from '../../../src/vf/restore.ts';
import { takeSnapshot } from '../../../src/vf/snapshot.ts';
import type { VfSnapshot } from '../../../src/vf/vf.ts';
import { vfPci } from '../../support/memory-node.ts';
import { assert, suite } from '../../support/suite.ts';
import { drvinfo, VfFixture } from './fixture.ts';

const test = suite('vf/netdev-settings');

const [EPERM, EIO, EBUSY, EOPNOTSUPP, ETIMEDOUT] = [1, 5, 16, 95, 110];
const rings = (rx: number): Buffer => {
  const struct = Buffer.alloc(36);
  struct.writeUInt32LE(0x10, 0);
  struct.writeUInt32LE(rx, 20);
  return struct;
};
const [IFLA_TXQLEN, IFLA_GSO_MAX_SIZE, IFLA_GSO_IPV4_MAX_SIZE] = [13, 41, 63];

/** A node whose VF 0 has some settings, with a snapshot of them. */
class Tenanted extends VfFixture {
  readonly snapshot: VfSnapshot;
  readonly before: unknown;

  constructor() {
    super();
    const { settings, ethtool } = this.node.link(0);
    settings.set(IFLA_TXQLEN, 'e8030000').set(IFLA_GSO_MAX_SIZE, '00000100').set(IFLA_GSO_IPV4_MAX_SIZE, '00000100');
    ethtool.set(0x10, rings(1024)).set(0x07, Buffer.from('0700000007000000', 'hex'));
    this.setFile('threaded', '0');
    this.setFile('queues/tx-0/tx_maxrate', '0');
    this.snapshot = takeSnapshot(this.node.platform, this.host, this.identity, this.pf());
    this.before = this.node.picture();
  }

  pathOf(file: string): string {
    return `/sys/bus/pci/devices/${this.identity.pci}/net/vf0/${file}`;
  }

  setFile(file: string, content: string): void {
    this.node.platform.files.set(this.pathOf(file), `${content}\n`);
  }

  disturb(): void {
    const link = this.node.link(0);
    Object.assign(link, { flags: 0x8382, xdp: 2 });
    link.settings.set(IFLA_TXQLEN, '4d000000').set(20, '6576696c').set(IFLA_GSO_MAX_SIZE, '30750000');
    link.ethtool.set(0x10, rings(512)).set(0x07, Buffer.from('07000000ff000000', 'hex'));
    this.setFile('threaded', '1');
    this.setFile('queues/tx-0/tx_maxrate', '10');
  }

  restore(snapshot = this.snapshot): string[] {
    const { platform } = this.node;
    return restoreVf(platform, this.log, this.host, this.identity, snapshot).map(({ message }) => message);
  }

  get written(): string[] {
    return this.node.platform.systemWrites.map(({ path, content }) => `${path.replace(/.*vf0\//, '')} ${content}`);
  }
}

test('all that a pod may have set is as before, and only what differs is touched', () => {
  const at = new Tenanted();
  assert.equal(at.restore(), []);
  assert.equal(at.takeChanges(), []);
  at.disturb();
  assert.equal(at.restore(), []);
  assert.equal(at.takeChanges(), [
    'host: vf0 xdp off',
    'host: vf0 flags 1000',
    'host: vf0 settings 13=e8030000 20= 41=00000100 63=00000100',
    `host: vf0 ethtool 11 ${rings(1024).toString('hex', 4)}`,
    'host: vf0 ethtool 8 07000000',
  ]);
  assert.equal(at.written, ['threaded 0', 'queues/tx-0/tx_maxrate 0']);
  assert.equal(at.node.picture(), at.before);
});

test('an older record says nothing of settings: the link gets the usual flags, and no program', () => {
  const at = new Tenanted();
  const { netdev, ...rest } = at.snapshot;
  assert.ok(netdev);
  const { settings: _, ...known } = netdev;
  at.disturb();
  assert.equal(at.restore({ ...rest, netdev: known }), []);
  assert.equal(at.takeChanges(), ['host: vf0 xdp off', 'host: vf0 flags 1000']);
});

test('an XDP program or a flag that stays is a failure: the next pod may not have the VF so', () => {
  for (const [change, errno, failed] of [
    ['xdp off', EBUSY, 'take XDP programs off'],
    ['flags', EPERM, 'restore the flags'],
  ] as const) {
    const at = new Tenanted();
    at.disturb();
    at.node.kernel.refuse(change, errno);
    assert.equal(at.restore(), [failed]);
    assert.is(at.node.link(0).settings.get(IFLA_TXQLEN), 'e8030000', 'the others are put back');
    at.node.kernel.allowAll();
    assert.equal(at.restore(), []);
    assert.equal(at.node.picture(), at.before);
  }
});

test('a setting that is refused for good is lost with a warning; one that fails is put back by the next DEL', () => {
  const refused = new Tenanted();
  refused.disturb();
  refused.node.kernel.refuse('ethtool 11', EOPNOTSUPP);
  assert.equal(refused.restore(), []);
  assert.match(refused.logged.join('\n'), /level=warning.*rings.*EOPNOTSUPP/);

  const failing = new Tenanted();
  failing.disturb();
  failing.node.kernel.refuse('ethtool 11', EIO);
  assert.equal(failing.restore(), ['restore the driver’s settings']);
  failing.node.kernel.allowAll();
  assert.equal(failing.restore(), []);
  assert.equal(failing.node.picture(), failing.before);
});

test('a single refusal isn’t believed; the setting that is refused is found among several in a message', () => {
  const at = new Tenanted();
  at.disturb();
  at.node.kernel.refuse('ethtool 11', EPERM, { times: 1 });
  at.node.kernel.refuse('settings 13', EPERM, { times: 2 });
  assert.equal(at.restore(), []);
  assert.equal(at.node.picture(), at.before);
  assert.equal(at.logged, []);

  at.disturb();
  at.node.kernel.refuse('13=e8030000', EPERM);
  assert.equal(at.restore(), []);
  assert.match(at.logged.join('\n'), /txqueuelen.*EPERM/);
  assert.is(at.node.link(0).settings.get(20), undefined, 'the alias is gone all the same');
});

test('one ethtool setting that differs is written alone', () => {
  const at = new Tenanted();
  at.node.link(0).ethtool.set(0x10, rings(512));
  assert.equal(at.restore(), []);
  assert.equal(at.takeChanges(), [`host: vf0 ethtool 11 ${rings(1024).toString('hex', 4)}`]);
});

test('a setting of the link alone is written alone; those of IPv4 go with any', () => {
  const at = new Tenanted();
  at.node.link(0).settings.set(IFLA_TXQLEN, '4d000000');
  assert.equal(at.restore(), []);
  assert.equal(at.takeChanges(), ['host: vf0 settings 13=e8030000 63=00000100']);
});

test('of the files in sysfs only what differs is written', () => {
  const at = new Tenanted();
  at.setFile('queues/tx-0/tx_maxrate', '10');
  assert.equal(at.restore(), []);
  assert.equal(at.written, ['queues/tx-0/tx_maxrate 0']);
});

test('a setting that the netdev no longer has is not asked for; one that its driver has lost is told', () => {
  const at = new Tenanted();
  const { settings, ethtool } = at.node.link(0);
  settings.delete(IFLA_GSO_MAX_SIZE);
  settings.delete(IFLA_GSO_IPV4_MAX_SIZE);
  at.node.platform.files.delete(at.pathOf('threaded'));
  assert.equal(at.restore(), []);
  assert.equal([at.takeChanges(), at.written, at.logged], [[], [], []]);

  settings.set(IFLA_TXQLEN, '4d000000');
  ethtool.delete(0x10);
  assert.equal(at.restore(), []);
  assert.equal(at.takeChanges(), ['host: vf0 settings 13=e8030000']);
  assert.match(at.logged.join('\n'), /level=warning.*rings.*EOPNOTSUPP/);
});

test('ethtool asks by name: a device that has it by now is left alone', () => {
  for (const [bus, failures] of [
    ['0000:5e:00.0', ['restore the driver’s settings']],
    [vfPci(0), []],
  ] as const) {
    const at = new Tenanted();
    at.disturb();
    const { ethtool } = at.node.platform;
    Object.assign(at.node.platform, {
      ethtool: (...[netns, name, request]: Parameters<typeof ethtool>) =>
        Buffer.from(request[0] ?? []).readUInt32LE(0) === 3 ? [drvinfo(bus)] : ethtool(netns, name, request),
    });
    assert.equal(at.restore(), failures);
    assert.is(at.takeChanges().filter((line) => line.includes('ethtool')).length, failures.length === 0 ? 2 : 0);
  }
});

test('several settings in a message that gets no answer are not asked for one by one', () => {
  const at = new Tenanted();
  at.disturb();
  at.node.kernel.refuse('settings', ETIMEDOUT);
  assert.equal(at.restore(), ['restore the link’s settings']);
  assert.is(at.takeChanges().filter((line) => line.includes('settings')).length, 1);
});
