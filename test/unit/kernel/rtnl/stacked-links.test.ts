import { listNetnsIds, listStackedLinks, netnsIdOf, removeLink } from '../../../../src/kernel/rtnl/stacked-links.ts';
import { assert, suite } from '../../../support/suite.ts';
import { throws } from '../../../support/throws.ts';
import { answering, cString, datagram, done, fakeSession, header, hex, linkPayload, nla, u32 } from '../fake-kernel.ts';
import { type SentMessageCase, testSentBytes } from './sent-bytes.ts';

const test = suite('kernel/rtnl/stacked-links');

const header3 = '00 00 00 00 03 00 00 00 00 00 00 00 00 00 00 00';
const vlan5 = { ifindex: 3, name: 'vlan5', kind: 'vlan', lowerNetnsId: null };
const netns = { fd: 6, device: 4n, inode: 4026532999n, close: () => undefined };

/**
 * Captured with `strace -e trace=sendmsg -e write=all ip ...`, iproute2 6.1; the last is `ip link del` with
 * IFLA_TARGET_NETNSID before the rest.
 */
const sent: readonly SentMessageCase[] = [
  ['ip link del vlan5', (s) => removeLink(s, vlan5), 0x11, 5, header3],
  ['ip netns list-id, for a namespace', (s) => void netnsIdOf(s, netns), 90, 1, '00 00 00 00 08 00 03 00 06 00 00 00'],
  [
    'ip link del vlan5 in another namespace',
    (s) => removeLink(s, vlan5, 2),
    0x11,
    5,
    `${header3} 08 00 2e 00 02 00 00 00`,
  ],
];
testSentBytes(test, sent);

const kind = (name: string): Buffer => nla(0x8012, nla(1, cString(name)));
const on = (ifindex: number): Buffer => nla(5, u32(ifindex));

test('what is on top of a link, here or elsewhere; tunnels and pairs only name it', () => {
  const [session, socket] = answering(
    16,
    linkPayload(1, 'lo'),
    linkPayload(4, 'vlan5', on(7), kind('vlan')),
    linkPayload(5, 'mv0', on(7), kind('macvlan'), nla(37, hex('02000000'))),
    linkPayload(6, 'other', on(8), kind('macvlan')),
    linkPayload(7, 'gre1', on(7), kind('gretap')),
    linkPayload(8, 'eth0', on(7), kind('veth'), nla(37, hex('00000000'))),
    linkPayload(9, 'port', on(7)),
  );
  assert.equal(listStackedLinks(session, 7), [
    { ifindex: 4, name: 'vlan5', kind: 'vlan', lowerNetnsId: null },
    { ifindex: 5, name: 'mv0', kind: 'macvlan', lowerNetnsId: 2 },
    { ifindex: 9, name: 'port', kind: '', lowerNetnsId: null },
  ]);
  assert.is(socket.last.flags, 0x301);
  listStackedLinks(session, 7, 3);
  assert.equal(
    socket.last.payload,
    Buffer.concat([Buffer.alloc(16), hex('08 00 1d 00 08 00 00 00 08 00 2e 00 03 00 00 00')]),
  );
});

test('in a namespace that never stands still the kernel is asked kind by kind; a kind that it does not know has no links', () => {
  const NLM_F_DUMP_INTR = 0x10;
  const restless = linkPayload(4, 'busy', on(9), kind('veth'));
  const vlan = linkPayload(5, 'vlan5', on(7), kind('vlan'));
  const asksFor = (payload: Buffer, name: string): boolean => payload.includes(cString(name));
  const [session, socket] = fakeSession((request) => {
    const isConsistent = asksFor(request.payload, 'vlan') || asksFor(request.payload, 'macvlan');
    const found = asksFor(request.payload, 'vlan') && !asksFor(request.payload, 'macvlan') ? [vlan] : [];
    const replies = isConsistent ? found : [restless];
    const flags = isConsistent ? 2 : 2 | NLM_F_DUMP_INTR;
    return [...replies.map((reply) => datagram(header(request, 16, reply, flags))), done(request)];
  });
  assert.equal(listStackedLinks(session, 7), [{ ifindex: 5, name: 'vlan5', kind: 'vlan', lowerNetnsId: null }]);
  const filter = '10 00 12 80 09 00 01 00 76 6c 61 6e 00 00 00 00';
  assert.ok(socket.sent.some(({ payload }) => payload.subarray(-16).equals(hex(filter))));
  // The kernel lists all links if it doesn't know the kind, which is slow if there are thousands. So it is asked once.
  const asked = (name: string): number => socket.sent.filter(({ payload }) => asksFor(payload, name)).length;
  assert.equal([asked('vxlan'), asked('ipvlan'), asked('macsec')], [1, 1, 1]);
  assert.is(socket.sent.length, 3 + 10);
});

test('namespace IDs; -1 is none', () => {
  const id = (bytes: string): Buffer => Buffer.concat([Buffer.alloc(4), nla(1, hex(bytes))]);
  assert.equal(listNetnsIds(answering(88, id('00000000'), id('05000000'))[0]), [0, 5]);
  assert.is(netnsIdOf(answering(88, id('ffffffff'))[0], netns), -1);
});

test('what is cut is malformed', () => {
  for (const payload of [Buffer.alloc(4), Buffer.concat([Buffer.alloc(4), nla(1, hex('00'))])]) {
    throws(() => listNetnsIds(answering(88, payload)[0]), 'EBADMSG', 'NETNSA_NSID');
  }
  throws(() => listStackedLinks(answering(16, linkPayload(4, 'a', nla(5, hex('0700'))))[0], 7), 'EBADMSG', 'IFLA_LINK');
});
