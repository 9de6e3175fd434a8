import {
  findByPci,
  findInPod,
  findOnHost,
  findPf,
  isDeviceOf,
  pciAddressOf,
  whatIdentifies,
} from '../../../src/vf/locate.ts';
import { moveLinkTo } from '../../../src/vf/move.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';
import { drvinfo, VfFixture } from './fixture.ts';

const test = suite('vf/locate');

const [ENODEV, EOPNOTSUPP, EIO] = [19, 95, 5];

test('on the host: by sysfs, whatever its name; null while it is in a pod', () => {
  const at = new VfFixture();
  at.node.edit(() => Object.assign(at.node.link(0), { name: 'dev9' }));
  assert.is(findOnHost(at.node.platform, at.host, at.identity.pci)?.name, 'dev9');
  moveLinkTo(at.host, at.linkOf(at.host, 'dev9'), at.openPod(), 'net1');
  assert.is(findOnHost(at.node.platform, at.host, at.identity.pci), null);
});

test('a link that has got the name from sysfs meanwhile is not taken for the VF, which is looked for again', () => {
  for (const withoutParents of [false, true]) {
    const at = new VfFixture({ withoutParents });
    const { platform, kernel, host } = at.node;
    const { readDir } = platform;
    let renames = 1;
    Object.assign(platform, {
      readDir: (path: string) => {
        const names = readDir(path);
        if (path.endsWith('/net') && renames-- > 0) {
          at.node.edit(() => Object.assign(at.node.link(0), { name: 'renamed' }));
          kernel.addLink(host, 'vf0');
        }
        return names;
      },
    });
    assert.is(findOnHost(platform, at.host, at.identity.pci)?.ifindex, at.node.link(0).ifindex);
  }
});

test('a name in sysfs that the kernel doesn’t know is passed over', () => {
  const at = new VfFixture();
  at.node.platform.files.set('/sys/bus/pci/devices/0000:3b:02.0/net/aaa/ifindex', '99');
  assert.is(findOnHost(at.node.platform, at.host, at.identity.pci)?.name, 'vf0');
});

test('where the kernel tells no parent, sysfs tells whether a link is the device’s: by ifindex, else by name', () => {
  const at = new VfFixture({ withoutParents: true });
  const [{ platform }, { pci }, link] = [at.node, at.identity, at.vf()];
  const another = { ...link, ifindex: link.ifindex + 1 };
  assert.is(isDeviceOf(platform, pci, 'vf0', link), true);
  assert.is(isDeviceOf(platform, pci, 'vf0', another), false, 'it got the name a moment ago');
  const directory = `/sys/bus/pci/devices/${pci}/net/vf0`;
  platform.files.delete(`${directory}/ifindex`);
  platform.files.set(`${directory}/address`, link.mac);
  assert.is(isDeviceOf(platform, pci, 'vf0', link), true);
  assert.is(isDeviceOf(platform, pci, 'vf1', link), false);
});

test('the PF: by sysfs; null without its device or netdev', () => {
  const at = new VfFixture();
  assert.is(findPf(at.node.platform, at.host, at.identity.pfPci)?.name, 'pf0');
  const { links } = at.node.host;
  at.node.edit(() => links.splice(links.indexOf(at.node.pf), 1));
  assert.is(findPf(at.node.platform, at.host, at.identity.pfPci), null);
});

test('the PF: another device that has got its name is not taken for it', () => {
  const at = new VfFixture();
  const { platform, kernel, host, pf } = at.node;
  const { readDir } = platform;
  Object.assign(platform, {
    readDir: (path: string) => {
      const names = readDir(path);
      if (path.endsWith('00.0/net') && pf.name === 'pf0') {
        at.node.edit(() => Object.assign(pf, { name: 'renamed' }));
        kernel.addLink(host, 'pf0', { parent: '0000:5e:00.0' });
      }
      return names;
    },
  });
  assert.is(findPf(platform, at.host, at.identity.pfPci)?.name, 'renamed');
});

/** A number is an errno. */
function answerBusInfo(at: VfFixture, answer: string | number): void {
  Object.assign(at.node.platform, { ethtool: () => [typeof answer === 'string' ? drvinfo(answer) : answer] });
}

test('the PCI address: from the kernel, else from the driver, else none', () => {
  const told = new VfFixture();
  assert.is(pciAddressOf(told.node.platform, told.host, told.vf()), '0000:3b:02.0');
  const answers: [string | number, string][] = [
    ['0000:3b:02.0', '0000:3b:02.0'],
    ['', ''],
    ['virtio0', ''],
    ['usb-0000:3b:02.0-1', ''],
    [EOPNOTSUPP, ''],
    [ENODEV, ''],
  ];
  for (const [answer, expected] of answers) {
    const at = new VfFixture({ withoutParents: true });
    answerBusInfo(at, answer);
    assert.is(pciAddressOf(at.node.platform, at.host, at.vf()), expected);
  }
});

test('a virtio netdev is that of the PCI device that the virtio device is on', () => {
  const at = new VfFixture();
  const { platform } = at.node;
  platform.links.set('/sys/bus/virtio/devices/virtio3', '../../../devices/pci0000:3b/0000:3b:02.0/virtio3');
  const link = { ...at.vf(), parentBusName: 'virtio', parentDeviceName: 'virtio3' };
  assert.is(pciAddressOf(platform, at.host, link), '0000:3b:02.0');
  assert.is(whatIdentifies(platform, at.host, link), 'parent');
  assert.is(pciAddressOf(platform, at.host, { ...link, parentDeviceName: 'virtio4' }), '');
});

