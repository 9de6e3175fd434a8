import type { PciAddress } from '../../../src/lib/pci-address.ts';
import {
  listAttachmentsOf,
  listEntries,
  readAllocation,
  readAttachment,
  removeAllocation,
} from '../../../src/state/sriov-cni-cache.ts';
import { createMemoryPlatform, type MemoryPlatform } from '../../support/memory-platform.ts';
import { formatSriovCniAttachment, type SriovCniVf } from '../../support/sriov-cni-files.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';

const test = suite('state/sriov-cni-cache');

const directory = '/var/lib/cni/sriov';
const pci = '0000:3b:02.1' as PciAddress;
const vf: SriovCniVf = {
  pci,
  pf: 'ens1f0',
  index: 1,
  before: {
    HostIFName: 'ens1f0v1',
    SpoofChk: true,
    Trust: false,
    AdminMAC: '00:00:00:00:00:00',
    EffectiveMAC: '52:54:00:00:00:01',
    Vlan: 7,
    VlanQoS: 2,
    VlanProto: 0x88a8,
    MinTxRate: 10,
    MaxTxRate: 100,
    LinkState: 2,
    MTU: 1400,
  },
};
const conf = { cniVersion: '1.0.0', name: 'net', type: 'sriov', deviceID: pci };

function nodeWith(files: Readonly<Record<string, string>>): MemoryPlatform {
  const below = Object.entries(files).map(([name, content]) => [`${directory}/${name}`, content]);
  const platform = createMemoryPlatform({ files: Object.fromEntries(below) });
  for (const [name] of below) platform.modified.set(String(name), platform.epochMs() - 10_000);
  return platform;
}

const everything = {
  ...conf,
  mac: '02:00:00:00:00:AA',
  vlan: 100,
  spoofchk: 'off',
  trust: 'on',
  link_state: 'enable',
  max_tx_rate: 200,
};

test('an attachment: the VF, its netdev, and of the PF’s settings those that ADD changed', () => {
  const platform = nodeWith({ 'c1-net1': formatSriovCniAttachment(everything, vf) });
  assert.equal(readAttachment(platform, 'c1', 'net1'), {
    path: `${directory}/c1-net1`,
    network: 'net',
    pci,
    netdev: { name: 'ens1f0v1', mac: '52:54:00:00:00:01', mtu: 1400 },
    admin: {
      mac: '00:00:00:00:00:00',
      vlan: 7,
      vlanQos: 2,
      vlanProtocol: '802.1ad',
      spoofchk: 'on',
      trust: 'off',
      linkState: 'disable',
      minTxRateMbps: 10,
      maxTxRateMbps: 100,
    },
    mac: '02:00:00:00:00:aa',
    modifiedMs: platform.epochMs() - 10_000,
    settings: {
      mac: '02:00:00:00:00:aa',
      vlan: 100,
      vlanQos: 0,
      vlanProtocol: '802.1q',
      spoofchk: 'off',
      trust: 'on',
      linkState: 'enable',
      maxTxRateMbps: 200,
    },
  });
  const plain = nodeWith({ 'c1-net1': formatSriovCniAttachment(conf, vf) });
  const attachment = readAttachment(plain, 'c1', 'net1');
  assert.equal(attachment?.admin, { mac: '00:00:00:00:00:00' });
  assert.is(attachment?.mac, null);
  assert.equal(attachment?.settings, {});
});

test('every spelling that sriov-cni takes of what ADD set; any other is no setting of a PF', () => {
  const settingsOf = (keys: object): unknown => {
    const platform = nodeWith({ 'c1-net1': formatSriovCniAttachment({ ...conf, ...keys }, vf) });
    return readAttachment(platform, 'c1', 'net1')?.settings;
  };
  const cases: readonly (readonly [keys: object, settings: object])[] = [
    [
      { vlan: 5, vlanQoS: 3, vlanProto: '802.1ad' },
      { vlan: 5, vlanQos: 3, vlanProtocol: '802.1ad' },
    ],
    [
      { vlan: 5, vlanProto: '802.1q' },
      { vlan: 5, vlanQos: 0, vlanProtocol: '802.1q' },
    ],
    [
      { vlan: 5, vlanProto: '802.1x' },
      { vlan: 5, vlanQos: 0, vlanProtocol: '802.1q' },
    ],
    [{ vlanQoS: 3, vlanProto: '802.1ad' }, {}],
    [
      { spoofchk: 'on', trust: 'off' },
      { spoofchk: 'on', trust: 'off' },
    ],
    [
      { spoofchk: 'off', trust: 'on' },
      { spoofchk: 'off', trust: 'on' },
    ],
    [{ spoofchk: 'yes', trust: '1', link_state: 'up' }, {}],
    [{ link_state: 'auto' }, { linkState: 'auto' }],
    [{ link_state: 'disable' }, { linkState: 'disable' }],
    [{ min_tx_rate: 7 }, { minTxRateMbps: 7 }],
  ];
  for (const [keys, settings] of cases) assert.equal(settingsOf(keys), settings, JSON.stringify(keys));
});

