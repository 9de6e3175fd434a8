import type { CniResult } from '../../../src/cni/result.ts';
import { formatResult, parseResult } from '../../../src/cni/result-versions.ts';
import { supportedVersions } from '../../../src/cni/versions.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';

const test = suite('cni/result-versions');

const full: CniResult = {
  interfaces: [
    {
      name: 'net1',
      mac: '02:00:00:00:00:01',
      mtu: 9000,
      sandbox: '/run/netns/c1',
      socketPath: '/run/s',
      pciID: '0000:3b:02.1',
    },
  ],
  ips: [
    { address: '10.0.2.5/24', gateway: '10.0.2.1', interface: 0 },
    { address: '2001:db8::5/64', gateway: '2001:db8::1', interface: 0 },
    { address: '10.0.3.5/24', interface: 0 },
  ],
  routes: [
    { dst: '0.0.0.0/0', gw: '10.0.2.1', mtu: 1400, advmss: 1360, priority: 5, table: 7, scope: 0 },
    { dst: '2001:db8:1::/48', gw: '2001:db8::1' },
    { dst: '10.9.0.0/16' },
  ],
  dns: { nameservers: ['10.0.2.1'], domain: 'example.com', search: ['a.b'], options: ['ndots:5'] },
};

const empty: CniResult = { interfaces: [], ips: [], routes: [], dns: {} };

const format = (result: CniResult, version: string): Record<string, unknown> =>
  JSON.parse(formatResult(result, version));

const { dns } = full;

const oldInterfaces = [{ name: 'net1', mac: '02:00:00:00:00:01', sandbox: '/run/netns/c1' }];
const oldRoutes = [
  { dst: '0.0.0.0/0', gw: '10.0.2.1' },
  { dst: '2001:db8:1::/48', gw: '2001:db8::1' },
  { dst: '10.9.0.0/16' },
];

test('1.1.0 has everything', () => {
  assert.equal(format(full, '1.1.0'), { cniVersion: '1.1.0', ...full });
});

test('1.0.0 loses what 1.1.0 added to interfaces and routes', () => {
  const expected = { cniVersion: '1.0.0', interfaces: oldInterfaces, ips: full.ips, routes: oldRoutes, dns };
  assert.equal(format(full, '1.0.0'), expected);
});

for (const version of ['0.3.0', '0.3.1', '0.4.0']) {
  test(`${version} has the family of each address besides`, () => {
    assert.equal(format(full, version), {
      cniVersion: version,
      interfaces: oldInterfaces,
      ips: [
        { version: '4', address: '10.0.2.5/24', gateway: '10.0.2.1', interface: 0 },
        { version: '6', address: '2001:db8::5/64', gateway: '2001:db8::1', interface: 0 },
        { version: '4', address: '10.0.3.5/24', interface: 0 },
      ],
      routes: oldRoutes,
      dns,
    });
  });
}

for (const version of ['0.1.0', '0.2.0']) {
  test(`${version} has the first address of each family with its routes`, () => {
    assert.equal(format(full, version), {
      cniVersion: version,
      ip4: {
        ip: '10.0.2.5/24',
        gateway: '10.0.2.1',
        routes: [{ dst: '0.0.0.0/0', gw: '10.0.2.1' }, { dst: '10.9.0.0/16' }],
      },
      ip6: {
        ip: '2001:db8::5/64',
        gateway: '2001:db8::1',
        routes: [{ dst: '2001:db8:1::/48', gw: '2001:db8::1' }],
      },
      dns,
    });
  });

  test(`${version} has neither family where there is no address, nor routes of an absent family`, () => {
    assert.equal(format({ ...full, ips: [] }, version), { cniVersion: version, dns });
    const only6 = format({ ...full, ips: full.ips.slice(1, 2) }, version);
    assert.equal(Object.keys(only6), ['cniVersion', 'ip6', 'dns']);
  });
}

test('what is empty is left out, in every version', () => {
  for (const version of supportedVersions) assert.equal(format(empty, version), { cniVersion: version });
});

test('every version reads back what it can hold', () => {
  const of11: CniResult = full;
  const of10: CniResult = { ...full, interfaces: oldInterfaces, routes: oldRoutes };
  const of02: CniResult = {
    interfaces: [],
    ips: full.ips.slice(0, 2).map(({ address, gateway = '' }) => ({ address, gateway })),
    routes: [0, 2, 1].flatMap((at) => oldRoutes.slice(at, at + 1)),
    dns,
  };
  const expected: Readonly<Record<string, CniResult>> = { '1.1.0': of11, '0.1.0': of02, '0.2.0': of02 };
  for (const version of supportedVersions) {
    assert.equal(parseResult(format(full, version), version), expected[version] ?? of10, version);
  }
});

