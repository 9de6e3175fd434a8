import { assert, suite } from '../../support/suite.ts';
import { nth, since11, withLabNode } from '../lab-node.ts';

const test = suite('lab/demo');

interface PodLink {
  readonly parentdev: string;
  readonly addr_info: readonly { local: string; prefixlen: number; scope: string }[];
}

test('vf-test1 twice: both VFs of one claim, ping on every interface, and back as they were', async () => {
  await withLabNode({ vfs: [4] }, async (node, vfs) => {
    const conf = node.conf({ vlan: 0, spoofchk: 'on', trust: 'on', vlanQoS: 0, ipam: node.ipam() });
    const claims = { pod1: vfs.slice(0, 2), pod2: vfs.slice(2, 4) };
    const args = (pod: string): string =>
      `IgnoreUnknown=1;K8S_POD_NAMESPACE=vf-test8;K8S_POD_NAME=${pod};K8S_POD_UID=uid-${pod}`;
    for (const [pod, owned] of Object.entries(claims)) await node.writeClaim(`uid-${pod}`, `claim-${pod}`, owned);
    const before = await node.picture();
    const addresses: Record<string, string> = {};
    for (const [pod, owned] of Object.entries(claims)) {
      for (const [at, ifname] of ['net1', 'net2'].entries()) {
        const result = await node.attach(conf, { pod, ifname, args: args(pod) });
        const [link] = await node.ip<[PodLink]>('-n', pod, 'addr', 'show', ifname);
        assert.is(link.parentdev, nth(owned, at).pciAddress, 'VFs go out in string order');
        assert.is(result.interfaces[0]?.pciID, since11(link.parentdev));
        const address = link.addr_info.find((info) => info.scope === 'global');
        assert.is(`${address?.local}/${address?.prefixlen}`, result.ips?.[0]?.address);
        addresses[`${pod}/${ifname}`] = address?.local ?? '';
        assert.is((await node.vfInfo(nth(owned, at)))['trust'], true);
      }
    }
    assert.equal(Object.values(addresses), ['10.0.2.2', '10.0.2.3', '10.0.2.4', '10.0.2.5']);
    for (const ifname of ['net1', 'net2']) {
      assert.ok(await node.reaches('pod1', addresses[`pod2/${ifname}`] ?? '', ifname), `ping over ${ifname}`);
    }
    for (const pod of Object.keys(claims)) {
      for (const ifname of ['net2', 'net1']) await node.succeed('DEL', conf, { pod, ifname, args: args(pod) });
    }
    assert.equal(await node.picture(), before);
  });
});
