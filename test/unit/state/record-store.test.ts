import { constants } from 'node:os';
import { createLog } from '../../../src/lib/log.ts';
import type { MacAddress } from '../../../src/lib/mac-address.ts';
import type { PciAddress } from '../../../src/lib/pci-address.ts';
import type { AttachmentRecord } from '../../../src/state/attachment-record.ts';
import { describeAttachment, describeKey, RecordStore, sameKey } from '../../../src/state/record-store.ts';
import { createMemoryPlatform, type MemoryPlatform } from '../../support/memory-platform.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';
import { sampleKey, samplePci, sampleRecord } from './sample-record.ts';

const test = suite('state/record-store');

const root = '/var/lib/cni/dra-sriov';
const recordPath = `${root}/vf-net/c1/net1.json`;
const ownerPath = `${root}/.vfs/0000:3b:02.1`;
const [ENOENT, EIO] = [2, 5];

interface Fixture {
  readonly platform: MemoryPlatform;
  readonly store: RecordStore;
  readonly log: readonly string[];
}

function open(files: Readonly<Record<string, string>> = {}): Fixture {
  const platform = createMemoryPlatform({ files });
  const log: string[] = [];
  const store = new RecordStore(platform, createLog({ level: 'debug', write: (line) => void log.push(line) }));
  return { platform, store, log };
}

function another(key: Partial<AttachmentRecord['key']>, pci: string = samplePci): AttachmentRecord {
  const identity = { ...sampleRecord.identity, pci: pci as PciAddress };
  return { ...sampleRecord, identity, key: { ...sampleKey, ...key } };
}

test('a written record is read back, and its VF is owned', () => {
  const { store } = open();
  assert.is(store.read(sampleKey), null);
  assert.is(store.ownerOf(samplePci), null);
  store.write(sampleRecord);
  assert.equal(store.read(sampleKey), sampleRecord);
  assert.equal(store.ownerOf(samplePci), sampleKey);
});

test('a record that the disk refuses may be whole: it stays in its place', () => {
  const { platform, store } = open();
  store.write(sampleRecord);
  platform.failNext('readFile', recordPath, EIO);
  throws(() => store.read(sampleKey), 'EIO');
  assert.equal(store.damaged(), []);
  assert.equal(store.read(sampleKey), sampleRecord);
});

test('a file that is as it was read last is not read again; one that is written since is', () => {
  const { platform } = open();
  const read: string[] = [];
  const readFile: MemoryPlatform['readFile'] = (path, options) => {
    read.push(path);
    return platform.readFile(path, options);
  };
  const store = new RecordStore({ ...platform, readFile }, createLog({ level: 'error', write: () => undefined }));
  store.write(sampleRecord);
  for (let look = 0; look < 2; look++) {
    assert.equal(store.read(sampleKey), sampleRecord);
    assert.equal(store.ownerOf(samplePci), sampleKey);
  }
  assert.equal(read, [recordPath, ownerPath]);
  const other = new RecordStore(platform, createLog({ level: 'error', write: () => undefined }));
  other.write({ ...sampleRecord, mac: '02:00:00:00:00:09' as MacAddress });
  assert.is(store.read(sampleKey)?.mac, '02:00:00:00:00:09');
});

test('a record of the longest config that there may be is read back', () => {
  const { store } = open();
  const config = '"'.repeat(1024 * 1024);
  const record = { ...sampleRecord, config, ipam: { type: 'host-local', stdin: config, args: '', pluginDirs: [] } };
  store.write(record);
  assert.equal(store.read(sampleKey), record);
});

test('lies in a file of its own, for root alone', () => {
  const { store, platform } = open();
  store.write(sampleRecord);
  const modeOf = (path: string): number | undefined => platform.stat(path)?.mode;
  for (const path of [recordPath, ownerPath]) assert.is(modeOf(path), 0o600, path);
  for (const path of [root, `${root}/vf-net`, `${root}/vf-net/c1`, `${root}/.vfs`]) {
    assert.is(modeOf(path), 0o700, path);
  }
});

test('the record is on disk durably before its VF is owned by a copy that begins in the container’s directory', () => {
  const { store, platform } = open();
  const written: [string, boolean | 'content', string | undefined][] = [];
  const { writeFileAtomic } = platform;
  Object.assign(platform, {
    writeFileAtomic: (...args: Parameters<typeof writeFileAtomic>) => {
      writeFileAtomic(...args);
      written.push([args[0], args[2].durable, args[2].temporaryIn]);
    },
  });
  store.write(sampleRecord);
  assert.equal(written, [
    [recordPath, true, undefined],
    [ownerPath, false, `${root}/vf-net/c1`],
  ]);
});

