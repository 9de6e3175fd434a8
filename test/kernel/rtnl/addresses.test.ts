import { addAddress, listAddresses, removeAddress } from '../../../src/kernel/rtnl/addresses.ts';
import { asRoot } from '../../support/netns.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';
import { type Side, withHostAndPod } from './host-and-pod.ts';

const test = asRoot(suite('kernel/rtnl/addresses'));

interface ShownAddress {
  readonly local: string;
  readonly prefixlen: number;
  readonly broadcast?: string;
  readonly scope: string;
  readonly tentative?: boolean;
  readonly nodad?: boolean;
}

function shownAddresses(side: Side, name: string, cidr: string): readonly ShownAddress[] {
  const [link] = side.ip('addr', 'show', 'dev', name, 'to', cidr) as readonly { addr_info?: readonly ShownAddress[] }[];
  // `ip -j` leaves an empty object for each address that doesn't match.
  return (link?.addr_info ?? []).filter((address) => address.local !== undefined);
}

/** `vf0` with a working cable. */
function withCable(body: (host: Side, ifindex: number) => void): void {
  withHostAndPod((host) => {
    host.ip('link', 'set', 'wire0', 'up');
    host.ip('link', 'set', 'vf0', 'up');
    body(host, host.link('vf0').ifindex);
  });
}

test('IPv4, with the broadcast address that ip gives for brd +', () => {
  withCable((host, ifindex) => {
    addAddress(host.session, ifindex, '10.1.2.3/24');
    host.ip('addr', 'add', '10.1.3.3/24', 'brd', '+', 'dev', 'vf0');
    const [ours] = shownAddresses(host, 'vf0', '10.1.2.0/24');
    const [theirs] = shownAddresses(host, 'vf0', '10.1.3.0/24');
    assert.equal(
      [ours?.local, ours?.prefixlen, ours?.broadcast, ours?.scope],
      ['10.1.2.3', 24, '10.1.2.255', 'global'],
    );
    assert.is(theirs?.broadcast, '10.1.3.255');
    addAddress(host.session, ifindex, '10.9.9.9/32');
    assert.is(shownAddresses(host, 'vf0', '10.9.9.9')[0]?.broadcast, undefined);
  });
});

test('IPv6 is usable at once: not tentative, where ip’s own address still is', () => {
  withCable((host, ifindex) => {
    host.ip('-6', 'addr', 'add', 'fd00:2::3/64', 'dev', 'vf0');
    addAddress(host.session, ifindex, 'fd00:1::3/64');
    const listed = listAddresses(host.session, ifindex);
    const tentative = (cidr: string): boolean | undefined => listed.find((each) => each.cidr === cidr)?.tentative;
    assert.equal([tentative('fd00:1::3/64'), tentative('fd00:2::3/64')], [false, true]);
    const [ours] = shownAddresses(host, 'vf0', 'fd00:1::/64');
    assert.equal([ours?.prefixlen, ours?.scope, ours?.tentative, ours?.nodad], [64, 'global', undefined, true]);
  });
});

test('the list is the one of ip', () => {
  withCable((host, ifindex) => {
    host.ip('addr', 'add', '10.0.0.1', 'peer', '10.0.0.254/32', 'dev', 'vf0');
    host.ip('addr', 'add', '127.0.0.9/8', 'dev', 'vf0');
    host.ip('addr', 'add', '10.7.0.1/16', 'dev', 'wire0');
    addAddress(host.session, ifindex, '10.1.2.3/24');
    addAddress(host.session, ifindex, 'fd00:1::3/64');
    const [link] = host.ip('addr', 'show', 'dev', 'vf0') as readonly { addr_info: readonly ShownAddress[] }[];
    const shown = link?.addr_info.map((each) => `${each.local}/${each.prefixlen} ${each.scope}`);
    const scopes: Readonly<Record<number, string>> = { 0: 'global', 253: 'link', 254: 'host' };
    const listed = listAddresses(host.session, ifindex).map((each) => `${each.cidr} ${scopes[each.scope]}`);
    assert.equal([...listed].sort(), [...(shown ?? [])].sort());
    assert.ok(listed.length >= 5, listed.join());
  });
});

test('removed; a second time EADDRNOTAVAIL; added twice EEXIST', () => {
  withCable((host, ifindex) => {
    for (const cidr of ['10.1.2.3/24', 'fd00:1::3/64']) {
      addAddress(host.session, ifindex, cidr);
      throws(() => addAddress(host.session, ifindex, cidr), 'EEXIST', cidr);
      removeAddress(host.session, ifindex, cidr);
      assert.is(shownAddresses(host, 'vf0', cidr).length, 0);
      throws(() => removeAddress(host.session, ifindex, cidr), 'EADDRNOTAVAIL');
    }
  });
});
