import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AttachmentRecord, formatRecord } from '../../../src/state/attachment-record.ts';
import { parseKey, parseRecord } from '../../../src/state/record-codec.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';
import { sampleRecord } from './sample-record.ts';

const test = suite('state/record-codec');

type Json = Record<string, unknown>;

function copy(): Json {
  return JSON.parse(formatRecord(sampleRecord)) as Json;
}

/** The record's text with the value at `path` replaced, or taken out where it is undefined. */
function broken(path: string, value: unknown): string {
  const record = copy();
  const keys = path.split('.');
  const last = keys.pop() ?? '';
  const holder = keys.reduce<Json>((at, key) => at[key] as Json, record);
  if (!(last in holder)) throw new Error(`the sample has no ${path}`);
  if (value === undefined) delete holder[last];
  else holder[last] = value;
  return JSON.stringify(record);
}

/** Paths of all values in the sample that are no objects. */
function leaves(value: unknown, path: readonly string[] = []): string[] {
  if (typeof value !== 'object' || value === null) return [path.join('.')];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...path, key]));
}

/** The path as messages have it. */
function asShown(path: string): string {
  return path.replace(/\.(\d+)/g, '[$1]');
}

test('what is written is read back', () => {
  assert.equal(parseRecord(formatRecord(sampleRecord)), sampleRecord);
});

test('a record with all that may be absent absent is read back', () => {
  const bare = {
    ...sampleRecord,
    phase: 'pending',
    pod: null,
    snapshot: { admin: null, netdev: null },
    mac: null,
    podIfindex: null,
    addresses: [],
    routes: [{ dst: '::/0' }],
    ipam: null,
  } as const;
  assert.equal(parseRecord(formatRecord(bare)), bare);
  assert.equal(parseRecord(formatRecord({ ...bare, pod: {} })).pod, {});
});

test('every value of a set is read back, and text that is none of them is refused', () => {
  const values: Readonly<Record<string, readonly unknown[]>> = {
    phase: ['pending', 'attached'],
    'identity.kind': ['netdev', 'userspace'],
    'snapshot.admin.vlanProtocol': ['802.1q', '802.1ad'],
    'snapshot.admin.spoofchk': ['on', 'off', null],
    'snapshot.admin.trust': ['on', 'off', null],
    'snapshot.admin.linkState': ['auto', 'enable', 'disable', null],
    'snapshot.netdev.up': [true, false],
  };
  for (const [path, each] of Object.entries(values)) {
    for (const value of each) assert.ok(parseRecord(broken(path, value)), `${path} ${value}`);
    for (const wrong of ['', 'On', 'x']) throws(() => parseRecord(broken(path, wrong)), 'Error', path);
  }
  const { netdev, ...rest } = sampleRecord.snapshot;
  const identified = (identifiedBy: unknown): string =>
    JSON.stringify({ ...sampleRecord, snapshot: { ...rest, netdev: { ...netdev, identifiedBy } } });
  for (const value of ['parent', 'bus-info', 'ifindex', undefined])
    assert.is(parseRecord(identified(value)).snapshot.netdev?.identifiedBy, value);
  for (const wrong of ['', null]) throws(() => parseRecord(identified(wrong)), 'Error', 'identifiedBy');
});

test('an IPAM plugin is the name of a file, in no other directory than those of plugins', () => {
  for (const type of ['/bin/sh', '../sh', 'a/b', '/'])
    throws(() => parseRecord(broken('ipam.type', type)), 'Error', 'ipam.type');
});

test('of a PF all is known, or nothing', () => {
  const parts = ['pfPci', 'pfName', 'pfDriver', 'vfIndex'];
  const without = (...gone: readonly string[]): string =>
    JSON.stringify({
      ...sampleRecord,
      identity: { ...sampleRecord.identity, ...Object.fromEntries(gone.map((part) => [part, null])) },
    });
  assert.is(parseRecord(without(...parts)).identity.pfPci, null);
  for (const part of parts) {
    throws(() => parseRecord(without(part)), 'Error', 'identity');
    throws(() => parseRecord(without(...parts.filter((other) => other !== part))), 'Error', 'identity');
  }
});

