import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { asRoot } from '../../support/netns.ts';
import { type StandInNode, withStandInNode } from '../../support/stand-in-node.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('plugin/attach');
const root = asRoot(test);

interface IpLink {
  readonly ifname: string;
  readonly ifindex: number;
  readonly address: string;
  readonly mtu: number;
  readonly flags: readonly string[];
  readonly altnames?: readonly string[];
}

const podArgs = (uid: string): string =>
  `IgnoreUnknown=1;K8S_POD_NAMESPACE=vf-test8;K8S_POD_NAME=pod0;K8S_POD_UID=${uid}`;

function podLink(node: StandInNode, name: string): IpLink {
  const [link] = node.pod.ip('link', 'show', name) as [IpLink];
  return link;
}

function addressesOf(node: StandInNode, name: string): string[] {
  const [link] = node.pod.ip('addr', 'show', name) as [
    { addr_info: { local: string; prefixlen: number; scope: string }[] },
  ];
  return link.addr_info.filter((info) => info.scope === 'global').map((info) => `${info.local}/${info.prefixlen}`);
}

/** ADD, DEL, and DEL again. Asserts that the node is as before after each DEL. */
function addAndDel(node: StandInNode, conf: unknown, during: (result: unknown) => void): void {
  const before = node.picture();
  const { json } = node.succeed('ADD', conf, { args: podArgs('uid-1') });
  during(json);
  node.succeed('DEL', conf, { args: podArgs('uid-1') });
  assert.equal(node.picture(), before);
  node.succeed('DEL', conf, { args: podArgs('uid-1') });
  assert.equal(node.picture(), before);
}

root('the demo: vf-test1 twice, with its NAD unmodified', () => {
  withStandInNode({ fakePf: true }, (node) => {
    node.writePodSpec('uid-1');
    const conf = node.conf({ vlan: 0, spoofchk: 'on', trust: 'on', vlanQoS: 0, logLevel: 'info', ipam: node.ipam() });
    const before = node.picture();
    const call = { args: podArgs('uid-1') };
    const first = node.succeed('ADD', conf, { ...call, ifname: 'net1' }).json as { interfaces: unknown[] };
    const second = node.succeed('ADD', conf, { ...call, ifname: 'net2' }).json as { interfaces: unknown[] };
    assert.is(first.interfaces.length, 1);
    assert.is(second.interfaces.length, 1);
    assert.equal(addressesOf(node, 'net1'), ['10.0.2.2/24']);
    assert.equal(addressesOf(node, 'net2'), ['10.0.2.3/24']);
    assert.ok(podLink(node, 'net1').flags.includes('UP'));
    assert.equal(
      node.fakePf.vfs.map((vf) => [vf.spoofchk, vf.trust, vf.vlan]),
      [
        [1, 1, 0],
        [1, 1, 0],
      ],
    );
    assert.equal(
      node.fakePf.log.map((entry) => entry.attributes),
      [['trust'], ['trust']],
      'only what differs is set',
    );
    for (const ifname of ['net1', 'net2']) node.succeed('DEL', conf, { ...call, ifname });
    assert.equal(node.picture(), before);
  });
});

/**
 * The driver's files for a pod with two VFs of each of two pools; `reversed` as after a restart, which writes them in
 * another order.
 */
function writePools(node: StandInNode, reversed: boolean): void {
  const inOrder = <Item>(items: readonly Item[]): readonly Item[] => (reversed ? items.toReversed() : items);
  node.writePodSpec('uid-1', inOrder(node.vfPcis));
  for (const [index, pci] of inOrder([...node.vfPcis.entries()])) {
    const name = `example.com-${index < 2 ? 'red' : 'blue'}-${pci}-device.json`;
    const info = { type: 'pci', version: '1.1.0', pci: { 'pci-address': pci } };
    rmSync(join(node.directory, 'devinfo/dp', name), { force: true });
    writeFileSync(join(node.directory, 'devinfo/dp', name), JSON.stringify(info));
  }
}

root('two pools, two VLANs: each network has a VF of its own pool, also after a restart of driver and kubelet', () => {
  withStandInNode({ fakePf: true, vfs: 4 }, (node) => {
    const conf = (color: string, vlan: number) =>
      node.conf({ name: color, resourceName: `example.com/${color}`, vlan });
    const red = conf('red', 10);
    const blue = conf('blue', 20);
    const call = { args: podArgs('uid-1') };
    for (const reversed of [false, true]) {
      writePools(node, reversed);
      const [first, second] = reversed ? [blue, red] : [red, blue];
      node.succeed('ADD', first, { ...call, ifname: reversed ? 'net2' : 'net1' });
      node.succeed('ADD', second, { ...call, ifname: reversed ? 'net1' : 'net2' });
      assert.equal(
        node.fakePf.vfs.map((vf) => vf.vlan),
        [10, 0, 20, 0],
      );
      node.succeed('DEL', red, { ...call, ifname: 'net1' });
      node.succeed('DEL', blue, { ...call, ifname: 'net2' });
    }
  });
});

root('all settings of the PF go out in one message', () => {
  withStandInNode({ fakePf: true }, (node) => {
    const settings = {
      vlan: 100,
      vlanQoS: 5,
      vlanProto: '802.1AD',
      spoofchk: 'off',
      trust: 'on',
      link_state: 'enable',
    };
    const rates = { min_tx_rate: 100, max_tx_rate: 200, mac: '02:00:00:00:00:01', mtu: 1400 };
    const conf = node.conf({ deviceID: node.vfPcis[1], ...settings, ...rates });
    addAndDel(node, conf, () => {
      assert.equal(node.fakePf.vfs[1], {
        mac: '02:00:00:00:00:01',
        vlan: 100,
        qos: 5,
        proto: 0x88a8,
        spoofchk: 0,
        trust: 1,
        linkState: 1,
        minTxRate: 100,
        maxTxRate: 200,
      });
      assert.is(node.fakePf.log.length, 1);
      const link = podLink(node, 'net1');
      assert.is(link.address, '02:00:00:00:00:01');
      assert.is(link.mtu, 1400);
    });
  });
});

