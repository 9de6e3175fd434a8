import process from 'node:process';
import type { CniCall } from '../support/cni-node.ts';
import { asRoot, type TestNetns } from '../support/netns.ts';
import { builtExecutable, type StandInNode, withStandInNode } from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';
import { FakeIpam, printing } from './fake-ipam.ts';
import { addressesOf, linkNames } from './pod-view.ts';

const test = suite('ipv6');
const root = asRoot(test);

interface AddressInfo {
  readonly local: string;
  readonly optimistic?: true;
  readonly tentative?: true;
  readonly nodad?: true;
  readonly dadfailed?: true;
}

function infoOf(netns: TestNetns, ifname: string, local: string): AddressInfo | undefined {
  const [link] = netns.ip('-6', 'addr', 'show', 'dev', ifname) as [{ addr_info: readonly AddressInfo[] }];
  return link.addr_info.find((info) => info.local === local);
}

/** Lets the kernel ask a second time for a neighbour's MAC after a minute, which it does after a second. */
const askOnceAMinute = 'for each in /proc/sys/net/ipv6/neigh/*/retrans_time_ms; do echo 60000 >$each; done';

/** A network that gives the pod `10.0.2.5` and `fd00:2::5`; `vf1` is the other end of its wire. */
function withIpv6Node(
  body: (node: StandInNode, conf: Readonly<Record<string, unknown>>, call: CniCall) => void,
  addresses: readonly string[] = ['10.0.2.5/24', 'fd00:2::5/64'],
): void {
  withStandInNode({ built: true }, (node) => {
    node.host.run('ip', 'link', 'set', 'vf1', 'up');
    const ips = addresses.map((address) => ({ address }));
    const ipam = new FakeIpam(node, { ADD: printing({ cniVersion: '1.0.0', ips }) });
    const conf = node.conf({ deviceID: node.vfPcis[0], ipam: { type: ipam.type } });
    body(node, conf, { env: ipam.env });
  });
}

/** Waits for at most a minute. */
function waitUntil(isSo: () => boolean): void {
  const deadlineMs = performance.now() + 60_000;
  while (!isSo() && performance.now() < deadlineMs) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
}

function addNeighbour({ host }: StandInNode, address: string): void {
  host.run('ip', 'addr', 'add', `${address}/64`, 'dev', 'vf1', 'nodad');
}

/** Throws if a TCP connection to a closed port is not refused before anybody asks for a MAC a second time. */
function expectReachable(netns: TestNetns, address: string): void {
  netns.run('sh', '-c', askOnceAMinute);
  const script = `const begin = performance.now();
    require('net').connect(9, process.argv[1])
      .on('error', ({ code }) => console.log(code, performance.now() - begin));`;
  const [code, ms] = netns.run(process.execPath, '-e', script, address).trim().split(' ');
  assert.is(code, 'ECONNREFUSED', address);
  assert.ok(Number(ms) < 50_000, `${address} answers after ${ms} ms`);
}

root('usable at once in both directions, and known to be nobody else’s', () => {
  withIpv6Node((node, conf, call) => {
    addNeighbour(node, 'fd00:2::1');
    node.succeed('ADD', conf, call);
    waitUntil(() => infoOf(node.pod, 'net1', 'fd00:2::5')?.optimistic === undefined);
    const info = infoOf(node.pod, 'net1', 'fd00:2::5');
    assert.equal([info?.optimistic, info?.nodad, info?.dadfailed], [undefined, undefined, undefined]);
    assert.is(info?.tentative, undefined);
    const pauseOf = (ifname: string): string =>
      node.pod.run('cat', `/proc/sys/net/ipv6/neigh/${ifname}/retrans_time_ms`);
    assert.is(pauseOf('net1'), pauseOf('lo'));
    expectReachable(node.pod, 'fd00:2::1');
    expectReachable(node.host, 'fd00:2::5');
    node.succeed('DEL', conf, call);
  });
});

root('a VF that hears its own multicast is no duplicate of itself, and the network hears of the address', () => {
  withIpv6Node((node, conf, call) => {
    node.host.run('ip', 'link', 'add', 'switch', 'type', 'bridge', 'mcast_snooping', '0');
    node.host.run('ip', 'link', 'set', 'switch', 'up');
    node.host.run('ip', 'link', 'set', 'vf1', 'master', 'switch');
    node.host.run('bridge', 'link', 'set', 'dev', 'vf1', 'hairpin', 'on');
    // The neighbour has the MAC of the address's last holder.
    node.host.run('ip', 'addr', 'add', 'fd00:2::1/64', 'dev', 'switch', 'nodad');
    const stale = ['fd00:2::5', 'lladdr', '02:00:00:00:00:99', 'dev', 'switch', 'nud', 'stale'];
    node.host.run('ip', 'neigh', 'add', ...stale);
    node.succeed('ADD', conf, call);
    waitUntil(() => infoOf(node.pod, 'net1', 'fd00:2::5')?.optimistic === undefined);
    assert.is(infoOf(node.pod, 'net1', 'fd00:2::5')?.dadfailed, undefined);
    const [link] = node.pod.ip('link', 'show', 'net1') as [{ address: string }];
    const known = (): unknown => (node.host.ip('neigh', 'show', 'to', 'fd00:2::5') as [{ lladdr: string }])[0].lladdr;
    waitUntil(() => known() === link.address);
    assert.is(known(), link.address);
    node.succeed('DEL', conf, call);
  });
});

