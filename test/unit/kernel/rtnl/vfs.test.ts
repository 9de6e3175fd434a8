import { RTM_GETLINK, RTM_NEWLINK } from '../../../../src/kernel/netlink/constants.ts';
import type { NetlinkSession } from '../../../../src/kernel/netlink/session.ts';
import {
  changeVf,
  getPfLink,
  getVfAdminStateAfterChanges,
  listVfAdminStates,
  readVfAdminState,
} from '../../../../src/kernel/rtnl/vfs.ts';
import { type MacAddress, zeroMac } from '../../../../src/lib/mac-address.ts';
import type { VfChange } from '../../../../src/settings/settings.ts';
import { assert, suite } from '../../../support/suite.ts';
import { throws } from '../../../support/throws.ts';
import { encodeVfs, newFakeVf } from '../../../support/vf-info.ts';
import {
  ack,
  answering,
  attributeSet,
  datagram,
  fakeSession,
  header,
  hex,
  linkPayload,
  nla,
  refusal,
  splitAttributes,
  u32,
  vfInfo,
} from '../fake-kernel.ts';

const test = suite('kernel/rtnl/vfs');

const pf = { ifindex: 3, name: 'ens1f0' };
const mac = '02:11:22:33:44:55' as MacAddress;
const header3 = '00 00 00 00 03 00 00 00 00 00 00 00 00 00 00 00';
const macBytes = `28 00 01 00 03 00 00 00 02 11 22 33 44 55 ${'00'.repeat(26)}`;

/** Captured with `strace -e trace=sendmsg -e write=all ip link set ens1f0 vf 3 ...`, iproute2 6.1, on ifindex 3. */
const sent: readonly [words: string, change: VfChange, payload: string][] = [
  [
    'vlan 100',
    { vlan: 100, vlanQos: 0, vlanProtocol: '802.1q' },
    '18 00 16 00 14 00 01 00 10 00 02 00 03 00 00 00 64 00 00 00 00 00 00 00',
  ],
  [
    'vlan 100 qos 3',
    { vlan: 100, vlanQos: 3, vlanProtocol: '802.1q' },
    '18 00 16 00 14 00 01 00 10 00 02 00 03 00 00 00 64 00 00 00 03 00 00 00',
  ],
  [
    'vlan 100 qos 3 proto 802.1ad',
    { vlan: 100, vlanQos: 3, vlanProtocol: '802.1ad' },
    '20 00 16 00 1c 00 01 00 18 00 0c 00 14 00 01 00 03 00 00 00 64 00 00 00 03 00 00 00 88 a8 00 00',
  ],
  ['mac 02:11:22:33:44:55', { mac }, `30 00 16 00 2c 00 01 00 ${macBytes}`],
  ['spoofchk off', { spoofchk: 'off' }, '14 00 16 00 10 00 01 00 0c 00 04 00 03 00 00 00 00 00 00 00'],
  [
    'spoofchk on trust on',
    { spoofchk: 'on', trust: 'on' },
    '20 00 16 00 1c 00 01 00 0c 00 04 00 03 00 00 00 01 00 00 00 0c 00 09 00 03 00 00 00 01 00 00 00',
  ],
  ['state disable', { linkState: 'disable' }, '14 00 16 00 10 00 01 00 0c 00 05 00 03 00 00 00 02 00 00 00'],
  [
    'min_tx_rate 100 max_tx_rate 200',
    { minTxRateMbps: 100, maxTxRateMbps: 200 },
    '18 00 16 00 14 00 01 00 10 00 06 00 03 00 00 00 64 00 00 00 c8 00 00 00',
  ],
];

for (const [words, change, list] of sent) {
  test(`the bytes of \`ip link set ens1f0 vf 3 ${words}\``, () => {
    const [session, socket] = fakeSession();
    changeVf(session, pf, 3, change);
    assert.is(socket.last.type, 0x10);
    assert.is(socket.last.flags, 5);
    assert.is(socket.last.payload.toString('hex'), hex(`${header3} ${list}`).toString('hex'));
  });
}