test('a later state of a record is that of its copy too', () => {
  const { store, platform } = open();
  store.write({ ...sampleRecord, phase: 'pending' });
  store.write(sampleRecord);
  platform.files.delete(recordPath);
  assert.is(store.find(sampleKey)?.phase, 'attached');
});

const killed = '.dra-sriov-17-0.tmp';
const alive = '.dra-sriov-18-0.tmp';

test('leftovers of killed processes go with a container’s last record, or without one; a sweep removes them in shared folders', () => {
  for (const tidy of ['remove', 'tidy', 'tidyAll'] as const) {
    const shared = [`${root}/${killed}`, `${root}/.vfs/${killed}`];
    const remains = [`${root}/vf-net/c1/${killed}`, ...(tidy === 'tidyAll' ? shared : [])];
    const kept = [`${root}/vf-net/c2/net1.json`, `${root}/vf-net/c2/${killed}`, `${root}/.vfs/${alive}`, `${root}/own`];
    const files = Object.fromEntries([...remains, ...kept].map((path) => [path, '']));
    const { store, platform } = open({ ...files, '/proc/18/stat': '' });
    if (tidy === 'remove') store.write(sampleRecord);
    for (let time = 0; time < 2; time++) {
      if (tidy === 'tidyAll') store.tidyAll();
      else if (tidy === 'tidy') store.tidy(sampleKey);
      else store.remove(sampleRecord);
      assert.equal([...platform.files.keys()].sort(), [...kept, '/proc/18/stat'].sort(), tidy);
      assert.is(platform.readDir(`${root}/vf-net/c1`), null);
    }
  }
});

test('the file of one that is writing right now stays, and so does its folder', () => {
  const writing = `${root}/vf-net/c1/${alive}`;
  const { store, platform } = open({ [writing]: '', [`${root}/gone/c1/${killed}`]: '', '/proc/18/stat': '' });
  store.tidyAll();
  assert.ok(platform.files.has(writing));
  assert.is(platform.readDir(`${root}/gone`), null);
});

test('a directory that is removed between its making and the write is made again', () => {
  const { store, platform } = open();
  platform.failNext('writeFileAtomic', recordPath, ENOENT);
  platform.failNext('writeFileAtomic', recordPath, ENOENT);
  store.write(sampleRecord);
  assert.equal(store.read(sampleKey), sampleRecord);
});

test('a record that can’t be written is CniError 5, with the errno', () => {
  for (const [errno, times] of [
    ['ENOENT', 10],
    ['ENOSPC', 1],
  ] as const) {
    const { store, platform } = open();
    for (let time = 0; time < times; time++) platform.failNext('writeFileAtomic', recordPath, constants.errno[errno]);
    throws(() => store.write(sampleRecord), 'io', recordPath, errno);
  }
});

test('a removed record leaves nothing behind; removing it again is no error', () => {
  const { store, platform } = open();
  store.write(sampleRecord);
  for (let time = 0; time < 2; time++) {
    store.remove(sampleRecord);
    assert.is(store.read(sampleKey), null);
    assert.is(store.ownerOf(samplePci), null);
    assert.equal([...platform.files.keys()], []);
    assert.is(platform.readDir(`${root}/vf-net`), null);
  }
});

test('a container’s other records and a network’s other containers stay', () => {
  const { store } = open();
  const [second, third] = [another({ ifname: 'net2' }, '0000:3b:02.2'), another({ containerId: 'c2' }, '0000:3b:02.3')];
  for (const record of [sampleRecord, second, third]) store.write(record);
  store.remove(sampleRecord);
  assert.equal(store.read(second.key), second);
  assert.equal(store.read(third.key), third);
  store.remove(second);
  assert.equal(store.allKeys(), [third.key]);
});

test('removing a record doesn’t take the VF from the attachment that has it now', () => {
  const { store } = open();
  store.write(sampleRecord);
  const next = another({ containerId: 'c2' });
  store.write(next);
  store.remove(sampleRecord);
  assert.equal(store.ownerOf(samplePci), next.key);
  assert.equal(store.read(next.key), next);
});

