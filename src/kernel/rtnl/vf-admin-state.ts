import { type MacAddress, macFromBytes } from '../../lib/mac-address.ts';
import { atLeast, findAttribute, readAttributes, u32At } from '../netlink/attributes.ts';
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
import { malformed } from '../netlink/malformed.ts';

/** The PF's record of a VF; null where the driver doesn't report it. */
export interface VfAdminState {
  /** All zeros: none was set. */
  readonly mac: MacAddress;
  /** 0: none. */
  readonly vlan: number;
  readonly vlanQos: number;
  readonly vlanProtocol: '802.1q' | '802.1ad';
  readonly spoofchk: 'on' | 'off' | null;
  readonly trust: 'on' | 'off' | null;
  readonly linkState: 'auto' | 'enable' | 'disable' | null;
  /** 0: no limit. */
  readonly minTxRateMbps: number;
  /** 0: no limit. */
  readonly maxTxRateMbps: number;
}

/** struct ifla_vf_mac: u32 vf, u8 mac[32]. */
const macLength = 36;

/** By IFLA_VF_LINK_STATE_*. */
const linkStates = ['auto', 'enable', 'disable'] as const;

/** The VF number in the payload of IFLA_VF_INFO, which lies in `list` from `begin` to `end`. Throws SystemError EBADMSG. */
export function decodeVfIndex(list: Buffer, begin: number, end: number): number {
  // Where IFLA_VF_MAC is the first, as kernels put it (rtnl_fill_vfinfo), a PF's other VFs are passed over at a glance.
  const isFirst = end - begin >= 40 && u32At(list, begin) === (40 | (IFLA_VF_MAC << 16));
  if (isFirst) return u32At(list, begin + 4);
  const data = findAttribute('IFLA_VF_INFO', list.subarray(begin, end), IFLA_VF_MAC) ?? missing('IFLA_VF_MAC');
  return u32At(atLeast('IFLA_VF_MAC', data, macLength), 0);
}

/**
 * Decodes the payload of IFLA_VF_INFO, whose attributes (struct ifla_vf_*, linux/if_link.h) each begin with the VF's number.
 * Throws SystemError EBADMSG.
 */
export function decodeVfAdminState(info: Buffer): VfAdminState {
  const attributes = readAttributes('IFLA_VF_INFO', info);
  const data = (type: number, name: string, length: number): Buffer | null => {
    const payload = attributes.get(type);
    return payload === undefined ? null : atLeast(name, payload, length);
  };
  const setting = (type: number, name: string): number | null => {
    const payload = data(type, name, 8);
    return payload === null ? null : u32At(payload, 4);
  };
  const mac = data(IFLA_VF_MAC, 'IFLA_VF_MAC', macLength) ?? missing('IFLA_VF_MAC');
  const vlan = data(IFLA_VF_VLAN, 'IFLA_VF_VLAN', 12) ?? missing('IFLA_VF_VLAN');
  const rate = data(IFLA_VF_RATE, 'IFLA_VF_RATE', 12);
  return {
    mac: macFromBytes(mac.subarray(4, 10)),
    vlan: u32At(vlan, 4),
    vlanQos: u32At(vlan, 8),
    vlanProtocol: decodeVlanProtocol(attributes.get(IFLA_VF_VLAN_LIST)),
    spoofchk: toSwitch(setting(IFLA_VF_SPOOFCHK, 'IFLA_VF_SPOOFCHK')),
    trust: toSwitch(setting(IFLA_VF_TRUST, 'IFLA_VF_TRUST')),
    linkState: linkStates[setting(IFLA_VF_LINK_STATE, 'IFLA_VF_LINK_STATE') ?? -1] ?? null,
    minTxRateMbps: rate === null ? 0 : u32At(rate, 4),
    maxTxRateMbps: rate === null ? 0 : u32At(rate, 8),
  };
}

function missing(name: string): never {
  throw malformed(`${name} is missing`);
}

/** The kernel starts from -1, which a driver that knows nothing of the setting leaves there. */
function toSwitch(setting: number | null): 'on' | 'off' | null {
  if (setting === 0) return 'off';
  return setting === 1 ? 'on' : null;
}

/** struct ifla_vf_vlan_info is 14 bytes padded to 16; vlan_proto is big-endian. */
function decodeVlanProtocol(list: Buffer | undefined): '802.1q' | '802.1ad' {
  const found = list === undefined ? null : findAttribute('IFLA_VF_VLAN_LIST', list, IFLA_VF_VLAN_INFO);
  if (found === null) return '802.1q';
  const info = atLeast('IFLA_VF_VLAN_INFO', found, 14);
  return info.readUInt16BE(12) === ETH_P_8021AD ? '802.1ad' : '802.1q';
}