test('what ADD asked for as "", it has not changed', () => {
  const empty = { spoofchk: '', trust: '', link_state: '', mac: '' };
  const platform = nodeWith({ 'c1-net1': formatSriovCniAttachment({ ...conf, ...empty }, vf) });
  assert.equal(readAttachment(platform, 'c1', 'net1')?.admin, { mac: '00:00:00:00:00:00' });
});

test('a config with either rate has changed both; a link state that the kernel doesn’t know counts as the usual one', () => {
  for (const rate of [{ min_tx_rate: 5 }, { max_tx_rate: 5 }]) {
    const platform = nodeWith({ 'c1-net1': formatSriovCniAttachment({ ...conf, ...rate }, vf) });
    const admin = { mac: '00:00:00:00:00:00', minTxRateMbps: 10, maxTxRateMbps: 100 };
    assert.equal(readAttachment(platform, 'c1', 'net1')?.admin, admin);
  }
  const odd = { ...vf, before: { ...vf.before, LinkState: 7 } };
  const platform = nodeWith({ 'c1-net1': formatSriovCniAttachment({ ...conf, link_state: 'enable' }, odd) });
  assert.is(readAttachment(platform, 'c1', 'net1')?.admin.linkState, 'auto');
});

test('no file is no attachment, and a VF without a netdev has none', () => {
  assert.is(readAttachment(nodeWith({}), 'c1', 'net1'), null);
  const dpdk = { ...vf, before: { ...vf.before, HostIFName: '', EffectiveMAC: '', MTU: 0 } };
  const platform = nodeWith({ 'c1-net1': formatSriovCniAttachment(conf, dpdk) });
  assert.is(readAttachment(platform, 'c1', 'net1')?.netdev, null);
});

test('older releases kept less: no protocol, no trust, no MTU', () => {
  const { VlanProto: _, Trust: __, MTU: ___, ...older } = vf.before;
  const text = formatSriovCniAttachment(everything, { ...vf, before: older as typeof vf.before });
  const attachment = readAttachment(nodeWith({ 'c1-net1': text }), 'c1', 'net1');
  assert.is(attachment?.netdev?.mtu, null);
  assert.is(attachment?.admin.vlanProtocol, '802.1q');
  assert.is(attachment?.admin.trust, 'off');
});

const valid = (): Record<string, unknown> => JSON.parse(formatSriovCniAttachment(conf, vf)) as Record<string, unknown>;
const before = (change: Readonly<Record<string, unknown>>): string =>
  JSON.stringify({ ...valid(), OrigVfState: { ...vf.before, ...change } });

const refused: Readonly<Record<string, readonly [text: string, ...tokens: readonly string[]]>> = {
  'cut short': [formatSriovCniAttachment(conf, vf).slice(0, -9)],
  empty: [''],
  'a list': ['[]'],
  'too deep': ['['.repeat(100)],
  'of an old release': [JSON.stringify({ ...valid(), OrigVfState: undefined }), 'OrigVfState'],
  'no network': [JSON.stringify({ ...valid(), name: undefined }), 'name'],
  'a network that leads elsewhere': [JSON.stringify({ ...valid(), name: '../../etc' }), 'name', '../../etc'],
  'no VF': [JSON.stringify({ ...valid(), deviceID: '../../x' }), 'deviceID', '../../x'],
  'a bad name': [before({ HostIFName: 'a/b' }), 'HostIFName', 'a/b'],
  'a bad MAC': [before({ EffectiveMAC: 'x' }), 'EffectiveMAC', 'x'],
  'a netdev without MAC': [before({ EffectiveMAC: '' }), 'EffectiveMAC'],
  'no admin MAC': [before({ AdminMAC: '' }), 'AdminMAC'],
  'a number that is text': [before({ MTU: '1500' }), 'MTU', '1500'],
};

for (const [what, [text, ...tokens]] of Object.entries(refused)) {
  test(`an attachment is refused that is ${what}`, () => {
    const platform = nodeWith({ 'c1-net1': text });
    throws(() => readAttachment(platform, 'c1', 'net1'), 'decode', `${directory}/c1-net1`, ...tokens);
    assert.equal(listAttachmentsOf(platform, pci), [], 'and passed over');
  });
}

test('files are refused that others can write, and what is no file', () => {
  const platform = nodeWith({ 'c1-net1': formatSriovCniAttachment(conf, vf), [`pci/${pci}`]: '/run/netns/a' });
  const paths = [`${directory}/c1-net1`, `${directory}/pci/${pci}`];
  const reads = [() => readAttachment(platform, 'c1', 'net1'), () => readAllocation(platform, pci)];
  for (const [at, path] of paths.entries()) {
    platform.modes.set(path, 0o620);
    throws(reads[at] ?? never, 'io', path, '0620');
    platform.modes.set(path, 0o600);
    platform.files.set('/elsewhere', platform.files.get(path) ?? '');
    platform.files.delete(path);
    platform.links.set(path, '/elsewhere');
    throws(reads[at] ?? never, 'io', path, 'link');
  }
});

