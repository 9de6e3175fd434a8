import { addAddress } from '../../../src/kernel/rtnl/addresses.ts';
import { addRoute, listRoutes, type RouteSpec } from '../../../src/kernel/rtnl/routes.ts';
import { asRoot } from '../../support/netns.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';
import { type Side, withHostAndPod } from './host-and-pod.ts';

const test = asRoot(suite('kernel/rtnl/routes'));

interface ShownRoute {
  readonly dst: string;
  readonly gateway?: string;
  readonly table?: string;
  readonly scope?: string;
  readonly protocol: string;
  readonly metric?: number;
  readonly metrics?: readonly { readonly mtu?: number; readonly advmss?: number }[];
}

/** `vf0` up, with an address of each family. */
function withAddresses(body: (host: Side, ifindex: number) => void): void {
  withHostAndPod((host) => {
    host.ip('link', 'set', 'wire0', 'up');
    host.ip('link', 'set', 'vf0', 'up');
    const { ifindex } = host.link('vf0');
    addAddress(host.session, ifindex, '10.1.2.3/24');
    addAddress(host.session, ifindex, 'fd00:1::3/64');
    body(host, ifindex);
  });
}

function shownRoute(side: Side, family: '-4' | '-6', dst: string, table: string): ShownRoute | undefined {
  const routes = side.ip(family, 'route', 'show', 'table', table) as readonly ShownRoute[];
  return routes.find((route) => route.dst === dst);
}

test('IPv4: metric, table, scope, MTU, advertised MSS, gateway', () => {
  withAddresses((host, ifindex) => {
    const whole = { dst: '10.10.0.0/16', gw: '10.1.2.1', mtu: 1400, advmss: 1300, priority: 77, table: 100 };
    addRoute(host.session, ifindex, whole);
    const { gateway, metric, metrics, protocol } = shownRoute(host, '-4', '10.10.0.0/16', '100') ?? {};
    assert.equal([gateway, metric, metrics, protocol], ['10.1.2.1', 77, [{ mtu: 1400, advmss: 1300 }], 'boot']);
    addRoute(host.session, ifindex, { dst: '10.11.0.0/16', scope: 254 });
    assert.is(shownRoute(host, '-4', '10.11.0.0/16', 'main')?.scope, 'host');
    addRoute(host.session, ifindex, { dst: '10.12.0.0/16' });
    assert.is(shownRoute(host, '-4', '10.12.0.0/16', 'main')?.scope, 'global');
    addRoute(host.session, ifindex, { dst: '10.13.0.0/16', table: 5000 });
    assert.ok(shownRoute(host, '-4', '10.13.0.0/16', '5000'));
  });
});

test('IPv6: metric, table, MTU, advertised MSS, gateway', () => {
  withAddresses((host, ifindex) => {
    const whole = { dst: 'fd00:9::/64', gw: 'fd00:1::1', mtu: 1400, advmss: 1300, priority: 77, table: 5000 };
    addRoute(host.session, ifindex, whole);
    const { gateway, metric, metrics, protocol } = shownRoute(host, '-6', 'fd00:9::/64', '5000') ?? {};
    assert.equal([gateway, metric, metrics, protocol], ['fd00:1::1', 77, [{ mtu: 1400, advmss: 1300 }], 'boot']);
    addRoute(host.session, ifindex, { dst: 'fd00:a::/64' });
    assert.ok(shownRoute(host, '-6', 'fd00:a::/64', 'main'));
  });
});

test('default routes of both families', () => {
  withAddresses((host, ifindex) => {
    addRoute(host.session, ifindex, { dst: '0.0.0.0/0', gw: '10.1.2.1' });
    addRoute(host.session, ifindex, { dst: '::/0', gw: 'fd00:1::1' });
    assert.is(shownRoute(host, '-4', 'default', 'main')?.gateway, '10.1.2.1');
    assert.is(shownRoute(host, '-6', 'default', 'main')?.gateway, 'fd00:1::1');
    const defaults = listRoutes(host.session, ifindex).filter((route) => route.dst.endsWith('/0'));
    assert.equal(
      defaults.map(({ dst, gw }) => [dst, gw]),
      [
        ['0.0.0.0/0', '10.1.2.1'],
        ['::/0', 'fd00:1::1'],
      ],
    );
  });
});

test('a destination with host bits, which ip and the kernel refuse', () => {
  withAddresses((host, ifindex) => {
    addRoute(host.session, ifindex, { dst: '10.14.7.5/16' });
    assert.ok(shownRoute(host, '-4', '10.14.0.0/16', 'main'));
  });
});

