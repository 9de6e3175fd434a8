import type { NetlinkSession } from '../../../../src/kernel/netlink/session.ts';
import { addRoute, listRoutes, type RouteSpec } from '../../../../src/kernel/rtnl/routes.ts';
import { assert, suite } from '../../../support/suite.ts';
import { throws } from '../../../support/throws.ts';
import { answering, done, fakeSession, header, hex, nla, refusal, type SentMessage, u32 } from '../fake-kernel.ts';
import { testSentBytes } from './sent-bytes.ts';

const test = suite('kernel/rtnl/routes');

const oif = '08 00 04 00 03 00 00 00';
const all: RouteSpec = { dst: '10.10.0.0/16', gw: '10.1.2.1', mtu: 1400, advmss: 1300, priority: 77, table: 100 };
const to10 = '08 00 01 00 0a 0a 00 00';
const via = '08 00 05 00 0a 01 02 01';
const metric77 = '08 00 06 00 4d 00 00 00';

/** Captured with `strace -e trace=sendmsg -e write=all ip route prepend ... dev ens1f0`, iproute2 6.1, on ifindex 3. */
const added: readonly [command: string, route: RouteSpec, payload: string][] = [
  [
    '10.9.0.0/16 scope global',
    { dst: '10.9.0.0/16' },
    `02 10 00 00 fe 03 00 01 00 00 00 00 08 00 01 00 0a 09 00 00 ${oif}`,
  ],
  [
    '10.10.0.0/16 via 10.1.2.1 mtu 1400 advmss 1300 metric 77 table 100',
    all,
    `02 10 00 00 64 03 00 01 00 00 00 00 ${to10} ${via} ${metric77} ${oif} 14 00 08 00 08 00 02 00 78 05 00 00 08 00 08 00 14 05 00 00`,
  ],
  [
    'default via 10.1.2.1 table 5000',
    { dst: '0.0.0.0/0', gw: '10.1.2.1', table: 5000 },
    `02 00 00 00 00 03 00 01 00 00 00 00 ${via} 08 00 0f 00 88 13 00 00 ${oif}`,
  ],
  ['default via 10.1.2.1', { dst: '0.0.0.0/0', gw: '10.1.2.1' }, `02 00 00 00 fe 03 00 01 00 00 00 00 ${via} ${oif}`],
  [
    '10.11.0.0/16 scope host',
    { dst: '10.11.0.0/16', scope: 254 },
    `02 10 00 00 fe 03 fe 01 00 00 00 00 08 00 01 00 0a 0b 00 00 ${oif}`,
  ],
  [
    'fd00:9::/64',
    { dst: 'fd00:9::/64' },
    `0a 40 00 00 fe 03 00 01 00 00 00 00 14 00 01 00 fd 00 00 09 ${'00'.repeat(12)} ${oif}`,
  ],
  [
    'default via fd00:1::1 mtu 1400 metric 50',
    { dst: '::/0', gw: 'fd00:1::1', mtu: 1400, priority: 50 },
    `0a 00 00 00 fe 03 00 01 00 00 00 00 14 00 05 00 fd 00 00 01 ${'00'.repeat(11)} 01 08 00 06 00 32 00 00 00 ${oif} 0c 00 08 00 08 00 02 00 78 05 00 00`,
  ],
];

testSentBytes(
  test,
  added.map(([command, route, payload]) => [
    `ip route prepend ${command}`,
    (s) => addRoute(s, 3, route),
    0x18,
    0x405,
    payload,
  ]),
);

test('host bits of the destination are cleared: the kernel refuses them', () => {
  const [session, socket] = fakeSession();
  addRoute(session, 3, { dst: '10.9.7.5/20' });
  assert.equal(socket.last.payload.subarray(12, 20), hex('08 00 01 00 0a 09 00 00'));
});

