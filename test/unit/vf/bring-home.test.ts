import type { Link } from '../../../src/kernel/rtnl/links.ts';
import { SystemError } from '../../../src/lib/system-error.ts';
import { bringHome } from '../../../src/vf/bring-home.ts';
import { whatIdentifies } from '../../../src/vf/locate.ts';
import { moveLinkTo } from '../../../src/vf/move.ts';
import { describeNetdev } from '../../../src/vf/snapshot.ts';
import type { VfNetdevState } from '../../../src/vf/vf.ts';
import type { MemoryNodeOptions } from '../../support/memory-node.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';
import { VfFixture } from './fixture.ts';

const test = suite('vf/bring-home');

const ENODEV = 19;

/** A VF that ADD has moved into the pod. */
class Away extends VfFixture {
  readonly before: VfNetdevState;

  constructor(options: MemoryNodeOptions = {}) {
    super(options);
    const identifiedBy = whatIdentifies(this.node.platform, this.host, this.vf());
    this.before = { ...describeNetdev(this.vf()), identifiedBy };
    moveLinkTo(this.host, this.vf(), this.openPod(), 'net1');
    this.takeChanges();
  }

  /** As DEL does; without `netns` the pod's path is gone. */
  bringHome({
    withNetns = true,
    podIfindex = this.before.ifindex as number | null,
    rdmaDevices = [] as readonly string[],
    attached = true,
    cookie = undefined as number | undefined,
    netnsIsKnown = true,
  } = {}): Link | null {
    const { platform, pod } = this.node;
    const netns = withNetns ? platform.openNetns(pod.path) : null;
    try {
      return bringHome({
        platform,
        log: this.log,
        host: this.host,
        identity: this.identity,
        before: this.before,
        traits: {
          pci: this.identity.pci,
          ifname: 'net1',
          hostName: this.before.name,
          podIfindex,
          macs: [this.before.mac],
          identifiedBy: this.before.identifiedBy,
        },
        rdmaDevices,
        netns,
        netnsId: netnsIsKnown
          ? {
              device: String(pod.namespace.device),
              inode: String(pod.namespace.inode),
              ...(cookie === undefined ? {} : { cookie: String(cookie) }),
            }
          : null,
        attached,
      });
    } finally {
      netns?.close();
    }
  }

  get isHome(): boolean {
    return this.node.host.links.includes(this.node.link(0));
  }

  /** A process of this node lives in the pod's namespace. */
  addProcess(pid: number): void {
    const { platform, pod } = this.node;
    platform.links.set(`/proc/${pid}/ns/net`, `net:[${pod.namespace.inode}]`);
    platform.netnsPaths.set(`/proc/${pid}/ns/net`, pod.namespace);
  }
}

test('in the pod: it comes home under its own name, in one message', () => {
  const at = new Away();
  at.bringHome();
  assert.equal(at.takeChanges(), ['pod1: net1 to host as vf0']);
  assert.ok(at.isHome);
});

test('renamed in the pod: it is found by its PCI address, and not what has its name now', () => {
  const at = new Away();
  at.node.link(0).name = 'renamed';
  const impostor = at.node.kernel.addLink(at.node.pod.namespace, 'net1');
  at.bringHome();
  assert.ok(at.isHome);
  assert.is(at.node.link(0).name, 'vf0');
  assert.ok(at.node.pod.namespace.links.includes(impostor));
});

test('the netdev is returned as it is on the host, wherever it came from; null if it is not the pod’s', () => {
  const fromPod = new Away();
  const returned = fromPod.bringHome({ attached: false });
  assert.equal([returned?.name, returned?.ifindex], ['vf0', fromPod.before.ifindex]);
  const fromProcess = new Away();
  fromProcess.addProcess(4711);
  assert.is(fromProcess.bringHome({ withNetns: false, attached: false })?.name, 'vf0');
  for (const attached of [true, false]) {
    const byItself = new Away();
    byItself.node.endPod(byItself.node.pod);
    assert.is(byItself.bringHome({ withNetns: false, attached })?.name, attached ? 'net1' : undefined);
  }
  const gone = new Away();
  gone.node.removeVf(0);
  assert.is(gone.bringHome(), null);
});

test('a namespace that isn’t recorded is entered by its path, and not searched for if it has none', () => {
  const at = new Away();
  assert.is(at.bringHome({ netnsIsKnown: false })?.name, 'vf0');
  const without = new Away();
  without.addProcess(4711);
  throws(() => without.bringHome({ netnsIsKnown: false, withNetns: false }), 'detachIncomplete', '0000:3b:02.0');
});