test('lists by network, by container and all, and takes none of its own files for a record', () => {
  const { store, platform } = open({
    [`${root}/.swept`]: 'x 1',
    [`${root}/vf-net/c1/.dra-sriov-1-0.tmp`]: '{',
    [`${root}/vf-net/c1/notes.txt`]: 'hello',
    [`${root}/.locks/container-c1`]: '',
  });
  platform.files.set(`${root}/.damaged/c1/net9.json`, JSON.stringify(sampleRecord));
  const other = another({ network: 'other', ifname: 'net2' }, '0000:3b:02.2');
  const third = another({ containerId: 'c2' }, '0000:3b:02.3');
  for (const record of [sampleRecord, other, third]) store.write(record);
  assert.equal(store.keysOfNetwork('vf-net'), [sampleKey, third.key]);
  assert.equal(store.keysOfContainer('c1'), [other.key, sampleKey]);
  assert.equal(store.allKeys(), [other.key, sampleKey, third.key]);
  assert.equal(store.keysOfNetwork('none'), []);
  assert.equal(store.keysOfContainer('none'), []);
});

test('lists from behind a name, whatever sorts before a slash', () => {
  const { store } = open();
  const names = ['0/0/0', 'a-1/c1/net1', 'a/c1-2/net1', 'a/c1/net1', 'a/c1/net2', 'b/0/net1'] as const;
  for (const [index, name] of names.entries()) {
    const [network = '', containerId = '', ifname = ''] = name.split('/');
    store.write(another({ network, containerId, ifname }, `0000:3b:02.${index}`));
  }
  const behind = (name: string): string[] =>
    [...store.keysBehind(...name.split('/'))].map((key) => `${key.network}/${key.containerId}/${key.ifname}`);
  const seen: string[] = [];
  for (let last = ''; ; last = seen.at(-1) ?? '') {
    const [next] = behind(last);
    if (next === undefined) break;
    seen.push(next);
  }
  assert.equal(seen, behind(''));
  assert.equal([...seen].sort(), [...names].sort());
  assert.equal(behind('a/c1/net1'), ['a/c1/net2', 'a/c1-2/net1', 'a-1/c1/net1', 'b/0/net1']);
});

test('an interface name with dots is kept whole', () => {
  const { store } = open();
  const record = another({ ifname: 'net1.json' });
  store.write(record);
  assert.equal(store.allKeys(), [record.key]);
  assert.equal(store.read(record.key), record);
});

test('no state directory yet: nothing is listed, nothing is read', () => {
  const { store } = open();
  assert.equal(store.allKeys(), []);
  assert.is(store.read(sampleKey), null);
});

test('a damaged record without a copy is set aside once, reported, and counts as none', () => {
  const { store, platform, log } = open({ [recordPath]: '{"version":1,"phase"' });
  assert.is(store.read(sampleKey), null);
  assert.is(platform.files.has(recordPath), false);
  const aside = [...platform.files.keys()].filter((path) => path.startsWith(`${root}/.damaged/`));
  assert.is(aside.length, 1);
  assert.is(platform.files.get(aside[0] ?? ''), '{"version":1,"phase"');
  assert.is(platform.stat(`${root}/.damaged`)?.mode, 0o700);
  assert.is(log.length, 1);
  assert.match(log[0] ?? '', recordPath);
  assert.equal(store.allKeys(), []);
});

test('another attachment’s record under this name is set aside, whatever its form', () => {
  for (const key of [{ network: 'other' }, { containerId: 'c2' }, { ifname: 'net2' }]) {
    const { store, log } = open({ [recordPath]: JSON.stringify(another(key)) });
    assert.is(store.read(sampleKey), null);
    for (const part of Object.values({ ...sampleKey, ...key })) assert.match(log[0] ?? '', part);
  }
});

test('a damaged record that another process has set aside meanwhile counts as none', () => {
  const { store, platform } = open({ [recordPath]: 'x' });
  platform.failNext('rename', recordPath, ENOENT);
  assert.is(store.read(sampleKey), null);
});

test('a damaged record that can’t be set aside is an error, not an absence', () => {
  const { store, platform } = open({ [recordPath]: 'x' });
  platform.failNext('rename', recordPath, EIO);
  throws(() => store.read(sampleKey), 'EIO');
});

test('a long name is cut to what a directory takes', () => {
  const key = { network: 'n'.repeat(255), containerId: 'c'.repeat(255), ifname: 'net1' };
  const { store, platform } = open({ [`${root}/${key.network}/${key.containerId}/net1.json`]: 'x' });
  assert.is(store.read(key), null);
  const [aside = ''] = platform.readDir(`${root}/.damaged`) ?? [];
  assert.ok(aside.length > 0 && aside.length <= 255, `${aside.length}`);
});

