import type { NetlinkSession } from '../../../../src/kernel/netlink/session.ts';
import {
  addAltnames,
  getLink,
  listDeviceLinks,
  moveLink,
  removeAltnames,
  renameLink,
  setLinkDown,
  setLinkMac,
  setLinkMtu,
  setLinkUp,
} from '../../../../src/kernel/rtnl/links.ts';
import type { MacAddress } from '../../../../src/lib/mac-address.ts';
import { assert, suite } from '../../../support/suite.ts';
import { throws } from '../../../support/throws.ts';
import {
  answering,
  attributeSet,
  cString,
  fakeSession,
  hex,
  ifinfomsg,
  linkPayload,
  nla,
  refusal,
  u32,
} from '../fake-kernel.ts';
import { type SentMessageCase, testSentBytes } from './sent-bytes.ts';

const test = suite('kernel/rtnl/links');

/**
 * All bytes were captured with `strace -e trace=sendmsg -e write=all ip ...`, iproute2 6.1, on a link with ifindex 3.
 */
const header3 = '00 00 00 00 03 00 00 00 00 00 00 00 00 00 00 00';
const altnames =
  '34 00 34 80 10 00 35 00 65 6e 70 35 39 73 30 66 30 76 33 00 1e 00 35 00 61 76 65 72 79 76 65 72 79 76 65 72 79 6c 6f 6e 67 61 6c 74 6e 61 6d 65 30 00 00 00';
const names = ['enp59s0f0v3', 'averyveryverylongaltname0'];
const mac = '02:11:22:33:44:55' as MacAddress;
const netns = { fd: 4, device: 4n, inode: 4026532999n, close: () => undefined };

const sent: readonly SentMessageCase[] = [
  [
    'ip link set ens1f0 netns NS name net1',
    (s) => moveLink(s, 3, { netns, name: 'net1' }),
    0x10,
    5,
    `${header3} 08 00 1c 00 04 00 00 00 09 00 03 00 6e 65 74 31 00 00 00 00`,
  ],
  [
    'ip link set ens1f0 name net7',
    (s) => renameLink(s, 3, 'net7'),
    0x10,
    5,
    `${header3} 09 00 03 00 6e 65 74 37 00 00 00 00`,
  ],
  ['ip link set ens1f0 mtu 9000', (s) => setLinkMtu(s, 3, 9000), 0x10, 5, `${header3} 08 00 04 00 28 23 00 00`],
  [
    'ip link set ens1f0 address 02:11:22:33:44:55',
    (s) => setLinkMac(s, 3, mac),
    0x10,
    5,
    `${header3} 0a 00 01 00 02 11 22 33 44 55 00 00`,
  ],
  ['ip link set ens1f0 up', (s) => setLinkUp(s, 3), 0x10, 5, '00 00 00 00 03 00 00 00 01 00 00 00 01 00 00 00'],
  ['ip link set ens1f0 down', (s) => setLinkDown(s, 3), 0x10, 5, '00 00 00 00 03 00 00 00 00 00 00 00 01 00 00 00'],
  [
    'ip link property add dev ens1f0 altname enp59s0f0v3 altname averyveryverylongaltname0',
    (s) => addAltnames(s, 3, names),
    0x6c,
    0xe05,
    `${header3} ${altnames}`,
  ],
  [
    'ip link property del dev ens1f0 altname enp59s0f0v3 altname averyveryverylongaltname0',
    (s) => removeAltnames(s, 3, names),
    0x6d,
    5,
    `${header3} ${altnames}`,
  ],
];

testSentBytes(test, sent);

// `ip` asks for the VFs too (IFLA_EXT_MASK 9); all else is the same.
const asked: readonly [string, { ifindex: number } | { name: string }, string, string][] = [
  ['ip link show dev if3', { ifindex: 3 }, header3, '08 00 1d 00 08 00 00 00'],
  [
    'ip link show dev ens1f0',
    { name: 'ens1f0' },
    '00'.repeat(16),
    '08 00 1d 00 08 00 00 00 0b 00 03 00 65 6e 73 31 66 30 00 00',
  ],
  [
    'ip link show dev averyveryverylongaltname0',
    { name: 'averyveryverylongaltname0' },
    '00'.repeat(16),
    '08 00 1d 00 08 00 00 00 1e 00 35 00 61 76 65 72 79 76 65 72 79 76 65 72 79 6c 6f 6e 67 61 6c 74 6e 61 6d 65 30 00 00 00',
  ],
];

