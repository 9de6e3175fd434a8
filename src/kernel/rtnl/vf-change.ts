import {
  formatVirtualFunctionLinkState,
  formatVirtualFunctionMac,
  formatVirtualFunctionRate,
  formatVirtualFunctionSpoofchk,
  formatVirtualFunctionTrust,
  formatVirtualFunctionVlan,
  formatVirtualFunctionVlanInfo,
} from 'netlink/dist/rt/ifla.js';
import { type MacAddress, macToBytes } from '../../lib/mac-address.ts';
import { attribute } from '../netlink/attributes.ts';
import {
  ETH_P_8021AD,
  IFLA_VF_LINK_STATE,
  IFLA_VF_MAC,
  IFLA_VF_RATE,
  IFLA_VF_SPOOFCHK,
  IFLA_VF_TRUST,
  IFLA_VF_VLAN,
  IFLA_VF_VLAN_INFO,
  IFLA_VF_VLAN_LIST,
} from '../netlink/constants.ts';

interface VfVlan {
  /** 0 to 4094; 0 takes it off. */
  readonly id: number;
  /** 0 to 7 */
  readonly qos: number;
  readonly protocol: '802.1q' | '802.1ad';
}

interface VfRate {
  /** 0: no limit. */
  readonly minTxRateMbps: number;
  /** 0: no limit. */
  readonly maxTxRateMbps: number;
}

/** Settings of a VF, made on its PF; absent ones stay as they are. */
export interface VfChange {
  /** All zeros takes it off, where the driver lets it. */
  readonly mac?: MacAddress | undefined;
  readonly vlan?: VfVlan | undefined;
  /** The kernel sets both or neither. */
  readonly rate?: VfRate | undefined;
  readonly spoofchk?: 'on' | 'off' | undefined;
  readonly linkState?: 'auto' | 'enable' | 'disable' | undefined;
  readonly trust?: 'on' | 'off' | undefined;
}

const linkStates = { auto: 'AUTO', enable: 'ENABLE', disable: 'DISABLE' } as const;

/** The attributes inside IFLA_VF_INFO, in the order in which do_setvfinfo (net/core/rtnetlink.c) applies them. */
export function encodeVfChange(vf: number, change: VfChange): Buffer[] {
  const { mac, vlan, rate, spoofchk, linkState, trust } = change;
  const attributes: Buffer[] = [];
  if (mac !== undefined) attributes.push(attribute(IFLA_VF_MAC, formatVirtualFunctionMac({ vf, mac: padMac(mac) })));
  if (vlan !== undefined) attributes.push(encodeVlan(vf, vlan));
  if (rate !== undefined) attributes.push(encodeRate(vf, rate));
  if (spoofchk !== undefined) {
    attributes.push(attribute(IFLA_VF_SPOOFCHK, formatVirtualFunctionSpoofchk({ vf, setting: toSetting(spoofchk) })));
  }
  if (linkState !== undefined) {
    const state = formatVirtualFunctionLinkState({ vf, linkState: linkStates[linkState] });
    attributes.push(attribute(IFLA_VF_LINK_STATE, state));
  }
  if (trust !== undefined) {
    attributes.push(attribute(IFLA_VF_TRUST, formatVirtualFunctionTrust({ vf, setting: toSetting(trust) })));
  }
  return attributes;
}

/** What a change sets: `mac, vlan`. */
export function nameVfChange(change: VfChange): string {
  return Object.entries(change)
    .flatMap(([name, value]) => (value === undefined ? [] : [name]))
    .join(', ');
}

/** The words of `ip link set PF vf N ...` that stand for a change. */
export function spellVfChange(change: VfChange): string {
  const { mac, vlan, rate, spoofchk, linkState, trust } = change;
  const words: string[] = [];
  if (mac !== undefined) words.push(`mac ${mac}`);
  if (vlan !== undefined) words.push(spellVlan(vlan));
  if (rate !== undefined) words.push(`min_tx_rate ${rate.minTxRateMbps} max_tx_rate ${rate.maxTxRateMbps}`);
  if (spoofchk !== undefined) words.push(`spoofchk ${spoofchk}`);
  if (linkState !== undefined) words.push(`state ${linkState}`);
  if (trust !== undefined) words.push(`trust ${trust}`);
  return words.join(' ');
}

function spellVlan({ id, qos, protocol }: VfVlan): string {
  const words = [`vlan ${id}`];
  if (qos !== 0) words.push(`qos ${qos}`);
  if (protocol === '802.1ad') words.push(`proto ${protocol}`);
  return words.join(' ');
}

/** struct ifla_vf_mac has room for 32 bytes, of which Ethernet uses 6. */
function padMac(mac: MacAddress): number[] {
  return [...macToBytes(mac), ...new Array<number>(26).fill(0)];
}

/** 802.1q goes as IFLA_VF_VLAN, as `ip` does, because kernels before 4.9 know no other. */
function encodeVlan(vf: number, { id, qos, protocol }: VfVlan): Buffer {
  if (protocol === '802.1q') return attribute(IFLA_VF_VLAN, formatVirtualFunctionVlan({ vf, vlan: id, qos }));
  const info = formatVirtualFunctionVlanInfo({ vf, vlan: id, qos, vlanProto: ETH_P_8021AD });
  // sizeof(struct ifla_vf_vlan_info) counts two bytes of padding, and it is what `ip` sends.
  const padding = Buffer.alloc(2);
  return attribute(IFLA_VF_VLAN_LIST, attribute(IFLA_VF_VLAN_INFO, info, padding));
}

function encodeRate(vf: number, rate: VfRate): Buffer {
  const { minTxRateMbps: minTxRate, maxTxRateMbps: maxTxRate } = rate;
  return attribute(IFLA_VF_RATE, formatVirtualFunctionRate({ vf, minTxRate, maxTxRate }));
}

function toSetting(value: 'on' | 'off'): number {
  return value === 'on' ? 1 : 0;
}
