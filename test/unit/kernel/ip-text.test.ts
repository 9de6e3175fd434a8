import {
  canonicalCidr,
  coversAddress,
  formatAddress,
  isUnspecified,
  lastAddressOf,
  networkOf,
  parseAddress,
  parseCidr,
} from '../../../src/kernel/ip-text.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';

const test = suite('kernel/ip-text');

const good: readonly [text: string, canonical: string, network: string, last: string][] = [
  ['10.1.2.3/24', '10.1.2.3/24', '10.1.2.0', '10.1.2.255'],
  ['10.1.2.3/32', '10.1.2.3/32', '10.1.2.3', '10.1.2.3'],
  ['10.1.2.3/31', '10.1.2.3/31', '10.1.2.2', '10.1.2.3'],
  ['172.31.255.255/12', '172.31.255.255/12', '172.16.0.0', '172.31.255.255'],
  ['0.0.0.0/0', '0.0.0.0/0', '0.0.0.0', '255.255.255.255'],
  ['255.255.255.255/1', '255.255.255.255/1', '128.0.0.0', '255.255.255.255'],
  ['FD00:0:0::0001/64', 'fd00::1/64', 'fd00::', 'fd00::ffff:ffff:ffff:ffff'],
  ['fd00::1/128', 'fd00::1/128', 'fd00::1', 'fd00::1'],
  ['fd00:1:2:3:4:5:6:7/63', 'fd00:1:2:3:4:5:6:7/63', 'fd00:1:2:2::', 'fd00:1:2:3:ffff:ffff:ffff:ffff'],
  ['::/0', '::/0', '::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['::ffff:1.2.3.4/128', '::ffff:102:304/128', '::ffff:102:304', '::ffff:102:304'],
  ['1:0:0:2:0:0:0:3/0', '1:0:0:2::3/0', '::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
];

for (const [text, canonical, network, last] of good) {
  test(`${text}: spelling, network, last address`, () => {
    const cidr = parseCidr(text);
    assert.is(canonicalCidr(text), canonical);
    assert.is(cidr.family, text.includes(':') ? 6 : 4);
    assert.is(cidr.bytes.length, cidr.family === 6 ? 16 : 4);
    assert.is(formatAddress(networkOf(cidr).bytes), network);
    assert.is(networkOf(cidr).prefixLength, cidr.prefixLength);
    assert.is(formatAddress(lastAddressOf(cidr)), last);
  });
}

test('bytes are in network order', () => {
  assert.is(parseAddress('10.1.2.3').bytes.toString('hex'), '0a010203');
  assert.is(parseAddress('fd00:1::3').bytes.toString('hex'), 'fd000001000000000000000000000003');
});

test('what is no CIDR is refused, and quoted', () => {
  const bad = [
    '',
    '/8',
    '10.1.2.3',
    '10.1.2.3/',
    '10.1.2.3/33',
    '10.1.2.3/-1',
    '10.1.2.3/024',
    '10.1.2.3/8/9',
    '10.1.2.3/8\n',
    '10.1.2.3/0x8',
    '10.1.2.3/1e1',
    ' 10.1.2.3/8',
    '010.1.2.3/8',
    '0x0a.1.2.3/8',
    '10.1.2/8',
    '10.1.2.3.4/8',
    '10.1.2.256/8',
    '10..2.3/8',
    'fd00::1/129',
    'fe80::1%eth0/64',
    ':::/64',
    '1::2::3/64',
    '12345::/64',
    '1:2:3:4:5:6:7/64',
    '1:2:3:4:5:6:7:8:9/64',
    '1:2:3:4:5:6:7:8::/64',
    '::1.2.3.04/64',
    ':1/64',
    'g::/64',
    '[::1]/64',
  ];
  for (const text of bad) throws(() => parseCidr(text), 'EINVAL', JSON.stringify(text.split('/')[0]).slice(1, -1));
  throws(() => parseCidr('10.1.2.3/33'), 'EINVAL', '"10.1.2.3/33"', '32');
});

test('an address alone has no prefix', () => {
  throws(() => parseAddress('10.1.2.3/24'), 'EINVAL', '"10.1.2.3/24"', 'IPv4');
  throws(() => parseAddress('fd00::1/64'), 'EINVAL', '"fd00::1/64"', 'IPv6');
});

test('bytes of another length are no address', () => {
  for (const length of [0, 3, 5, 15, 17]) {
    throws(() => formatAddress(new Uint8Array(length)), 'EINVAL', `${length} bytes`);
  }
});

test('whether an address is of a network, which may have host bits', () => {
  for (const [cidr, address, expected] of [
    ['10.1.2.3/24', '10.1.2.9', true],
    ['10.1.2.3/24', '10.1.3.9', false],
    ['10.1.2.3/31', '10.1.2.2', true],
    ['10.1.2.3/32', '10.1.2.2', false],
    ['0.0.0.0/0', '192.0.2.1', true],
    ['0.0.0.0/0', 'fd00::1', false],
    ['fd00:1::5/63', 'fd00:1:0:1::9', true],
    ['fd00:1::5/64', 'fd00:1:0:1::9', false],
    ['::/0', '10.0.0.1', false],
  ] as const)
    assert.is(coversAddress(cidr, address), expected, `${cidr} ${address}`);
});

test('all zeros in whatever spelling', () => {
  for (const text of ['0.0.0.0', '::', '0::0', '0:0:0:0:0:0:0:0']) assert.ok(isUnspecified(text), text);
  for (const text of ['0.0.0.1', '::1', 'fe80::']) assert.not(isUnspecified(text), text);
});
