import { assert, suite } from '../../support/suite.ts';
import type { VirtualFunction } from '../lab.ts';
import { cniVersion, type LabNode, nth } from '../lab-node.ts';
import { onSharedNode } from '../shared-node.ts';

const tampering = suite('lab/tampering');
const test = onSharedNode(tampering, { vfs: [2] });

/** For verbs that came with CNI 1.1. */
const since11: typeof test = (name, body) => {
  if (cniVersion === '1.1.0') test(name, body);
  else tampering.skip(name, `host-local here speaks CNI ${cniVersion} at most`);
};

const mac = '02:00:00:00:01:01';

interface Tampering {
  readonly what: string;
  readonly commands: string;
  /** For each finding of CHECK, the texts that it has to contain. */
  readonly found: readonly (readonly string[])[];
  readonly undo: string;
}

function confOf(node: LabNode, vf: VirtualFunction): Record<string, unknown> {
  const settings = { vlan: 100, vlanQoS: 3, spoofchk: 'on', trust: 'on', max_tx_rate: 200, mtu: 1400, mac };
  const routes = [{ dst: '10.7.0.0/16', gw: '10.0.2.1' }, { dst: '10.8.0.0/16' }];
  const ipam = node.ipam('10.0.2.0/24', { gateway: '10.0.2.254', routes });
  return node.conf({ deviceID: vf.pciAddress, ...settings, ipam });
}

function tamperings(vf: VirtualFunction, other: VirtualFunction, address: string): readonly Tampering[] {
  const pf = `VF ${vf.index} of PF ${vf.pf}`;
  const setVf = `ip link set ${vf.pf} vf ${vf.index}`;
  const pod = 'ip -n pod1';
  const routes = `${pod} route replace 10.7.0.0/16 via 10.0.2.1 && ${pod} route replace 10.8.0.0/16 via 10.0.2.254`;
  const lostRoutes = [['net1: route 10.7.0.0/16 via 10.0.2.1 '], ['net1: route 10.8.0.0/16 via 10.0.2.254 ']];
  return [
    {
      what: 'address removed',
      commands: `${pod} addr del ${address} dev net1`,
      found: [[`net1: address ${address} `], ...lostRoutes],
      undo: `${pod} addr add ${address} brd + dev net1 && ${routes}`,
    },
    {
      what: 'route removed',
      commands: `${pod} route del 10.7.0.0/16`,
      found: lostRoutes.slice(0, 1),
      undo: routes,
    },
    {
      what: 'route through another gateway',
      commands: `${pod} route replace 10.8.0.0/16 via 10.0.2.77`,
      found: lostRoutes.slice(1),
      undo: routes,
    },
    {
      what: 'link down',
      commands: `${pod} link set net1 down`,
      found: [['net1: link ', 'down', 'up'], ...lostRoutes],
      undo: `${pod} link set net1 up && ${routes}`,
    },
    {
      what: 'MAC changed in the pod',
      commands: `${pod} link set net1 address 02:00:00:00:0a:0a`,
      // With igb, the PF records what a trusted VF sets.
      found: [
        [`${pf}: mac `, '02:00:00:00:0a:0a', mac],
        ['net1: MAC ', '02:00:00:00:0a:0a', mac],
      ],
      undo: `${pod} link set net1 address ${mac}`,
    },
    {
      what: 'MTU changed',
      commands: `${pod} link set net1 mtu 1300`,
      found: [['net1: MTU ', '1300', '1400']],
      undo: `${pod} link set net1 mtu 1400`,
    },
    {
      what: 'VLAN changed through the PF',
      commands: `${setVf} vlan 200 qos 3`,
      found: [[`${pf}: vlan `, '200', '100']],
      undo: `${setVf} vlan 100 qos 3`,
    },
    {
      what: 'priority changed through the PF',
      commands: `${setVf} vlan 100 qos 5`,
      found: [[`${pf}: vlanQoS `, '5', '3']],
      undo: `${setVf} vlan 100 qos 3`,
    },
    {
      what: 'MAC changed through the PF',
      commands: `${setVf} mac 02:00:00:00:0b:0b`,
      found: [[`${pf}: mac `, '02:00:00:00:0b:0b', mac]],
      undo: `${setVf} mac ${mac}`,
    },
    {
      what: 'spoofchk flipped',
      commands: `${setVf} spoofchk off`,
      found: [[`${pf}: spoofchk `, 'off', 'on']],
      undo: `${setVf} spoofchk on`,
    },
    {
      what: 'trust flipped',
      commands: `${setVf} trust off`,
      found: [[`${pf}: trust `, 'off', 'on']],
      undo: `${setVf} trust on`,
    },
    {
      what: 'rate changed',
      commands: `${setVf} max_tx_rate 500`,
      found: [[`${pf}: max_tx_rate `, '500', '200']],
      undo: `${setVf} max_tx_rate 200`,
    },
    {
      what: 'VF renamed, another VF in its place',
      commands: `${pod} link set net1 down name data0 && ip link set ${other.netdev} netns pod1 name net1 && ${pod} link set data0 up && ${routes.replaceAll('via', 'dev data0 via')}`,
      found: [['name', 'data0', 'net1']],
      undo: `${pod} link set net1 netns 1 name ${other.netdev} && ${pod} link set data0 down name net1 && ${pod} link set net1 up && ${routes}`,
    },
    {
      what: 'VF moved out of the pod',
      commands: `${pod} link set net1 netns pod2`,
      found: [[vf.pciAddress]],
      undo: '',
    },
    {
      what: 'VF swapped for another',
      commands: `ip link set ${other.netdev} netns pod1 name net1 && ${pod} link set net1 address 02:00:00:00:0c:0c up mtu 1400 && ${pod} addr add ${address} dev net1 && ${routes}`,
      found: [[vf.pciAddress], ['net1 ']],
      undo: '',
    },
  ];
}

