import { assert, suite } from '../../support/suite.ts';
import type { VirtualFunction } from '../lab.ts';
import { type LabNode, nth, withLabNode } from '../lab-node.ts';

const test = suite('lab/reboot');

function confOf(node: LabNode, vf: VirtualFunction): Record<string, unknown> {
  const settings = { vlan: 100, trust: 'on', spoofchk: 'off', mtu: 1400 };
  return node.conf({ deviceID: vf.pciAddress, ...settings, ipam: node.ipam() });
}

/** Restarts the node and makes its VFs anew, as an operator would. They have other MAC addresses. */
async function reboot(node: LabNode, count: number): Promise<readonly VirtualFunction[]> {
  await node.lab.reboot();
  await node.install();
  const [pf] = node.lab.pfs;
  assert.ok(pf);
  const vfs = await node.lab.createVfs(pf.name, count);
  for (const pod of ['pod1', 'pod2']) await node.addPod(pod);
  return vfs;
}

const linksOf = async (node: LabNode): Promise<unknown> => ((await node.picture()) as { links: unknown }).links;

test('DEL of a pod from before a reboot frees address and record, and leaves the new VFs alone; so does the next ADD', async () => {
  await withLabNode({ keepState: true, vfs: [3] }, async (node, old) => {
    for (const [at, pod] of ['a', 'b', 'c'].entries()) {
      await node.succeed('ADD', confOf(node, nth(old, at)), { pod: 'pod1', containerId: pod, ifname: `net${at}` });
    }
    const held = Object.entries(await node.leases());
    assert.is(held.length, 3);

    const vfs = await reboot(node, 3);
    assert.equal(
      vfs.map(({ pciAddress }) => pciAddress),
      old.map(({ pciAddress }) => pciAddress),
    );
    assert.equal(Object.entries(await node.leases()), held, 'the store is where it was');
    const fresh = await linksOf(node);

    // A runtime may know the path of the namespace, or not.
    for (const [at, pod] of [
      [0, 'pod1'],
      [1, ''],
    ] as const) {
      const containerId = at === 0 ? 'a' : 'b';
      for (let time = 0; time < 2; time++) {
        await node.succeed('DEL', confOf(node, nth(old, at)), { pod, containerId, ifname: `net${at}` });
        assert.not.ok(
          Object.values(await node.leases()).includes(containerId),
          `the address of ${containerId} is free`,
        );
        const records = await node.sh(
          `find ${node.paths.state} -path '*/${containerId}/*' -o -path '*/.vfs/${nth(old, at).pciAddress}'`,
        );
        assert.is(records, '');
        assert.equal(await linksOf(node), fresh, 'VFs that were made anew are nobody’s to restore');
      }
    }

    const vf = nth(vfs, 2);
    const conf = confOf(node, vf);
    const result = await node.attach(conf, { pod: 'pod2', containerId: 'd' });
    assert.is(result.interfaces[0]?.mac, vf.mac, 'the VF keeps the address that it has since the reboot');
    assert.equal(Object.values(await node.leases()), ['d'], 'what c held is reclaimed, its address too');
    const [link] = await node.ip<[{ parentdev: string; mtu: number }]>('-n', 'pod2', 'link', 'show', 'net1');
    assert.equal([link.parentdev, link.mtu], [vf.pciAddress, 1400]);
    await node.succeed('DEL', confOf(node, nth(old, 2)), { pod: '', containerId: 'c', ifname: 'net2' });
    assert.equal(Object.values(await node.leases()), ['d'], 'the late DEL of c leaves d alone');
    await node.succeed('DEL', conf, { pod: 'pod2', containerId: 'd' });
    assert.equal(await linksOf(node), fresh);
    assert.equal(await node.leases(), {});
  });
});
