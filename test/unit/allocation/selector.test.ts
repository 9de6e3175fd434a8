import { whyNotSelected } from '../../../src/allocation/selector.ts';
import type { VfSelector } from '../../../src/config/sriov-conf.ts';
import type { PciAddress } from '../../../src/lib/pci-address.ts';
import { createMemoryPlatform, type MemoryPlatform } from '../../support/memory-platform.ts';
import { assert, suite } from '../../support/suite.ts';
import { podSpec, refuses, resolve, vf1, vf2, vf3 } from './fixture.ts';

const test = suite('allocation/selector');

interface Pf {
  readonly pci: string;
  readonly name: string;
  readonly vf: string;
  readonly vendor: string;
  readonly device: string;
  readonly driver: string;
  readonly type: string;
}

const pfs: readonly Pf[] = [
  { pci: '0000:3b:00.0', name: 'ens1f0', vf: vf1, vendor: '0x8086', device: '0x1889', driver: 'iavf', type: '1' },
  { pci: '0000:3b:00.1', name: 'ens1f1', vf: vf2, vendor: '0x15B3', device: '0x101E', driver: 'mlx5_core', type: '1' },
  { pci: '0000:5e:00.0', name: 'ib0', vf: vf3, vendor: '0x15b3', device: '0x101e', driver: 'vfio-pci', type: '32' },
];

function node(files: Readonly<Record<string, string>> = {}): MemoryPlatform {
  const devices = '/sys/bus/pci/devices';
  const platform = createMemoryPlatform({
    files: {
      ...files,
      ...Object.fromEntries(
        pfs.flatMap(({ pci, name, vf, vendor, device, type }) => [
          [`${devices}/${vf}/vendor`, `${vendor}\n`],
          [`${devices}/${vf}/device`, `${device}\n`],
          [`${devices}/${pci}/net/${name}/type`, `${type}\n`],
          [`/sys/class/net/${name}/type`, `${type}\n`],
        ]),
      ),
    },
    links: Object.fromEntries(
      pfs.flatMap(({ pci, vf, driver }) => [
        [`${devices}/${vf}/physfn`, `../${pci}`],
        [`${devices}/${pci}/virtfn0`, `../${vf}`],
        [`${devices}/${vf}/driver`, `../../../bus/pci/drivers/${driver}`],
      ]),
    ),
  });
  return platform;
}

const selected = (selector: VfSelector): readonly string[] =>
  [vf1, vf2, vf3].filter((pci) => whyNotSelected(node(), pci, selector) === null);

test('each key selects by itself, its list is an OR', () => {
  const pfPciAddresses = ['0000:5e:00.0', '0000:3b:00.0'] as PciAddress[];
  assert.equal(selected({ pfNames: ['ens1f1'] }), [vf2]);
  assert.equal(selected({ pfNames: ['ens1f1', 'ens1f0', 'nosuch'] }), [vf1, vf2]);
  assert.equal(selected({ pfPciAddresses }), [vf1, vf3]);
  assert.equal(selected({ vendors: ['15b3'] }), [vf2, vf3]);
  assert.equal(selected({ devices: ['1889'] }), [vf1]);
  assert.equal(selected({ drivers: ['vfio-pci', 'iavf'] }), [vf1, vf3]);
  assert.equal(selected({ linkType: 'ether' }), [vf1, vf2]);
  assert.equal(selected({ linkType: 'infiniband' }), [vf3]);
});

test('several keys are an AND, empty lists and no keys select all', () => {
  assert.equal(selected({ vendors: ['15b3'], linkType: 'ether' }), [vf2]);
  assert.equal(selected({ vendors: ['8086'], drivers: ['mlx5_core'] }), []);
  assert.equal(selected({}), [vf1, vf2, vf3]);
  assert.equal(selected({ pfNames: [], vendors: [], drivers: [] }), [vf1, vf2, vf3]);
});

test("the DRA driver's other words for a link type", () => {
  for (const linkType of ['eth', 'ethernet']) assert.equal(selected({ linkType }), [vf1, vf2]);
  assert.equal(selected({ linkType: 'ib' }), [vf3]);
  assert.equal(selected({ linkType: 'fddi' }), []);
});

test('the reason names key, wish and fact', () => {
  const why = (platform: MemoryPlatform, vf: PciAddress, selector: VfSelector): string =>
    whyNotSelected(platform, vf, selector) ?? '';
  assert.match(why(node(), vf1, { pfNames: ['a', 'b'] }), /^vfSelector\.pfNames .*\ba or b\b.*\bens1f0$/);
  assert.match(why(node(), vf3, { linkType: 'eth' }), /^vfSelector\.linkType .*\bether\b.*\binfiniband$/);
  const platform = node();
  platform.links.delete(`/sys/bus/pci/devices/${vf1}/driver`);
  assert.match(why(platform, vf1, { drivers: ['iavf'] }), /^vfSelector\.drivers .*\biavf\b.*\bnone$/);
  platform.links.delete(`/sys/bus/pci/devices/${vf1}/physfn`);
  assert.match(why(platform, vf1, { pfNames: ['ens1f0'] }), /^vfSelector\.pfNames .*\bens1f0\b.*\bnone$/);
});

test('narrows the VFs of the pod', () => {
  const files = node(podSpec([vf1, vf2, vf3]));
  assert.is(resolve(files, { vfSelector: { pfNames: ['ens1f1'] } }).pci, vf2);
  const vfSelector = { pfNames: ['ens9'] };
  refuses(files, { vfSelector }, 'noVfForPod', vf3, 'vfSelector.pfNames', 'ens9', 'ib0');
});

test('a VF that sysfs has not is not selected', () => {
  const gone = '0000:99:02.1';
  refuses(node(podSpec([gone])), { vfSelector: { vendors: ['8086'] } }, 'noVfForPod', gone);
  assert.is(resolve(node(podSpec([gone, vf1])), { vfSelector: { vendors: ['8086'] } }).pci, vf1);
});

test('an address that the selector rules out is a contradiction; the selector says nothing of one that sysfs doesn’t have', () => {
  refuses(
    node(),
    { deviceID: vf1, vfSelector: { pfNames: ['ens1f1'] } },
    'contradictorySources',
    'vfSelector',
    'ens1f0',
  );
  assert.is(resolve(node(), { deviceID: vf1, vfSelector: { pfNames: ['ens1f0'] } }).pci, vf1);
  assert.is(resolve(node(), { deviceID: '0000:99:02.1', vfSelector: { pfNames: ['ens1f0'] } }).pci, '0000:99:02.1');
});

test('what is no VF is not what it asks for', () => {
  const pf = '/sys/bus/pci/devices/0000:3b:00.0';
  const platform = node({ [`${pf}/sriov_totalvfs`]: '8\n', [`${pf}/vendor`]: '0x8086\n' });
  const why = (pci: string): string | null => whyNotSelected(platform, pci as PciAddress, { vendors: ['8086'] });
  assert.match(why('0000:3b:00.0') ?? '', /\bPF\b/);
  assert.match(why('0000:ff:00.0') ?? '', 'sysfs');
});
