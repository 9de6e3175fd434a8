import { createMemoryPlatform, MemoryExit } from '../../support/memory-platform.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';

const test = suite('support/memory-platform');

const sysfs = {
  files: {
    '/sys/devices/pci0000:3a/0000:3b:02.1/vendor': '0x8086\n',
    '/sys/devices/pci0000:3a/0000:3b:02.1/net/ens1f0v1/ifindex': '7\n',
  },
  links: {
    '/sys/class/net/ens1f0v1': '../../devices/pci0000:3a/0000:3b:02.1/net/ens1f0v1',
    '/sys/devices/pci0000:3a/0000:3b:02.1/net/ens1f0v1/device': '../..',
    '/sys/bus/pci/devices/0000:3b:02.1': '/sys/devices/pci0000:3a/0000:3b:02.1',
  },
};

test('reads through links on the way, relative and absolute', () => {
  const platform = createMemoryPlatform(sysfs);
  assert.is(platform.readFile('/sys/class/net/ens1f0v1/device/vendor')?.toString(), '0x8086\n');
  assert.is(platform.readFile('/sys/bus/pci/devices/0000:3b:02.1/net/ens1f0v1/ifindex')?.toString(), '7\n');
  assert.is(platform.readLink('/sys/class/net/ens1f0v1'), '../../devices/pci0000:3a/0000:3b:02.1/net/ens1f0v1');
  assert.equal(platform.readDir('/sys/class/net'), ['ens1f0v1']);
  assert.equal(platform.readDir('/sys/class/net/ens1f0v1'), ['device', 'ifindex']);
  assert.is(platform.readLink('/sys/bus/pci/devices/0000:3b:02.1/vendor'), null);
});

test('searches files as a node does', () => {
  const files = { '/a/x.b': 'some text', '/a/x.c': 'some text', '/a/text.b': '', '/a/y.b': 'other' };
  const platform = createMemoryPlatform({ files });
  const search = { endings: ['.b'], mark: 'text', texts: [] as string[], maxFiles: 3, maxBytes: 100 };
  assert.equal(platform.searchFiles('/a', search), ['text.b', 'x.b']);
  assert.equal(platform.searchFiles('/a', { ...search, texts: ['none', 'some'] }), ['x.b']);
  assert.is(platform.searchFiles('/absent', search), null);
  platform.failNext('readFile', '/a/text.b', 13);
  assert.equal(platform.searchFiles('/a', { ...search, texts: ['some'] }), ['text.b', 'x.b']);
  throws(() => platform.searchFiles('/a', { ...search, maxFiles: 2 }), 'EOVERFLOW');
});

test('files given by a path over links land where the links lead', () => {
  const platform = createMemoryPlatform({ ...sysfs, files: { '/sys/class/net/ens1f0v1/device/numa_node': '1' } });
  assert.is(platform.files.get('/sys/devices/pci0000:3a/0000:3b:02.1/numa_node'), '1');
});

test('absent files and files below files read as null', () => {
  const platform = createMemoryPlatform({ files: { '/a/b': 'x' } });
  assert.is(platform.readFile('/a/c'), null);
  assert.is(platform.readFile('/a/b/c'), null);
  assert.is(platform.readDir('/nothing'), null);
  assert.is(platform.stat('/a/b/c'), null);
  assert.is(platform.readLink('/a/b/c'), null);
  assert.is(platform.unlink('/a/c'), false);
  assert.is(platform.removeDir('/c'), false);
  assert.is(platform.isExecutable('/a/b'), false);
  assert.is(platform.openNetns('/a/b/c'), null);
});