test('an interface on top of the VF has its parent, and is not the VF', () => {
  const at = new VfFixture();
  assert.is(pciAddressOf(at.node.platform, at.host, { ...at.vf(), lower: 7 }), '');
});

test('a driver that fails to answer otherwise is an error', () => {
  const at = new VfFixture({ withoutParents: true });
  answerBusInfo(at, EIO);
  throws(() => pciAddressOf(at.node.platform, at.host, at.vf()), 'EIO');
});

test('in a pod: another device is never taken for the VF, whatever its name, MAC and ifindex', () => {
  const at = new VfFixture();
  const pod = at.openPod();
  const mac = at.vf().mac;
  const impostor = at.node.kernel.addLink(at.node.pod.namespace, 'net1', { parent: '0000:3b:02.1', mac });
  const { pci } = at.identity;
  const traits = { pci, ifname: 'net1', hostName: 'vf0', podIfindex: impostor.ifindex, macs: [mac] };
  for (const identifiedBy of ['parent', 'bus-info', 'ifindex', undefined] as const) {
    assert.is(findInPod(at.node.platform, pod, { ...traits, identifiedBy }), null);
  }
  Object.assign(impostor, { parent: null });
  Object.assign(at.node.platform, { ethtool: () => [drvinfo(pci)] });
  assert.is(
    findInPod(at.node.platform, pod, { ...traits, identifiedBy: 'parent' }),
    null,
    'a name may change meanwhile',
  );
});

test('where nothing tells, name and MAC must both fit', () => {
  const at = new VfFixture({ withoutParents: true });
  const pod = at.openPod();
  const mac = at.vf().mac;
  const traits = {
    pci: at.identity.pci,
    ifname: 'net1',
    hostName: 'vf0',
    podIfindex: null,
    macs: [mac],
    identifiedBy: 'ifindex',
  } as const;
  at.node.kernel.addLink(at.node.pod.namespace, 'net1');
  at.node.kernel.addLink(at.node.pod.namespace, 'net2', { mac });
  assert.is(findInPod(at.node.platform, pod, traits), null);
  at.node.pod.namespace.get('net1').mac = mac;
  assert.is(findInPod(at.node.platform, pod, traits)?.name, 'net1');
  at.node.pod.namespace.get('net1').mac = '02:00:00:00:00:99' as typeof mac;
  at.node.kernel.addLink(at.node.pod.namespace, 'vf0', { mac });
  assert.is(findInPod(at.node.platform, pod, traits)?.name, 'vf0', 'moved, but not renamed');
});

test('if nothing else tells, a link with name and MAC of the VF, but not its recorded ifindex, is another one', () => {
  const at = new VfFixture({ withoutParents: true });
  const pod = at.openPod();
  const [mac, { pci }] = [at.vf().mac, at.identity];
  const { ifindex } = at.node.kernel.addLink(at.node.pod.namespace, 'net1', { mac });
  const traits = { pci, ifname: 'net1', hostName: 'vf0', macs: [mac], identifiedBy: 'ifindex' } as const;
  assert.is(findInPod(at.node.platform, pod, { ...traits, podIfindex: ifindex + 1 }), null);
  assert.is(findInPod(at.node.platform, pod, { ...traits, podIfindex: ifindex })?.ifindex, ifindex);
});

test('of the devices that are asked for those that are there, and no others', () => {
  const at = new VfFixture();
  const [one, other] = ['0000:3b:02.0', '0000:3b:02.1'];
  const found = (...wanted: string[]): [string, string][] =>
    [...findByPci(at.node.platform, at.host, new Set(wanted))].map(([pci, { name }]) => [pci, name]);
  assert.equal(found(one), [[one, 'vf0']]);
  assert.equal(found(one, other, '0000:99:00.0'), [
    [one, 'vf0'],
    [other, 'vf1'],
  ]);
  const silent = new VfFixture({ withoutParents: true });
  Object.assign(silent.node.platform, {
    ethtool: (_: unknown, name: string) => [drvinfo(name === 'vf1' ? other : one)],
  });
  assert.equal([...findByPci(silent.node.platform, silent.host, new Set([other])).keys()], [other]);
});

test('in a pod: found by its ifindex with one look, whatever it is called; by its device in a list that never stands still', () => {
  const at = new VfFixture();
  const pod = at.openPod();
  moveLinkTo(at.host, at.vf(), pod, 'net1');
  const link = at.node.pod.namespace.get('net1');
  const { ifindex } = link;
  for (let n = 0; n < 500; n++) at.node.kernel.addLink(at.node.pod.namespace, `dummy${n}`);
  link.name = 'hidden';
  Object.assign(at.node.platform, {
    ethtool: (_: unknown, name: string) => {
      throw new Error(`${name} was asked for`);
    },
  });
  const traits = {
    pci: at.identity.pci,
    ifname: 'net1',
    hostName: 'vf0',
    podIfindex: ifindex,
    macs: [],
    identifiedBy: 'parent',
  } as const;
  const asked = at.node.kernel.messageTypes.length;
  assert.is(findInPod(at.node.platform, pod, traits)?.name, 'hidden');
  assert.is(at.node.kernel.messageTypes.length - asked, 1);
});
