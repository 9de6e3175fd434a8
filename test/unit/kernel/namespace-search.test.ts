import { constants } from 'node:os';
import { identifyNetns, isNetns, Namespace, seesAllProcesses } from '../../../src/kernel/namespace.ts';
import {
  listProcessNetns,
  openNetnsOfNode,
  searchNetns,
  visitOtherNamespaces,
} from '../../../src/kernel/namespace-search.ts';
import { SystemError } from '../../../src/lib/system-error.ts';
import { MemoryNode, type Pod } from '../../support/memory-node.ts';
import type { MemoryPlatform } from '../../support/memory-platform.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';

const test = suite('kernel/namespace-search');

const [EACCES, ESRCH, EMFILE] = [13, 3, 24];

class Fixture {
  readonly node = new MemoryNode();
  readonly platform: MemoryPlatform = this.node.platform;
  readonly pod: Pod = this.node.pod;
  readonly id = {
    device: String(this.pod.namespace.device),
    inode: String(this.pod.namespace.inode),
    cookie: String(this.pod.namespace.cookie),
  };

  constructor() {
    this.platform.netnsPaths.delete(this.pod.path);
    this.addProcess(7, this.node.host);
  }

  /** A process, in the mount namespace `mnt` with what is bound there. */
  addProcess(pid: number, namespace: Pod['namespace'], { mnt = 1, mounts = '', at = `${pid}` } = {}): void {
    const { links, netnsPaths, files } = this.platform;
    links.set(`/proc/${at}/ns/net`, `net:[${namespace.inode}]`);
    netnsPaths.set(`/proc/${at}/ns/net`, namespace);
    links.set(`/proc/${pid}/ns/mnt`, `mnt:[${mnt}]`);
    links.set(`/proc/${pid}/root`, '/');
    files.set(`/proc/${pid}/mountinfo`, `22 1 8:1 / / rw - ext4 /dev/sda1 rw\n${mounts}`);
  }

  mountLine(where: string): string {
    return `99 22 0:4 net:[${this.id.inode}] ${where} rw shared:7 - nsfs nsfs rw\n`;
  }

  search(): string | null {
    const found = searchNetns(this.platform, this.id);
    if (found === null || found === 'out of reach') return found;
    found.close();
    return 'found';
  }
}

test('a namespace in which a process lives is found by that process', () => {
  const at = new Fixture();
  assert.is(at.search(), null);
  at.addProcess(4711, at.pod.namespace);
  assert.is(at.search(), 'found');
  assert.is(at.platform.openNamespaces.size, 0);
});

test('what is no process is passed over, and so is one that ends while it is looked at', () => {
  const at = new Fixture();
  at.platform.files.set('/proc/uptime', '1 1');
  at.addProcess(11, at.pod.namespace);
  const { openNetns, readLink } = at.platform;
  const endings: Partial<MemoryPlatform>[] = [
    { readLink: (path) => fail(path, path === '/proc/11/ns/net' ? ESRCH : 0) ?? readLink(path) },
    {
      readLink: (path) => fail(path, path.startsWith('/proc/11/') ? EACCES : 0) ?? readLink(path),
      stat: (path) => (path === '/proc/11' ? null : at.node.platform.stat(path)),
    },
    { openNetns: (path) => fail(path, path === '/proc/11/ns/net' ? ESRCH : 0) ?? openNetns(path), stat: () => null },
  ];
  for (const ending of endings) assert.is(searchNetns({ ...at.platform, ...ending }, at.id), null);
});

function fail(path: string, errno: number): null {
  if (errno !== 0) throw new SystemError(`look at ${path}`, errno);
  return null;
}

test('who can’t look must not say no', () => {
  const at = new Fixture();
  at.addProcess(11, at.pod.namespace);
  throws(() => searchNetns({ ...at.platform, openNetns: (path) => fail(path, EMFILE) }, at.id), 'EMFILE');
  const { readLink } = at.platform;
  for (const [name, errno] of [
    ['net', 'EACCES'],
    ['net', 'EMFILE'],
    ['mnt', 'EMFILE'],
  ] as const) {
    if (name === 'mnt') at.platform.links.delete('/proc/11/ns/net');
    const blind = (path: string): string | null =>
      fail(path, path === `/proc/11/ns/${name}` ? constants.errno[errno] : 0) ?? readLink(path);
    throws(() => searchNetns({ ...at.platform, readLink: blind }, at.id), errno, '/proc/11');
  }
});

test('a process that not even root may look into counts as in its neighbours’ namespace; its mounts are seen all the same', () => {
  const at = new Fixture();
  at.addProcess(1, at.pod.namespace, { mounts: at.mountLine('/run/netns/x') });
  const { readLink, stat } = at.platform;
  const blind = (path: string): string | null =>
    fail(path, /^\/proc\/1\/(ns|root)/.test(path) ? EACCES : 0) ?? readLink(path);
  const networks: Record<string, bigint> = { 7: 5n, 1: 6n };
  const platform = {
    ...at.platform,
    readLink: blind,
    openNetns: (path: string) => fail(path, EACCES),
    stat: (path: string) => {
      const of = /^\/proc\/(\w+)\/net\/dev$/.exec(path)?.[1];
      const inode = networks[of ?? ''];
      if (path.startsWith('/proc/1/')) fail(path, inode === undefined ? EACCES : 0);
      return inode === undefined ? stat(path) : { ...stat('/proc/1/mountinfo'), inode };
    },
  } as MemoryPlatform;
  throws(() => searchNetns(platform, at.id), 'EACCES', '/proc/1');
  networks['1'] = 5n;
  assert.is(searchNetns(platform, at.id), 'out of reach', 'bound in its mount namespace');
  at.platform.files.set('/proc/1/mountinfo', '');
  assert.is(searchNetns(platform, at.id), null, 'process 7 and so 1 have the host’s network');
});

