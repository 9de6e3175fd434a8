import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import type { Netns } from '../../../src/platform/platform.ts';
import { asRoot, withNetns } from '../../support/netns.ts';
import { createNodePlatform } from '../../support/node-platform.ts';
import { assert, suite } from '../../support/suite.ts';
import { withTemporaryDirectory } from '../../support/temporary-directory.ts';
import { throws } from '../../support/throws.ts';

const test = asRoot(suite('kernel/platform/netns'));
const platform = createNodePlatform({});

function threadNetns(): string {
  return readlinkSync('/proc/thread-self/ns/net');
}

function opened(path: string): Netns {
  const netns = platform.openNetns(path);
  if (netns === null) throw new Error(`${path} is absent`);
  return netns;
}

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

test('opens a namespace and knows its identity', () => {
  withNetns((ns) => {
    const netns = opened(ns.path);
    const inode = ns.run('readlink', '/proc/self/ns/net').trim();
    assert.is(`net:[${netns.inode}]`, inode);
    const again = opened(ns.path);
    assert.equal([again.device, again.inode], [netns.device, netns.inode]);
    assert.not.equal(netns.inode, platform.ownNetns().inode);
    netns.close();
    netns.close();
    throws(() => platform.inNetns(netns, () => null), 'EBADF', 'after close');
    assert.is(platform.inNetns(again, threadNetns), inode);
    again.close();
  });
});

test('the own namespace is opened once and can not be closed by mistake', () => {
  const own = platform.ownNetns();
  assert.is(platform.ownNetns(), own);
  assert.is(threadNetns(), `net:[${own.inode}]`);
  own.close();
  withNetns((ns) => {
    const netns = opened(ns.path);
    platform.inNetns(netns, () => null);
    netns.close();
  });
  assert.is(threadNetns(), `net:[${own.inode}]`);
});

test('refuses what is no network namespace, at once, and leaves nothing open', () => {
  platform.ownNetns();
  withTemporaryDirectory((directory) => {
    writeFileSync(`${directory}/file`, '');
    execFileSync('mkfifo', [`${directory}/fifo`]);
    const before = openDescriptors();
    for (const path of [`${directory}/file`, `${directory}/fifo`, directory, '/proc/self/ns/mnt', '/dev/null']) {
      throws(() => platform.openNetns(path), 'EINVAL', path);
    }
    assert.is(platform.openNetns(`${directory}/absent`), null);
    assert.is(platform.openNetns(`${directory}/file/absent`), null);
    assert.is(openDescriptors(), before);
  });
});

test('a namespace whose name is unmounted lives on while it is open', () => {
  const netns = withNetns((ns) => opened(ns.path));
  assert.is(platform.inNetns(netns, threadNetns), `net:[${netns.inode}]`);
  netns.close();
});

test('comes back after a task that returns, throws, or enters another namespace', () => {
  const home = threadNetns();
  withNetns((outer) =>
    withNetns((inner) => {
      const [a, b] = [opened(outer.path), opened(inner.path)];
      assert.is(platform.inNetns(a, threadNetns), `net:[${a.inode}]`);
      assert.is(threadNetns(), home);
      throws(
        () =>
          platform.inNetns(a, () => {
            throw new Error('on purpose');
          }),
        'Error',
        'on purpose',
      );
      assert.is(threadNetns(), home);
      const seen = platform.inNetns(a, () => [platform.inNetns(b, threadNetns), threadNetns()]);
      assert.equal(seen, [`net:[${b.inode}]`, `net:[${a.inode}]`]);
      assert.is(
        platform.inNetns(a, () => platform.inNetns(platform.ownNetns(), threadNetns)),
        home,
      );
      assert.is(threadNetns(), home);
      a.close();
      b.close();
    }),
  );
});

test('refuses a task that would go on after it returned', () => {
  withNetns((ns) => {
    const netns = opened(ns.path);
    throws(() => platform.inNetns(netns, async () => null), 'Error', 'promise');
    assert.is(threadNetns(), `net:[${platform.ownNetns().inode}]`);
    netns.close();
  });
});