test('a record of version 1 as the first builds wrote it is read: what came later may be absent', () => {
  const text = readFileSync(join(import.meta.dirname, 'record-v1.json'), 'utf8');
  assert.equal(parseRecord(text), JSON.parse(text));
});

test('fields that a newer build has added are kept', () => {
  const { snapshot, identity } = sampleRecord;
  const later = {
    ...sampleRecord,
    added: [1],
    identity: { ...identity, added: 'x' },
    snapshot: {
      ...snapshot,
      added: {},
      admin: { ...snapshot.admin, added: 1 },
      netdev: { ...snapshot.netdev, added: 2 },
    },
  };
  assert.equal(JSON.parse(formatRecord(parseRecord(JSON.stringify(later)))), later);
});

test('a record of a newer version is told from a damaged one', () => {
  for (const version of [2, 3, 1000])
    throws(() => parseRecord(JSON.stringify({ version, key: sampleRecord.key })), 'recordVersion', 'vf-net/c1/net1');
  for (const key of [undefined, null, {}, { ...sampleRecord.key, ifname: '../x' }]) {
    const { message } = throws(() => parseRecord(JSON.stringify({ version: 2, key })), 'recordVersion', '2');
    assert.not.match(message, /undefined|null|\.\./);
  }
  for (const version of [0, -1, 1.5, '2', null])
    throws(() => parseRecord(broken('version', version)), 'Error', 'version');
});

test('settings of the netdev are read back; files of other names, and values that are no bytes, are refused', () => {
  const settings = {
    flags: 0x1000,
    attributes: { alias: '', txqueuelen: 'e8030000' },
    ethtool: { rings: '00'.repeat(32) },
    files: { threaded: '0', 'queues/tx-0/tx_maxrate': '0' },
  };
  const withSettings = (changed: object): AttachmentRecord => {
    const { netdev } = sampleRecord.snapshot;
    if (netdev === null) throw new Error('the sample has none');
    const snapshot = { ...sampleRecord.snapshot, netdev: { ...netdev, settings: { ...settings, ...changed } } };
    return { ...sampleRecord, snapshot };
  };
  const record = withSettings({});
  assert.equal(parseRecord(formatRecord(record)), record);
  for (const wrong of [
    { flags: -1 },
    { attributes: { alias: 'x' } },
    { ethtool: { rings: '0' } },
    { files: { '../../../../etc/passwd': '0' } },
    { files: { ifalias: 'x' } },
    { files: { threaded: 0 } },
  ]) {
    throws(() => parseRecord(formatRecord(withSettings(wrong))), 'Error', 'snapshot.netdev.settings');
  }
});

test('a record whose VF was given up says so, and nothing else stands for it', () => {
  const givenUp = { ...sampleRecord, vfGivenUp: true } as const;
  assert.equal(parseRecord(formatRecord(givenUp)), givenUp);
  for (const value of [false, null, 'yes'])
    throws(() => parseRecord(JSON.stringify({ ...copy(), vfGivenUp: value })), 'Error', 'vfGivenUp');
});

test('failed tries to release, and that there is nothing to release, are read back; older records have neither', () => {
  const failedRelease = { tries: 3, firstMs: 7000, bootId: 'b' };
  const ipam = { type: 'dhcp', stdin: '{}', args: '', pluginDirs: [], gaveNothing: true } as const;
  const tried = { ...sampleRecord, ipam, failedRelease };
  assert.equal(parseRecord(formatRecord(tried)), tried);
  for (const value of [null, { tries: -1, firstMs: 0, bootId: '' }, { tries: 1, firstMs: 0.5, bootId: '' }])
    throws(() => parseRecord(JSON.stringify({ ...copy(), failedRelease: value })), 'Error', 'failedRelease');
});

test('settings that the PF doesn’t report are read back as null', () => {
  const { admin } = sampleRecord.snapshot;
  if (admin === null) throw new Error('the sample has none');
  const silent = { ...admin, spoofchk: null, trust: null, linkState: null };
  const record = { ...sampleRecord, snapshot: { ...sampleRecord.snapshot, admin: silent } };
  assert.equal(parseRecord(formatRecord(record)).snapshot.admin, silent);
});