for (const [command, target, head, attributes] of asked) {
  test(`the bytes of \`${command}\``, () => {
    const [session, socket] = fakeSession();
    getLink(session, target);
    assert.is(socket.last.type, 0x12);
    assert.is(socket.last.flags, 1);
    assert.equal(socket.last.payload.subarray(0, 16), hex(head));
    assert.equal(attributeSet(socket.last.payload.subarray(16)), attributeSet(hex(attributes)));
  });
}

test('a name of 15 bytes is a name, one of 16 bytes an altname; bytes count, not characters', () => {
  for (const [name, type] of [
    ['a'.repeat(15), 3],
    ['a'.repeat(16), 53],
    ['ä'.repeat(8), 53],
  ] as const) {
    const [session, socket] = fakeSession();
    getLink(session, { name });
    assert.is(socket.last.payload.readUInt16LE(26), type, name);
  }
});

/** A reply as Linux 6.18 sends it for a VF in a pod, cut to what matters; statistics left out. */
const vfInPod = Buffer.concat([
  ifinfomsg(7, 0x11043, 1),
  nla(3, cString('net1')),
  nla(13, u32(1000)),
  nla(16, hex('06')),
  nla(4, u32(9000)),
  nla(50, u32(68)),
  nla(51, u32(9216)),
  nla(33, hex('01')),
  nla(10, u32(12)),
  nla(1, hex('021122334455')),
  nla(2, hex('ffffffffffff')),
  nla(38, cString('pf0vf3')),
  nla(0x8034, nla(53, cString('enp1s0f0v3')), nla(53, cString('averyveryverylongaltname0'))),
  nla(56, cString('0000:01:10.6')),
  nla(57, cString('pci')),
  nla(0x7ff, hex('00')),
]);

/** A link without its raw attributes, and its IFLA_TXQLEN. */
function read(payload: Buffer, ifindex: number): [link: unknown, txqlen: string | undefined] {
  const link = getLink(answering(16, payload)[0], { ifindex });
  if (link === null) throw new Error('no link');
  const { attributes, ...rest } = link;
  return [rest, attributes.get(13)?.toString('hex')];
}

test('a link, all of it', () => {
  const [link, txqlen] = read(vfInPod, 7);
  assert.is(txqlen, 'e8030000');
  assert.equal(link, {
    ifindex: 7,
    name: 'net1',
    flags: 0x11043,
    up: true,
    carrier: true,
    mac: '02:11:22:33:44:55',
    mtu: 9000,
    minMtu: 68,
    maxMtu: 9216,
    altnames: ['enp1s0f0v3', 'averyveryverylongaltname0'],
    parentDeviceName: '0000:01:10.6',
    parentBusName: 'pci',
    lower: null,
    master: 12,
    type: 1,
    physPortName: 'pf0vf3',
    xdp: false,
  });
});

test('a link of which an old kernel says little', () => {
  const [link] = read(linkPayload(2, 'ens1f0'), 2);
  assert.equal(link, {
    ifindex: 2,
    name: 'ens1f0',
    flags: 0,
    up: false,
    carrier: false,
    mac: null,
    mtu: 1500,
    minMtu: null,
    maxMtu: null,
    altnames: [],
    parentDeviceName: null,
    parentBusName: null,
    lower: null,
    master: null,
    type: 1,
    physPortName: null,
    xdp: false,
  });
});

test('an address that is not of six bytes is none of Ethernet', () => {
  const macOf = (...attributes: Buffer[]): string | null | undefined => {
    const payload = Buffer.concat([ifinfomsg(2, 0), nla(3, cString('a')), nla(4, u32(1)), ...attributes]);
    const [session] = answering(16, payload);
    return getLink(session, { ifindex: 2 })?.mac;
  };
  assert.is(macOf(nla(1, hex('021122334455'))), '02:11:22:33:44:55');
  for (const bytes of ['0a000001', '00001049fe80000000000000248a070300a38df6', ''])
    assert.is(macOf(nla(1, hex(bytes))), null);
  assert.is(macOf(), null);
});