test('a sysctl written inside lands inside', () => {
  withNetns((ns) => {
    const path = '/proc/sys/net/ipv4/conf/all/arp_notify';
    const before = readFileSync(path, 'utf8');
    const netns = opened(ns.path);
    const written = before === '1\n' ? '0' : '1';
    platform.inNetns(netns, () => platform.writeSystemFile(path, written));
    assert.is(ns.run('cat', path), `${written}\n`);
    assert.is(readFileSync(path, 'utf8'), before);
    assert.is(
      platform.inNetns(netns, () => platform.readFile(path)?.toString()),
      `${written}\n`,
    );
    throws(
      () => platform.inNetns(netns, () => platform.writeSystemFile(path, 'nonsense')),
      'EINVAL',
      `write 'nonsense' to ${path}`,
    );
    netns.close();
  });
});

test('a thread that can not come back says so, and nothing is done in the wrong namespace', () => {
  withNetns((ns) => {
    const script = `
      import { closeSync } from 'node:fs';
      import { createNodePlatform } from '${import.meta.dirname}/../../../test/support/node-platform.ts';
      const platform = createNodePlatform({});
      const own = platform.ownNetns();
      const said = (task) => { try { return task(); } catch (thrown) { return thrown.message; } };
      const child = { path: '/usr/bin/true', args: [], env: {}, stdin: '', timeoutMs: 60_000 };
      platform.writeStdout([
        said(() => platform.inNetns(platform.openNetns('${ns.path}'), () => closeSync(own.fd))),
        said(() => platform.openNetlink()),
        said(() => platform.startProcess(child).wait()),
      ].join('\\n'));
      platform.exit(0);`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    assert.is(stderr, '');
    const lines = stdout.split('\n');
    assert.is(lines.length, 3);
    for (const line of lines) assert.match(line, /: EBADF$/);
    for (const line of lines.slice(1)) assert.match(line, /\b\d+:\d+: /);
  });
});

test('without the right to enter, it says so and stays', () => {
  withNetns((ns) => {
    const script = `
      import { readlinkSync } from 'node:fs';
      import { createNodePlatform } from '${import.meta.dirname}/../../../test/support/node-platform.ts';
      const platform = createNodePlatform({});
      const netns = platform.openNetns('${ns.path}');
      try { platform.inNetns(netns, () => platform.writeStdout('inside')); }
      catch (thrown) { platform.writeStdout(thrown.message); }
      platform.exit(0);`;
    const args = [
      '--bounding-set=-sys_admin',
      '--inh-caps=-sys_admin',
      process.execPath,
      '--input-type=module',
      '-e',
      script,
    ];
    const { stdout, stderr } = spawnSync('setpriv', args, { encoding: 'utf8' });
    assert.is(stderr, '');
    assert.match(stdout, /\b\d+:\d+: EPERM$/);
  });
});

test('a child started meanwhile is in the own namespace', () => {
  withNetns((ns) => {
    const netns = opened(ns.path);
    platform.openNetlink(netns).close();
    const request = { path: '/usr/bin/readlink', args: ['/proc/self/ns/net'], env: {}, stdin: '', timeoutMs: 60_000 };
    assert.is(platform.startProcess(request).wait().stdout.trim(), threadNetns());
    assert.is(threadNetns(), `net:[${platform.ownNetns().inode}]`);
    netns.close();
  });
});

test('a child inherits no namespace or socket of ours', () => {
  withNetns((ns) => {
    const netns = opened(ns.path);
    const socket = platform.openNetlink(netns);
    const request = { path: '/bin/ls', args: ['-l', '/proc/self/fd'], env: {}, stdin: '', timeoutMs: 60_000 };
    const listed = platform.startProcess(request).wait().stdout;
    assert.match(listed, / 2 -> /);
    assert.not(listed.includes('net:['), listed);
    assert.not(listed.includes('socket:'), listed);
    socket.close();
    netns.close();
  });
});
