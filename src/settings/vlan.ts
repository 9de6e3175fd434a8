import { integer, oneOf, optional } from '../lib/json-schema.ts';
import { type KeyTexts, type StructSetting, type VfStruct, words } from './setting.ts';

/** u32 vf, u32 vlan, u32 qos */
const tag: VfStruct = { type: 2, name: 'IFLA_VF_VLAN', length: 12 };
/** The three of IFLA_VF_VLAN and __be16 vlan_proto: 14 bytes, padded to 16. */
const taggedInfo: VfStruct = {
  type: 1,
  name: 'IFLA_VF_VLAN_INFO',
  length: 14,
  list: { type: 12, name: 'IFLA_VF_VLAN_LIST' },
};
/** linux/if_ether.h */
const ETH_P_8021AD = 0x88a8;

type Protocol = '802.1q' | '802.1ad';

const keys = {
  vlan: optional(integer(0, 4094)),
  vlanQoS: optional(integer(0, 7)),
  vlanProto: optional(oneOf('802.1q', '802.1Q', '802.1ad', '802.1AD', '802.1Ad', '802.1aD')),
};

/** The fields of a record. */
const fields = { vlan: integer(0), vlanQos: integer(0), vlanProtocol: oneOf('802.1q', '802.1ad') };

/** `vlan` 0: none. If only some parts are given, the others have the values that sriov-cni gives them. */
export const vlan: StructSetting<typeof keys, typeof fields> = {
  name: 'vlan',
  keys,
  fields,
  keyOf: { vlan: 'vlan', vlanQos: 'vlanQoS', vlanProtocol: 'vlanProto' },
  needs: { vlanQoS: 'vlan', vlanProto: 'vlan' },
  conflicts: ({ vlan, vlanQoS = 0, vlanProto = '802.1q' }) => ({
    vlanQoS: vlan === 0 && vlanQoS !== 0 && 'with vlan 0; allowed: 0, or a vlan from 1 to 4094',
    vlanProto:
      vlan === 0 && vlanProto.toLowerCase() === '802.1ad' && 'with vlan 0; allowed: "802.1q", or a vlan from 1 to 4094',
  }),
  asked: ({ vlan, vlanQoS = 0, vlanProto = '802.1q' }) =>
    // -0 becomes 0.
    vlan === undefined
      ? {}
      : { vlan: vlan + 0, vlanQos: vlanQoS + 0, vlanProtocol: vlanProto.toLowerCase() as Protocol },
  read: (info) => {
    const found = info.need(tag);
    const isAd = info.find(taggedInfo)?.readUInt16BE(12) === ETH_P_8021AD;
    const vlanProtocol: Protocol = isAd ? '802.1ad' : '802.1q';
    return { vlan: found.readUInt32LE(4), vlanQos: found.readUInt32LE(8), vlanProtocol };
  },
  // Kernels before 4.9 know only IFLA_VF_VLAN, so 802.1q is sent by that, as `ip` does.
  write: ({ vlan, vlanQos, vlanProtocol }) =>
    vlanProtocol === '802.1q'
      ? [tag, words(vlan, vlanQos)]
      : [taggedInfo, words(vlan, vlanQos), Uint8Array.of(ETH_P_8021AD >> 8, ETH_P_8021AD & 0xff, 0, 0)],
  ip: ({ vlan, vlanQos, vlanProtocol }) =>
    `vlan ${vlan}${vlanQos === 0 ? '' : ` qos ${vlanQos}`}${vlanProtocol === '802.1ad' ? ' proto 802.1ad' : ''}`,
  unreported: { vlan: 0 },
  // Without a VLAN there is no tag, so the protocol means nothing.
  meaningless: ({ vlan }) => (vlan === 0 ? ['vlanProtocol'] : []),
  shown: {
    column: 'VLAN',
    title: 'VLAN',
    short: ({ vlan, vlanQos, vlanProtocol }) =>
      vlan === 0 ? '-' : `${vlan}${vlanQos === 0 ? '' : `/${vlanQos}`}${vlanProtocol === '802.1ad' ? ' ad' : ''}`,
    long: ({ vlan, vlanQos, vlanProtocol }) => (vlan === 0 ? '-' : `${vlan}, QoS ${vlanQos}, ${vlanProtocol}`),
  },
};

export const vlanTexts: KeyTexts<typeof keys> = {
  vlan: {
    does: 'VLAN whose tag the PF puts on frames from the VF and takes off frames to it. 0 is no VLAN.',
    absent: 'the VF keeps what it has, and no VLAN operation is done: a trunk or an InfiniBand VF stays as it is',
    ip: 'ip link set PF vf N vlan VLAN',
  },
  vlanQoS: {
    does: 'Priority (802.1p) in the VLAN tag. Other than 0 only with a `vlan` other than 0.',
    absent: '0 where `vlan` is given',
    ip: 'ip link set PF vf N vlan VLAN qos QOS',
  },
  vlanProto: {
    does: 'Protocol of the VLAN tag, in any case. 802.1ad only with a `vlan` other than 0.',
    absent: '802.1q where `vlan` is given',
    ip: 'ip link set PF vf N vlan VLAN proto 802.1ad',
    needs: 'Linux 4.9 for 802.1ad; most drivers refuse it (EPROTONOSUPPORT)',
  },
};