root('a duplicate on the wire fails ADD, which gives everything back', () => {
  withIpv6Node((node, conf, call) => {
    addNeighbour(node, 'fd00:2::5');
    const before = node.picture();
    const error = node.fail('ADD', conf, call);
    assert.is(error.code, 115);
    assert.match(error.msg, 'fd00:2::5/64');
    assert.equal(node.picture(), before);
    node.host.run('ip', 'addr', 'del', 'fd00:2::5/64', 'dev', 'vf1');
    node.succeed('ADD', conf, call);
    node.succeed('DEL', conf, call);
  });
});

root('a duplicate that shows itself later is found by CHECK', () => {
  withIpv6Node((node, conf, call) => {
    const { json } = node.succeed('ADD', conf, call);
    node.pod.run('ip', 'addr', 'del', 'fd00:2::5/64', 'dev', 'net1');
    addNeighbour(node, 'fd00:2::5');
    node.pod.run('ip', 'addr', 'add', 'fd00:2::5/64', 'dev', 'net1');
    const untilFailed = 'until ip -6 addr show dev net1 dadfailed | grep -q fd00:2::5; do sleep 0.05; done';
    node.pod.run('timeout', '60', 'sh', '-c', untilFailed);
    const error = node.fail('CHECK', { ...conf, prevResult: json }, call);
    assert.is(error.code, 110);
    assert.match(error.msg, /net1: .*fd00:2::5\/64/);
    node.succeed('DEL', conf, call);
  });
});

root('an address stays when the link goes down and up', () => {
  withIpv6Node((node, conf, call) => {
    const { json } = node.succeed('ADD', conf, call);
    node.pod.run('ip', 'link', 'set', 'net1', 'down');
    node.pod.run('ip', 'link', 'set', 'net1', 'up');
    assert.equal(addressesOf(node.pod, 'net1'), ['10.0.2.5/24', 'fd00:2::5/64']);
    node.succeed('CHECK', { ...conf, prevResult: json }, call);
    node.succeed('DEL', conf, call);
  });
});

/** Runs the plugin in a mount namespace of its own, with some more mounts. */
function withMounts(...commands: readonly string[]): readonly string[] {
  return ['unshare', '-m', 'sh', '-c', [...commands, 'exec "$0"'].join(' && '), builtExecutable];
}

const readOnlySysctls = ['mount --bind /proc/sys /proc/sys', 'mount -o remount,bind,ro /proc/sys'];

root('a read-only /proc/sys is a warning, and the address is usable at once without a look for duplicates', () => {
  withIpv6Node((node, conf, call) => {
    addNeighbour(node, 'fd00:2::1');
    const program = withMounts(...readOnlySysctls);
    const { stderr } = node.succeed('ADD', conf, { ...call, program });
    for (const key of ['arp_notify', 'ndisc_notify', 'keep_addr_on_down', 'optimistic_dad', 'use_optimistic'])
      assert.match(stderr, new RegExp(`level=warning .*/${key} .*EROFS`));
    assert.is(infoOf(node.pod, 'net1', 'fd00:2::5')?.nodad, true);
    expectReachable(node.pod, 'fd00:2::1');
    node.succeed('DEL', conf, { ...call, program });
  });
});

root('sysctls that the node hides are a warning', () => {
  withIpv6Node((node, conf, call) => {
    const program = withMounts('mount -t tmpfs none /proc/sys/net');
    const { stderr } = node.succeed('ADD', conf, { ...call, program });
    assert.match(stderr, /level=warning .*arp_notify.*ENOENT/);
    assert.equal(addressesOf(node.pod, 'net1'), ['10.0.2.5/24', 'fd00:2::5/64']);
    node.succeed('DEL', conf, { ...call, program });
  });
});

root('IPv6 that is off and can’t be switched on fails ADD, but not that of an IPv4 network', () => {
  const switchOff = ({ pod }: StandInNode): string =>
    pod.run('sh', '-c', 'cd /proc/sys/net/ipv6/conf; for each in all default; do echo 1 >$each/disable_ipv6; done');
  const program = withMounts(...readOnlySysctls);
  withIpv6Node((node, conf, call) => {
    switchOff(node);
    const before = node.picture();
    const error = node.fail('ADD', conf, { ...call, program });
    assert.is(error.code, 113);
    for (const words of ['disable_ipv6', 'EROFS']) assert.match(error.msg, words);
    assert.equal(node.picture(), before);
    assert.not(linkNames(node.pod).includes('net1'));
  });
  withIpv6Node(
    (node, conf, call) => {
      switchOff(node);
      node.succeed('ADD', conf, { ...call, program });
      node.succeed('DEL', conf, call);
    },
    ['10.0.2.5/24'],
  );
});