test('the list has what ip lists, of all tables', () => {
  withAddresses((host, ifindex) => {
    host.ip('route', 'add', '10.10.0.0/16', 'via', '10.1.2.1', 'metric', '77', 'table', '5000', 'mtu', '1400');
    host.ip('-6', 'route', 'add', 'fd00:9::/64', 'via', 'fd00:1::1', 'metric', '77', 'table', '100', 'advmss', '1300');
    host.ip('route', 'add', 'blackhole', '10.66.0.0/16');
    host.ip('addr', 'add', '10.7.0.1/16', 'dev', 'wire0');
    const listed = listRoutes(host.session, ifindex);
    const shown = ['-4', '-6'].flatMap((family) =>
      (host.ip(family, 'route', 'show', 'table', 'all', 'dev', 'vf0', 'type', 'unicast') as ShownRoute[]).map(
        (route) => route.dst,
      ),
    );
    assert.equal(listed.map((route) => route.dst).sort(), shown.sort());
    const [v4] = listed.filter((route) => route.table === 5000);
    assert.equal(v4, { dst: '10.10.0.0/16', gw: '10.1.2.1', table: 5000, priority: 77, scope: 0, mtu: 1400 });
    const [v6] = listed.filter((route) => route.table === 100);
    assert.equal(v6, { dst: 'fd00:9::/64', gw: 'fd00:1::1', table: 100, priority: 77, scope: 0, advmss: 1300 });
  });
});

test('where the destination has a route: IPv4 before it, IPv6 as a next hop; of other metrics on its own', () => {
  withAddresses((host, ifindex) => {
    host.ip('addr', 'add', '10.7.0.1/16', 'dev', 'wire0');
    host.ip('addr', 'add', 'fd00:7::1/64', 'dev', 'wire0', 'nodad');
    host.ip('route', 'add', 'default', 'via', '10.7.0.2');
    host.ip('-6', 'route', 'add', 'default', 'via', 'fd00:7::2');
    for (const gw of ['10.1.2.1', '10.1.2.2']) addRoute(host.session, ifindex, { dst: '0.0.0.0/0', gw });
    for (const gw of ['fd00:1::1', 'fe80::1']) addRoute(host.session, ifindex, { dst: '::/0', gw });
    addRoute(host.session, ifindex, { dst: '::/0', gw: 'fd00:1::1', priority: 5 });
    addRoute(host.session, ifindex, { dst: '10.1.2.0/24' });
    const defaults = (family: '-4' | '-6'): readonly (ShownRoute & { nexthops?: readonly ShownRoute[] })[] =>
      (host.ip(family, 'route', 'show', 'default') as readonly ShownRoute[]) ?? [];
    assert.equal(
      defaults('-4').map(({ gateway }) => gateway),
      ['10.1.2.2', '10.1.2.1', '10.7.0.2'],
    );
    assert.equal(
      defaults('-6').map(({ gateway, nexthops }) => gateway ?? nexthops?.map((hop) => hop.gateway)),
      ['fd00:1::1', ['fd00:7::2', 'fd00:1::1', 'fe80::1']],
    );
    const listed = listRoutes(host.session, ifindex).filter(({ dst }) => dst.endsWith('/0'));
    assert.equal(
      listed.map(({ gw, priority, amongOthers }) => [gw, priority, amongOthers]),
      [
        ['10.1.2.2', undefined, undefined],
        ['10.1.2.1', undefined, undefined],
        ['fd00:1::1', 5, undefined],
        ['fd00:1::1', 1024, true],
        ['fe80::1', 1024, true],
      ],
    );
  });
});

test('added twice: EEXIST, naming the route', () => {
  withAddresses((host, ifindex) => {
    const routes: readonly RouteSpec[] = [
      { dst: '10.10.0.0/16', gw: '10.1.2.1', priority: 77, table: 5000 },
      { dst: '10.11.0.0/16' },
      { dst: 'fd00:9::/64', gw: 'fd00:1::1', table: 100 },
      { dst: '::/0', gw: 'fd00:1::1' },
    ];
    for (const route of routes) {
      const before = listRoutes(host.session, ifindex);
      addRoute(host.session, ifindex, route);
      assert.is(listRoutes(host.session, ifindex).length, before.length + 1, route.dst);
      throws(() => addRoute(host.session, ifindex, route), 'EEXIST', route.dst);
    }
  });
});

test('a gateway that can’t be reached: the kernel’s own words', () => {
  withAddresses((host, ifindex) => {
    throws(
      () => addRoute(host.session, ifindex, { dst: '10.10.0.0/16', gw: '192.0.2.1' }),
      'ENETUNREACH',
      'Nexthop has invalid gateway',
    );
  });
});