const everything: VfChange = {
  mac,
  vlan: 100,
  vlanQos: 3,
  vlanProtocol: '802.1q',
  minTxRateMbps: 100,
  maxTxRateMbps: 200,
  spoofchk: 'off',
  linkState: 'enable',
  trust: 'on',
};

/** `... vf 3 mac MAC vlan 100 qos 3 max_tx_rate 200 min_tx_rate 100 spoofchk off state enable trust on` */
const everythingAsIp = `74 00 16 00 70 00 01 00 ${macBytes} 10 00 02 00 03 00 00 00 64 00 00 00 03 00 00 00
  0c 00 04 00 03 00 00 00 00 00 00 00 0c 00 05 00 03 00 00 00 01 00 00 00 0c 00 09 00 03 00 00 00 01 00 00 00
  10 00 06 00 03 00 00 00 64 00 00 00 c8 00 00 00`;

test('all settings at once: one message, the attributes that `ip` sends, in the order in which the kernel applies them', () => {
  const [session, socket] = fakeSession();
  changeVf(session, pf, 3, everything);
  assert.is(socket.sent.length, 1);
  const { payload } = socket.last;
  assert.is(payload.readUInt16LE(16), 0x74);
  assert.equal(payload.subarray(18, 24), hex('16 00 70 00 01 00'));
  assert.equal(attributeSet(payload.subarray(24)), attributeSet(hex(everythingAsIp).subarray(8)));
  assert.equal(
    splitAttributes(payload.subarray(24)).map(([type]) => type),
    [1, 2, 6, 4, 5, 9],
  );
});

test('states, each', () => {
  for (const [linkState, number] of [
    ['auto', 0],
    ['enable', 1],
    ['disable', 2],
  ] as const) {
    const [session, socket] = fakeSession();
    changeVf(session, pf, 3, { linkState });
    assert.is(socket.last.payload.readUInt32LE(32), number, linkState);
  }
});

test('VF 0 and values of 0 are sent like all others', () => {
  const [session, socket] = fakeSession();
  const change = {
    vlan: 0,
    vlanQos: 0,
    vlanProtocol: '802.1q',
    minTxRateMbps: 0,
    maxTxRateMbps: 0,
    mac: zeroMac,
  } as const;
  changeVf(session, pf, 0, change);
  assert.equal(splitAttributes(socket.last.payload.subarray(24)), [
    [1, '00'.repeat(36)],
    [2, '00'.repeat(12)],
    [6, '00'.repeat(12)],
  ]);
});

test('no settings, no message', () => {
  const [session, socket] = fakeSession();
  changeVf(session, pf, 3, {});
  assert.is(socket.sent.length, 0);
});

test('a refusal names the settings, the VF, the PF and the command', () => {
  const [session] = fakeSession((request) => [refusal(request, 22, 'VLAN 4095 is reserved')]);
  const refused = (change: VfChange, settings: string, command: string): void => {
    const tokens = [settings, 'VF 3', 'ens1f0', `ip link set ens1f0 vf 3 ${command}`, 'VLAN 4095 is reserved'];
    throws(() => changeVf(session, pf, 3, change), 'EINVAL', ...tokens);
  };
  refused({ vlan: 100, vlanQos: 0, vlanProtocol: '802.1q' }, 'vlan', 'vlan 100');
  refused(
    { ...everything, vlan: 100, vlanQos: 3, vlanProtocol: '802.1ad' },
    'mac, vlan, rate, spoofchk, linkState, trust',
    'mac 02:11:22:33:44:55 vlan 100 qos 3 proto 802.1ad min_tx_rate 100 max_tx_rate 200 spoofchk off state enable trust on',
  );
});

function pfWith(...infos: readonly Buffer[]): NetlinkSession {
  return answering(16, linkPayload(3, 'ens1f0', nla(21, u32(infos.length)), nla(22, ...infos)))[0];
}

test('asks for the VFs without their statistics', () => {
  const [session, socket] = answering(16, linkPayload(3, 'ens1f0'));
  readVfAdminState(session, 3, 0);
  assert.is(socket.last.type, 0x12);
  assert.is(socket.last.flags, 1);
  assert.equal(socket.last.payload, hex(`${header3} 08 00 1d 00 09 00 00 00`));
});