test('addresses that the kernel told are kept, whatever the driver makes of them', () => {
  for (const mac of ['ff:ff:ff:ff:ff:ff', '01:00:5e:00:00:01', '00:00:00:00:00:00']) {
    for (const path of ['snapshot.admin.mac', 'snapshot.netdev.mac']) assert.ok(parseRecord(broken(path, mac)), path);
    throws(() => parseRecord(broken('mac', mac)), 'Error', 'mac');
  }
});

test('every value is needed but the details of pods and routes', () => {
  const optional = /^(pod\.|routes\.0\.(gw|mtu|advmss|priority|table|scope)$)/;
  for (const path of leaves(copy())) {
    // A list without one of its elements is only shorter.
    if (/\.\d+$/.test(path)) continue;
    if (optional.test(path)) assert.ok(parseRecord(broken(path, undefined)), path);
    else throws(() => parseRecord(broken(path, undefined)), 'Error', asShown(path));
  }
});

test('every value of another type is refused, and named', () => {
  for (const path of leaves(copy())) {
    for (const wrong of [{}, [[]], true]) {
      if (path === 'snapshot.netdev.up' && wrong === true) continue;
      throws(() => parseRecord(broken(path, wrong)), 'Error', asShown(path));
    }
  }
});

test('values out of range are refused', () => {
  const cases: [string, unknown][] = [
    ['version', 0],
    ['version', '1'],
    ['phase', 'detached'],
    ['identity.pci', '0000:3B:02.1'],
    ['identity.pci', '../../etc'],
    ['identity.pfPci', '3b:00.0'],
    ['identity', { ...sampleRecord.identity, pfPci: null }],
    ['identity', { ...sampleRecord.identity, vfIndex: null }],
    ['identity.vfIndex', -1],
    ['identity.vfIndex', 1.5],
    ['identity.kind', 'pf'],
    ['snapshot.admin.mac', '02:00:00:00:00:0G'],
    ['snapshot.admin.vlan', -5],
    ['snapshot.admin.vlanProtocol', '802.1x'],
    ['snapshot.admin.spoofchk', 'yes'],
    ['snapshot.admin.linkState', 'up'],
    ['snapshot.netdev.mac', 'FE:00:00:00:00:01'],
    ['snapshot.netdev.mtu', 2 ** 60],
    ['mac', '01:00:5e:00:00:01'],
    ['mac', '02:00:00:00:00:AA'],
    ['mac', '02-00-00-00-00-aa'],
    ['mac', '02:00:00:00:00:01\n'],
    ['podIfindex', '7'],
    ['netns.inode', 4026532001],
  ];
  for (const [path, value] of cases) throws(() => parseRecord(broken(path, value)), 'Error', path);
});

test('truncated anywhere, it is no record', () => {
  const text = formatRecord(sampleRecord).trimEnd();
  for (let length = 0; length < text.length; length += 7) {
    throws(() => parseRecord(text.slice(0, length)), 'decode');
  }
});

test('other JSON is no record', () => {
  for (const text of ['null', '[]', '{}', '"record"', '1', '[{}]']) throws(() => parseRecord(text), 'Error');
});

test('keys of the prototype change no prototype', () => {
  const text = formatRecord(sampleRecord).replace('{', '{"__proto__":{"polluted":1},"constructor":1,');
  const record = parseRecord(text);
  assert.equal(record.snapshot, sampleRecord.snapshot);
  for (const object of [record, { ...record, phase: 'pending' }, {}])
    assert.is((object as unknown as Json)['polluted'], undefined);
});

test('what was read before is not taken for what is read now', () => {
  const text = formatRecord(sampleRecord);
  const other = formatRecord({ ...sampleRecord, key: { ...sampleRecord.key, ifname: 'net9' }, mac: null });
  assert.equal(parseRecord(text), sampleRecord);
  assert.is(parseKey(text)?.ifname, sampleRecord.key.ifname);
  assert.is(parseKey(other)?.ifname, 'net9');
  assert.is(parseRecord(other).mac, null);
  throws(() => parseRecord(text.slice(0, -3)), 'decode');
  assert.is(parseRecord(other).key.ifname, 'net9');
  assert.equal(parseRecord(text), sampleRecord);
});