test('carrier is what IFLA_CARRIER says, and IFF_LOWER_UP where there is none', () => {
  const carrierOf = (flags: number, ...attributes: Buffer[]): boolean | undefined => {
    const payload = Buffer.concat([ifinfomsg(2, flags), nla(3, cString('a')), nla(4, u32(1)), ...attributes]);
    return getLink(answering(16, payload)[0], { ifindex: 2 })?.carrier;
  };
  assert.is(carrierOf(0x10001), true);
  assert.is(carrierOf(0x10001, nla(33, hex('00'))), false);
  assert.is(carrierOf(1, nla(33, hex('01'))), true);
});

test('IFLA_MAX_MTU 0 means no limit', () => {
  const [session] = answering(16, linkPayload(2, 'ens1f0', nla(51, u32(0))));
  assert.is(getLink(session, { ifindex: 2 })?.maxMtu, null);
});

test('no such link: null; other refusals are thrown', () => {
  const refusing = (errno: number): NetlinkSession => fakeSession((request) => [refusal(request, errno)])[0];
  assert.is(getLink(refusing(19), { name: 'nope' }), null);
  throws(() => getLink(refusing(1), { name: 'ens1f0' }), 'EPERM', 'ens1f0');
});

test('the links of PCI devices: `ip link show`, a dump without statistics; what the kernel tells no device of is left in', () => {
  const kind = nla(18, nla(1, cString('veth')));
  const enslaved = nla(18, nla(4, cString('bond')));
  const ipoib = linkPayload(9, 'ib0', nla(18, nla(1, cString('ipoib'))));
  ipoib.writeUInt16LE(32, 2);
  const loopback = linkPayload(1, 'lo');
  loopback.writeUInt16LE(772, 2);
  const [session, socket] = answering(
    16,
    loopback,
    vfInPod,
    linkPayload(3, 'veth3', kind),
    linkPayload(4, 'eth4', enslaved),
    linkPayload(5, 'other', nla(56, cString('0000:01:10.4')), nla(57, cString('pci'))),
    linkPayload(6, 'virtio', nla(56, cString('virtio0')), nla(57, cString('virtio'))),
    ipoib,
  );
  assert.equal(
    listDeviceLinks(session, new Set(['0000:01:10.6'])).map((link) => [link.ifindex, link.name, link.parentDeviceName]),
    [
      [7, 'net1', '0000:01:10.6'],
      [4, 'eth4', null],
      [6, 'virtio', 'virtio0'],
      [9, 'ib0', null],
    ],
  );
  assert.is(socket.last.flags, 0x301);
  assert.equal(socket.last.payload, Buffer.concat([Buffer.alloc(16), hex('08 00 1d 00 08 00 00 00')]));
});

test('a link without name or MTU, or cut, is malformed', () => {
  const cases: readonly [Buffer, ...string[]][] = [
    [Buffer.concat([ifinfomsg(2), nla(4, u32(1500))]), 'IFLA_IFNAME'],
    [Buffer.concat([ifinfomsg(2), nla(3, cString('a'))]), 'IFLA_MTU'],
    [Buffer.alloc(8), 'struct ifinfomsg', '8', '16'],
    [Buffer.concat([ifinfomsg(2), nla(3, cString('a')), nla(4, hex('dc05'))]), 'IFLA_MTU', '2'],
    [linkPayload(2, 'a', nla(33)), 'IFLA_CARRIER', '0'],
    [linkPayload(2, 'a', nla(52, hex('ff003500'))), 'IFLA_PROP_LIST'],
  ];
  for (const [payload, ...tokens] of cases) {
    const [session] = answering(16, payload);
    throws(() => getLink(session, { ifindex: 2 }), 'EBADMSG', ...tokens);
  }
});

test('a refusal names the operation, the object and the command', () => {
  const [session] = fakeSession((request) => [refusal(request, 17, 'File exists')]);
  for (const [command, send] of sent) {
    const ofIfindex = command.replace('ens1f0', 'if3');
    throws(() => send(session), 'EEXIST', 'interface 3', `(${ofIfindex})`, 'File exists');
  }
});