test('table 255 fits the header, 256 doesn’t; of priority, table, mtu and advmss 0 is none', () => {
  const payloadOf = (route: RouteSpec): Buffer => {
    const [session, socket] = fakeSession();
    addRoute(session, 3, route);
    return socket.last.payload;
  };
  assert.is(payloadOf({ dst: '10.0.0.0/8', table: 255 })[4], 255);
  assert.is(payloadOf({ dst: '10.0.0.0/8', table: 256 })[4], 0);
  const zeros = { priority: 0, table: 0, mtu: 0, advmss: 0, scope: 0 };
  assert.equal(payloadOf({ dst: '10.0.0.0/8', ...zeros }), payloadOf({ dst: '10.0.0.0/8' }));
});

test('what is no route sends nothing', () => {
  const cases: readonly [RouteSpec, 'EINVAL' | 'EAFNOSUPPORT'][] = [
    [{ dst: 'default' }, 'EINVAL'],
    [{ dst: '10.0.0.0' }, 'EINVAL'],
    [{ dst: '10.0.0.0/8', gw: '10.0.0.1/24' }, 'EINVAL'],
    [{ dst: '10.0.0.0/8', gw: 'fd00::1' }, 'EAFNOSUPPORT'],
    [{ dst: '::/0', gw: '10.0.0.1' }, 'EAFNOSUPPORT'],
    [{ dst: '10.0.0.0/8', scope: 256 }, 'EINVAL'],
  ];
  for (const [route, code] of cases) {
    const [session, socket] = fakeSession();
    throws(() => addRoute(session, 3, route), code);
    assert.is(socket.sent.length, 0);
  }
});

test('a refusal names the route and the command', () => {
  const [session] = fakeSession((request) => [refusal(request, 101, 'Nexthop has invalid gateway')]);
  const command = 'ip route prepend 10.10.0.0/16 via 10.1.2.1 dev if3 metric 77 table 100 scope 0 mtu 1400 advmss 1300';
  const tokens = ['10.10.0.0/16', 'interface 3', command, 'Nexthop has invalid gateway'];
  throws(() => addRoute(session, 3, { ...all, scope: 0 }), 'ENETUNREACH', ...tokens);
});

interface Rtmsg {
  readonly family: number;
  readonly length?: number;
  readonly table?: number;
  readonly scope?: number;
  readonly type?: number;
  readonly flags?: number;
}

function rtmsg({ family, length = 0, table = 254, scope = 0, type = 1, flags = 0 }: Rtmsg): Buffer {
  return Buffer.concat([Buffer.from([family, length, 0, 0, table, 3, scope, type]), u32(flags)]);
}

const overLink3 = nla(4, u32(3));
const gateway = nla(5, hex('0a010201'));

/** Answers the IPv4 dump with the first list, the IPv6 dump with the second. */
function tables(v4: readonly Buffer[], v6: readonly Buffer[]): [NetlinkSession, { readonly sent: SentMessage[] }] {
  return fakeSession((request) => {
    const payloads = request.payload[0] === 2 ? v4 : v6;
    return [...payloads.map((each) => ({ bytes: header(request, 24, each, 2), senderPort: 0 })), done(request)];
  });
}

test('the routes over one link, of all tables: `ip route show table all`', () => {
  const metrics = nla(8, nla(2, u32(1400)), nla(8, u32(1300)), nla(99, u32(1)));
  const [session, socket] = tables(
    [
      Buffer.concat([rtmsg({ family: 2 }), gateway, overLink3]),
      Buffer.concat([
        rtmsg({ family: 2, length: 16, table: 252 }),
        nla(15, u32(5000)),
        nla(1, hex('0a0a0000')),
        gateway,
      ]),
      Buffer.concat([
        rtmsg({ family: 2, length: 16, table: 252, scope: 253 }),
        nla(15, u32(5000)),
        nla(1, hex('0a0a0000')),
        nla(6, u32(77)),
        metrics,
        overLink3,
      ]),
      Buffer.concat([rtmsg({ family: 2, length: 32, type: 2, table: 255 }), nla(1, hex('0a010203')), overLink3]),
      Buffer.concat([rtmsg({ family: 2, length: 8 }), nla(1, hex('0b000000')), nla(4, u32(4))]),
    ],
    [
      Buffer.concat([
        rtmsg({ family: 10 }),
        nla(5, hex('fd000001000000000000000000000001')),
        nla(6, u32(1024)),
        overLink3,
      ]),
      Buffer.concat([rtmsg({ family: 10, length: 128, flags: 0x200 }), nla(1, Buffer.alloc(16, 1)), overLink3]),
      Buffer.concat([rtmsg({ family: 129 }), overLink3]),
    ],
  );
  assert.equal(listRoutes(session, 3), [
    { dst: '0.0.0.0/0', gw: '10.1.2.1', table: 254, scope: 0 },
    { dst: '10.10.0.0/16', table: 5000, priority: 77, scope: 253, mtu: 1400, advmss: 1300 },
    { dst: '::/0', gw: 'fd00:1::1', table: 254, priority: 1024, scope: 0 },
  ]);
  assert.equal(
    socket.sent.map((message) => [message.type, message.flags, message.payload.toString('hex')]),
    [
      [0x1a, 0x301, '020000000000000000000000'],
      [0x1a, 0x301, '0a0000000000000000000000'],
    ],
  );
});

