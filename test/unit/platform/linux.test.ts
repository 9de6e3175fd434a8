import type { SystemFailure } from '../../../src/lib/system-error.ts';
import { createPlatform } from '../../../src/platform/linux.ts';
import type { Os } from '../../../src/platform/os.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';

const test = suite('platform/linux');

/** A host of which only these functions work. */
function hostWith(functions: Partial<Os>): Os {
  return { argv: () => [], pid: 7, ...functions } as Os;
}

function fails(errno: number, detail = ''): () => never {
  return () => {
    const error: SystemFailure = { errno, detail };
    throw error;
  };
}

const path = '/dir/file';
const mode = { mode: 0o600, durable: false };

test('what is absent is null or false, and other errors name the operation and the path', () => {
  const calls = ['readFile', 'readDir', 'readLink', 'lstat', 'isExecutable', 'unlink', 'removeDir'] as const;
  const all = (errno: number, detail?: string) =>
    createPlatform(hostWith(Object.fromEntries(calls.map((name) => [name, fails(errno, detail)]))), {});
  for (const absent of [2, 20]) {
    const platform = all(absent);
    assert.equal(
      [platform.readFile(path), platform.readDir(path), platform.readLink(path), platform.stat(path)],
      [null, null, null, null],
    );
    assert.equal([platform.isExecutable(path), platform.unlink(path), platform.removeDir(path)], [false, false, false]);
  }
  const refused = all(13, 'said the kernel');
  throws(() => refused.readFile(path), 'EACCES', '/dir/file: EACCES (said the kernel)');
  throws(() => refused.readDir(path), 'EACCES', 'list /dir/file');
  throws(() => refused.stat(path), 'EACCES', 'stat /dir/file');
  throws(() => refused.unlink(path), 'EACCES', 'unlink /dir/file');
  assert.is(refused.isExecutable(path), false);
  assert.is(all(39).removeDir(path), false);
  assert.is(all(22).readLink(path), null);
});

test('too much to read says how much is allowed', () => {
  const platform = createPlatform(hostWith({ readFile: fails(75), readStdin: fails(75) }), {});
  throws(() => platform.readFile(path, { maxBytes: 5 }), 'EOVERFLOW', 'read /dir/file: EOVERFLOW (more than 5 bytes)');
  throws(() => platform.readStdin(9), 'EOVERFLOW', 'read stdin: EOVERFLOW (more than 9 bytes)');
});

test('writes name what they do', () => {
  const platform = createPlatform(
    hostWith({
      writeFileAtomic: fails(28),
      copyFileAtomic: fails(5),
      writeSystemFile: fails(22),
      appendFile: fails(40),
      makeDir: fails(30),
    }),
    {},
  );
  throws(() => platform.writeFileAtomic(path, 'x', mode), 'ENOSPC', 'write /dir/file');
  throws(() => platform.copyFileAtomic('/a', path, 0o755), 'EIO', 'copy /a to /dir/file');
  throws(() => platform.writeSystemFile(path, '1\n'), 'EINVAL', "write '1' to /dir/file");
  throws(() => platform.appendFile(path, 'x'), 'ELOOP', 'append to /dir/file');
  throws(() => platform.makeDir(path, 0o700), 'EROFS', 'make directory /dir/file');
});

test('a closed stdin is empty, a deaf stderr is no error, a deaf stdout is', () => {
  const platform = createPlatform(
    hostWith({ readStdin: fails(9), writeStderr: fails(32), writeStdout: fails(32) }),
    {},
  );
  assert.is(platform.readStdin(10).length, 0);
  platform.writeStderr('x');
  throws(() => platform.writeStdout('x'), 'EPIPE', 'stdout');
});

test('device and inode keep all their digits', () => {
  const host = hostWith({
    lstat: () => ['file', 0o600, 4294967294, 5, 1_700_000_000_123, '18446744073709551615', '9007199254740993'],
  });
  const status = createPlatform(host, {}).stat(path);
  assert.equal(status, {
    kind: 'file',
    mode: 0o600,
    uid: 4294967294,
    sizeBytes: 5,
    modifiedMs: 1_700_000_000_123,
    device: 18446744073709551615n,
    inode: 9007199254740993n,
  });
});

test('a child that can not be started says so when it is joined, as often as it is joined', () => {
  const platform = createPlatform(hostWith({ ...namespaces().host, startProcess: fails(2) }), {});
  const child = platform.startProcess({ path: '/bin/none', args: [], env: {}, stdin: '', timeoutMs: 1 });
  throws(() => child.wait(), 'ENOENT', 'run /bin/none');
  throws(() => child.wait(), 'ENOENT', 'run /bin/none');
});

test('a child is joined once, and its signal has its name', () => {
  let joins = 0;
  const waitProcess: Os['waitProcess'] = () => [undefined, 8 + ++joins, true, 'out', 'err'];
  const platform = createPlatform(hostWith({ ...namespaces().host, startProcess: () => 0, waitProcess }), {});
  const child = platform.startProcess({ path: '/bin/sh', args: [], env: {}, stdin: '', timeoutMs: 1 });
  assert.equal(child.wait(), { status: null, signal: 'SIGKILL', timedOut: true, stdout: 'out', stderr: 'err' });
  assert.is(child.wait(), child.wait());
  assert.is(joins, 1);
});

