import { addAddress, listAddresses, removeAddress } from '../../../../src/kernel/rtnl/addresses.ts';
import { assert, suite } from '../../../support/suite.ts';
import { throws } from '../../../support/throws.ts';
import { answering, fakeSession, hex, nla, refusal, u32 } from '../fake-kernel.ts';
import { type SentMessageCase, testSentBytes } from './sent-bytes.ts';

const test = suite('kernel/rtnl/addresses');

const v6Attributes = `14 00 02 00 fd 00 00 01 00 00 00 00 00 00 00 00 00 00 00 03
  14 00 01 00 fd 00 00 01 00 00 00 00 00 00 00 00 00 00 00 03`;

/** Captured with `strace -e trace=sendmsg -e write=all ip ...`, iproute2 6.1, on ifindex 3. */
const sent: readonly SentMessageCase[] = [
  [
    'ip addr add 10.1.2.3/24 brd + dev ens1f0',
    (s) => addAddress(s, 3, '10.1.2.3/24'),
    0x14,
    0x605,
    '02 18 00 00 03 00 00 00 08 00 02 00 0a 01 02 03 08 00 01 00 0a 01 02 03 08 00 04 00 0a 01 02 ff',
  ],
  [
    'ip addr add 10.1.3.3/32 dev ens1f0',
    (s) => addAddress(s, 3, '10.1.3.3/32'),
    0x14,
    0x605,
    '02 20 00 00 03 00 00 00 08 00 02 00 0a 01 03 03 08 00 01 00 0a 01 03 03',
  ],
  [
    'ip addr add fd00:1::3/64 nodad dev ens1f0',
    (s) => addAddress(s, 3, 'fd00:1::3/64'),
    0x14,
    0x605,
    `0a 40 02 00 03 00 00 00 ${v6Attributes}`,
  ],
  [
    'ip addr add fd00:1::3/64 optimistic dev ens1f0',
    (s) => addAddress(s, 3, 'fd00:1::3/64', 'optimistic'),
    0x14,
    0x605,
    `0a 40 04 00 03 00 00 00 ${v6Attributes}`,
  ],
  [
    'ip addr del 10.1.3.3/32 dev ens1f0',
    (s) => removeAddress(s, 3, '10.1.3.3/32'),
    0x15,
    5,
    '02 20 00 00 03 00 00 00 08 00 02 00 0a 01 03 03 08 00 01 00 0a 01 03 03',
  ],
  [
    'ip addr del fd00:1::3/64 dev ens1f0',
    (s) => removeAddress(s, 3, 'fd00:1::3/64'),
    0x15,
    5,
    `0a 40 00 00 03 00 00 00 ${v6Attributes}`,
  ],
];

testSentBytes(test, sent);

test('/31 has no broadcast address, /30 has one; a loopback address has host scope', () => {
  const payloadOf = (cidr: string): Buffer => {
    const [session, socket] = fakeSession();
    addAddress(session, 3, cidr);
    return socket.last.payload;
  };
  assert.is(payloadOf('10.1.2.2/31').length, 24);
  assert.equal(payloadOf('10.1.2.1/30').subarray(24), hex('08 00 04 00 0a 01 02 03'));
  assert.is(payloadOf('127.0.0.9/8')[3], 254);
});

test('text that is no CIDR sends nothing', () => {
  for (const text of ['10.1.2.3', '10.1.2.300/24', 'fe80::1%eth0/64', '']) {
    const [session, socket] = fakeSession();
    throws(() => addAddress(session, 3, text), 'EINVAL');
    throws(() => removeAddress(session, 3, text), 'EINVAL');
    assert.is(socket.sent.length, 0);
  }
});

test('a refusal names the address and the command', () => {
  const [session] = fakeSession((request) => [refusal(request, 17, 'Address already assigned')]);
  const tokens = ['10.1.2.3/24', 'interface 3', 'ip addr add 10.1.2.3/24 brd + dev if3', 'Address already assigned'];
  throws(() => addAddress(session, 3, '10.1.2.3/24'), 'EEXIST', ...tokens);
});

function ifaddrmsg(family: number, prefixLength: number, flags: number, scope: number, ifindex: number): Buffer {
  return Buffer.concat([Buffer.from([family, prefixLength, flags, scope]), u32(ifindex)]);
}

const linkLocal = hex('fe800000000000000011aafffe223344');

test('the addresses of one link: `ip addr show dev LINK`', () => {
  const [session, socket] = answering(
    20,
    Buffer.concat([ifaddrmsg(2, 24, 0x80, 0, 3), nla(1, hex('0a010203')), nla(2, hex('0a010203')), nla(8, u32(0x80))]),
    Buffer.concat([ifaddrmsg(2, 24, 0x80, 0, 4), nla(1, hex('0a010204')), nla(2, hex('0a010204'))]),
    Buffer.concat([ifaddrmsg(10, 64, 0, 253, 3), nla(1, linkLocal), nla(8, u32(0x40))]),
    Buffer.concat([ifaddrmsg(10, 64, 0xc8, 0, 3), nla(1, linkLocal)]),
    Buffer.concat([ifaddrmsg(10, 64, 0x40, 0, 3), nla(1, linkLocal), nla(8, u32(0x480))]),
    Buffer.concat([ifaddrmsg(2, 32, 0, 0, 3), nla(1, hex('0a0000fe')), nla(2, hex('0a000001'))]),
    Buffer.concat([ifaddrmsg(28, 8, 0, 0, 3), nla(1, hex('0a'))]),
  );
  assert.equal(listAddresses(session, 3), [
    { cidr: '10.1.2.3/24', family: 4, tentative: false, duplicate: false, automatic: false, scope: 0 },
    { cidr: 'fe80::11:aaff:fe22:3344/64', family: 6, tentative: true, duplicate: false, automatic: false, scope: 253 },
    { cidr: 'fe80::11:aaff:fe22:3344/64', family: 6, tentative: true, duplicate: true, automatic: false, scope: 0 },
    { cidr: 'fe80::11:aaff:fe22:3344/64', family: 6, tentative: false, duplicate: false, automatic: false, scope: 0 },
    { cidr: '10.0.0.1/32', family: 4, tentative: false, duplicate: false, automatic: false, scope: 0 },
  ]);
  assert.is(socket.last.type, 0x16);
  assert.is(socket.last.flags, 0x301);
  assert.equal(socket.last.payload, hex('00 00 00 00 03 00 00 00'));
});

test('malformed addresses', () => {
  const cases: readonly [Buffer, ...string[]][] = [
    [hex('0218'), 'struct ifaddrmsg', '2', '8'],
    [Buffer.concat([ifaddrmsg(10, 64, 0, 0, 3), nla(1, hex('0a010203'))]), '4', '16'],
    [Buffer.concat([ifaddrmsg(2, 24, 0, 0, 3), nla(1, hex('0a010203')), nla(8, hex('80'))]), 'IFA_FLAGS', '1'],
    [Buffer.concat([ifaddrmsg(2, 24, 0, 0, 3), hex('ffff0100')]), 'address'],
  ];
  for (const [payload, ...tokens] of cases) {
    throws(() => listAddresses(answering(20, payload)[0], 3), 'EBADMSG', ...tokens);
  }
});