test('an owner file that says nothing is no owner', () => {
  const texts = [
    '',
    '{',
    'null',
    '[]',
    '{"key":{"network":"n","containerId":"c"}}',
    '{"key":{"network":1,"containerId":"c","ifname":"i"}}',
    '{"key":{"network":"../n","containerId":"c","ifname":"i"}}',
    '{"key":{"network":"n","containerId":"c/d","ifname":"i"}}',
    '{"key":{"network":"n","containerId":"c","ifname":"../i"}}',
    `{"key":{"network":"n","containerId":"c","ifname":"i"},"x":${'['.repeat(65)}${']'.repeat(65)}}`,
  ];
  for (const text of texts) {
    const { store } = open({ [ownerPath]: text });
    assert.is(store.ownerOf(samplePci), null, text);
  }
});

test('only a file that root alone has is a record or an owner: no link, directory, FIFO, other user’s or endless file', () => {
  const spoil: readonly (readonly [string, (platform: MemoryPlatform, path: string) => unknown])[] = [
    [
      'it is a link',
      ({ files, links }, path) => {
        files.set('/tmp/elsewhere', files.get(path) ?? '');
        files.delete(path);
        links.set(path, '/tmp/elsewhere');
      },
    ],
    ['directory', ({ files }, path) => files.delete(path) && files.set(`${path}/x`, '')],
    ['user 1000', ({ owners }, path) => owners.set(path, 1000)],
    ['its mode 0622', ({ modes }, path) => modes.set(path, 0o622)],
    ['its mode 0620', ({ modes }, path) => modes.set(path, 0o620)],
    ['more than 8388608 bytes', ({ files }, path) => files.set(path, 'x'.repeat(8 * 1024 * 1024 + 1))],
  ];
  for (const [reason, change] of spoil) {
    const { store, platform, log } = open();
    store.write(sampleRecord);
    for (const path of [recordPath, ownerPath]) change(platform, path);
    assert.is(store.read(sampleKey), null, reason);
    assert.is(store.ownerOf(samplePci), null, reason);
    assert.match(log[0] ?? '', reason);
    assert.is(platform.readDir(`${root}/.damaged`)?.length, 2, reason);
    store.write(sampleRecord);
    assert.equal(store.read(sampleKey), sampleRecord, reason);
  }
});

test('directories that others may write to are not trusted: CniError 5, and how to mend it', () => {
  const directories = [root, `${root}/vf-net`, `${root}/vf-net/c1`];
  for (const spoil of [
    (platform: MemoryPlatform, directory: string) => platform.modes.set(directory, 0o777),
    (platform: MemoryPlatform, directory: string) => platform.modes.set(directory, 0o770),
    (platform: MemoryPlatform, directory: string) => platform.owners.set(directory, 1000),
  ]) {
    for (const directory of directories) {
      const { store, platform } = open();
      store.write(sampleRecord);
      spoil(platform, directory);
      for (const use of [
        (fresh: RecordStore) => fresh.read(sampleKey),
        (fresh: RecordStore) => fresh.write(sampleRecord),
        (fresh: RecordStore) => fresh.find(sampleKey),
      ]) {
        const fresh = new RecordStore(platform, createLog({ level: 'error', write: () => undefined }));
        throws(() => use(fresh), 'io', directory);
      }
    }
  }
});

test('a state directory that is a link counts as what it points to', () => {
  const platform = createMemoryPlatform({ links: { [root]: '/data/cni' } });
  const store = new RecordStore(platform, createLog({ level: 'error', write: () => undefined }));
  platform.makeDir('/data/cni', 0o700);
  store.write(sampleRecord);
  assert.equal(store.read(sampleKey), sampleRecord);
  platform.modes.set('/data/cni', 0o777);
  const fresh = new RecordStore(platform, createLog({ level: 'error', write: () => undefined }));
  throws(() => fresh.read(sampleKey), 'io', '/data/cni');
});

