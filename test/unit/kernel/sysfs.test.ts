import {
  describeDevice,
  listPfs,
  listVfs,
  pciDeviceExists,
  readNetdevAttribute,
  readNetdevs,
  readPfNetdev,
  readRdmaDevices,
  readVf,
} from '../../../src/kernel/sysfs.ts';
import type { PciAddress } from '../../../src/lib/pci-address.ts';
import { createMemoryPlatform, type MemoryPlatform } from '../../support/memory-platform.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';

const test = suite('kernel/sysfs');

const pf = '0000:01:00.0' as PciAddress;
const vf3 = '0000:01:10.6' as PciAddress;
const devices = '/sys/devices/pci0000:00/0000:00:01.0';

/** As Linux 6.12 shows an igb with 4 of 7 VFs; VF 3 bound to igbvf, VF 2 to vfio-pci, VF 1 in a pod, VF 0 unbound. */
function igb(
  more: Readonly<Record<string, string>> = {},
  moreLinks: Readonly<Record<string, string>> = {},
): MemoryPlatform {
  const vfs = ['0000:01:10.0', '0000:01:10.2', '0000:01:10.4', vf3];
  const links: Record<string, string> = {};
  for (const bdf of [pf, ...vfs])
    links[`/sys/bus/pci/devices/${bdf}`] = `../../../devices/pci0000:00/0000:00:01.0/${bdf}`;
  vfs.forEach((bdf, index) => {
    links[`${devices}/${bdf}/physfn`] = `../${pf}`;
    links[`${devices}/${pf}/virtfn${index}`] = `../${bdf}`;
  });
  links[`${devices}/${vf3}/driver`] = '../../../../bus/pci/drivers/igbvf';
  links[`${devices}/0000:01:10.4/driver`] = '../../../../bus/pci/drivers/vfio-pci';
  links[`${devices}/${pf}/driver`] = '../../../../bus/pci/drivers/igb';
  links['/sys/class/net/ens1f0'] = `../../devices/pci0000:00/0000:00:01.0/${pf}/net/ens1f0`;
  return createMemoryPlatform({
    files: {
      [`${devices}/${pf}/net/ens1f0/mtu`]: '1500\n',
      [`${devices}/${pf}/sriov_totalvfs`]: '7\n',
      [`${devices}/${pf}/sriov_numvfs`]: '4\n',
      [`${devices}/0000:01:10.0/vendor`]: '0x8086\n',
      [`${devices}/0000:01:10.2/numa_node`]: '1\n',
      [`${devices}/0000:01:10.4/vendor`]: '0x8086\n',
      [`${devices}/${vf3}/vendor`]: '0x8086\n',
      [`${devices}/${vf3}/device`]: '0x10CA\n',
      [`${devices}/${vf3}/numa_node`]: '-1\n',
      [`${devices}/${vf3}/net/ens1f0v3/mtu`]: '1500\n',
      ...more,
    },
    links: { ...links, ...moreLinks },
  });
}

test('a VF, all of it', () => {
  assert.equal(readVf(igb(), vf3), { pci: vf3, pfPci: pf, vfIndex: 3, driver: 'igbvf' });
  assert.equal(describeDevice(igb(), vf3), { vendor: '8086', device: '10ca', numaNode: null });
});

test('a VF without driver, with a NUMA node', () => {
  const pci = '0000:01:10.2' as PciAddress;
  assert.equal(readVf(igb(), pci), { pci, pfPci: pf, vfIndex: 1, driver: null });
  assert.equal(describeDevice(igb(), pci), { vendor: '', device: '', numaNode: 1 });
});

test('a VF bound to vfio-pci', () => {
  assert.is(readVf(igb(), '0000:01:10.4' as PciAddress)?.driver, 'vfio-pci');
});

test('a PF is no VF; a device without physfn that can have no VFs may be one, of a PF on another machine', () => {
  assert.is(readVf(igb(), pf), null);
  const passedThrough = igb();
  passedThrough.links.delete(`${devices}/${vf3}/physfn`);
  assert.equal(readVf(passedThrough, vf3), { pci: vf3, pfPci: null, vfIndex: null, driver: 'igbvf' });
});