test('a VF’s record, all of it', () => {
  const session = pfWith(
    vfInfo({
      vf: 3,
      mac: '021122334455',
      vlan: 100,
      qos: 3,
      protocol: 0x88a8,
      spoofchk: 0,
      trust: 1,
      linkState: 2,
      minTxRate: 100,
      maxTxRate: 200,
    }),
  );
  assert.equal(readVfAdminState(session, 3, 3), {
    mac: '02:11:22:33:44:55',
    vlan: 100,
    vlanQos: 3,
    vlanProtocol: '802.1ad',
    spoofchk: 'off',
    trust: 'on',
    linkState: 'disable',
    minTxRateMbps: 100,
    maxTxRateMbps: 200,
  });
});

test('what the driver doesn’t report (-1, or an unknown state) is null', () => {
  const state = readVfAdminState(pfWith(vfInfo({ vf: 0, spoofchk: -1, trust: -1, linkState: 9 })), 3, 0);
  assert.equal([state?.spoofchk, state?.trust, state?.linkState], [null, null, null]);
});

test('an old kernel’s record: MAC, VLAN and rate alone', () => {
  const info = nla(
    1,
    nla(1, u32(2), hex('021122334455'), Buffer.alloc(26)),
    nla(2, u32(2), u32(5), u32(1)),
    nla(3, u32(2), u32(100)),
  );
  assert.equal(readVfAdminState(pfWith(info), 3, 2), {
    mac: '02:11:22:33:44:55',
    vlan: 5,
    vlanQos: 1,
    vlanProtocol: '802.1q',
    spoofchk: null,
    trust: null,
    linkState: null,
    minTxRateMbps: 0,
    maxTxRateMbps: 0,
  });
});

test('structs that have grown, attributes that are new, and flag bits on nests', () => {
  const info = nla(
    0x8001,
    nla(2, u32(2), u32(5), u32(1), u32(77)),
    nla(1, u32(2), hex('021122334455'), Buffer.alloc(26), u32(77)),
    nla(4, u32(2), u32(1), u32(77)),
    nla(0x800c, nla(1, u32(2), u32(5), u32(1), hex('88a80000'), u32(77))),
    nla(99, u32(1)),
  );
  const session = answering(16, linkPayload(3, 'ens1f0', nla(0x8016, info)))[0];
  const state = readVfAdminState(session, 3, 2);
  assert.equal(
    [state?.vlan, state?.vlanProtocol, state?.spoofchk, state?.mac],
    [5, '802.1ad', 'on', '02:11:22:33:44:55'],
  );
});

test('IFLA_VF_VLAN_INFO of 14 bytes, without its padding', () => {
  const info = vfInfo({ vf: 2 }).subarray(0, -24);
  const short = nla(1, info.subarray(4), nla(12, nla(1, u32(2), u32(0), u32(0), hex('88a8')).subarray(0, 18)));
  assert.is(readVfAdminState(pfWith(short), 3, 2)?.vlanProtocol, '802.1ad');
});

/** 256 VFs, highest number first and with a gap, so that place and number never agree. */
const many = Array.from({ length: 256 }, (_, at) => 300 - at).map((vf) =>
  vfInfo({ vf, vlan: vf, mac: `0200000000${(vf % 256).toString(16).padStart(2, '0')}` }),
);

test('256 VFs: read whole, and found by number, not by place', () => {
  const session = pfWith(...many);
  assert.is(readVfAdminState(session, 3, 300)?.vlan, 300);
  assert.is(readVfAdminState(session, 3, 45)?.vlan, 45);
  assert.is(readVfAdminState(session, 3, 45)?.mac, '02:00:00:00:00:2d');
  assert.is(readVfAdminState(session, 3, 44), null);
  assert.is(readVfAdminState(session, 3, 0), null);
  const states = listVfAdminStates(session, 3);
  assert.is(states.size, 256);
  for (const [vf, state] of states) assert.is(state.vlan, vf);
});

