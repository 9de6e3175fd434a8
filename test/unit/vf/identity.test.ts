import type { PciAddress } from '../../../src/lib/pci-address.ts';
import { identifyVf } from '../../../src/vf/identity.ts';
import { createMemoryPlatform, type MemoryPlatform } from '../../support/memory-platform.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';

const test = suite('vf/identity');

const vf = '0000:3b:02.1' as PciAddress;
const devices = '/sys/bus/pci/devices';

function sysfs(driver: string | null = 'igbvf', pfNetdev: string | null = 'pf0'): MemoryPlatform {
  return createMemoryPlatform({
    files: {
      [`${devices}/${vf}/vendor`]: '0x8086\n',
      ...(pfNetdev === null ? {} : { [`${devices}/0000:3b:00.0/net/${pfNetdev}/mtu`]: '1500' }),
    },
    links: {
      [`${devices}/${vf}/physfn`]: '../0000:3b:00.0',
      [`${devices}/0000:3b:00.0/virtfn7`]: `../${vf}`,
      [`${devices}/0000:3b:00.0/driver`]: '../../../../bus/pci/drivers/igb',
      ...(driver === null ? {} : { [`${devices}/${vf}/driver`]: `../../../../bus/pci/drivers/${driver}` }),
    },
  });
}

test('reads PF, VF number and driver', () => {
  assert.equal(identifyVf(sysfs(), vf, 'deviceID'), {
    pci: vf,
    pfPci: '0000:3b:00.0',
    pfName: 'pf0',
    pfDriver: 'igb',
    vfIndex: 7,
    driver: 'igbvf',
    kind: 'netdev',
  });
});

test('drivers of programs in user space have no netdev', () => {
  for (const driver of ['vfio-pci', 'mlx5-vfio-pci', 'mlx5_vfio_pci', 'uio_pci_generic', 'igb_uio']) {
    assert.is(identifyVf(sysfs(driver), vf, 'x').kind, 'userspace', driver);
  }
  for (const driver of [
    'igbvf',
    'iavf',
    'mlx5_core',
    'virtio-pci',
    'vfio-pci-x',
    'xvfio-pci',
    'my_igb_uio',
    '-vfio-pci',
  ]) {
    assert.is(identifyVf(sysfs(driver), vf, 'x').kind, 'netdev', driver);
  }
});

test('no such device: 103, with address and source', () => {
  const { message } = throws(() => identifyVf(createMemoryPlatform(), vf, 'deviceID'), 'vfMissing', vf, 'deviceID');
  assert.not.match(message, /\bPF\b/);
});

test('a VF that was passed through to this machine has no PF', () => {
  const platform = sysfs();
  platform.links.delete(`${devices}/${vf}/physfn`);
  const noPf = { pfPci: null, pfName: null, pfDriver: null, vfIndex: null };
  assert.equal(identifyVf(platform, vf, 'x'), { pci: vf, driver: 'igbvf', kind: 'netdev', ...noPf });
});

test('a PF: 103', () => {
  const platform = sysfs();
  platform.links.delete(`${devices}/${vf}/physfn`);
  platform.files.set(`${devices}/${vf}/sriov_totalvfs`, '7\n');
  throws(() => identifyVf(platform, vf, 'a CDI spec'), 'vfMissing', vf, 'a CDI spec', 'PF');
});

test('a VF that its PF doesn’t list: 103', () => {
  const platform = sysfs();
  platform.links.delete(`${devices}/0000:3b:00.0/virtfn7`);
  throws(() => identifyVf(platform, vf, 'x'), 'vfMissing', vf);
});

test('a PF without a netdev on the host: 105, naming the PF', () => {
  throws(() => identifyVf(sysfs('igbvf', null), vf, 'x'), 'pfMissing', '0000:3b:00.0', vf);
});

test('no driver: 104, with address and source', () => {
  throws(() => identifyVf(sysfs(null), vf, 'deviceID'), 'noDriver', vf, 'deviceID', 'driver');
});