test('a process whose first thread has ended lives in the others', () => {
  const at = new Fixture();
  at.addProcess(50, at.pod.namespace, { at: '50/task/51' });
  at.platform.files.set('/proc/50/task/50/comm', 'main');
  assert.is(at.search(), 'found');
  const places = [...listProcessNetns(at.platform)].map(({ path }) => path);
  assert.equal(places, ['/proc/50/task/51/ns/net', '/proc/7/ns/net']);
});

test('bound to a file in the mount namespace of process 1: opened there, whatever its name', () => {
  const at = new Fixture();
  at.addProcess(1, at.node.host, { mounts: at.mountLine('/run/netns/a\\040b') });
  at.platform.netnsPaths.set('/proc/1/root/run/netns/a b', at.pod.namespace);
  assert.is(at.search(), 'found');
});

test('bound in another mount namespace only: it is there, but its path may be a pod’s doing and isn’t opened', () => {
  const at = new Fixture();
  at.addProcess(60, at.node.host, { mnt: 2, mounts: at.mountLine('/tmp/trap') });
  const opened: string[] = [];
  const { openNetns } = at.platform;
  const noting = (path: string): ReturnType<typeof openNetns> => {
    opened.push(path);
    return openNetns(path);
  };
  Object.assign(at.platform, { openNetns: noting });
  assert.is(at.search(), 'out of reach');
  assert.equal(opened, []);
  const chrooted = new Fixture();
  chrooted.addProcess(60, chrooted.node.host, { mnt: 2 });
  chrooted.addProcess(61, chrooted.node.host, { mnt: 2, mounts: chrooted.mountLine('/run/netns/x') });
  assert.is(chrooted.search(), null, 'the same mounts, once');
  chrooted.platform.links.set('/proc/60/root', '/var/empty');
  assert.is(chrooted.search(), 'out of reach');
});

test('a namespace that has the inode now, and another cookie: the one that was looked for has ended', () => {
  const at = new Fixture();
  const later = at.node.addPod();
  Object.assign(later.namespace, { inode: at.pod.namespace.inode });
  at.node.endPod(at.pod);
  at.addProcess(4711, later.namespace);
  at.addProcess(4712, later.namespace, { mnt: 2, mounts: at.mountLine('/run/netns/x') });
  assert.is(at.search(), null);
  const { device, inode } = at.id;
  const found = searchNetns(at.platform, { device, inode });
  assert.type(found, 'object', 'a record of before has no cookie');
});

test('the same inode of another device is another namespace', () => {
  const at = new Fixture();
  at.addProcess(4711, at.pod.namespace);
  assert.is(searchNetns(at.platform, { ...at.id, device: '99' }), null);
});

test('which it is: device, inode, and the cookie where the kernel has one', () => {
  const at = new Fixture();
  at.platform.netnsPaths.set(at.pod.path, at.pod.namespace);
  const netns = at.platform.openNetns(at.pod.path);
  if (netns === null) throw new Error('no namespace');
  const namespace = new Namespace(at.platform, netns);
  assert.equal(identifyNetns(namespace), at.id);
  assert.ok(isNetns(at.platform, netns, at.id));
  assert.not(isNetns(at.platform, netns, { ...at.id, cookie: '99' }));
  assert.not(isNetns(at.platform, netns, { ...at.id, inode: '99' }));
});

test('whether all processes are seen: by the PID namespace of process 1', () => {
  const at = new Fixture();
  assert.ok(seesAllProcesses(at.platform));
  at.platform.links.set('/proc/self/ns/pid', 'pid:[4026532700]');
  assert.not(seesAllProcesses(at.platform));
});

test('a path that isn’t there here: as process 1 has it', () => {
  const at = new Fixture();
  assert.is(openNetnsOfNode(at.platform, '/var/run/netns/pod1'), null);
  at.platform.netnsPaths.set('/proc/1/root/run/netns/pod1', at.pod.namespace);
  assert.is(openNetnsOfNode(at.platform, '/var/run/netns/pod1')?.inode, at.pod.namespace.inode);
});

test('all but the own namespace are visited, each once, by whatever path opens it', () => {
  const at = new Fixture();
  at.addProcess(11, at.pod.namespace);
  at.addProcess(12, at.pod.namespace);
  at.platform.netnsPaths.set('/run/netns/pod', at.pod.namespace);
  at.platform.files.set('/proc/self/mountinfo', at.mountLine('/run/netns/pod'));
  const visited = (...absent: readonly string[]): (string | number)[] => {
    const paths: string[] = [];
    const { openNetns } = at.platform;
    const platform = { ...at.platform, openNetns: (path: string) => (absent.includes(path) ? null : openNetns(path)) };
    visitOtherNamespaces(platform, ({ inode }, path) => paths.push(`${inode} ${path}`));
    return [...paths, at.platform.openNamespaces.size];
  };
  const { inode } = at.pod.namespace;
  assert.equal(visited(), [`${inode} /run/netns/pod`, 0]);
  assert.equal(visited('/run/netns/pod', '/proc/11/ns/net'), [`${inode} /proc/12/ns/net`, 0]);
});
