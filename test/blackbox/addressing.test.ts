import { hasGo } from '../support/go.ts';
import { asRoot } from '../support/netns.ts';
import { peerSupports } from '../support/peers.ts';
import { type StandInNode, withStandInNode } from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';
import { FakeIpam, printing } from './fake-ipam.ts';
import { addressesOf, linkOf, routesOf, routeTexts } from './pod-view.ts';

const test = suite('addressing');
const root = asRoot(test);

interface AddressInfo {
  readonly family: string;
  readonly local: string;
  readonly prefixlen: number;
  readonly broadcast?: string;
  readonly tentative?: boolean;
  readonly dadfailed?: boolean;
}

function addressInfos(node: StandInNode, ifname: string): AddressInfo[] {
  const [link] = node.pod.ip('addr', 'show', 'dev', ifname) as [{ addr_info: AddressInfo[] }];
  return link.addr_info;
}

/** A node on which an IPAM plugin answers ADD with `result`, for `body`; given back and compared afterwards. */
function attached(
  result: Readonly<Record<string, unknown>>,
  body: (node: StandInNode, json: Readonly<Record<string, unknown>>) => void,
  keys: Readonly<Record<string, unknown>> = {},
): void {
  withStandInNode({ built: true }, (node) => {
    node.host.run('ip', 'link', 'set', 'vf1', 'up');
    const ipam = new FakeIpam(node, { ADD: printing({ cniVersion: '1.1.0', ...result }) });
    const deviceID = node.vfPcis[0];
    const conf = node.conf({ cniVersion: '1.1.0', deviceID, ipam: { type: ipam.type }, ...keys });
    const before = node.picture();
    const { json } = node.succeed('ADD', conf, { env: ipam.env });
    body(node, json as Readonly<Record<string, unknown>>);
    node.succeed('CHECK', { ...conf, prevResult: json }, { env: ipam.env });
    node.succeed('DEL', conf, { env: ipam.env });
    assert.equal(node.picture(), before);
  });
}

root('without ipam the interface is there and up, and has no address', () => {
  withStandInNode({ built: true }, (node) => {
    node.host.run('ip', 'link', 'set', 'vf1', 'up');
    const conf = node.conf({ cniVersion: '1.1.0', deviceID: node.vfPcis[0] });
    const { json } = node.succeed('ADD', conf, { env: { CNI_PATH: undefined } });
    const { address: mac, mtu, flags } = linkOf(node.pod, 'net1');
    const interfaces = [{ name: 'net1', mac, mtu, sandbox: node.pod.path, pciID: node.vfPcis[0] }];
    assert.equal(json, { cniVersion: '1.1.0', interfaces });
    assert.ok(flags.includes('UP'));
    assert.equal(addressesOf(node.pod, 'net1'), []);
    for (const ipam of [null, {}, { type: '' }])
      node.succeed('DEL', { ...conf, ipam }, { env: { CNI_PATH: undefined } });
  });
});

root('both families: usable at return, with broadcast address, and default routes', () => {
  const ips = [
    { address: '10.0.2.5/24', gateway: '10.0.2.1' },
    { address: 'fd00:2::5/64', gateway: 'fd00:2::1' },
  ];
  attached({ ips, routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }] }, (node, json) => {
    const infos = addressInfos(node, 'net1');
    assert.is(infos.find(({ local }) => local === '10.0.2.5')?.broadcast, '10.0.2.255');
    const v6 = infos.find(({ local }) => local === 'fd00:2::5');
    assert.is(v6?.prefixlen, 64);
    assert.equal([v6?.tentative, v6?.dadfailed], [undefined, undefined], 'it is known to be nobody else’s');
    assert.equal(routeTexts(node.pod, 'net1', '-4'), ['default via 10.0.2.1']);
    assert.equal(routeTexts(node.pod, 'net1', '-6'), ['default via fd00:2::1']);
    assert.equal(
      json['ips'],
      ips.map((ip) => ({ ...ip, interface: 0 })),
    );
    assert.equal(json['routes'], [{ dst: '0.0.0.0/0' }, { dst: '::/0' }], 'as the IPAM plugin gave them');
  });
});

root('point-to-point and host prefixes have no broadcast address', () => {
  attached({ ips: [{ address: '10.0.2.6/31' }, { address: '10.0.4.1/32' }, { address: 'fd00:2::7/128' }] }, (node) => {
    for (const info of addressInfos(node, 'net1')) assert.is(info.broadcast, undefined, info.local);
    assert.equal(addressesOf(node.pod, 'net1'), ['10.0.2.6/31', '10.0.4.1/32', 'fd00:2::7/128']);
  });
});