test('a result’s own version counts before the config’s, which counts where it has none', () => {
  const old = { ip4: { ip: '10.0.0.2/24' } };
  assert.is(parseResult({ cniVersion: '0.2.0', ...old }, '1.1.0').ips.length, 1);
  assert.is(parseResult(old, '0.1.0').ips.length, 1);
  assert.is(parseResult(old, '1.1.0').ips.length, 0);
  assert.is(parseResult({ cniVersion: '', ...old }, '0.2.0').ips.length, 1);
});

test('null and empty text are as absent, as Go writes them', () => {
  const json = {
    interfaces: [{ name: 'a', mac: '', sandbox: null, mtu: null }],
    ips: [{ address: '10.0.0.2/24', gateway: null, interface: null }],
    routes: null,
    dns: { nameservers: null, domain: '' },
  };
  assert.equal(parseResult(json, '1.0.0'), {
    interfaces: [{ name: 'a' }],
    ips: [{ address: '10.0.0.2/24' }],
    routes: [],
    dns: {},
  });
});

test('an address may be of any interface or none, and an interface may have no name, as libcni’s types have it', () => {
  const ips = [0, -1, 7].map((index) => ({ address: '10.0.0.2/24', interface: index }));
  for (const interfaces of [[], [{ name: 'a' }], [{}], [{ name: '' }, { name: null }]]) {
    const result = parseResult({ interfaces, ips }, '1.0.0');
    assert.equal(result.ips, ips);
    assert.equal(
      result.interfaces.map(({ name }) => name),
      interfaces.map((each) => ('name' in each && each.name !== null ? each.name : '')),
    );
  }
  for (const index of ['0', 0.5, 1e300, {}, true]) {
    refuses({ ips: [{ address: '10.0.0.2/24', interface: index }] }, 'ips[0].interface: ');
  }
});

function refuses(json: unknown, words: string, version = '1.1.0'): void {
  throws(() => parseResult(json, version, 'prevResult'), 'decode', words);
}

test('names the malformed field and its value', () => {
  for (const json of [null, [], 'x', 5, undefined]) refuses(json, 'prevResult: ');
  refuses({ cniVersion: '9.9.9' }, 'prevResult.cniVersion: "9.9.9"');
  refuses({ cniVersion: 5 }, 'prevResult.cniVersion: 5');
  refuses({ interfaces: {} }, 'prevResult.interfaces: {}');
  refuses({ interfaces: [{ name: 'a' }, { name: 5 }] }, 'prevResult.interfaces[1].name: 5');
  refuses({ interfaces: [{ name: 'a', mtu: '9000' }] }, 'prevResult.interfaces[0].mtu: "9000"');
  refuses({ ips: [null] }, 'prevResult.ips[0]: null');
  refuses({ routes: [{ dst: '0.0.0.0' }] }, 'prevResult.routes[0].dst: "0.0.0.0"');
  refuses({ routes: [{ gw: '10.0.0.1' }] }, 'prevResult.routes[0].dst: missing');
  refuses({ routes: [{ dst: '0.0.0.0/0', gw: '10.0.0.1/24' }] }, 'prevResult.routes[0].gw: "10.0.0.1/24"');
  refuses({ dns: { search: [5] } }, 'prevResult.dns.search[0]: 5');
  refuses({ ip4: { gateway: '10.0.0.1' } }, 'prevResult.ip4.ip: missing', '0.2.0');
  refuses({ ip6: [] }, 'prevResult.ip6: []', '0.2.0');
});

test('refuses addresses and numbers out of bounds', () => {
  for (const address of [
    '',
    'x',
    '10.0.0.2',
    '10.0.0.2/33',
    '10.0.0.2/',
    '2001::/129',
    '10.0.0.2/24/1',
    '10.0.0.2/-1',
    '::1 /64',
    '\u202e1/2',
  ]) {
    refuses({ ips: [{ address }] }, 'prevResult.ips[0].address');
  }
  for (const address of ['10.0.0.2/0', '10.0.0.2/32', '::/0', '2001:db8::1/128', '::ffff:10.0.0.2/128']) {
    assert.is(parseResult({ ips: [{ address }] }, '1.1.0').ips[0]?.address, address);
  }
  for (const table of [-1, 1.5, 4294967296, Number.POSITIVE_INFINITY, '7', true, {}]) {
    refuses({ routes: [{ dst: '0.0.0.0/0', table }] }, 'prevResult.routes[0].table');
  }
  assert.is(parseResult({ routes: [{ dst: '0.0.0.0/0', table: 4294967295 }] }, '1.1.0').routes[0]?.table, 4294967295);
});

test('keys of a prototype are no fields', () => {
  const json = JSON.parse(
    '{"__proto__":{"ips":[{"address":"10.0.0.2/24"}]},"interfaces":[{"name":"a","constructor":1}]}',
  );
  assert.equal(parseResult(json, '1.1.0'), { interfaces: [{ name: 'a' }], ips: [], routes: [], dns: {} });
});

test('an unknown version is refused', () => {
  for (const version of ['', '0.5.0', '2.0.0', 'x']) throws(() => formatResult(full, version), 'incompatibleVersion');
  for (const version of supportedVersions) formatResult(full, version);
});
