import { announce } from '../../../src/kernel/announce.ts';
import { moveLink, waitForCarrier } from '../../../src/kernel/rtnl/links.ts';
import { setSysctls } from '../../../src/kernel/sysctl.ts';
import type { MacAddress } from '../../../src/lib/mac-address.ts';
import { asRoot } from '../../support/netns.ts';
import { assert, suite } from '../../support/suite.ts';
import { platform, type Side, withHostAndPod } from './host-and-pod.ts';

const test = asRoot(suite('kernel/announce'));

const mac = '02:11:22:33:44:55' as MacAddress;
const staleMac = '02:99:99:99:99:99';

/**
 * A pod whose `net1` is at the other end of the host's `wire0`, and can send. The kernel announces nothing by itself.
 */
function withAnnouncer(body: (host: Side, pod: Side, ifindex: number) => void): void {
  withHostAndPod((host, pod) => {
    moveLink(host.session, host.link('vf0').ifindex, { netns: pod.netns, name: 'net1' });
    host.ip('addr', 'add', '10.1.2.1/24', 'dev', 'wire0');
    host.ip('addr', 'add', 'fd00:1::1/64', 'dev', 'wire0', 'nodad');
    host.ip('link', 'set', 'wire0', 'up');
    pod.ip('link', 'set', 'net1', 'address', mac, 'up');
    const { ifindex } = pod.link('net1');
    assert.is(waitForCarrier(platform, pod.namespace, ifindex, 60_000), true);
    body(host, pod, ifindex);
  });
}

/** The MAC that the host has for an address, as `ip neigh` shows it. */
function neighbour(host: Side, address: string): string | undefined {
  const shown = host.ip('neigh', 'show', 'to', address, 'dev', 'wire0') as readonly { lladdr?: string }[] | null;
  return shown?.[0]?.lladdr;
}

function learns(host: Side, address: string): boolean {
  const deadlineMs = platform.monotonicMs() + 60_000;
  while (neighbour(host, address) !== mac && platform.monotonicMs() < deadlineMs) platform.sleepMs(10);
  return neighbour(host, address) === mac;
}

test('a neighbour that had another MAC takes the new one, IPv4 and IPv6', () => {
  withAnnouncer((host, pod, ifindex) => {
    for (const address of ['10.1.2.3', 'fd00:1::3']) {
      host.ip('neigh', 'add', address, 'lladdr', staleMac, 'nud', 'stale', 'dev', 'wire0');
      assert.is(neighbour(host, address), staleMac);
    }
    pod.ip('addr', 'add', '10.1.2.3/24', 'dev', 'net1');
    assert.equal(announce(platform, pod.namespace, ifindex, mac, ['10.1.2.3/24', 'fd00:1::3/64']), []);
    assert.ok(learns(host, '10.1.2.3'), 'IPv4');
    assert.ok(learns(host, 'fd00:1::3'), 'IPv6');
    assert.equal(pod.ip('neigh', 'show', 'to', '10.1.2.3', 'nud', 'all'), [], 'no neighbour of its own');
  });
});

test('two addresses of one network: each is announced in its own name', () => {
  withAnnouncer((host, pod, ifindex) => {
    const addresses = ['10.1.2.3', '10.1.2.4'];
    for (const address of addresses) {
      host.ip('neigh', 'add', address, 'lladdr', staleMac, 'nud', 'stale', 'dev', 'wire0');
      pod.ip('addr', 'add', `${address}/24`, 'dev', 'net1');
    }
    assert.equal(announce(platform, pod.namespace, ifindex, mac, addresses), []);
    for (const address of addresses) assert.ok(learns(host, address), address);
  });
});

test('an address without a network of its own', () => {
  withAnnouncer((host, pod, ifindex) => {
    host.ip('neigh', 'add', '10.1.2.3', 'lladdr', staleMac, 'nud', 'stale', 'dev', 'wire0');
    pod.ip('addr', 'add', '10.1.2.3/32', 'dev', 'net1');
    assert.equal(announce(platform, pod.namespace, ifindex, mac, ['10.1.2.3/32']), []);
    assert.ok(learns(host, '10.1.2.3'));
  });
});

test('a neighbour that accepts gratuitous ARP learns an address that it never asked for', () => {
  withAnnouncer((host, pod, ifindex) => {
    assert.equal(setSysctls(platform, host.netns, [['net/ipv4/conf/wire0/arp_accept', '1']]), []);
    assert.is(host.run('cat', '/proc/sys/net/ipv4/conf/wire0/arp_accept').trim(), '1');
    assert.is(neighbour(host, '10.1.2.4'), undefined);
    pod.ip('addr', 'add', '10.1.2.4/24', 'dev', 'net1');
    assert.equal(announce(platform, pod.namespace, ifindex, mac, ['10.1.2.4/24']), []);
    assert.ok(learns(host, '10.1.2.4'));
  });
});

test('a link that is down or gone: failures, no exception', () => {
  withAnnouncer((_host, pod, ifindex) => {
    pod.ip('link', 'set', 'net1', 'down');
    assert.is(announce(platform, pod.namespace, ifindex, mac, ['10.1.2.3/24', 'fd00:1::3/64']).length, 1);
    assert.is(announce(platform, pod.namespace, 999999, mac, ['10.1.2.3/24']).length, 1);
  });
});

test('a sysctl that this kernel lacks', () => {
  withHostAndPod((host) => {
    assert.is(setSysctls(platform, host.netns, [['net/ipv4/conf/nope/arp_notify', '1']]).length, 1);
  });
});
