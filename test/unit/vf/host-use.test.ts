import { addAddress } from '../../../src/kernel/rtnl/addresses.ts';
import { addRoute } from '../../../src/kernel/rtnl/routes.ts';
import { takeSnapshot } from '../../../src/vf/snapshot.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';
import { VfFixture } from './fixture.ts';

const test = suite('vf/host-use');

const RTM_GETLINK = 18;
const netdev = '/sys/bus/pci/devices/0000:3b:02.0/net/vf0';

function refuses(at: VfFixture, ...tokens: readonly string[]): void {
  at.takeChanges();
  throws(() => takeSnapshot(at.node.platform, at.host, at.identity, at.pf()), 'vfBusy', 'VF 0000:3b:02.0', ...tokens);
  assert.equal(at.takeChanges(), [], 'nothing is changed');
}

function upVf(): VfFixture {
  const at = new VfFixture();
  at.node.link(0).up = true;
  return at;
}

test('a VF that waits for a pod is down: nothing more is asked of the kernel; one that is up and idle is free, too', () => {
  const at = new VfFixture();
  const asked = at.node.kernel.messageTypes.length;
  takeSnapshot(at.node.platform, at.host, at.identity, at.pf());
  assert.equal([...new Set(at.node.kernel.messageTypes.slice(asked))], [RTM_GETLINK]);
  const up = upVf();
  assert.is(takeSnapshot(up.node.platform, up.host, up.identity, up.pf()).netdev?.up, true);
});

test('in a bridge or bond, which is named, by its number if it is gone', () => {
  const at = new VfFixture();
  at.node.link(0).master = at.pf().ifindex;
  refuses(at, 'pf0');
  at.node.link(0).master = 77;
  refuses(at, 'interface 77');
});

test('of many uses three are named', () => {
  const at = new VfFixture();
  for (const name of ['a', 'b', 'c', 'd']) at.node.platform.links.set(`${netdev}/upper_${name}`, `../${name}`);
  const { message } = throws(() => takeSnapshot(at.node.platform, at.host, at.identity, at.pf()), 'vfBusy', 'a, b, c');
  assert.not.match(message, ', d');
});

test('with an address or a route that somebody has given it: 102, naming it', () => {
  const addressed = upVf();
  addAddress(addressed.host.session, addressed.vf().ifindex, '10.9.0.1/24');
  refuses(addressed, 'vf0', '10.9.0.1/24');
  const routed = upVf();
  addRoute(routed.host.session, routed.vf().ifindex, { dst: '0.0.0.0/0' });
  refuses(routed, 'route', '0.0.0.0/0');
});

test('with something on top of it, up or down', () => {
  for (const up of [false, true]) {
    const at = new VfFixture();
    at.node.link(0).up = up;
    for (const name of ['upper_vlan100', 'upper_mv0']) at.node.platform.links.set(`${netdev}/${name}`, `../${name}`);
    refuses(at, 'mv0, vlan100');
  }
});

test('with a macvlan on top of it in a container, which sysfs doesn’t show; groups and its own MAC are no matter', () => {
  const at = upVf();
  at.node.link(0).heard = ['33:33:00:00:00:01', at.node.link(0).mac];
  takeSnapshot(at.node.platform, at.host, at.identity, at.pf());
  at.node.link(0).heard.push('0a:00:00:00:00:07');
  refuses(at, '0a:00:00:00:00:07');
});

test('with an XDP program, up or down', () => {
  const at = new VfFixture();
  at.node.link(0).xdp = 1;
  refuses(at, 'XDP');
});

test('a VF of vfio-pci whose group a program has open: 102, naming the group; else it is free', () => {
  for (const name of ['17', 'noiommu-17']) {
    const at = new VfFixture({ userspace: [0] });
    const take = (): unknown => takeSnapshot(at.node.platform, at.host, at.identity, at.pf());
    at.node.platform.busy.add(`/dev/vfio/${name}`);
    take();
    at.node.platform.links.set('/sys/bus/pci/devices/0000:3b:02.0/iommu_group', '../../../../kernel/iommu_groups/17');
    refuses(at, `/dev/vfio/${name}`);
    at.node.platform.busy.clear();
    take();
  }
});
