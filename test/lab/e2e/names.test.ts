import { assert, suite } from '../../support/suite.ts';
import { type LabNode, nth } from '../lab-node.ts';
import { onSharedNode } from '../shared-node.ts';

const test = onSharedNode(suite('lab/names'), { vfs: [4] });

const podArgs = (pod: string): string =>
  `IgnoreUnknown=1;K8S_POD_NAMESPACE=vf-test8;K8S_POD_NAME=${pod};K8S_POD_UID=uid-${pod}`;

interface Route {
  readonly dst: string;
  readonly gateway: string;
  readonly dev: string;
}

async function defaultRoutes(node: LabNode, pod: string): Promise<Record<string, Route | undefined>> {
  const [inet] = await node.ip<Route[]>('-n', pod, '-4', 'route', 'show', 'default');
  const [inet6] = await node.ip<Route[]>('-n', pod, '-6', 'route', 'show', 'default');
  return { inet, inet6 };
}

test('each VF of a claim goes to its own network, under the name asked for, with IPv4 and IPv6 at once', async (node, vfs) => {
  const ranges = [[{ subnet: '10.0.3.0/24' }], [{ subnet: 'fd00:3::/64' }]];
  const routes = [{ dst: '0.0.0.0/0' }, { dst: '::/0' }];
  const data = node.conf({ name: 'vf-data', ipam: { type: 'host-local', ranges, routes, dataDir: node.paths.ipam } });
  const control = node.conf({ name: 'vf-control', vlan: 7, ipam: node.ipam() });
  const claims = { pod1: vfs.slice(0, 2), pod2: vfs.slice(2, 4) };
  // The first VF by order is for the network that is attached last.
  for (const [pod, owned] of Object.entries(claims)) {
    await node.writeClaim(`uid-${pod}`, `claim-${pod}`, owned, ['vf-control', 'vf-data']);
  }
  for (const [pod, owned] of Object.entries(claims)) {
    const added = await node.attach(data, { pod, ifname: 'dataplane1', args: podArgs(pod) });
    const link = await node.link('dataplane1', pod);
    const unusable = link.addr_info.filter(({ tentative, optimistic }) => tentative && !optimistic);
    assert.equal(unusable, [], 'IPv6 as soon as ADD returns');
    assert.ok(await node.reaches(pod, 'fd00:3::2', 'dataplane1'), `IPv6 in ${pod}`);
    assert.is(added.interfaces[0]?.name, 'dataplane1');
    assert.is(link.parentdev, nth(owned, 1).pciAddress);
    const [v4, v6] = link.addr_info.filter(({ scope }) => scope === 'global');
    assert.equal(
      added.ips?.map(({ address }) => address),
      [`${v4?.local}/24`, `${v6?.local}/64`],
    );
    const { inet, inet6 } = await defaultRoutes(node, pod);
    assert.equal([inet?.gateway, inet?.dev], ['10.0.3.1', 'dataplane1']);
    assert.equal([inet6?.gateway, inet6?.dev], ['fd00:3::1', 'dataplane1']);

    await node.succeed('ADD', control, { pod, ifname: 'ctl-with-15-let', args: podArgs(pod) });
    assert.is((await node.link('ctl-with-15-let', pod)).parentdev, nth(owned, 0).pciAddress);
  }
  assert.ok(await node.reaches('pod1', '10.0.3.3', 'dataplane1'));
  assert.ok(await node.reaches('pod1', '10.0.2.3', 'ctl-with-15-let'));
  for (const pod of Object.keys(claims)) {
    await node.succeed('DEL', control, { pod, ifname: 'ctl-with-15-let', args: podArgs(pod) });
    await node.succeed('DEL', data, { pod, ifname: 'dataplane1', args: podArgs(pod) });
  }
});

test('altnames equal to the host’s name, the pod’s name and a neighbour’s: ADD, DEL, ADD pass, and DEL gives them back', async (node, vfs) => {
  const vf = nth(vfs, 0);
  const long = 'enp1s0f0v0-longer-than-a-name-may-be';
  const conf = node.conf({ deviceID: vf.pciAddress, ipam: node.ipam() });
  const altnames = (verb: string): string =>
    ['net1', 'data0', long].map((name) => `ip link property ${verb} dev ${vf.netdev} altname ${name}`).join('\n');
  await node.sh(`${altnames('add')}\nip -n pod1 link add data0 type dummy`);
  const before = await node.picture();
  assert.equal((await node.link(vf.netdev)).altnames, ['net1', 'data0', long]);
  for (const round of ['first', 'second']) {
    await node.succeed('ADD', conf);
    const link = await node.link('net1', 'pod1');
    assert.equal([link.ifname, link.parentdev, link.altnames], ['net1', vf.pciAddress, [long]], round);
    await node.sh(`ip -n pod1 link property add dev net1 altname ${vf.netdev}`);
    await node.succeed('DEL', conf);
    assert.equal(await node.picture(), before, round);
  }
  await node.sh(`${altnames('del')}\nip -n pod1 link del data0`);
});

test('names that are no UTF-8: in the pod, and on the host when its namespace has ended; DEL gives back those of before', async (node, vfs) => {
  const vf = nth(vfs, 0);
  const conf = node.conf({ deviceID: vf.pciAddress, ipam: node.ipam() });
  const own = `"$(printf 'own\\377')"`;
  const listBytes = 'ip link show | od -c';
  await node.sh(`ip link property add dev ${vf.netdev} altname ${own}`);
  const before = await node.sh(listBytes);
  for (const end of ['lives', 'has ended']) {
    await node.succeed('ADD', conf);
    await node.sh(`ip -n pod1 link property del dev net1 altname ${own}
      ip -n pod1 link property add dev net1 altname "$(printf 'pod\\200')"
      ip -n pod1 link set net1 down
      ip -n pod1 link set net1 name "$(printf 'n\\376')"`);
    if (end !== 'lives') {
      await node.removePod('pod1');
      await node.sh(`until ls -d /sys/bus/pci/devices/${vf.pciAddress}/net/*; do sleep 0.05; done`);
    }
    await node.succeed('DEL', conf);
    assert.is(await node.sh(listBytes), before, end);
  }
  await node.addPod('pod1');
  await node.sh(`ip link property del dev ${vf.netdev} altname ${own}`);
});

test('a taken interface name and the host’s own namespace are refused before anything is changed', async (node, vfs) => {
  const conf = node.conf({ deviceID: nth(vfs, 0).pciAddress, vlan: 100, mac: '02:00:00:00:07:01', ipam: node.ipam() });
  await node.sh('ip -n pod1 link add net1 type dummy && ip -n pod1 link property add dev net1 altname net2');
  const before = await node.picture();
  const stays = await node.link('net1', 'pod1');
  const refused = async (ifname: string, code: number, named: string, env = {}): Promise<void> => {
    const error = await node.fail('ADD', conf, { ifname, env });
    assert.is(error.code, code, error.msg);
    assert.match(error.msg, named);
    assert.equal(await node.picture(), before, error.msg);
  };
  await refused('net1', 107, 'net1');
  await refused('net2', 107, 'net1');
  await refused('net3', 8, '/proc/1/ns/net', { CNI_NETNS: '/proc/1/ns/net' });
  // The runtime sends a DEL after a failed ADD, and that must not remove what was there before.
  await node.succeed('DEL', conf);
  assert.equal(await node.link('net1', 'pod1'), stays);
  await node.sh('ip -n pod1 link del net1');
});