test('no such device: null', () => {
  assert.is(readVf(igb(), '0000:01:11.0' as PciAddress), null);
  assert.is(pciDeviceExists(igb(), '0000:01:11.0' as PciAddress), false);
  assert.is(pciDeviceExists(igb(), vf3), true);
});

test('the VF number is that of the link, two digits or one, not its place in the list', () => {
  const links: Record<string, string> = {};
  for (let index = 4; index < 12; index++) links[`${devices}/${pf}/virtfn${index}`] = `../0000:02:00.${index - 4}`;
  links['/sys/bus/pci/devices/0000:02:00.7'] = '../../../devices/pci0000:00/0000:00:01.0/0000:02:00.7';
  links[`${devices}/0000:02:00.7/physfn`] = `../${pf}`;
  const platform = igb({ [`${devices}/0000:02:00.7/vendor`]: '0x8086\n' }, links);
  assert.is(readVf(platform, '0000:02:00.7' as PciAddress)?.vfIndex, 11);
});

test('VFs at a distance of one or two functions are found by two looks, others by the list', () => {
  for (const [functions, looks] of [
    [['01:10.0', '01:10.1', '01:10.2', '01:10.3'], 0],
    [['01:10.0', '01:10.2', '01:10.4', '01:10.6'], 0],
    [['01:1f.6', '01:1f.7', '02:00.0', '02:00.1'], 0],
    [['01:10.0', '01:10.4', '01:11.0', '01:11.4'], 1],
  ] as const) {
    for (const [index, each] of functions.entries()) {
      const pci = `0000:${each}` as PciAddress;
      const virtfns = functions.map((name, at) => [`${devices}/${pf}/virtfn${at}`, `../0000:${name}`]);
      const links = {
        ...Object.fromEntries(virtfns),
        [`/sys/bus/pci/devices/${pci}`]: `../../../devices/pci0000:00/0000:00:01.0/${pci}`,
        [`${devices}/${pci}/physfn`]: `../${pf}`,
      };
      const platform = igb({ [`${devices}/${pci}/vendor`]: '0x8086\n' }, links);
      const listed: string[] = [];
      const readDir = (path: string): readonly string[] | null => {
        listed.push(path);
        return platform.readDir(path);
      };
      assert.is(readVf({ ...platform, readDir }, pci)?.vfIndex, index, each);
      assert.is(listed.length, index === 0 ? 0 : looks, each);
    }
  }
});

test('a VF that its PF no longer lists', () => {
  const platform = igb();
  platform.links.delete(`${devices}/${pf}/virtfn3`);
  const vf = readVf(platform, vf3);
  assert.equal([vf?.pfPci, vf?.vfIndex], [pf, null]);
});

test('virtio-net: the netdev is on the virtio device', () => {
  const platform = igb({ [`${devices}/0000:01:10.0/virtio5/net/enp1s16/mtu`]: '1500\n' });
  assert.equal(readNetdevs(platform, '0000:01:10.0' as PciAddress), ['enp1s16']);
});

test('the PF’s netdev, its only one whatever its port name', () => {
  assert.is(readPfNetdev(igb(), pf), 'ens1f0');
  const odd = igb({ [`${devices}/${pf}/net/ens1f0/phys_port_name`]: 'pf0vf0\n' });
  assert.is(readPfNetdev(odd, pf), 'ens1f0');
});

test('a PF without netdev', () => {
  assert.is(readPfNetdev(igb(), '0000:01:10.0' as PciAddress), null);
  assert.is(readPfNetdev(igb(), '0000:09:00.0' as PciAddress), null);
});