interface FakeNetns {
  readonly host: Os;
  readonly log: string[];
}

/** Numbers the namespaces that are opened; number `broken` can't be entered. */
function namespaces(broken = -1): FakeNetns {
  const log: string[] = [];
  let opened = 0;
  const host = hostWith({
    openNetns: () => ++opened,
    identity: (fd) => ['4', String(1000 + fd)],
    enterNetns: (fd) => {
      log.push(`enter ${fd}`);
      if (fd === broken) fails(1)();
    },
    close: (fd) => log.push(`close ${fd}`),
    writeStderr: (text) => log.push(text),
    exit: (code) => log.push(`exit ${code}`),
  });
  return { host, log };
}

test('a namespace is entered and left, also where the task fails', () => {
  const { host, log } = namespaces();
  const platform = createPlatform(host, {});
  const own = platform.ownNetns();
  const pod = platform.openNetns('/run/netns/pod');
  if (pod === null) throw new Error('it is there');
  assert.is(
    platform.inNetns(pod, () => 5),
    5,
  );
  const fail = (): never => {
    throw new Error('failed');
  };
  throws(() => platform.inNetns(pod, fail), 'Error', 'failed');
  assert.is(
    platform.inNetns(own, () => 6),
    6,
  );
  throws(() => platform.inNetns(pod, async () => 1), 'Error', 'promise');
  assert.equal(log, ['enter 2', 'enter 1', 'enter 2', 'enter 1', 'enter 2', 'enter 1']);
  pod.close();
  pod.close();
  own.close();
  throws(() => pod.fd, 'EBADF', 'after close');
  assert.is(own.fd, 1);
  assert.equal(log.slice(6), ['close 2']);
});

test('a thread that can not come back says so, and enters its own namespace before it does anything else there', () => {
  const { host, log } = namespaces(1);
  const started: string[] = [];
  const startProcess: Os['startProcess'] = (path) => started.push(path);
  const platform = createPlatform({ ...host, startProcess }, {});
  const own = platform.ownNetns();
  const pod = platform.openNetns('/run/netns/pod');
  if (pod === null) throw new Error('it is there');
  const request = { path: '/bin/sh', args: [], env: {}, stdin: '', timeoutMs: 1 };
  throws(() => platform.inNetns(pod, () => 5), 'EPERM', "host's");
  for (let time = 0; time < 2; time++) throws(() => platform.inNetns(own, () => 6), 'EPERM');
  throws(() => platform.startProcess(request), 'EPERM');
  assert.equal([log, started], [['enter 2', 'enter 1', 'enter 1', 'enter 1', 'enter 1'], []]);
});

test('a thread that could not come back once is in its own namespace for the next task of it', () => {
  const { host, log } = namespaces();
  let failures = 1;
  const enterNetns = (fd: number): void => {
    host.enterNetns(fd);
    if (fd === 1 && failures-- > 0) fails(1)();
  };
  const platform = createPlatform({ ...host, enterNetns }, {});
  const own = platform.ownNetns();
  const pod = platform.openNetns('/run/netns/pod');
  if (pod === null) throw new Error('it is there');
  throws(() => platform.inNetns(pod, () => 5), 'EPERM', 'return');
  for (let time = 0; time < 2; time++)
    assert.is(
      platform.inNetns(own, () => 6),
      6,
    );
  assert.is(
    platform.inNetns(pod, () => 7),
    7,
  );
  assert.equal(log, ['enter 2', 'enter 1', 'enter 1', 'enter 2', 'enter 1']);
});

test('ethtool goes through a socket of the namespace that is open, or through one that it opens there and closes', () => {
  const { host, log } = namespaces();
  let opened = 100;
  const platform = createPlatform(
    {
      ...host,
      openNetlink: () => ++opened,
      ethtool: (fd, ifname) => {
        log.push(`ask ${ifname} on ${fd}`);
        return [95];
      },
    },
    {},
  );
  platform.ownNetns();
  const pod = platform.openNetns('/run/netns/pod');
  if (pod === null) throw new Error('it is there');
  const ask = (): unknown => platform.ethtool(pod, 'net1', [new Uint8Array(4)])[0];
  assert.is(ask(), 95);
  const socket = platform.openNetlink(pod);
  ask();
  socket.close();
  ask();
  const own = platform.openNetlink();
  platform.ethtool(platform.ownNetns(), 'pf0', []);
  own.close();
  assert.equal(log, [
    ...['enter 2', 'enter 1', 'ask net1 on 101', 'close 101'],
    ...['enter 2', 'enter 1', 'ask net1 on 102', 'close 102'],
    ...['enter 2', 'enter 1', 'ask net1 on 103', 'close 103'],
    ...['ask pf0 on 104', 'close 104'],
  ]);
});

test('a closed socket is used no more', () => {
  const closed: number[] = [];
  const host = hostWith({
    ...namespaces().host,
    openNetlink: () => 9,
    close: (fd) => closed.push(fd),
  });
  const socket = createPlatform(host, {}).openNetlink();
  socket.close();
  socket.close();
  assert.equal(closed, [9]);
  throws(() => socket.send(new Uint8Array(1)), 'EBADF', 'after close');
  throws(() => socket.receive(1), 'EBADF', 'after close');
});