test('devices on a VF that came home by itself are searched for, unless ADD had not moved the VF', () => {
  for (const attached of [true, false]) {
    const at = new Away();
    at.node.endPod(at.node.pod);
    const upper = `/sys/bus/pci/devices/${at.identity.pci}/net/net1/upper_vlan5/ifindex`;
    at.node.platform.files.set(upper, '9\n');
    if (attached) throws(() => at.bringHome({ withNetns: false }), 'detachIncomplete', 'vlan5');
    else assert.is(at.bringHome({ withNetns: false, attached }), null);
  }
});

test('no socket stays open in the pod’s namespace', () => {
  const at = new Away();
  const { namespace } = at.node.pod;
  const before = namespace.sockets;
  at.bringHome();
  assert.is(namespace.sockets, before);
});

/** The pod has hidden the VF where nobody finds it, and made an interface with its name, MAC and ifindex. */
function withImpostor(at: Away): () => boolean {
  const { namespace } = at.node.pod;
  const vf = at.node.link(0);
  namespace.links.splice(namespace.links.indexOf(vf), 1);
  const impostor = at.node.kernel.addLink(namespace, 'net1', { mac: vf.mac });
  Object.assign(impostor, { ifindex: vf.ifindex });
  return () => namespace.links.includes(impostor);
}

test('hidden, with an impostor in its place: nothing is moved, and that is a failure', () => {
  const at = new Away();
  const stayed = withImpostor(at);
  for (const podIfindex of [at.before.ifindex, null]) {
    throws(() => at.bringHome({ podIfindex }), 'detachIncomplete', '0000:3b:02.0');
    assert.ok(stayed());
  }
  assert.equal(at.takeChanges(), []);
  at.addProcess(4711);
  throws(() => at.bringHome({ withNetns: false }), 'detachIncomplete', '0000:3b:02.0');
  assert.ok(stayed());
  assert.is(at.node.platform.openNamespaces.size, 1, 'only the fixture’s own is open');
});

test('a driver that told the address at first: what tells none in the pod is not the VF', () => {
  const at = new Away({ withoutParents: true });
  const before = { ...at.before, identifiedBy: 'bus-info' as const };
  const stayed = withImpostor(Object.assign(at, { before }));
  throws(() => at.bringHome(), 'detachIncomplete', '0000:3b:02.0');
  assert.ok(stayed());
});

test('home already, while the pod’s namespace is another pod’s by now: that one isn’t looked into', () => {
  for (const withoutParents of [false, true]) {
    const at = new Away({ withoutParents });
    at.node.edit(() => {
      at.node.pod.namespace.links.splice(at.node.pod.namespace.links.indexOf(at.node.link(0)), 1);
      at.node.host.links.push(at.node.link(0));
    });
    const stranger = at.node.kernel.addLink(at.node.pod.namespace, 'net1', { mac: at.before.mac });
    Object.assign(stranger, { ifindex: at.before.ifindex });
    at.bringHome();
    assert.ok(at.node.pod.namespace.links.includes(stranger));
    assert.equal(at.takeChanges(), []);
  }
});

test('a namespace that has got path and inode of the pod’s is another pod’s: nothing in it is touched', () => {
  const at = new Away();
  const { cookie } = at.node.pod.namespace;
  throws(() => at.bringHome({ cookie: cookie + 1 }), 'detachIncomplete', at.identity.pci);
  at.addProcess(4711);
  throws(() => at.bringHome({ cookie: cookie + 1, withNetns: false }), 'detachIncomplete', at.identity.pci);
  assert.equal(at.takeChanges(), []);
  at.bringHome({ cookie });
  assert.ok(at.isHome);
});

test('not on the host after its move: 109, and not a success', () => {
  const at = new Away();
  const { readDir } = at.node.platform;
  Object.assign(at.node.platform, { readDir: (path: string) => (path.endsWith('/net') ? [] : readDir(path)) });
  throws(() => at.bringHome(), 'detachIncomplete', '0000:3b:02.0', 'net1');
});

test('where the kernel doesn’t tell PCI addresses: by the recorded ifindex, else by name and MAC', () => {
  const renamed = new Away({ withoutParents: true });
  renamed.node.link(0).name = 'renamed';
  renamed.bringHome();
  assert.ok(renamed.isHome);
  const unrecorded = new Away({ withoutParents: true });
  unrecorded.bringHome({ podIfindex: null });
  assert.ok(unrecorded.isHome);
});

test('home already: nothing is done', () => {
  const at = new Away();
  at.node.endPod(at.node.pod);
  at.takeChanges();
  at.bringHome({ withNetns: false });
  assert.equal(at.takeChanges(), []);
  assert.is(at.node.platform.clock.nowMs, 0);
});

