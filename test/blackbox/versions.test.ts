import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasGo } from '../support/go.ts';
import { asRoot } from '../support/netns.ts';
import { peerSupports } from '../support/peers.ts';
import { type StandInNode, withStandInNode } from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';
import { FakeIpam, printing } from './fake-ipam.ts';
import { addressesOf, linkOf, routeTexts } from './pod-view.ts';

const test = suite('versions');
const root = asRoot(test);

const versions = ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const;
type Version = (typeof versions)[number];

const withCheck: readonly Version[] = ['0.4.0', '1.0.0', '1.1.0'];
const dns = { nameservers: ['10.0.2.53'], domain: 'example.com', search: ['a.example.com'], options: ['ndots:2'] };

/** host-local with both families, gateways, routes and dns. */
function dualStack(node: StandInNode): Record<string, unknown> {
  const resolvConf = join(node.directory, 'resolv.conf');
  const lines = ['domain example.com', 'nameserver 10.0.2.53', 'search a.example.com', 'options ndots:2'];
  writeFileSync(resolvConf, `${lines.join('\n')}\n`);
  return {
    type: 'host-local',
    dataDir: join(node.directory, 'ipam'),
    ranges: [[{ subnet: '10.0.2.0/24' }], [{ subnet: 'fd00:2::/64' }]],
    routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }, { dst: '10.9.0.0/16', gw: '10.0.2.7' }],
    resolvConf,
  };
}

/** The whole result that a config of `version` must have. */
function expectedResult(node: StandInNode, version: Version): unknown {
  const v4 = { address: '10.0.2.2/24', gateway: '10.0.2.1' };
  const v6 = { address: 'fd00:2::2/64', gateway: 'fd00:2::1' };
  const [route4, route6] = [[{ dst: '0.0.0.0/0' }, { dst: '10.9.0.0/16', gw: '10.0.2.7' }], [{ dst: '::/0' }]];
  if (version === '0.1.0' || version === '0.2.0') {
    const family = ({ address, gateway }: typeof v4, routes: unknown): unknown => ({ ip: address, gateway, routes });
    return { cniVersion: version, ip4: family(v4, route4), ip6: family(v6, route6), dns };
  }
  const { address: mac, mtu } = linkOf(node.pod, 'net1');
  const isOld = version.startsWith('0.');
  const isNew = version === '1.1.0';
  const interfaces = [{ name: 'net1', mac, sandbox: node.pod.path, ...(isNew ? { mtu, pciID: node.vfPcis[0] } : {}) }];
  const ips = [
    { ...v4, interface: 0, ...(isOld ? { version: '4' } : {}) },
    { ...v6, interface: 0, ...(isOld ? { version: '6' } : {}) },
  ];
  const routes = [{ dst: '0.0.0.0/0' }, { dst: '::/0' }, { dst: '10.9.0.0/16', gw: '10.0.2.7' }];
  return { cniVersion: version, interfaces, ips, routes, dns };
}

function attachCheckDetach(version: Version): void {
  withStandInNode({ built: true }, (node) => {
    node.host.run('ip', 'link', 'set', 'vf1', 'up');
    const conf = node.conf({ cniVersion: version, deviceID: node.vfPcis[0], ipam: dualStack(node) });
    const before = node.picture();
    const { json, stdout } = node.succeed('ADD', conf);
    assert.equal(json, expectedResult(node, version), stdout);
    assert.equal(addressesOf(node.pod, 'net1'), ['10.0.2.2/24', 'fd00:2::2/64']);
    assert.equal(routeTexts(node.pod, 'net1', '-4'), ['10.9.0.0/16 via 10.0.2.7', 'default via 10.0.2.1']);
    assert.equal(routeTexts(node.pod, 'net1', '-6'), ['default via fd00:2::1']);
    assert.equal(node.leases(), ['10.0.2.2', 'fd00:2::2']);
    const checking = { ...conf, prevResult: json };
    if (withCheck.includes(version)) assert.is(node.succeed('CHECK', checking).stdout, '');
    else assert.is(node.fail('CHECK', checking).code, 1);
    assert.is(node.succeed('DEL', checking).stdout, '');
    assert.equal(node.picture(), before);
  });
}

for (const version of versions) {
  const name = `${version}: ADD, CHECK where there is one, DEL`;
  if (version !== '1.1.0' || peerSupports('host-local', version)) root(name, () => attachCheckDetach(version));
  else test.skip(name, 'host-local here speaks no CNI 1.1.0', { allowedInCi: !hasGo() });
}

root('what an older version has no word for is left out of the result, and done all the same', () => {
  withStandInNode({ built: true }, (node) => {
    const route = { dst: '10.9.0.0/16', gw: '10.0.2.7', mtu: 1300, advmss: 1200, priority: 50 };
    const ips = [{ address: '10.0.2.5/24' }, { address: '10.0.3.5/24' }];
    const ipam = new FakeIpam(node, { ADD: printing({ cniVersion: '1.1.0', ips, routes: [route], dns: {} }) });
    for (const version of versions) {
      const conf = node.conf({ cniVersion: version, deviceID: node.vfPcis[0], ipam: { type: ipam.type } });
      const { json, stdout } = node.succeed('ADD', conf, { env: ipam.env });
      const hasDetails = /"(priority|advmss|mtu|pciID)"/.test(stdout);
      assert.is(hasDetails, version === '1.1.0', stdout);
      assert.is(/"version"/.test(stdout), /^0\.[34]/.test(version), stdout);
      assert.is('dns' in (json as object), false, 'an empty dns is none');
      const single = version === '0.1.0' || version === '0.2.0';
      assert.is(stdout.includes('10.0.3.5'), !single, 'the oldest have one address a family');
      assert.equal(addressesOf(node.pod, 'net1'), ['10.0.2.5/24', '10.0.3.5/24']);
      node.succeed('DEL', conf, { env: ipam.env });
    }
  });
});

root('a config without cniVersion is one of 0.1.0', () => {
  withStandInNode({ built: true }, (node) => {
    const { cniVersion: _, ...conf } = node.conf({ deviceID: node.vfPcis[0], ipam: node.ipam() });
    const { json } = node.succeed('ADD', conf);
    assert.equal(json, { cniVersion: '0.1.0', ip4: { ip: '10.0.2.2/24', gateway: '10.0.2.1' } });
    node.succeed('DEL', conf);
  });
});

root('a verb that the version lacks, and a version that nobody knows: code 1, nothing changed', () => {
  withStandInNode({ built: true }, (node) => {
    const before = node.picture();
    const attempt = (verb: string, cniVersion: unknown): void => {
      const extra = { prevResult: {}, 'cni.dev/valid-attachments': [] };
      const error = node.fail(verb, node.conf({ cniVersion, deviceID: node.vfPcis[0], ...extra }));
      assert.is(error.code, 1, `${verb} of ${cniVersion}: ${error.msg}`);
      assert.match(error.msg, String(cniVersion));
    };
    for (const verb of ['STATUS', 'GC']) for (const version of ['0.1.0', '0.4.0', '1.0.0']) attempt(verb, version);
    attempt('CHECK', '0.3.1');
    for (const verb of ['ADD', 'DEL', 'CHECK', 'STATUS', 'GC']) attempt(verb, '1.2.0');
    for (const version of ['0.9.9', '1.0', 'v1.0.0', '1.0.0 ', '99999999999999999999.0.0', '0.2'])
      attempt('ADD', version);
    assert.equal(node.picture(), before);
  });
});
