import { assert, suite } from '../../support/suite.ts';
import type { VirtualFunction } from '../lab.ts';
import { type LabNode, nth } from '../lab-node.ts';
import { onSharedNode } from '../shared-node.ts';

const test = onSharedNode(suite('lab/operator'), { vfs: [3] });

async function json<T>(node: LabNode, ...argv: readonly string[]): Promise<T> {
  const { stdout, stderr } = await node.operate(...argv, '--json');
  assert.is(stderr, '', argv.join(' '));
  return JSON.parse(stdout) as T;
}

interface Vf {
  readonly pci: string;
  readonly pf: string;
  readonly vf: number;
  readonly driver: string;
  readonly place: string;
  readonly netdev: {
    readonly name: string;
    readonly mac: string;
    readonly up: boolean;
    readonly carrier: boolean;
  } | null;
  readonly admin: {
    readonly mac: string;
    readonly vlan: number;
    readonly vlanQos: number;
    readonly spoofchk: string;
    readonly trust: string;
    readonly maxTxRateMbps: number;
  } | null;
  readonly holder: { readonly ifname: string; readonly pod: { readonly name: string } } | null;
  readonly disagreements: readonly string[];
}

const inspectVf = (node: LabNode, vf: VirtualFunction): Promise<Vf> => json(node, 'inspect', vf.pciAddress);

interface Check {
  readonly id: string;
  readonly verdict: string;
  readonly found: string;
}

async function checkOf(node: LabNode, id: string): Promise<string> {
  const { checks } = await json<{ checks: readonly Check[] }>(node, 'doctor');
  const check = checks.find((each) => each.id === id);
  return `${check?.verdict}: ${check?.found}`;
}

const args = 'IgnoreUnknown=1;K8S_POD_NAMESPACE=vf-test8;K8S_POD_NAME=pod1;K8S_POD_UID=uid-pod1';

test('what inspect, attachments, resolve and doctor say is what ip shows, before, during and after', async (node, vfs) => {
  const [first, second] = [nth(vfs, 0), nth(vfs, 1)];
  await node.writeClaim('uid-pod1', 'claim-pod1', [first, second]);
  const conf = node.conf({ vlan: 100, vlanQoS: 3, spoofchk: 'on', trust: 'on', max_tx_rate: 500, ipam: node.ipam() });
  const { plans } = await json<{ plans: readonly { vf: string; ifname: string }[] }>(
    node,
    'resolve',
    '--pod-uid',
    'uid-pod1',
    '--network',
    'vf-test1,vf-test1',
  );
  assert.equal(
    plans.map(({ ifname, vf }) => [ifname, vf]),
    [
      ['net1', first.pciAddress],
      ['net2', second.pciAddress],
    ],
  );
  const free = await inspectVf(node, first);
  assert.equal([free.place, free.netdev?.name, free.netdev?.mac, free.holder], ['host', first.netdev, first.mac, null]);

  for (const { ifname, vf } of plans) {
    const result = await node.attach(conf, { ifname, args });
    assert.is(result.interfaces[0]?.pciID, vf, 'ADD takes the VF that resolve told');
  }
  const held = await inspectVf(node, first);
  const link = await node.link('net1', 'pod1');
  const info = await node.vfInfo(first);
  assert.equal([held.pf, held.vf, held.driver, held.place], [first.pf, first.index, 'igbvf', 'pod']);
  assert.equal(
    [held.netdev?.name, held.netdev?.mac, held.netdev?.up],
    ['net1', link.address, link.flags.includes('UP')],
  );
  assert.is(held.netdev?.carrier, link.flags.includes('LOWER_UP'));
  assert.equal([held.admin?.mac, held.admin?.vlan, held.admin?.vlanQos], [info['address'], 100, 3]);
  assert.equal(
    [held.admin?.spoofchk, held.admin?.trust],
    [info['spoofchk'] === true ? 'on' : 'off', info['trust'] === true ? 'on' : 'off'],
  );
  assert.is(held.admin?.maxTxRateMbps, (info['rate'] as { max_tx: number }).max_tx);
  assert.equal([held.holder?.ifname, held.holder?.pod.name, held.disagreements], ['net1', 'pod1', []]);
  const { status, stdout } = await node.operate('doctor');
  assert.is(status, 0, stdout);

  await node.sh(
    `ip link set ${first.pf} vf ${first.index} spoofchk off && ip -n pod1 link set net2 down && ip -n pod1 link set net2 name other`,
  );
  const [ofFirst, ofSecond] = [await inspectVf(node, first), await inspectVf(node, second)];
  assert.equal([ofFirst.disagreements.length, ofSecond.disagreements.length], [1, 1]);
  assert.match(ofFirst.disagreements.join(), /^spoofchk .*\boff\b.*\bon\b/);
  assert.match(ofSecond.disagreements.join(), /\bother\b.*\bnet2\b/);
  assert.match(
    await checkOf(node, 'agreement'),
    `wrong: ${first.pciAddress} (net1 of vf-test8/pod1): ${ofFirst.disagreements.join()}; 1 more`,
  );
  assert.match((await node.operate('attachments')).stdout, /vf-test8\/pod1 +net1 +vf-test1 .* attached .* alive/);

  await node.removePod('pod1');
  assert.match(await checkOf(node, 'records'), /^warning: .*\bnet1 of vf-test8\/pod1, net2 of vf-test8\/pod1\b/);
  assert.match((await node.operate('gc', '--dry-run')).stdout, `would reclaim: VF ${first.pciAddress}`);
  assert.equal(Object.keys(await node.leases()).length, 2);
  const collected = await node.operate('gc');
  assert.is(collected.status, 0, collected.stdout + collected.stderr);
  assert.equal(Object.keys(await node.leases()).length, 0);
  assert.match((await node.operate('gc')).stdout, 'Nothing to reclaim');
  await node.addPod('pod1');
});

test('a PF that is down, a VF without a driver, and one in a namespace of which no record tells', async (node, vfs) => {
  const [first, second] = [nth(vfs, 0), nth(vfs, 1)];
  await node.sh(`ip link set ${second.netdev} netns pod2`);
  assert.match(await checkOf(node, 'pfs'), new RegExp(`^ok: .*\\b${first.pf}\\b`));
  const stray = await inspectVf(node, second);
  assert.equal([stray.place, stray.netdev?.name, stray.holder], ['pod', second.netdev, null]);
  assert.match(stray.disagreements.join(), '/run/netns/pod2');
  await node.sh(`ip -n pod2 link set ${second.netdev} netns 1`);

  await node.sh(`ip link set ${first.pf} down`);
  assert.match(await checkOf(node, 'pfs'), `wrong: down: ${first.pf}`);
  await node.sh(
    `ip link set ${first.pf} up; until [ "$(cat /sys/class/net/${first.pf}/carrier)" = 1 ]; do sleep 0.1; done`,
  );

  const device = `/sys/bus/pci/devices/${first.pciAddress}`;
  await node.sh(`echo ${first.pciAddress} > ${device}/driver/unbind`);
  assert.match(await checkOf(node, 'drivers'), new RegExp(`^wrong: .*${first.pciAddress}`));
  assert.is((await inspectVf(node, first)).place, 'unbound');
  await node.sh(`
    echo ${first.pciAddress} > /sys/bus/pci/drivers/igbvf/bind
    until [ -d ${device}/net ]; do sleep 0.1; done
    name=$(ls ${device}/net)
    [ "$name" = ${first.netdev} ] || ip link set "$name" name ${first.netdev}
    ip link set ${first.netdev} address ${first.mac}`);
});