test('a PF without VFs, or whose driver lists none', () => {
  assert.is(readVfAdminState(answering(16, linkPayload(3, 'ens1f0'))[0], 3, 0), null);
  assert.is(readVfAdminState(pfWith(), 3, 0), null);
  assert.is(listVfAdminStates(pfWith(), 3).size, 0);
});

test('a PF that is gone', () => {
  const [session] = fakeSession((request) => [refusal(request, 19)]);
  throws(() => readVfAdminState(session, 3, 0), 'ENODEV', 'ip link show dev if3');
});

test('malformed records name the attribute and the lengths', () => {
  const macOf = (vf: number): Buffer => nla(1, u32(vf), Buffer.alloc(32));
  const vlanOf = (vf: number): Buffer => nla(2, u32(vf), u32(0), u32(0));
  const cases: readonly [Buffer, string][] = [
    [nla(1, vlanOf(0)), 'IFLA_VF_MAC is missing'],
    [nla(1, macOf(0)), 'IFLA_VF_VLAN is missing'],
    [nla(1, nla(1, u32(0), Buffer.alloc(6)), vlanOf(0)), 'IFLA_VF_MAC holds 10 bytes; at least 36 are needed'],
    [nla(1, macOf(0), nla(2, u32(0), u32(0))), 'IFLA_VF_VLAN holds 8 bytes; at least 12 are needed'],
    [nla(1, macOf(0), vlanOf(0), nla(4, u32(0))), 'IFLA_VF_SPOOFCHK holds 4 bytes; at least 8 are needed'],
    [nla(1, macOf(0), vlanOf(0), nla(5, u32(0))), 'IFLA_VF_LINK_STATE holds 4 bytes; at least 8 are needed'],
    [nla(1, macOf(0), vlanOf(0), nla(6, u32(0), u32(0))), 'IFLA_VF_RATE holds 8 bytes; at least 12 are needed'],
    [nla(1, macOf(0), vlanOf(0), nla(9, u32(0))), 'IFLA_VF_TRUST holds 4 bytes; at least 8 are needed'],
    [
      nla(1, macOf(0), vlanOf(0), nla(12, nla(1, u32(0), u32(0)))),
      'IFLA_VF_VLAN_INFO holds 8 bytes; at least 14 are needed',
    ],
    [nla(1, macOf(0), vlanOf(0), hex('ff000400')), 'IFLA_VF_INFO, 4 bytes left'],
    [hex('0000010000000000'), 'IFLA_VFINFO_LIST'],
  ];
  for (const [info, words] of cases) {
    throws(() => readVfAdminState(pfWith(info), 3, 0), 'EBADMSG', words);
  }
});

for (const [vfs, requests, words] of [
  [128, 1, 'one request for a PF and for its VFs'],
  [129, 3, 'more VFs, whose attribute may hide what follows it, are asked for apart'],
] as const) {
  test(`${words}; again after a change`, () => {
    const asked: number[] = [];
    const [session] = fakeSession((request) => {
      if (request.type !== RTM_GETLINK) return [ack(request)];
      // IFLA_EXT_MASK comes first behind struct ifinfomsg.
      const mask = request.payload.readUInt32LE(20);
      asked.push(mask);
      const list = (mask & 1) === 0 ? Buffer.alloc(0) : encodeVfs(Array.from({ length: vfs }, () => newFakeVf));
      return [datagram(header(request, RTM_NEWLINK, linkPayload(3, 'ens1f0', list)))];
    });
    assert.is(getPfLink(session, 'ens1f0')?.name, 'ens1f0');
    for (let look = 0; look < 2; look++) assert.is(getVfAdminStateAfterChanges(session, 3, 5)?.vlan, 0);
    assert.is(asked.length, requests);
    changeVf(session, pf, 5, { trust: 'on' });
    getVfAdminStateAfterChanges(session, 3, 5);
    assert.is(asked.length, requests + 1);
  });
}

test('a PF that is gone is null', () => {
  const [session] = fakeSession((request) => [refusal(request, 19)]);
  assert.is(getPfLink(session, 'ens1f0'), null);
});
