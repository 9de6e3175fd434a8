import { constants } from 'node:os';
import { SystemError } from '../../../src/lib/system-error.ts';
import type { AttachmentRecord } from '../../../src/state/attachment-record.ts';
import { describeView, isDead, lifeOf, openNetnsOf, openRecordedNetns } from '../../../src/state/liveness.ts';
import { MemoryNode } from '../../support/memory-node.ts';
import type { MemoryPlatform } from '../../support/memory-platform.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';
import { sampleRecord } from './sample-record.ts';

const test = suite('state/liveness');

const [_EMFILE, EINVAL, EACCES, ESRCH] = [24, 22, 13, 3];

class Fixture {
  readonly node = new MemoryNode();
  readonly platform: MemoryPlatform = this.node.platform;
  readonly path = this.node.pod.path;
  readonly record: AttachmentRecord;

  constructor() {
    const { device, inode, cookie } = this.node.pod.namespace;
    const netns = { path: this.path, device: String(device), inode: String(inode), cookie: String(cookie) };
    this.record = { ...sampleRecord, netns, bootId: this.platform.bootId() };
  }

  /** The namespace lives on, but its path can't be seen. */
  hidePath(): this {
    this.platform.netnsPaths.delete(this.path);
    return this;
  }

  addProcess(pid = 4711): void {
    const { namespace } = this.node.pod;
    this.platform.links.set(`/proc/${pid}/ns/net`, `net:[${namespace.inode}]`);
    this.platform.netnsPaths.set(`/proc/${pid}/ns/net`, namespace);
  }

  failWith(errno: number): this {
    this.platform.files.set(this.path, '');
    Object.assign(this.platform, {
      openNetns: () => {
        throw new SystemError(`open network namespace ${this.path}`, errno);
      },
    });
    return this;
  }

  life(record: AttachmentRecord = this.record): string {
    return lifeOf(this.platform, record);
  }
}

test('a pod whose namespace is as recorded is alive', () => {
  const at = new Fixture();
  assert.is(at.life(), 'alive');
  assert.is(at.platform.openNamespaces.size, 0, 'what was opened is closed');
});

test('the recorded namespace is opened, for the caller to close', () => {
  const at = new Fixture();
  assert.is(openRecordedNetns(at.platform, at.record)?.inode, at.node.pod.namespace.inode);
  assert.is(at.platform.openNamespaces.size, 1);
});

test('alive: the path is not there for who looks, and a process lives in the namespace', () => {
  const at = new Fixture().hidePath();
  at.addProcess();
  assert.is(at.life(), 'alive');
  assert.is(at.platform.openNamespaces.size, 0);
});

test('alive: no process is in it, and another mount namespace has it bound', () => {
  const at = new Fixture().hidePath();
  const { inode } = at.node.pod.namespace;
  at.platform.links.set('/proc/9/ns/net', 'net:[1]');
  at.platform.links.set('/proc/9/ns/mnt', 'mnt:[2]');
  at.platform.files.set('/proc/9/mountinfo', `9 1 0:4 net:[${inode}] /run/netns/pod1 rw - nsfs nsfs rw\n`);
  assert.is(at.life(), 'alive');
});

test('dead: the path is gone, and nobody lives in the namespace', () => {
  assert.is(new Fixture().hidePath().life(), 'dead');
});

test('dead: another namespace has the path, or even the inode', () => {
  const path = new Fixture();
  path.platform.netnsPaths.set(path.path, path.node.addPod().namespace);
  assert.is(path.life(), 'dead');
  assert.is(openRecordedNetns(path.platform, path.record), null);
  assert.is(path.platform.openNamespaces.size, 0);
  const inode = new Fixture();
  const later = inode.node.addPod().namespace;
  Object.assign(later, { inode: inode.node.pod.namespace.inode });
  inode.node.endPod(inode.node.pod);
  inode.platform.netnsPaths.set(inode.path, later);
  assert.is(inode.life(), 'dead');
  assert.is(inode.platform.openNamespaces.size, 0);
});

test('a record of before knows no cookie: path and inode have to do', () => {
  const at = new Fixture();
  const { cookie: _cookie, ...netns } = at.record.netns;
  assert.is(at.life({ ...at.record, netns }), 'alive');
});

test('dead: the node has booted since, whatever lies at the path', () => {
  const at = new Fixture();
  const record = { ...at.record, bootId: 'an-earlier-boot' };
  assert.is(at.life(record), 'dead');
  assert.is(openRecordedNetns(at.platform, record), null);
});

test('dead: what lies at the path is no namespace, as an unmounted bind leaves it', () => {
  assert.is(new Fixture().failWith(EINVAL).life(), 'dead');
  const at = new Fixture().hidePath();
  at.platform.files.set(at.path, '');
  assert.is(at.life(), 'dead');
});

test('dead: the process whose namespace it was ends at that moment', () => {
  for (const errno of [EACCES, ESRCH]) {
    const at = new Fixture().failWith(errno);
    at.platform.files.delete(at.path);
    assert.is(at.life(), 'dead');
  }
});

test('a namespace that can’t be looked at is not dead: nobody loses a VF for want of a descriptor', () => {
  for (const errno of ['EMFILE', 'EACCES'] as const) {
    const at = new Fixture().failWith(constants.errno[errno]);
    throws(() => isDead(at.platform, at.record), errno, at.path);
    throws(() => openRecordedNetns(at.platform, at.record), errno, at.path);
  }
});

test('who sees only a part of the node calls nobody dead', () => {
  const at = new Fixture().hidePath();
  at.platform.links.set('/proc/self/ns/pid', 'pid:[4026532700]');
  assert.is(at.life(), 'unknown');
  assert.is(isDead(at.platform, at.record), false);
  const ofBefore = { ...at.record, bootId: 'an-earlier-boot' };
  assert.equal([at.life(ofBefore), isDead(at.platform, ofBefore)], ['dead', true]);
});

test('nothing is opened for a pod whose namespace nobody wrote down, whatever lies at the other path', () => {
  const at = new Fixture();
  assert.is(openNetnsOf(at.platform, { ...at.record, netns: null }, at.path), null);
  assert.is(at.platform.openNamespaces.size, 0);
});

test('but who sees what ADD saw can tell: a node that is a container itself', () => {
  const at = new Fixture().hidePath();
  assert.equal(describeView(at.platform), {});
  at.platform.links.set('/proc/self/ns/pid', 'pid:[4026532700]');
  at.platform.links.set('/proc/self/ns/mnt', 'mnt:[4026532698]');
  at.platform.files.set('/proc/1/stat', `1 (a) b) S ${'0 '.repeat(18)}12345 0 0\n`);
  const record = { ...at.record, ...describeView(at.platform) };
  assert.is(record.seenFrom, 'pid:[4026532700] 12345 mnt:[4026532698]');
  assert.is(at.life(record), 'dead');
  at.platform.links.set('/proc/self/ns/mnt', 'mnt:[4026532999]');
  assert.is(at.life(record), 'unknown', 'a debug shell beside it');
});
