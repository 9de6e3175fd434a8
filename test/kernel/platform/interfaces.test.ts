import { realpathSync } from 'node:fs';
import { readBusInfo, readEthtool, writeEthtool } from '../../../src/kernel/ethtool.ts';
import type { Netns } from '../../../src/platform/platform.ts';
import { asRoot, type TestNetns, withNetns } from '../../support/netns.ts';
import { createNodePlatform } from '../../support/node-platform.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';

const test = asRoot(suite('kernel/platform/interfaces'));
const platform = createNodePlatform({});

interface CountedLink {
  readonly ifindex: number;
  readonly stats64: { readonly rx: { readonly packets: number; readonly bytes: number } };
}

function withVeth(body: (netns: Netns, ns: TestNetns, ifindex: number) => void): void {
  withNetns((ns) => {
    // Without IPv6 there are no router solicitations, which would be counted.
    for (const conf of ['all', 'default']) {
      ns.run('sh', '-c', `echo 1 > /proc/sys/net/ipv6/conf/${conf}/disable_ipv6`);
    }
    ns.ip('link', 'add', 'veth-a', 'type', 'veth', 'peer', 'name', 'veth-b');
    ns.ip('link', 'set', 'veth-a', 'up');
    ns.ip('link', 'set', 'veth-b', 'up');
    const netns = platform.openNetns(ns.path);
    if (netns === null) throw new Error('absent');
    body(netns, ns, counted(ns, 'veth-a').ifindex);
    netns.close();
  });
}

function counted(ns: TestNetns, ifname: string): CountedLink {
  const [link] = ns.ip('-s', 'link', 'show', ifname) as readonly CountedLink[];
  if (link === undefined) throw new Error(`no ${ifname}`);
  return link;
}

const broadcast = Buffer.concat([
  Buffer.from('ffffffffffff', 'hex'),
  Buffer.from('02aabbccddee', 'hex'),
  Buffer.from('0806', 'hex'),
  Buffer.alloc(46, 0x5a),
]);

test('a frame leaves the interface and arrives at its peer, byte for byte', () => {
  withVeth((netns, ns, ifindex) => {
    const before = counted(ns, 'veth-b').stats64.rx;
    platform.sendFrames(netns, ifindex, [broadcast, broadcast]);
    const after = counted(ns, 'veth-b').stats64.rx;
    assert.equal([after.packets - before.packets, after.bytes - before.bytes], [2, 120]);
    const script = `
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
s.bind(('veth-b', 0)); s.settimeout(60)
open('/tmp/ready-' + sys.argv[1], 'w').close()
print(s.recv(2000).hex())`;
    assert.is(captured(ns, netns, ifindex, script), broadcast.toString('hex'));
  });
});

/** Sends from this thread while a listener inside waits in the background of a shell. */
function captured(ns: TestNetns, netns: Netns, ifindex: number, script: string): string {
  const name = ns.name;
  const output = `/tmp/heard-${name}`;
  ns.run('sh', '-c', `python3 -c "$0" ${name} > ${output} 2>&1 < /dev/null &`, script);
  const deadlineMs = platform.monotonicMs() + 60_000;
  while (platform.stat(`/tmp/ready-${name}`) === null && platform.monotonicMs() < deadlineMs) platform.sleepMs(10);
  platform.sendFrames(netns, ifindex, [broadcast]);
  let heard = '';
  while (!heard.endsWith('\n') && platform.monotonicMs() < deadlineMs) {
    heard = platform.readFile(output)?.toString() ?? '';
    platform.sleepMs(10);
  }
  platform.unlink(output);
  platform.unlink(`/tmp/ready-${name}`);
  return heard.trim();
}

test('a frame that can not be sent says why', () => {
  withVeth((netns, ns, ifindex) => {
    throws(() => platform.sendFrames(netns, 9999, [broadcast]), 'ENXIO', 'interface 9999');
    throws(() => platform.sendFrames(netns, ifindex, [broadcast.subarray(0, 13)]), 'EINVAL', '13 bytes');
    throws(() => platform.sendFrames(netns, ifindex, [Buffer.alloc(3000)]), 'EMSGSIZE', `interface ${ifindex}`);
    ns.ip('link', 'set', 'veth-a', 'down');
    throws(() => platform.sendFrames(netns, ifindex, [broadcast]), 'ENETDOWN', `interface ${ifindex}`);
  });
});

/** `ethtool -K IFNAME tso off`: ETHTOOL_STSO with struct ethtool_value. */
const switchTsoOff = `
import array, fcntl, socket, struct, sys
value = array.array('B', struct.pack('II', 0x1f, 0))
request = struct.pack('16sP16x', sys.argv[1].encode(), value.buffer_info()[0])
fcntl.ioctl(socket.socket(), 0x8946, request)`;

test('a netdev answers ethtool inside its namespace; a name that none can have is refused', () => {
  withVeth((netns, ns) => {
    assert.is(readBusInfo(platform, netns, 'veth-a'), '');
    assert.is(readBusInfo(platform, netns, 'lo'), '');
    throws(() => readBusInfo(platform, platform.ownNetns(), 'veth-a'), 'ENODEV', 'veth-a');
    for (const name of ['absent0', '', 'a-name-of-16-chr', 'nul\0']) {
      throws(() => readBusInfo(platform, netns, name), 'ENODEV', 'ethtool');
      throws(() => readEthtool(platform, netns, name), 'ENODEV', 'ethtool');
    }
    const before = readEthtool(platform, netns, 'veth-a');
    assert.ok(before.features !== undefined && before.channels !== undefined);
    assert.is(before.coalescing, undefined, 'veth has none');
    ns.run('python3', '-c', switchTsoOff, 'veth-a');
    const after = readEthtool(platform, netns, 'veth-a');
    assert.is.not(after.features, before.features);
    writeEthtool(platform, netns, 'veth-a', 'features', before.features ?? '');
    assert.equal(readEthtool(platform, netns, 'veth-a'), before);
    throws(() => writeEthtool(platform, netns, 'veth-a', 'rings', '00'.repeat(36)), 'EOPNOTSUPP', 'veth-a');
  });
});

test('the bus-info of a device on a bus is its address there', () => {
  const own = platform.ownNetns();
  for (const name of platform.readDir('/sys/class/net') ?? []) {
    if (platform.readLink(`/sys/class/net/${name}/device`) === null) continue;
    // virtio gives the address of the PCI device above its own.
    const components = realpathSync(`/sys/class/net/${name}`).split('/');
    assert.ok(components.includes(readBusInfo(platform, own, name)), components.join('/'));
  }
});