test('a damaged record is set aside, and the copy that its VF has takes its place', () => {
  for (const text of [
    '',
    '{"version":1,"phase"',
    JSON.stringify({ ...sampleRecord, version: 0 }),
    '['.repeat(100_000),
  ]) {
    const { store, platform, log } = open();
    store.write(sampleRecord);
    store.write(another({ containerId: 'c2' }, '0000:3b:02.0'));
    platform.files.set(recordPath, text);
    assert.equal(store.read(sampleKey), sampleRecord);
    assert.equal(JSON.parse(platform.files.get(recordPath) ?? ''), sampleRecord);
    const [aside = ''] = platform.readDir(`${root}/.damaged`) ?? [];
    assert.is(platform.files.get(`${root}/.damaged/${aside}`), text);
    assert.match(aside, Object.values(sampleKey).join('_'));
    assert.match(log[0] ?? '', aside);
    assert.equal(store.read(sampleKey), sampleRecord);
    assert.is(log.length, 1);
  }
});

test('the VF’s copy of a record is found when the file is gone; a record whose VF is given up has no copy', () => {
  const { store, platform } = open();
  store.write(sampleRecord);
  platform.files.delete(recordPath);
  assert.is(store.read(sampleKey), null);
  assert.equal(store.find(sampleKey), sampleRecord);
  store.remove(sampleRecord);
  assert.is(store.find(sampleKey), null);
  store.write(sampleRecord);
  store.giveUpVf(sampleRecord);
  platform.files.set(recordPath, 'x');
  assert.is(store.find(sampleKey), null);
});

test('a VF that is given up is nobody’s; the record stays whole and says so', () => {
  const { store } = open();
  store.write(sampleRecord);
  store.giveUpVf(sampleRecord);
  assert.is(store.ownerOf(samplePci), null);
  assert.equal(store.read(sampleKey), { ...sampleRecord, vfGivenUp: true });
});

test('of another container’s VF nothing is given up', () => {
  const { store } = open();
  store.write(sampleRecord);
  store.giveUpVf(another({ containerId: 'c2' }));
  assert.equal(store.ownerOf(samplePci), sampleKey);
});

test('what isn’t our temporary file stays in shared folders; one with our own number goes', () => {
  const kept = ['x.dra-sriov-17-0.tmp', '.dra-sriov-17-0.tmp.bak', '.dra-sriov-x-0.tmp'].map(
    (name) => `${root}/${name}`,
  );
  const gone = [`${root}/.dra-sriov-4242-12.tmp`];
  const files = Object.fromEntries([...kept, ...gone].map((path) => [path, '']));
  const { store, platform } = open({ ...files, '/proc/4242/stat': '' });
  store.tidyAll();
  assert.equal([...platform.files.keys()].sort(), [...kept, '/proc/4242/stat'].sort());
});

test('a folder with another record of the container stays whole when one is removed', () => {
  const { store, platform } = open();
  store.write(sampleRecord);
  store.write(another({ ifname: 'net2' }, '0000:3b:02.2'));
  platform.files.set(`${root}/vf-net/c1/${killed}`, '');
  store.remove(sampleRecord);
  assert.ok(platform.files.has(`${root}/vf-net/c1/net2.json`));
  assert.ok(platform.files.has(`${root}/vf-net/c1/${killed}`));
});

test('a copy that is damaged too is reported; the record counts as none, and its key is still told', () => {
  const { store, platform, log } = open();
  store.write(sampleRecord);
  const other = JSON.stringify({ ...sampleRecord, phase: 'none' });
  for (const path of [recordPath, ownerPath]) platform.files.set(path, other);
  assert.is(store.read(sampleKey), null);
  assert.match(log[1] ?? '', samplePci);
  assert.equal(store.ownerOf(samplePci), sampleKey);
});

test('a record of a newer build, or a copy of one, is an error and stays as it is, whatever form its key has', () => {
  for (const spoilt of [{}, { key: 'of another form', phase: 7 }]) {
    const newer = JSON.stringify({ ...sampleRecord, version: 2, ...spoilt });
    const cases: readonly (readonly [string | null, string | null])[] = [
      [newer, newer],
      ['x', newer],
      [null, newer],
      [newer, null],
    ];
    for (const [file, copy] of cases) {
      const { store, platform } = open();
      if (file !== null) platform.files.set(recordPath, file);
      if (copy !== null) platform.files.set(ownerPath, copy);
      throws(() => store.find(sampleKey), 'recordVersion');
      if (copy !== null && 'key' in spoilt) throws(() => store.ownerOf(samplePci), 'recordVersion');
      assert.is(platform.files.get(ownerPath) ?? null, copy);
      if (file === newer) assert.is(platform.files.get(recordPath), newer);
    }
  }
});

