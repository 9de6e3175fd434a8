import type { CniResult, CniRoute } from '../../../src/cni/result.ts';
import { applyIpamResult, resolveRoutes } from '../../../src/ipam/configure.ts';
import { Namespace } from '../../../src/kernel/namespace.ts';
import { MemoryNode } from '../../support/memory-node.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';

const test = suite('ipam/configure');

function resultOf(ips: CniResult['ips'], routes: CniResult['routes'] = []): CniResult {
  return { interfaces: [], ips, routes, dns: {} };
}

const dual = resultOf([
  { address: 'fd00::5/64' },
  { address: '10.1.0.5/24' },
  { address: '10.0.2.5/24', gateway: '10.0.2.1' },
  { address: '10.0.3.5/24', gateway: '10.0.3.1' },
  { address: 'fd00:1::5/64', gateway: 'fd00:1::1' },
]);

const resolved = (route: CniRoute, ips: CniResult['ips'] = dual.ips): CniRoute | undefined =>
  resolveRoutes(resultOf(ips, [route]))[0];

test('a route’s gateway: its own, else the first of its family', () => {
  const cases: [CniRoute, string | undefined][] = [
    [{ dst: '10.9.0.0/16', gw: '10.0.2.254' }, '10.0.2.254'],
    [{ dst: '0.0.0.0/0' }, '10.0.2.1'],
    [{ dst: '::/0' }, 'fd00:1::1'],
    [{ dst: '::/0', gw: 'fd00::9' }, 'fd00::9'],
    [{ dst: '10.9.0.0/16', scope: 0 }, '10.0.2.1'],
    [{ dst: 'fd00:9::/32', scope: 253 }, 'fd00:1::1'],
  ];
  for (const [route, gw] of cases) assert.equal(resolved(route), { ...route, gw }, route.dst);
});

test('without a gateway of its family, and with link scope, a route has none', () => {
  const ipv4 = [{ address: '10.0.2.5/24', gateway: '10.0.2.1' }];
  for (const route of [{ dst: 'fd00::/8' }, { dst: '10.9.0.0/16', scope: 253 }]) {
    assert.equal(resolved(route, ipv4), route);
  }
});

test('a gateway of all zeros, of the route’s own or of the address, is none', () => {
  for (const [dst, gw] of [
    ['10.9.0.0/16', '0.0.0.0'],
    ['fd00:9::/32', '::'],
  ] as const) {
    assert.equal(resolved({ dst, gw, mtu: 1400 }), { dst, mtu: 1400 });
    const address = gw === '::' ? 'fd00:1::5/64' : '10.0.2.5/24';
    const other = gw === '::' ? 'fd00:1::1' : '10.0.2.1';
    assert.equal(
      resolved({ dst }, [
        { address, gateway: gw },
        { address, gateway: other },
      ]),
      { dst },
    );
  }
});

test('the other fields of a route stay', () => {
  const route = { dst: '0.0.0.0/0', mtu: 1400, advmss: 1360, priority: 7, table: 100, scope: 0 };
  assert.equal(resolved(route), { ...route, gw: '10.0.2.1' });
});

test('a route on the link has global scope, but where a gateway off the addresses’ networks is reached through it', () => {
  const ips = [{ address: '10.0.2.5/24' }, { address: 'fd00:1::5/64' }];
  const others = [
    { dst: '0.0.0.0/0', gw: '169.254.1.1' },
    { dst: '10.9.0.0/16', gw: '10.0.2.7' },
    { dst: '::/0', gw: 'fe80::1' },
  ];
  const resolvedAmong = (route: CniRoute): CniRoute | undefined => resolveRoutes(resultOf(ips, [route, ...others]))[0];
  assert.equal(resolvedAmong({ dst: '169.254.1.1/32' }), { dst: '169.254.1.1/32', scope: 253 });
  assert.equal(resolvedAmong({ dst: '169.254.0.0/16', scope: 0 }), { dst: '169.254.0.0/16', scope: 0 });
  for (const dst of ['10.0.2.0/24', '192.0.2.0/24', 'fe80::/64']) assert.equal(resolvedAmong({ dst }), { dst });
  const whole = [
    { dst: '0.0.0.0/0' },
    { dst: '169.254.1.1/32', scope: 253 },
    { dst: '10.9.0.0/16', gw: '169.254.1.1' },
  ];
  assert.equal(resolveRoutes(resultOf(ips, whole)), whole, 'a route of the result leads there already');
});

function applied(result: CniResult, prepare: (node: MemoryNode) => void = () => undefined): MemoryNode {
  const node = new MemoryNode();
  const host = new Namespace(node.platform, node.platform.ownNetns());
  const link = node.link(0);
  link.up = true;
  prepare(node);
  applyIpamResult(host.session, link.ifindex, link.name, result);
  return node;
}

test('all addresses are added before the first route', () => {
  const node = applied({ ...dual, routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0', table: 300 }] });
  assert.equal(node.changes, [
    'host: vf0 address fd00::5/64',
    'host: vf0 address 10.1.0.5/24',
    'host: vf0 address 10.0.2.5/24',
    'host: vf0 address 10.0.3.5/24',
    'host: vf0 address fd00:1::5/64',
    'host: vf0 route 0.0.0.0/0 via 10.0.2.1 table 254',
    'host: vf0 route ::/0 via fd00:1::1 table 300',
  ]);
});

test('a route that is listed twice is added once', () => {
  const route = { dst: '10.9.0.0/16', gw: '10.0.2.7' };
  const node = applied(resultOf([{ address: '10.0.2.5/24' }], [route, route, { dst: '10.8.0.0/16' }]));
  assert.equal(
    node.host.routes.map(({ text }) => text),
    ['10.9.0.0/16 via 10.0.2.7 table 254', '10.8.0.0/16 table 254'],
  );
});

test('IPv6 is usable at once: no duplicate address detection', () => {
  const [address] = applied(resultOf([{ address: 'fd00::5/64' }])).link(0).addresses;
  assert.is((address?.flags ?? 0) & 0x02, 0x02);
});

test('a refused address or route is 113, naming it and the interface', () => {
  const result = resultOf([{ address: '10.0.2.5/24', gateway: '10.0.2.1' }], [{ dst: '10.9.0.0/16' }]);
  for (const [what, words] of [
    ['address', ['10.0.2.5/24', 'vf0']],
    ['route', ['10.9.0.0/16', '10.0.2.1', 'vf0']],
  ] as const) {
    throws(() => applied(result, (node) => node.kernel.refuse(what, 22)), 'kernel', 'EINVAL', ...words);
  }
});

test('an empty result adds nothing', () => {
  assert.equal(applied(resultOf([])).changes, []);
});
