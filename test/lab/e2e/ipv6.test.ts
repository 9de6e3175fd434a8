// IPv6 addresses of real VFs: usable when ADD returns, and duplicates found, as of two nodes whose host-local gives the
// same addresses.
import { assert, suite } from '../../support/suite.ts';
import { type LabNode, nth } from '../lab-node.ts';
import { onSharedNode } from '../shared-node.ts';

const test = suite('lab/ipv6');
const onNode = onSharedNode(test, { vfs: [2] });

/** The config of a network on one VF, with a host-local store of its own, as on another node. */
function networkOf(node: LabNode, pciAddress: string, store: string): Record<string, unknown> {
  const ipam = { ...node.ipam('fd00:2::/64'), dataDir: `${node.paths.ipam}/${store}` };
  return node.conf({ deviceID: pciAddress, ipam });
}

onNode('a pod reaches its neighbour after ADD, and its address stays', async (node, vfs) => {
  const [one, other] = [nth(vfs, 0), nth(vfs, 1)].map((vf) => networkOf(node, vf.pciAddress, 'ipv6')) as [
    object,
    object,
  ];
  await node.succeed('ADD', one, { pod: 'pod1' });
  const target = await node.address('pod1', 'net1', 'inet6');
  await node.succeed('ADD', other, { pod: 'pod2' });
  const { addr_info } = await node.link('net1', 'pod2');
  const linkLocal = addr_info.find(({ scope }) => scope === 'link');
  assert.is(linkLocal?.tentative, undefined, 'neighbours are asked for in its name');
  assert.ok(await node.reaches('pod2', target));
  // These VFs hear their own multicasts.
  const lost = await node.sh('for pod in pod1 pod2; do ip -n $pod -6 addr show dev net1 dadfailed; done');
  assert.is(lost.trim(), '');
  for (const [conf, pod] of [
    [one, 'pod1'],
    [other, 'pod2'],
  ] as const)
    await node.succeed('DEL', conf, { pod });
});

onNode('the same address on two VFs: ADD of the second fails, or its CHECK', async (node, vfs) => {
  const first = networkOf(node, nth(vfs, 0).pciAddress, 'node1');
  const second = networkOf(node, nth(vfs, 1).pciAddress, 'node2');
  await node.succeed('ADD', first, { pod: 'pod1' });
  const added = await node.cni('ADD', second, { pod: 'pod2' });
  if (added.status !== 0) assert.is((added.json as { code: number }).code, 115);
  else {
    // An emulated CPU may take longer to answer than ADD waits.
    await node.sh(
      "timeout 60 sh -c 'until ip -n pod2 -6 addr show dev net1 dadfailed | grep -q fd00; do sleep 0.1; done'",
    );
    const error = await node.fail('CHECK', { ...second, prevResult: added.json }, { pod: 'pod2' });
    assert.is(error.code, 110);
    assert.match(error.msg, 'fd00');
  }
  await node.succeed('DEL', second, { pod: 'pod2' });
  await node.succeed('DEL', first, { pod: 'pod1' });
});