test('who only looks sets nothing aside: a damaged record and a damaged owner are errors', () => {
  const { store, platform } = open();
  assert.is(store.peek(sampleKey), null);
  assert.is(store.peekOwner(samplePci), null);
  store.write(sampleRecord);
  assert.equal(store.peek(sampleKey), sampleRecord);
  assert.equal(store.peekOwner(samplePci), sampleKey);
  platform.files.set(recordPath, '{');
  platform.files.delete(ownerPath);
  platform.links.set(ownerPath, '/etc/passwd');
  throws(() => store.peek(sampleKey), 'decode');
  throws(() => store.peekOwner(samplePci), 'Error', 'link');
  assert.equal([platform.files.get(recordPath), store.damaged()], ['{', []]);
  platform.links.delete(ownerPath);
  store.read(sampleKey);
  assert.is(store.damaged().length, 1);
});

test('keys are the same when all three parts are, and are described by all three', () => {
  assert.ok(sameKey(sampleKey, { ...sampleKey }));
  for (const key of [{ network: 'x' }, { containerId: 'x' }, { ifname: 'x' }]) {
    assert.not(sameKey(sampleKey, { ...sampleKey, ...key }));
  }
  assert.is(describeKey(sampleKey), 'net1 of container c1 (network vf-net)');
});

test('people are told of the pod where it has a name, else of the container', () => {
  const of = (pod: AttachmentRecord['pod']): string => describeAttachment({ key: sampleKey, pod });
  assert.is(of({ namespace: 'ns', name: 'web' }), 'net1 of pod ns/web (network vf-net)');
  assert.is(of({ name: 'web' }), 'net1 of pod web (network vf-net)');
  for (const pod of [null, {}, { namespace: 'ns', uid: 'u' }]) assert.is(of(pod), describeKey(sampleKey));
});

test('what else lies in a container’s directory stays, and the directory with it', () => {
  const { store, platform } = open({ [`${root}/vf-net/c1/notes.txt`]: 'hello' });
  store.write(sampleRecord);
  store.remove(sampleRecord);
  assert.equal([...platform.files.keys()], [`${root}/vf-net/c1/notes.txt`]);
});

test('that a killed process’s files can’t be removed fails nothing, and is told', () => {
  const { store, platform, log } = open({ [`${root}/vf-net/c1/${killed}`]: '' });
  platform.failNext('unlink', `${root}/vf-net/c1/${killed}`, EIO);
  store.tidy(sampleKey);
  assert.is(log.length, 1);
  assert.match(log[0] ?? '', /level=warning.*EIO/);
});

test('a temporary file that holds a whole copy is none', () => {
  const { store } = open({ [`${root}/.vfs/${killed}`]: JSON.stringify(sampleRecord) });
  assert.is(store.find(sampleKey), null);
});

test('copies of other VFs that say nothing don’t stand in the way of the right one', () => {
  const { store, platform } = open({ [`${root}/.vfs/0000:3b:01.0`]: 'x' });
  platform.links.set(`${root}/.vfs/0000:3b:01.1`, '/etc/passwd');
  store.write(sampleRecord);
  platform.files.delete(recordPath);
  assert.equal(store.find(sampleKey), sampleRecord);
});

test('an owner that the disk doesn’t tell is an error, and stays', () => {
  const { store, platform } = open();
  store.write(sampleRecord);
  platform.failNext('readFile', ownerPath, EIO);
  throws(() => store.ownerOf(samplePci), 'EIO', ownerPath);
  assert.equal([store.ownerOf(samplePci), store.damaged()], [sampleKey, []]);
});

test('a bug in writing is no error of the disk', () => {
  const { store, platform } = open();
  const bug = new TypeError('x is not a function');
  const writeFileAtomic = (): never => {
    throw bug;
  };
  const broken = new RecordStore(
    { ...platform, writeFileAtomic },
    createLog({ level: 'debug', write: () => undefined }),
  );
  assert.is(
    throws(() => broken.write(sampleRecord), 'Error'),
    bug,
  );
  assert.is(store.read(sampleKey), null);
});

test('a bug in reading damages no record', () => {
  const { store, platform } = open();
  store.write(sampleRecord);
  const readFile = (): never => {
    throw new TypeError('x is not a function');
  };
  const broken = new RecordStore({ ...platform, readFile }, createLog({ level: 'debug', write: () => undefined }));
  throws(() => broken.read(sampleKey), 'Error', 'x is not a function');
  assert.equal([platform.files.has(recordPath), store.damaged()], [true, []]);
});