root('several addresses of one family, in the order of the IPAM plugin', () => {
  const ips = ['10.0.2.9/24', '10.0.2.5/24', '10.0.3.5/24', 'fd00:2::5/64'].map((address) => ({ address }));
  attached({ ips }, (node, json) => {
    // The kernel lists the primary addresses of all subnets before the secondary ones.
    assert.equal(addressesOf(node.pod, 'net1'), ['10.0.2.9/24', '10.0.3.5/24', '10.0.2.5/24', 'fd00:2::5/64']);
    assert.equal(
      json['ips'],
      ips.map((ip) => ({ ...ip, interface: 0 })),
    );
  });
});

root('routes without a gateway of their own take that of their family; without one they are on the link', () => {
  const ips = [{ address: '10.0.2.5/24', gateway: '10.0.2.1' }, { address: 'fd00:2::5/64' }];
  const routes = [{ dst: '10.8.0.0/16' }, { dst: '10.9.0.0/16', gw: '10.0.2.7' }, { dst: 'fd00:9::/32' }];
  attached({ ips, routes }, (node) => {
    assert.equal(routeTexts(node.pod, 'net1', '-4'), ['10.8.0.0/16 via 10.0.2.1', '10.9.0.0/16 via 10.0.2.7']);
    assert.equal(routeTexts(node.pod, 'net1', '-6'), ['fd00:9::/32']);
  });
});

root('routes with mtu, advmss, priority, table and scope', () => {
  const ips = [
    { address: '10.0.2.5/24', gateway: '10.0.2.1' },
    { address: 'fd00:2::5/64', gateway: 'fd00:2::1' },
  ];
  const routes = [
    { dst: '10.7.0.0/16', mtu: 1300, advmss: 1260, priority: 50 },
    { dst: '10.8.0.0/16', table: 100, priority: 7 },
    { dst: '10.9.0.0/16', scope: 253 },
    { dst: 'fd00:9::/32', mtu: 1300, priority: 70, table: 300 },
  ];
  attached({ ips, routes }, (node, json) => {
    const [metrics, onLink] = routesOf(node.pod, 'net1', '-4');
    assert.equal([metrics?.dst, metrics?.gateway, metrics?.metric], ['10.7.0.0/16', '10.0.2.1', 50]);
    assert.equal(metrics?.metrics, [{ mtu: 1300, advmss: 1260 }]);
    assert.equal([onLink?.dst, onLink?.gateway, onLink?.scope], ['10.9.0.0/16', undefined, 'link']);
    const [tabled, ...others] = routesOf(node.pod, 'net1', '-4', '100');
    assert.equal([tabled?.dst, tabled?.metric, others], ['10.8.0.0/16', 7, []]);
    const [v6] = routesOf(node.pod, 'net1', '-6', '300');
    assert.equal([v6?.dst, v6?.gateway, v6?.metric, v6?.metrics], ['fd00:9::/32', 'fd00:2::1', 70, [{ mtu: 1300 }]]);
    assert.equal(json['routes'], routes);
  });
});

root('dns of the IPAM plugin, else that of the config', () => {
  const own = { nameservers: ['10.0.2.53', 'fd00:2::53'], domain: 'a.example', search: ['b.example'], options: ['x'] };
  const ips = [{ address: '10.0.2.5/24' }];
  attached({ ips, dns: own }, (_, json) => assert.equal(json['dns'], own), { dns: { nameservers: ['10.1.1.1'] } });
  attached({ ips }, (_, json) => assert.equal(json['dns'], { nameservers: ['10.1.1.1'] }), {
    dns: { nameservers: ['10.1.1.1'] },
  });
});

root('what the IPAM plugin says of interfaces is not taken over', () => {
  attached({ interfaces: [{ name: 'eth9' }], ips: [{ address: '10.0.2.5/24', interface: 0 }] }, (_, json) => {
    assert.is((json['interfaces'] as unknown[]).length, 1);
    assert.equal(json['ips'], [{ address: '10.0.2.5/24', interface: 0 }]);
  });
});

const routeFields = 'host-local passes the fields of routes on';
if (peerSupports('host-local', '1.1.0')) {
  root(routeFields, () => {
    withStandInNode({ built: true }, (node) => {
      const routes = [{ dst: '10.9.0.0/16', gw: '10.0.2.7', mtu: 1300, priority: 5, table: 77 }];
      const conf = node.conf({
        cniVersion: '1.1.0',
        deviceID: node.vfPcis[0],
        ipam: node.ipam('10.0.2.0/24', { routes }),
      });
      assert.equal((node.succeed('ADD', conf).json as { routes: unknown }).routes, routes);
      const [route] = routesOf(node.pod, 'net1', '-4', '77');
      assert.equal([route?.gateway, route?.metric, route?.metrics], ['10.0.2.7', 5, [{ mtu: 1300 }]]);
      node.succeed('DEL', conf);
    });
  });
} else test.skip(routeFields, 'host-local here speaks no CNI 1.1.0', { allowedInCi: !hasGo() });