test('refuses links, directories and big files as the node platform does', () => {
  const platform = createMemoryPlatform({ files: { '/a/b': '12345' }, links: { '/a/link': 'b', '/a/loop': 'loop' } });
  throws(() => platform.readFile('/a/link', { followLinks: false }), 'ELOOP', '/a/link');
  throws(() => platform.readFile('/a/loop'), 'ELOOP', '/a/loop');
  throws(() => platform.readFile('/a'), 'EINVAL', '/a');
  throws(() => platform.readFile('/a/b', { maxBytes: 4 }), 'EOVERFLOW', '/a/b');
  assert.is(platform.readFile('/a/b', { maxBytes: 5 })?.length, 5);
  throws(() => platform.appendFile('/a/link', 'x'), 'ELOOP', '/a/link');
  throws(() => platform.lock('/a/link', 0, ''), 'ELOOP', '/a/link');
  throws(() => platform.writeSystemFile('/a/absent', '1'), 'ENOENT', '/a/absent');
  throws(() => platform.unlink('/a'), 'EISDIR', '/a');
});

test('an atomic write needs its directory and replaces a link', () => {
  const platform = createMemoryPlatform({
    links: { '/state/record': '/etc/passwd' },
    files: { '/etc/passwd': 'root' },
  });
  throws(() => platform.writeFileAtomic('/new/x', 'y', { mode: 0o600, durable: true }), 'ENOENT', '/new/x');
  platform.makeDir('/new/deep', 0o700);
  platform.writeFileAtomic('/new/deep/x', 'y', { mode: 0o640, durable: true });
  assert.is(platform.stat('/new')?.mode, 0o755);
  assert.is(platform.stat('/new/deep')?.mode, 0o700);
  assert.is(platform.stat('/new/deep/x')?.mode, 0o640);
  platform.writeFileAtomic('/state/record', 'mine', { mode: 0o600, durable: true });
  assert.is(platform.files.get('/etc/passwd'), 'root');
  assert.is(platform.stat('/state/record')?.kind, 'file');
});

test('a copy has its mode, follows a link to what it copies, and replaces one', () => {
  const platform = createMemoryPlatform({
    files: { '/a': 'one', '/dir/b': 'two' },
    links: { '/la': '/a', '/dir/lb': '/dir/b' },
  });
  platform.copyFileAtomic('/la', '/dir/lb', 0o755);
  assert.equal([platform.files.get('/dir/lb'), platform.files.get('/dir/b')], ['one', 'two']);
  assert.is(platform.stat('/dir/lb')?.mode, 0o755);
  assert.ok(platform.isExecutable('/dir/lb'));
  throws(() => platform.copyFileAtomic('/absent', '/dir/b', 0o755), 'ENOENT', 'copy /absent to /dir/b');
  throws(() => platform.copyFileAtomic('/dir', '/dir/b', 0o755), 'EINVAL', 'copy /dir to /dir/b');
  throws(() => platform.copyFileAtomic('/a', '/dir', 0o755), 'EISDIR', 'copy /a to /dir');
});

test('a directory stays when its last file goes, until it is removed', () => {
  const platform = createMemoryPlatform({ files: { '/state/net/a.json': '{}' } });
  assert.is(platform.removeDir('/state/net'), false);
  assert.is(platform.unlink('/state/net/a.json'), true);
  assert.equal(platform.readDir('/state/net'), []);
  assert.is(platform.removeDir('/state/net'), true);
  assert.is(platform.readDir('/state/net'), null);
  assert.equal(platform.readDir('/state'), []);
});

test('rename moves what lies below and replaces a file', () => {
  const platform = createMemoryPlatform({ files: { '/a/x': '1', '/b/y': '2', '/b/z': '3' } });
  const inode = platform.stat('/a/x')?.inode;
  platform.rename('/a/x', '/b/y');
  assert.is(platform.files.get('/b/y'), '1');
  assert.is(platform.stat('/b/y')?.inode, inode);
  platform.rename('/b', '/c');
  assert.equal(platform.readDir('/c'), ['y', 'z']);
  throws(() => platform.rename('/nothing', '/c/q'), 'ENOENT', '/nothing');
  throws(() => platform.rename('/c', '/c/q'), 'EINVAL', '/c');
});

