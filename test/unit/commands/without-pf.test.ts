import { MemoryNode, type Pod, vfPci } from '../../support/memory-node.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('commands/without-pf');

const ipam = { type: 'host-local' };
const mac = '02:00:00:00:00:01';

/** A virtual machine with two VFs, and what everything there is like. */
function withoutPf(userspace: readonly number[] = []): { readonly node: MemoryNode; readonly before: unknown } {
  const node = new MemoryNode({ userspace });
  node.hidePf();
  return { node, before: node.picture() };
}

const asked = { vlan: 0, mac, mtu: 1400, ipam };

test('attached where nothing is asked of a PF; CHECK knows it, and DEL gives all back, twice', () => {
  const { node, before } = withoutPf();
  const result = node.attach(node.conf(asked));
  const { pciID, sandbox } = result.interfaces[0] ?? {};
  assert.equal([pciID, sandbox], [vfPci(0), node.pod.path]);
  const link = node.pod.namespace.get('net1');
  assert.equal([link.mac, link.mtu, link.up], [mac, 1400, true]);
  const checked = node.conf({ ...asked, prevResult: result });
  node.succeed('CHECK', checked);
  node.edit(() => Object.assign(link, { mtu: 1300 }));
  assert.is(node.fail('CHECK', checked).code, 110);
  for (let time = 0; time < 2; time++) {
    node.succeed('DEL', node.conf(asked));
    assert.equal(node.picture(), before);
  }
});

test('a VF of vfio-pci has a result, too, without a MAC', () => {
  const { node, before } = withoutPf([0]);
  const { interfaces } = node.attach(node.conf({ ipam }));
  assert.equal(interfaces, [{ name: 'net1', sandbox: node.pod.path, pciID: vfPci(0) }]);
  node.succeed('DEL', node.conf({ ipam }));
  assert.equal(node.picture(), before);
});

test('what only a PF could set is refused before any change, naming the key', () => {
  const { node, before } = withoutPf([1]);
  for (const keys of [{ vlan: 5 }, { spoofchk: 'on' }, { trust: 'off' }, { link_state: 'auto' }, { max_tx_rate: 5 }]) {
    const { code, msg } = node.fail('ADD', node.conf({ ...keys, ipam }));
    assert.is(code, 106);
    assert.match(msg, `${Object.keys(keys)[0]} = `);
    assert.match(msg, `VF ${vfPci(0)}`);
  }
  assert.is(node.fail('ADD', node.conf({ deviceID: vfPci(1), mac })).code, 106, 'without a netdev');
  assert.equal(node.picture(), before);
});

test('a failure on the way undoes all', () => {
  for (const step of ['mac', 'to pod1', 'net1 mtu', 'net1 up', 'net1 address']) {
    const { node, before } = withoutPf();
    node.kernel.refuse(step, 5, { times: step === 'mac' ? 4 : 1 });
    node.cni('ADD', node.conf(asked));
    node.cni('DEL', node.conf(asked));
    assert.equal(node.picture(), before, step);
  }
});

test('reclaimed by GC, and by the next ADD after the pod died without a DEL', () => {
  const { node, before } = withoutPf();
  node.succeed('ADD', node.conf(asked));
  node.platform.clock.nowMs += 1000;
  node.succeed('GC', node.conf({ ipam, 'cni.dev/valid-attachments': [] }));
  assert.equal(node.picture(), before);

  node.succeed('ADD', node.conf(asked));
  const dead: Pod = node.pod;
  node.endPod(dead);
  const other = node.addPod();
  node.succeed('ADD', node.conf({ ipam }), node.of(other));
  assert.equal([...node.leases.keys()], [`${other.containerId}/net1`]);
  assert.is(other.namespace.get('net1').mtu, 1500, 'as it was before the dead pod');
});

test('a card that no device plugin publishes stays where it is, be it the node’s own uplink', () => {
  const { node } = withoutPf();
  for (const path of node.platform.files.keys()) if (path.includes('/devinfo/')) node.platform.files.delete(path);
  const before = node.picture();
  const { code, msg } = node.fail('ADD', node.conf());
  assert.is(code, 103);
  for (const word of [vfPci(0), '/devinfo/dp', 'host-device']) assert.match(msg, word);
  assert.equal(node.picture(), before);
});

test('nor is a file that names it otherwise believed', () => {
  const { node } = withoutPf();
  const files = node.platform.files;
  for (const path of files.keys())
    if (path.includes(`${vfPci(0)}-device`)) files.set(path, files.get(path)?.replaceAll('02.0', '02.1') ?? '');
  assert.is(node.fail('ADD', node.conf()).code, 103);
});
