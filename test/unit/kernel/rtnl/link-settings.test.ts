import {
  readLinkAttributes,
  readSettableFlags,
  readXdpModes,
  removeXdp,
  setLinkAttributes,
  setLinkFlags,
  usualFlags,
} from '../../../../src/kernel/rtnl/link-settings.ts';
import { getLink, type Link } from '../../../../src/kernel/rtnl/links.ts';
import { assert, suite } from '../../../support/suite.ts';
import { answering, cString, hex, linkPayload, nla, u32 } from '../fake-kernel.ts';
import { type SentMessageCase, testSentBytes } from './sent-bytes.ts';

const test = suite('kernel/rtnl/link-settings');

const header3 = '00 00 00 00 03 00 00 00 00 00 00 00 00 00 00 00';

/**
 * Captured with `strace -e trace=sendmsg -e write=all ip ...`, iproute2 6.1, on ifindex 3; `ip` asks for one flag at a
 * time, and of an XDP program that there is none yet (XDP_FLAGS_UPDATE_IF_NOEXIST).
 */
const sent: readonly SentMessageCase[] = [
  [
    'ip link set net1 promisc on',
    (s) => setLinkFlags(s, 3, 0x100),
    0x10,
    5,
    '00 00 00 00 03 00 00 00 00 01 00 00 a4 f3 00 00',
  ],
  [
    'ip link set net1 txqueuelen 77 alias evil',
    (s) => setLinkAttributes(s, 3, { alias: '6576696c', txqueuelen: '4d000000' }),
    0x10,
    5,
    `${header3} 08 00 0d 00 4d 00 00 00 08 00 14 00 65 76 69 6c`,
  ],
  ["ip link set net1 alias ''", (s) => setLinkAttributes(s, 3, { alias: '' }), 0x10, 5, `${header3} 04 00 14 00`],
  [
    'ip link set net1 xdpgeneric off',
    (s) => removeXdp(s, 3, 'skb'),
    0x10,
    5,
    `${header3} 14 00 2b 80 08 00 01 00 ff ff ff ff 08 00 03 00 02 00 00 00`,
  ],
];
testSentBytes(test, sent);

function linkWith(...attributes: Buffer[]): Link {
  const link = getLink(answering(16, linkPayload(3, 'net1', ...attributes))[0], { ifindex: 3 });
  if (link === null) throw new Error('no link');
  return link;
}

test('settable attributes are read in the form in which they are set, and no alias as ‘’; unknown ones are left out', () => {
  assert.equal(readLinkAttributes(linkWith()), { alias: '' });
  const link = linkWith(nla(13, u32(1000)), nla(20, cString('a')), nla(17, hex('01')), nla(58, u32(65536)));
  assert.equal(readLinkAttributes(link), {
    alias: '6100',
    mode: '01',
    txqueuelen: 'e8030000',
    gro_max_size: '00000100',
  });
});

test('flags that can be set, and no others', () => {
  const plain = { ...linkWith(), flags: 0x11043 };
  assert.is(readSettableFlags(plain), usualFlags);
  assert.is(readSettableFlags({ ...plain, flags: 0xffffffff }), 0xf3a4);
});

test('how XDP programs are attached: one, several, none', () => {
  const xdp = (...attributes: Buffer[]): string[] => readXdpModes(linkWith(nla(0x802b, ...attributes)));
  assert.equal(readXdpModes(linkWith()), []);
  assert.equal(xdp(nla(2, hex('00'))), []);
  assert.equal(xdp(nla(2, hex('02')), nla(4, u32(7)), nla(6, u32(7))), ['skb']);
  assert.equal(xdp(nla(2, hex('01')), nla(4, u32(7))), ['drv']);
  assert.equal(xdp(nla(2, hex('03'))), ['hw']);
  assert.equal(xdp(nla(2, hex('04')), nla(5, u32(7)), nla(7, u32(8))), ['drv', 'hw']);
});