/** A PF in switchdev mode: netdev name -> phys_port_name, null where the driver refuses to tell. */
function switchdev(ports: Readonly<Record<string, string | null>>): MemoryPlatform {
  const files: Record<string, string> = {};
  const links: Record<string, string> = {};
  for (const [name, port] of Object.entries(ports)) {
    files[`${devices}/${pf}/net/${name}/mtu`] = '1500\n';
    if (port !== null) files[`${devices}/${pf}/net/${name}/phys_port_name`] = `${port}\n`;
    links[`/sys/class/net/${name}`] = `../../devices/pci0000:00/0000:00:01.0/${pf}/net/${name}`;
  }
  const platform = igb(files, links);
  platform.files.delete(`${devices}/${pf}/net/ens1f0/mtu`);
  return platform;
}

test('representors of VFs and SFs are skipped', () => {
  assert.is(readPfNetdev(switchdev({ a0: 'pf0vf0', a1: 'c1pf0vf1', a2: 'pf0sf2', ens1f0np0: 'p0' }), pf), 'ens1f0np0');
  assert.is(readPfNetdev(switchdev({ a0: 'pf0vf0', ens1f0np0: null }), pf), 'ens1f0np0');
});

test('an uplink goes before a port of another kind, and that before none', () => {
  assert.is(readPfNetdev(switchdev({ a0: 'pf0', b0: 'p1' }), pf), 'b0');
  assert.is(readPfNetdev(switchdev({ a0: 'pf0vf0', b0: 'pf0' }), pf), 'b0');
  assert.is(readPfNetdev(switchdev({ a0: 'pf0vf0', b0: 'pf0vf1' }), pf), null);
});

test('an attribute that the driver refuses to give counts as absent; other failures are thrown', () => {
  const path = '/sys/class/net/ens1f0/phys_port_name';
  const platform = igb({ [`${devices}/${pf}/net/ens1f0/phys_port_name`]: 'p0\n' });
  assert.is(readNetdevAttribute(platform, 'ens1f0', 'phys_port_name'), 'p0');
  assert.is(readNetdevAttribute(platform, 'ens1f0', 'speed'), null);
  assert.is(readNetdevAttribute(platform, 'nope', 'mtu'), null);
  platform.failNext('readFile', path, 95);
  assert.is(readNetdevAttribute(platform, 'ens1f0', 'phys_port_name'), null);
  platform.failNext('readFile', path, 13);
  throws(() => readNetdevAttribute(platform, 'ens1f0', 'phys_port_name'), 'EACCES');
});

test('the PFs of a node: devices that can have VFs', () => {
  const only = [{ pci: pf, driver: 'igb', numVfs: 4, totalVfs: 7 }];
  assert.equal(listPfs(igb()), only);
  assert.equal(listPfs(igb({ [`${devices}/${vf3}/sriov_totalvfs`]: '0\n' })), only);
  assert.equal(listPfs(createMemoryPlatform()), []);
  const ofClass = (text: string): number => listPfs(igb({ [`${devices}/${pf}/class`]: text })).length;
  assert.equal([ofClass('0x020000\n'), ofClass('0x010802\n'), ofClass('0x030000\n')], [1, 0, 0]);
});

test('the VFs of a PF, by number and not by name: virtfn10 comes after virtfn2', () => {
  const directory = `/sys/bus/pci/devices/${pf}`;
  const links = Object.fromEntries(
    [10, 2, 0].map((index) => [`${directory}/virtfn${index}`, `../0000:02:01.${index % 7}`]),
  );
  assert.equal(listVfs(createMemoryPlatform({ links }), pf), ['0000:02:01.0', '0000:02:01.2', '0000:02:01.3']);
  assert.equal(listVfs(createMemoryPlatform(), pf), []);
});

test('RDMA devices of a VF; none where it has none, or is none', () => {
  const platform = igb({ [`${devices}/${vf3}/infiniband/mlx5_3/node_type`]: '1: CA\n' });
  assert.equal(readRdmaDevices(platform, vf3), ['mlx5_3']);
  assert.equal(readRdmaDevices(platform, pf), []);
  assert.equal(readRdmaDevices(platform, '0000:ff:00.0' as PciAddress), []);
});
