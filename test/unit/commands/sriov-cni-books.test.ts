import { MemoryNode, vfPci } from '../../support/memory-node.ts';
import { assert, suite } from '../../support/suite.ts';
import { attach, directory, migrated, settings, sriovCniFiles } from './sriov-cni-fixture.ts';

const test = suite('commands/sriov-cni-books');

/** The plugin is in a PID namespace of its own, as in a container, and doesn't see all processes of the node. */
const seeLess = (node: MemoryNode): unknown => node.platform.links.set('/proc/self/ns/pid', 'pid:[7]');

test('a VF of vfio-pci whose pod isn’t seen is free if the plugin sees all of the node, else it may be in use', () => {
  for (const seesAll of [true, false]) {
    const node = new MemoryNode({ userspace: [0] });
    attach(node, node.conf(settings));
    node.endPod(node.pod);
    if (!seesAll) seeLess(node);
    const call = node.of(node.addPod());
    if (seesAll) {
      node.succeed('ADD', node.conf(), call);
      assert.is(node.vfs[0]?.vlan, 0);
    } else {
      const error = node.fail('ADD', node.conf(), call);
      assert.is(error.code, 102);
      assert.match(error.msg, node.pod.path);
      assert.is(sriovCniFiles(node).length, 2);
    }
  }
});

test('the kernel tells that a VF with a netdev is away, wherever one looks from: it is no living pod’s, and can’t be had', () => {
  const { node } = migrated();
  node.platform.netnsPaths.delete(node.pod.path);
  seeLess(node);
  const error = node.fail('ADD', node.conf(), node.of(node.addPod()));
  assert.is(error.code, 109);
  assert.match(error.msg, vfPci(0));
});

test('an empty file says nothing of a VF of vfio-pci', () => {
  const node = new MemoryNode({ userspace: [0] });
  node.platform.files.set(`${directory}/pci/${vfPci(0)}`, '');
  node.succeed('ADD');
});

test('an attachment’s file that can’t be looked at counts as one', () => {
  const { node, conf, before } = migrated();
  node.platform.failNext('stat', `${directory}/c1-net1`, 5);
  node.succeed('DEL', conf);
  assert.equal(node.picture(), before);
  assert.equal(sriovCniFiles(node), []);
});