root('no key, no operation: a VF keeps the trunk that it had', () => {
  withStandInNode({ fakePf: true }, (node) => {
    node.changeFakePf((pf) => Object.assign(pf.vfs[0] ?? {}, { vlan: 7, qos: 3, trust: 1 }));
    addAndDel(node, node.conf({ deviceID: node.vfPcis[0] }), () => {
      assert.equal(node.fakePf.log, []);
      assert.is(node.fakePf.vfs[0]?.vlan, 7);
    });
    assert.equal(node.fakePf.log, []);
  });
});

root('a refused setting is named, and everything is as before', () => {
  withStandInNode({ fakePf: true }, (node) => {
    node.changeFakePf((pf) => Object.assign(pf.refuse, { linkState: 95 }));
    const conf = node.conf({
      deviceID: node.vfPcis[0],
      vlan: 100,
      spoofchk: 'off',
      link_state: 'disable',
      trust: 'on',
      ipam: node.ipam(),
    });
    const before = node.picture();
    const error = node.fail('ADD', conf);
    assert.is(error.code, 106);
    for (const part of ['link_state', 'disable', 'pf0', node.vfPcis[0] ?? '', 'EOPNOTSUPP'])
      assert.match(error.msg, part);
    assert.equal(node.picture(), before);
  });
});

root('altnames equal to the name on the host and to the name in the pod', () => {
  withStandInNode({}, (node) => {
    node.host.addAltnames('vf0', 'net1', 'a-name-longer-than-fifteen');
    const conf = node.conf({ deviceID: node.vfPcis[0] });
    for (let round = 0; round < 2; round++) {
      addAndDel(node, conf, () => {
        node.pod.addAltnames('net1', 'vf0');
        assert.ok(podLink(node, 'net1').altnames?.includes('a-name-longer-than-fifteen'));
      });
    }
  });
});

root('an application that renames the interface and changes MAC, MTU and names in the pod', () => {
  withStandInNode({}, (node) => {
    addAndDel(node, node.conf({ deviceID: node.vfPcis[0] }), () => {
      const link = (...args: string[]): string => node.pod.run('ip', 'link', 'set', ...args);
      link('net1', 'down');
      link('net1', 'address', '02:aa:bb:cc:dd:ee');
      link('net1', 'mtu', '1300');
      link('net1', 'name', 'renamed0');
    });
  });
});

root('what is taken is refused before any change', () => {
  withStandInNode({ fakePf: true }, (node) => {
    const conf = node.conf({ deviceID: node.vfPcis[0], trust: 'on', ipam: node.ipam() });
    node.pod.run('ip', 'link', 'add', 'net1', 'type', 'veth', 'peer', 'name', 'other');
    node.pod.addAltnames('other', 'net7');
    const before = node.picture();
    assert.is(node.fail('ADD', conf).code, 107);
    assert.is(node.fail('ADD', conf, { ifname: 'net7' }).code, 107);
    assert.is(node.fail('ADD', conf, { netns: node.host.path, ifname: 'net2' }).code, 8);
    assert.equal(node.picture(), before);
    assert.equal(node.fakePf.log, []);
  });
});

root('a VF that the host uses in a bond or bridge is refused', () => {
  withStandInNode({}, (node) => {
    node.host.run('ip', 'link', 'add', 'vrf0', 'type', 'bridge');
    node.host.run('ip', 'link', 'set', 'vf0', 'master', 'vrf0');
    const error = node.fail('ADD', node.conf({ deviceID: node.vfPcis[0] }));
    assert.is(error.code, 102);
    assert.match(error.msg, 'vrf0');
  });
});

root('an interface of another hardware type than Ethernet is refused before any change', () => {
  withStandInNode({}, (node) => {
    node.host.run('ip', 'link', 'delete', 'vf0');
    node.host.run('ip', 'tuntap', 'add', 'dev', 'vf0', 'mode', 'tun');
    const before = node.picture();
    const error = node.fail('ADD', node.conf({ deviceID: node.vfPcis[0], ipam: node.ipam() }));
    assert.is(error.code, 117);
    for (const token of ['vf0', '65534']) assert.match(error.msg, token);
    assert.equal(node.picture(), before);
  });
});

root('IPv6 works at once, also in a pod whose cluster switches it off', () => {
  withStandInNode({ vfs: 4 }, (node) => {
    node.pod.run('sh', '-c', 'cd /proc/sys/net/ipv6/conf; echo 1 >all/disable_ipv6; echo 1 >default/disable_ipv6');
    node.host.run('ip', 'link', 'set', 'vf1', 'up');
    addAndDel(node, node.conf({ deviceID: node.vfPcis[0], ipam: node.ipam('fd00::/64') }), () => {
      const [link] = node.pod.ip('addr', 'show', 'net1') as [
        { addr_info: { local: string; tentative?: true; optimistic?: true }[] },
      ];
      const info = link.addr_info.find(({ local }) => local === 'fd00::2');
      // On a busy machine the kernel may still look for duplicates.
      assert.ok(info !== undefined && (info.tentative === undefined || info.optimistic));
      assert.equal(addressesOf(node, 'net1'), ['fd00::2/64']);
    });
  });
});