test('a device that goes while it is moved isn’t in the pod any more: it is waited for on the host', () => {
  const at = new Away();
  const [ENODEV, EIO] = [19, 5];
  at.node.kernel.refuse('net1 to host', ENODEV);
  throws(() => at.bringHome(), 'detachIncomplete', at.identity.pci);
  assert.ok(at.node.platform.clock.nowMs > 0);
  at.node.kernel.allowAll();
  at.node.kernel.refuse('net1 to host', EIO);
  throws(() => at.bringHome(), 'EIO');
});

test('gone with its device or driver: done, without a wait', () => {
  const gone = new Away();
  gone.node.removeVf(0);
  gone.bringHome();
  assert.is(gone.node.platform.clock.nowMs, 0);
  const rebound = new Away();
  const { links } = rebound.node.pod.namespace;
  links.splice(links.indexOf(rebound.node.link(0)), 1);
  rebound.node.platform.links.set('/sys/bus/pci/devices/0000:3b:02.0/driver', '../../../drivers/vfio-pci');
  rebound.bringHome();
  assert.is(rebound.node.platform.clock.nowMs, 0);
});

test('the path is gone and a process holds the namespace: it is entered through that process', () => {
  const at = new Away();
  at.node.platform.netnsPaths.delete(at.node.pod.path);
  at.node.platform.links.set('/proc/7/ns/net', 'net:[4026531840]');
  at.addProcess(4711);
  at.bringHome({ withNetns: false });
  assert.ok(at.isHome);
  assert.is(at.node.platform.openNamespaces.size, 1, 'only the fixture’s own is open');
});

test('a process’s namespace of the same inode but another device is not the pod’s', () => {
  const at = new Away();
  const { inode } = at.node.pod.namespace;
  at.node.platform.links.set('/proc/4711/ns/net', `net:[${inode}]`);
  at.node.platform.netnsPaths.set('/proc/4711/ns/net', { device: 99n, inode });
  throws(() => at.bringHome({ withNetns: false }), 'detachIncomplete', 'network namespace');
});

test('the kernel brings it back a little later: it is waited for', () => {
  const at = new Away();
  const { platform } = at.node;
  const { sleepMs } = platform;
  Object.assign(platform, {
    sleepMs: (ms: number) => {
      sleepMs(ms);
      if (platform.clock.nowMs >= 300 && !at.isHome) at.node.endPod(at.node.pod);
    },
  });
  at.bringHome({ withNetns: false });
  assert.ok(at.isHome);
  assert.ok(platform.clock.nowMs >= 300 && platform.clock.nowMs < 1000);
});

test('out of reach: 109, naming the VF, after a bounded wait', () => {
  const at = new Away();
  throws(() => at.bringHome({ withNetns: false }), 'detachIncomplete', at.identity.pci);
  assert.ok(at.node.platform.clock.nowMs <= 2500);
});

test('bound where nobody can enter it: 109 as well, and told from a namespace that isn’t found', () => {
  const at = new Away();
  const { platform, host, pod } = at.node;
  const lost = throws(() => at.bringHome({ withNetns: false }), 'detachIncomplete').message;
  platform.links.set('/proc/60/ns/net', `net:[${host.inode}]`);
  platform.links.set('/proc/60/ns/mnt', 'mnt:[2]');
  platform.links.set('/proc/60/root', '/var/empty');
  const mount = `30 20 0:4 net:[${pod.namespace.inode}] /run/netns/x rw - nsfs nsfs rw\n`;
  platform.files.set('/proc/60/mountinfo', mount);
  const bound = throws(() => at.bringHome({ withNetns: false }), 'detachIncomplete', '0000:3b:02.0').message;
  assert.equal(
    [lost, bound].map((message) => /\bmount namespace\b/.test(message)),
    [false, true],
  );
  assert.ok(!at.isHome);
});

test('its name is taken on the host: it comes home under one made of its PCI address, with a warning', () => {
  const at = new Away();
  at.node.kernel.addLink(at.node.host, 'other', { altnames: ['vf0'] });
  at.bringHome();
  assert.ok(at.isHome);
  const { name } = at.node.link(0);
  assert.ok(name.length <= 15);
  assert.is(name, 'vf00003b020');
  assert.match(at.logged[0] ?? '', / level=warning .*pci=0000:3b:02\.0 name=vf0 takenBy=\d+ instead=vf00003b020$/m);
});