test('failNext fails the named operation once, on the named paths only', () => {
  const platform = createMemoryPlatform({ files: { '/a/x': '1' } });
  platform.failNext('readFile', '/a/', 5);
  platform.failNext('unlink', '/a/x', 1);
  assert.is(platform.readFile('/b'), null);
  throws(() => platform.readFile('/a/x'), 'EIO', '/a/x');
  assert.is(platform.readFile('/a/x')?.toString(), '1');
  throws(() => platform.unlink('/a/x'), 'EPERM', '/a/x');
  assert.is(platform.unlink('/a/x'), true);
});

test('a lock is held once, costs its timeout in virtual time, and goes with its file', () => {
  const platform = createMemoryPlatform({ files: { '/run/other': '' } });
  const lock = platform.lock('/run/pod.lock', 100, 'pid 1');
  assert.is(platform.files.get('/run/pod.lock'), 'pid 1');
  assert.is(platform.lock('/run/pod.lock', 100, 'pid 2'), null);
  assert.is(platform.clock.nowMs, 100);
  lock?.unlock();
  lock?.unlock();
  assert.is(platform.heldLocks.size, 0);
  assert.is(platform.stat('/run/pod.lock'), null);
  assert.ok(platform.lock('/run/pod.lock', 0, 'pid 2'));
  throws(() => platform.lock('/absent/pod.lock', 0, ''), 'ENOENT', '/absent/pod.lock');
});

test('children are started at once and report when joined', () => {
  const request = { path: '/opt/cni/bin/ipam', args: [], env: {}, stdin: '', timeoutMs: 1 };
  const result = { status: 0, signal: null, timedOut: false, stdout: '{}', stderr: '' };
  const platform = createMemoryPlatform({
    processes: ({ path }) => {
      if (path === request.path) return result;
      throw new Error('no such child');
    },
  });
  const child = platform.startProcess(request);
  assert.equal(platform.startedProcesses, [request]);
  assert.is(child.wait(), result);
  throws(() => platform.startProcess({ ...request, path: '/x' }).wait(), 'Error');
  throws(() => createMemoryPlatform().startProcess(request).wait(), 'ENOENT', '/opt/cni/bin/ipam');
});

test('system writes know their namespace', () => {
  const sysctl = '/proc/sys/net/ipv4/conf/net1/arp_notify';
  const platform = createMemoryPlatform({
    files: { [sysctl]: '0', '/run/netns/file': '' },
    netnsPaths: { '/run/netns/pod': { device: 4n, inode: 9n } },
  });
  throws(() => platform.openNetns('/run/netns/file'), 'EINVAL', '/run/netns/file');
  assert.is(platform.openNetns('/run/netns/absent'), null);
  const netns = platform.openNetns('/run/netns/pod');
  assert.ok(netns);
  if (netns === null) return;
  platform.inNetns(netns, () => platform.writeSystemFile(sysctl, '1'));
  platform.writeSystemFile(sysctl, '2');
  assert.equal(
    platform.systemWrites.map((write) => [write.netns?.inode, write.content]),
    [
      [9n, '1'],
      [undefined, '2'],
    ],
  );
  assert.is(platform.openNamespaces.size, 1);
  netns.close();
  assert.is(platform.openNamespaces.size, 0);
});

test('streams, exit and the limit of stdin', () => {
  const platform = createMemoryPlatform({ stdin: 'abc' });
  platform.writeStdout('o');
  platform.writeStderr('e');
  assert.throws(
    () => platform.exit(3),
    (thrown: unknown) => thrown instanceof MemoryExit && thrown.code === 3,
  );
  assert.equal([platform.stdout, platform.stderr, platform.exitCode], ['o', 'e', 3]);
  assert.is(platform.readStdin(3).toString(), 'abc');
  throws(() => platform.readStdin(2), 'EOVERFLOW', 'stdin');
});