test('a disk that fails is told as such; a file that comes or goes at that moment is absent', () => {
  const platform = nodeWith({ 'c1-net1': formatSriovCniAttachment(conf, vf) });
  const path = `${directory}/c1-net1`;
  platform.failNext('readFile', path, 5);
  throws(() => readAttachment(platform, 'c1', 'net1'), 'EIO', path);
  const looks = (seen: readonly boolean[]): MemoryPlatform => {
    const left = [...seen];
    return { ...platform, stat: (at) => (at === path && left.shift() === false ? null : platform.stat(at)) };
  };
  for (const seen of [
    [false, true],
    [true, false],
    [true, true, false],
  ]) {
    assert.is(readAttachment(looks(seen), 'c1', 'net1'), null, String(seen));
  }
});

test('a directory that others may write to does no harm if sriov-cni has nothing in it', () => {
  const platform = nodeWith({ 'c1-net1': formatSriovCniAttachment(conf, vf) });
  platform.modes.set(directory, 0o777);
  throws(() => readAttachment(platform, 'c1', 'net1'), 'io', directory);
  assert.is(readAttachment(platform, 'c2', 'net1'), null);
  assert.is(readAllocation(platform, pci), null);
});

test('all that sriov-cni keeps, for people: also what can’t be used, and why', () => {
  const platform = nodeWith({
    'pod-7-net1': formatSriovCniAttachment(conf, vf),
    'c2-net2': '{',
    [`pci/${pci}`]: '/run/netns/c1',
    notes: '',
    'c3-net1/x': '',
    '-net1': '',
    'c4-net1-': '',
    'x\nc5-net1': '',
  });
  const entries = listEntries(platform);
  assert.equal(
    entries.map(({ containerId, ifname, path, attachment }) => [containerId, ifname, path, attachment?.pci ?? null]),
    [
      ['c2', 'net2', `${directory}/c2-net2`, null],
      ['pod-7', 'net1', `${directory}/pod-7-net1`, pci],
    ],
  );
  assert.match(entries[0]?.reason ?? '', `${directory}/c2-net2`);
  assert.is(entries[1]?.reason, null);
  assert.equal(listEntries(nodeWith({})), []);
});

function never(): never {
  throw new Error('no such reader');
}

test('a bug in reading is no damaged file', () => {
  const platform = nodeWith({ 'c1-net1': formatSriovCniAttachment(conf, vf) });
  const readFile = (): never => {
    throw new TypeError('x is not a function');
  };
  for (const list of [listEntries, (faulty: MemoryPlatform) => listAttachmentsOf(faulty, pci)]) {
    throws(() => list({ ...platform, readFile }), 'Error', 'x is not a function');
  }
});

test('network, PCI address and name are told of a file that can’t be used, and nothing else that stands in their place', () => {
  const none = { network: null, pci: null, hostIfname: null };
  const all = { network: 'net', pci, hostIfname: 'ens1f0v1' };
  for (const [file, names] of [
    [formatSriovCniAttachment(conf, vf), all],
    [JSON.stringify({ name: 'net', deviceID: pci, HostIFNames: 'ens1f0v1' }), all],
    [JSON.stringify({ name: 'net', deviceID: pci, HostIFNames: 'old', OrigVfState: { HostIFName: 'ens1f0v1' } }), all],
    [JSON.stringify({ name: 'net' }), { ...none, network: 'net' }],
    [JSON.stringify({ name: '../net', deviceID: '0000:3b', HostIFNames: 'a/b' }), none],
    [JSON.stringify({ name: 5, deviceID: 6, HostIFNames: ['x'] }), none],
    ['[]', none],
    ['null', none],
    ['{', none],
  ] as const) {
    const [entry] = listEntries(nodeWith({ 'c1-net1': file }));
    assert.equal({ network: entry?.network, pci: entry?.pci, hostIfname: entry?.hostIfname }, names, file);
  }
});

test('the attachments of a VF', () => {
  const other = { ...vf, pci: '0000:3b:02.2' };
  const platform = nodeWith({
    'c1-net1': formatSriovCniAttachment(conf, vf),
    'c2-net1': formatSriovCniAttachment(conf, vf),
    'c3-net1': formatSriovCniAttachment(conf, other),
    [`pci/${pci}`]: '/run/netns/c2',
  });
  const paths = listAttachmentsOf(platform, pci).map(({ path }) => path);
  assert.equal(paths.sort(), [`${directory}/c1-net1`, `${directory}/c2-net1`]);
  assert.equal(listAttachmentsOf(platform, '0000:3b:02.3' as PciAddress), []);
});

test('which namespace has a VF', () => {
  const platform = nodeWith({ [`pci/${pci}`]: '/run/netns/a' });
  assert.is(readAllocation(platform, pci), '/run/netns/a');
  assert.is(readAllocation(platform, '0000:3b:02.3' as PciAddress), null);
  removeAllocation(platform, pci);
  assert.is(readAllocation(platform, pci), null);
  removeAllocation(platform, pci);
  assert.is(readAllocation(nodeWith({ [`pci/${pci}`]: '' }), pci), null, 'only a lock');
  for (const text of ['relative', '/run/\0x']) {
    throws(() => readAllocation(nodeWith({ [`pci/${pci}`]: text }), pci), 'io', pci, JSON.stringify(text));
  }
});