/** struct rtnexthop, linux/rtnetlink.h */
function nextHop(ifindex: number, ...attributes: readonly Buffer[]): Buffer {
  const payload = Buffer.concat(attributes);
  return Buffer.concat([Buffer.from([8 + payload.length, 0, 0, 0]), u32(ifindex), payload]);
}

test('of several next hops those over the link', () => {
  const to = (text: string): Buffer => nla(5, hex(text));
  const v4 = nla(9, nextHop(4, gateway), nextHop(3, to('0a010202')), nextHop(3));
  const v6 = nla(9, nextHop(3, to(`fd${'00'.repeat(14)}01`)), nextHop(4, to(`fd${'00'.repeat(14)}02`)));
  const [session] = tables(
    [Buffer.concat([rtmsg({ family: 2 }), v4])],
    [Buffer.concat([rtmsg({ family: 10 }), nla(6, u32(1024)), v6])],
  );
  assert.equal(listRoutes(session, 3), [
    { dst: '0.0.0.0/0', gw: '10.1.2.2', table: 254, scope: 0, amongOthers: true },
    { dst: '0.0.0.0/0', table: 254, scope: 0, amongOthers: true },
    { dst: '::/0', gw: 'fd00::1', table: 254, priority: 1024, scope: 0, amongOthers: true },
  ]);
});

test('malformed routes', () => {
  const cases: readonly [Buffer, ...string[]][] = [
    [hex('0210'), 'struct rtmsg', '2', '12'],
    [Buffer.concat([rtmsg({ family: 2, length: 8 }), overLink3, nla(1, hex('0b'))]), 'RTA_DST', '1'],
    [Buffer.concat([rtmsg({ family: 10 }), overLink3, gateway]), 'RTA_GATEWAY', '4', '16'],
    [Buffer.concat([rtmsg({ family: 2 }), nla(4, hex('03'))]), 'RTA_OIF', '1'],
    [Buffer.concat([rtmsg({ family: 2 }), overLink3, nla(8, nla(2, hex('03')))]), 'RTAX_MTU', '1'],
    [Buffer.concat([rtmsg({ family: 2 }), overLink3, nla(8, hex('ff'))]), 'RTA_METRICS'],
    [Buffer.concat([rtmsg({ family: 2 }), hex('0000')]), 'route'],
    [Buffer.concat([rtmsg({ family: 2 }), nla(9, hex('10000000'))]), 'struct rtnexthop', '4'],
    [Buffer.concat([rtmsg({ family: 2 }), nla(9, hex('0400000003000000'))]), '4'],
    [Buffer.concat([rtmsg({ family: 2 }), nla(9, hex('1000000003000000'))]), 'next hop', '8'],
    [Buffer.concat([rtmsg({ family: 2 }), nla(9, nextHop(3, hex('0000')))]), 'next hop'],
  ];
  for (const [payload, ...tokens] of cases) {
    throws(() => listRoutes(answering(24, payload)[0], 3), 'EBADMSG', ...tokens);
  }
});
