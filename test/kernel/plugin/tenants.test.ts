import { asRoot, type TestNetns, withNetns } from '../../support/netns.ts';
import { type StandInNode, withStandInNode } from '../../support/stand-in-node.ts';
import { assert, suite } from '../../support/suite.ts';

const test = asRoot(suite('plugin/tenants'));

function namesIn(netns: TestNetns): string[] {
  return (netns.ip('link', 'show') as { ifname: string }[]).map(({ ifname }) => ifname);
}

/**
 * The node's picture without a count that is wrong until a link is next opened (__dev_set_rx_mode, net/core/dev.c).
 */
function picture(node: StandInNode): unknown {
  const { host, pf, state } = node.picture() as { host: Record<string, unknown>[]; pf: unknown; state: unknown };
  return { host: host.map(({ promiscuity, ...link }) => link), pf, state };
}

/** A pod of another network, or a process of the pod's in a namespace of its own. */
function withRefuge(body: (node: StandInNode, refuge: TestNetns, conf: Record<string, unknown>) => void): void {
  withStandInNode({ fakePf: true }, (node) => {
    withNetns((refuge) => {
      const conf = node.conf({ deviceID: node.vfPcis[0] });
      const before = picture(node);
      node.succeed('ADD', conf);
      body(node, refuge, conf);
      node.succeed('DEL', conf);
      assert.equal(picture(node), before);
      assert.equal(namesIn(refuge), ['lo']);
    });
  });
}

test('what `ip link set` can set is as before after DEL', () => {
  withRefuge((node) => {
    const flags = 'promisc on allmulticast on arp off multicast off dynamic on';
    const sizes = 'gso_max_size 30000 gso_max_segs 100 gro_max_size 20000';
    node.pod.run(
      'sh',
      '-c',
      `ip link set net1 ${flags} ${sizes} txqueuelen 77 group 42 alias 'of the pod' mode dormant`,
    );
    node.pod.run('ip', 'link', 'set', 'net1', 'broadcast', 'ff:ff:ff:00:00:00');
    const [link] = node.pod.ip('link', 'show', 'net1') as [{ flags: string[]; txqlen: number; ifalias: string }];
    assert.ok(link.flags.includes('PROMISC') && link.flags.includes('NOARP'));
    assert.equal([link.txqlen, link.ifalias], [77, 'of the pod']);
  });
});

test('devices on the VF go with it, those in the pod and those that were moved to another namespace', () => {
  withRefuge((node, refuge) => {
    const add = (netns: TestNetns, ...words: string[]): string =>
      netns.run('ip', 'link', 'add', ...words, 'type', 'macvlan', 'mode', 'bridge');
    add(node.pod, 'link', 'net1', 'name', 'mv0');
    add(node.pod, 'link', 'net1', 'name', 'mv1');
    node.pod.run('ip', 'link', 'set', 'mv1', 'netns', refuge.name);
    refuge.run('ip', 'link', 'set', 'mv1', 'up');
    node.pod.run('ip', 'link', 'set', 'mv0', 'up');
    assert.equal(namesIn(refuge), ['lo', 'mv1']);
  });
});

test('the bridge that the pod put the VF into lets go of it', () => {
  withRefuge((node) => {
    node.pod.run('ip', 'link', 'add', 'br0', 'type', 'bridge');
    node.pod.run('ip', 'link', 'set', 'net1', 'master', 'br0');
    node.pod.run('ip', 'link', 'set', 'br0', 'up');
  });
});

test('a VF that was left promiscuous is given plain, and the node has it back as it was', () => {
  withStandInNode({ fakePf: true }, (node) => {
    const conf = node.conf({ deviceID: node.vfPcis[0] });
    node.host.run('ip', 'link', 'set', 'vf0', 'promisc', 'on', 'arp', 'off', 'txqueuelen', '500');
    const before = node.picture();
    node.succeed('ADD', conf);
    const [link] = node.pod.ip('link', 'show', 'net1') as [{ flags: string[]; txqlen: number }];
    assert.not(link.flags.includes('PROMISC') || link.flags.includes('NOARP'));
    assert.is(link.txqlen, 500, 'what is no breach between tenants stays the node’s');
    node.succeed('DEL', conf);
    assert.equal(node.picture(), before);
  });
});