test('CHECK passes after ADD, and names what was tampered with, and nothing else', async (node, vfs) => {
  const [vf, other] = [nth(vfs, 0), nth(vfs, 1)];
  const conf = confOf(node, vf);
  const result = await node.attach(conf);
  const checked = { ...conf, prevResult: result };
  const { stdout } = await node.cni('CHECK', checked);
  assert.is(stdout, '');
  const address = result.ips?.[0]?.address ?? '';
  for (const { what, commands, found, undo } of tamperings(vf, other, address)) {
    await node.sh(commands);
    const error = await node.fail('CHECK', checked);
    assert.is(error.code, 110, what);
    const [, said = ''] = /^net1 of container pod1 \(network vf-test1\): (.*)$/.exec(error.msg) ?? [];
    const findings = said.split('; ');
    assert.is(findings.length, found.length, `${what}: ${error.msg}`);
    for (const [at, tokens] of found.entries()) {
      for (const token of tokens) assert.match(findings[at] ?? '', token, what);
    }
    await node.sh(undo);
  }
  await node.sh(`ip -n pod1 link set net1 down address ${other.mac} mtu 1500 netns 1 name ${other.netdev}
    ip -n pod2 link set net1 netns pod1`);
  await node.succeed('DEL', conf);
});

test('CHECK passes again after what was tampered with is put right, and finds a lost lease and a lost record', async (node, vfs) => {
  const vf = nth(vfs, 0);
  const conf = confOf(node, vf);
  const result = await node.attach(conf);
  const checked = { ...conf, prevResult: result };
  await node.sh(`ip link set ${vf.pf} vf ${vf.index} trust off && ip -n pod1 link set net1 mtu 1300`);
  const both = await node.fail('CHECK', checked);
  assert.match(both.msg, /\btrust .*\boff\b.*\bon\b/);
  assert.match(both.msg, /\bMTU .*\b1300\b.*\b1400\b/);
  await node.sh(`ip link set ${vf.pf} vf ${vf.index} trust on && ip -n pod1 link set net1 mtu 1400`);
  await node.succeed('CHECK', checked);

  const [address = ''] = Object.keys(await node.leases());
  await node.sh(`mv ${node.paths.ipam}/vf-test1/${address} /tmp/lease`);
  assert.match((await node.fail('CHECK', checked)).msg, 'host-local');
  await node.sh(`mv /tmp/lease ${node.paths.ipam}/vf-test1/${address}`);
  await node.succeed('DEL', conf);
  const gone = await node.fail('CHECK', checked);
  assert.is(gone.code, 110);
});

since11('STATUS is ok, and says what is missing', async (node) => {
  const conf = node.conf({ ipam: node.ipam() });
  const { status, stdout } = await node.cni('STATUS', conf);
  assert.is(status, 0, stdout);
  assert.is(stdout, '');
  const error = await node.fail('STATUS', { ...conf, ipam: { type: 'no-such-ipam' } });
  assert.is(error.code, 50);
  assert.match(error.msg, 'no-such-ipam');
});

since11('GC keeps what the runtime lists, and gives back what it doesn’t', async (node, vfs) => {
  const [kept, lost] = [nth(vfs, 0), nth(vfs, 1)];
  const before = await node.picture();
  await node.succeed('ADD', confOf(node, kept));
  const lostConf = { ...confOf(node, lost), mac: '02:00:00:00:02:02' };
  const withBoth = await node.vfInfo(kept);
  await node.succeed('ADD', lostConf, { pod: 'pod2' });
  const during = await node.picture();
  const list = (...pods: string[]): unknown => ({
    ...node.conf({ ipam: node.ipam() }),
    'cni.dev/valid-attachments': pods.map((containerID) => ({ containerID, ifname: 'net1' })),
  });
  await node.succeed('GC', list('pod1', 'pod2'));
  assert.equal(await node.picture(), during);
  await node.succeed('GC', node.conf({ ipam: node.ipam() }));
  assert.equal(await node.picture(), during, 'no list is not an empty one');

  await node.succeed('GC', list('pod1'));
  assert.equal(Object.values(await node.leases()), ['pod1']);
  assert.equal(await node.vfInfo(kept), withBoth);
  const left = await node.ip<{ ifname: string }[]>('-n', 'pod2', 'link', 'show');
  assert.equal(
    left.map(({ ifname }) => ifname),
    ['lo'],
  );
  await node.succeed('GC', list());
  assert.equal(await node.picture(), before);
});