test('both of its names are taken on the host: it leaves the pod in one step, and no other name is seen there', () => {
  for (const altnames of [[], ['vf0', 'own']]) {
    const at = new Away();
    at.node.link(0).altnames = altnames;
    for (const name of ['vf0', 'net1']) at.node.kernel.addLink(at.node.host, name);
    at.bringHome();
    assert.ok(at.isHome);
    assert.is(at.node.link(0).name, 'vf00003b020');
    assert.equal(at.node.link(0).altnames, altnames.slice(1));
  }
});

test('a name that is free is not warned of', () => {
  const at = new Away();
  at.bringHome();
  assert.equal(at.logged, []);
});

test('gone from the pod while it is moved: it is looked for again', () => {
  const at = new Away();
  at.addProcess(77);
  at.node.kernel.refuse('to host', ENODEV, { times: 1 });
  at.bringHome();
  assert.ok(at.isHome);
  assert.is(at.node.platform.openNamespaces.size, 1, 'only the fixture’s own is open');
});

test('altnames that would be in the way at home are taken off in the pod', () => {
  const at = new Away();
  at.node.link(0).altnames = ['vf0', 'pf0', 'own'];
  at.bringHome();
  assert.ok(at.isHome);
  assert.equal(at.node.link(0).altnames, ['own']);
});

test('a refused move is thrown as it is', () => {
  const at = new Away();
  at.node.kernel.refuse('to host', 1);
  throws(() => at.bringHome(), 'EPERM');
});

/** rdma-cni moved the VF's RDMA device into the pod as well, and left it there. */
class AwayWithRdma extends Away {
  readonly device = this.node.addRdmaDevice(0, 'mlx5_2');
  readonly other = this.node.addRdmaDevice(1, 'mlx5_3');

  constructor() {
    super();
    this.device.namespace = this.node.pod.namespace;
    this.other.namespace = this.node.pod.namespace;
    this.node.edit(() => undefined);
  }
}

test('an RDMA device that was left in the pod comes home before the netdev; another VF’s stays', () => {
  const at = new AwayWithRdma();
  at.bringHome({ rdmaDevices: ['mlx5_2'] });
  assert.equal(at.takeChanges(), ['pod1: RDMA device mlx5_2 to host', 'pod1: net1 to host as vf0']);
  assert.is(at.device.namespace, at.node.host);
  assert.is(at.other.namespace, at.node.pod.namespace);
  assert.match(at.logged.join('\n'), 'mlx5_2');
});

test('so does one from a namespace that only a process holds', () => {
  const at = new AwayWithRdma();
  at.addProcess(77);
  at.bringHome({ withNetns: false, rdmaDevices: ['mlx5_2'] });
  assert.is(at.device.namespace, at.node.host);
  assert.ok(at.isHome);
});

test('RDMA devices that are on the host, or nowhere, are no matter', () => {
  const at = new AwayWithRdma();
  at.device.namespace = at.node.host;
  at.node.edit(() => undefined);
  at.bringHome({ rdmaDevices: ['mlx5_2', 'mlx5_9'] });
  assert.equal(at.takeChanges(), ['pod1: net1 to host as vf0']);
  assert.equal(at.logged, []);
  for (const rdmaDevices of [['mlx5_2'], []]) {
    const unasked = new AwayWithRdma();
    unasked.device.namespace = unasked.node.host;
    unasked.node.edit(() => undefined);
    withoutRdma(unasked);
    unasked.bringHome({ rdmaDevices });
    assert.equal(unasked.logged, [], 'the RDMA subsystem is not asked');
  }
});

function withoutRdma(at: Away): void {
  const { openNetlink } = at.node.platform;
  Object.assign(at.node.platform, {
    openNetlink: (...[netns, groups, protocol]: Parameters<typeof openNetlink>) => {
      if (protocol === 'rdma') throw new SystemError('open netlink socket', 93);
      return openNetlink(netns, groups, protocol);
    },
  });
}

test('an RDMA device that can’t be moved is the kernel’s to return: a warning, and the netdev comes home', () => {
  const at = new AwayWithRdma();
  at.node.kernel.refuse('RDMA device', 95);
  at.bringHome({ rdmaDevices: ['mlx5_2'] });
  assert.ok(at.isHome);
  assert.is(at.logged.length, 1);
  assert.match(at.logged[0] ?? '', /warning.*mlx5_2 .*EOPNOTSUPP/);
});

test('a kernel without an RDMA subsystem: a warning, and the netdev comes home', () => {
  const at = new AwayWithRdma();
  withoutRdma(at);
  at.bringHome({ rdmaDevices: ['mlx5_2'] });
  assert.ok(at.isHome);
  assert.match(at.logged[0] ?? '', 'EPROTONOSUPPORT');
});
