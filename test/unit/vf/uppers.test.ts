import { Namespace } from '../../../src/kernel/namespace.ts';
import { SystemError } from '../../../src/lib/system-error.ts';
import { removeUppers } from '../../../src/vf/uppers.ts';
import type { MemoryNamespace } from '../../support/memory-kernel.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';
import { VfFixture } from './fixture.ts';

const test = suite('vf/uppers');

const [EIO, EOPNOTSUPP] = [5, 95];

/** VF 0 is on the host; it was in a pod. */
class Returned extends VfFixture {
  /** Another pod's. */
  readonly refuge = this.node.addPod();

  constructor() {
    super();
    this.node.pod.namespace.idOf(this.node.host);
  }

  stack(where: MemoryNamespace, name: string, kind = 'macvlan'): void {
    this.node.kernel.addLink(where, name, { kind, lower: this.node.link(0) });
  }

  /** `fetched`: the plugin has just brought the VF home from the pod; else it came back by itself. */
  remove({ fetched = true } = {}): void {
    const { platform, pod, host } = this.node;
    const vf = { platform, log: this.log, host: this.host, pci: this.identity.pci, link: this.vf() };
    const netns = platform.openNetns(pod.path);
    const namespace = netns === null ? null : new Namespace(platform, netns);
    try {
      removeUppers(vf, fetched ? namespace : null);
    } finally {
      namespace?.close();
      netns?.close();
    }
    assert.ok(host.links.includes(this.node.link(0)));
  }

  /** Processes of this node live in these namespaces. */
  addProcesses(...namespaces: readonly MemoryNamespace[]): void {
    for (const [at, { device, inode }] of namespaces.entries()) {
      this.node.platform.links.set(`/proc/${at + 1}/ns/net`, `net:[${inode}]`);
      this.node.platform.netnsPaths.set(`/proc/${at + 1}/ns/net`, { device, inode });
    }
  }
}

const namesOf = (namespace: MemoryNamespace): string[] => namespace.links.map(({ name }) => name);

test('nothing is on it: two questions, no change', () => {
  const at = new Returned();
  const asked = at.node.kernel.messageTypes.length;
  at.remove();
  assert.equal(at.node.kernel.messageTypes.slice(asked + 1), [18, 90]);
  assert.equal(at.takeChanges(), []);
});

test('what the pod has stacked on it goes, and what is on top of that; what is on others stays', () => {
  const at = new Returned();
  const pod = at.node.pod.namespace;
  at.stack(pod, 'vlan5', 'vlan');
  at.node.kernel.addLink(pod, 'vlan5.6', { kind: 'vlan', lower: pod.get('vlan5') });
  at.node.kernel.addLink(pod, 'dummy0', { kind: 'dummy' });
  at.node.kernel.addLink(pod, 'mv', { kind: 'macvlan', lower: pod.get('dummy0') });
  at.node.kernel.addLink(pod, 'gre1', { kind: 'gre', lower: at.node.link(0) });
  at.remove();
  assert.equal(namesOf(pod), ['lo', 'dummy0', 'mv', 'gre1']);
  assert.match(at.logged.join('\n'), 'vlan5');
});

test('what was moved from the pod to another’s namespace is found by the ID that the pod’s has of it', () => {
  const at = new Returned();
  const { namespace } = at.refuge;
  at.node.pod.namespace.idOf(namespace);
  at.stack(namespace, 'mv1');
  at.node.kernel.addLink(namespace, 'of-another', { kind: 'macvlan', lower: at.node.link(1) });
  at.remove();
  assert.equal(namesOf(namespace), ['lo', 'of-another']);
});

test('what is on a device of the VF’s ifindex in another namespace than the host’s stays', () => {
  const at = new Returned();
  const pod = at.node.pod.namespace;
  const ofPod = at.node.kernel.addLink(pod, 'dummy0', { kind: 'dummy' });
  const ofRefuge = at.node.kernel.addLink(at.refuge.namespace, 'dummy0', { kind: 'dummy' });
  for (const link of [ofPod, ofRefuge]) Object.assign(link, { ifindex: at.node.link(0).ifindex });
  at.node.kernel.addLink(pod, 'mv0', { kind: 'macvlan', lower: ofPod });
  at.node.kernel.addLink(pod, 'mv1', { kind: 'macvlan', lower: ofRefuge });
  at.stack(pod, 'mv2');
  at.remove();
  assert.equal(namesOf(pod), ['lo', 'dummy0', 'mv0', 'mv1']);
});

test('a namespace that the pod’s has an ID of, and that has ended meanwhile, holds nothing', () => {
  const at = new Returned();
  at.node.pod.namespace.idOf(at.refuge.namespace);
  at.node.endPod(at.refuge);
  at.stack(at.node.pod.namespace, 'mv0');
  at.remove();
  assert.equal(namesOf(at.node.pod.namespace), ['lo']);
});

test('a namespace whose links can’t be listed may hold one: that is a failure', () => {
  const at = new Returned();
  at.node.pod.namespace.idOf(at.refuge.namespace);
  const pod = at.openPod();
  const { session } = pod;
  const search = session.search.bind(session);
  let lists = 0;
  session.search = (...args) => {
    if (++lists > 1) throw new SystemError('list', EIO);
    return search(...args);
  };
  const vf = { platform: at.node.platform, log: at.log, host: at.host, pci: at.identity.pci, link: at.vf() };
  throws(() => removeUppers(vf, pod), 'EIO');
});

test('the VF came back by itself: every namespace is looked at, of processes and of mounts', () => {
  const at = new Returned();
  const mounted = at.node.addPod();
  at.addProcesses(at.node.host, at.node.pod.namespace, at.refuge.namespace, at.refuge.namespace);
  const { inode } = mounted.namespace;
  at.node.platform.files.set('/proc/self/mountinfo', `30 20 0:4 net:[${inode}] ${mounted.path} rw - nsfs nsfs rw\n`);
  for (const { namespace } of [at.refuge, mounted, at.node.pod]) at.stack(namespace, 'mv1');
  at.remove({ fetched: false });
  for (const { namespace } of [at.refuge, mounted, at.node.pod]) {
    assert.equal([namesOf(namespace), namespace.sockets], [['lo'], 0]);
  }
});

test('what can’t be removed is named, and so is what the host’s own namespace has', () => {
  const at = new Returned();
  for (const name of ['mv0', 'mv1', 'mv2']) at.stack(at.node.pod.namespace, name);
  at.node.kernel.refuse(/remove mv[01]/, EOPNOTSUPP);
  throws(() => at.remove(), 'detachIncomplete', 'EOPNOTSUPP', 'mv0, mv1 ', '0000:3b:02.0');
  assert.equal(namesOf(at.node.pod.namespace), ['lo', 'mv0', 'mv1']);

  const other = new Returned();
  other.node.platform.files.set(`/sys/bus/pci/devices/${other.identity.pci}/net/vf0/upper_escaped/ifindex`, '9\n');
  throws(() => other.remove(), 'detachIncomplete', 'escaped', '0000:3b:02.0');
});
