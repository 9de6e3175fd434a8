import {
  parseVirtualFunctionLinkState,
  parseVirtualFunctionMac,
  parseVirtualFunctionRate,
  parseVirtualFunctionSpoofchk,
  parseVirtualFunctionTrust,
  parseVirtualFunctionVlan,
  parseVirtualFunctionVlanInfo,
} from 'netlink/dist/rt/ifla.js';
import { type MacAddress, macFromBytes } from '../../lib/mac-address.ts';
import { findAttribute, leading, readAttributes } from '../netlink/attributes.ts';
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

/** The VF number in the payload of IFLA_VF_INFO. Throws SystemError EBADMSG. */
export function decodeVfIndex(info: Buffer): number {
  const data = findAttribute('IFLA_VF_INFO', info, IFLA_VF_MAC) ?? missing('IFLA_VF_MAC');
  return parseVirtualFunctionMac(leading('IFLA_VF_MAC', data, 36)).vf ?? 0;
}

/** Decodes the payload of IFLA_VF_INFO (linux/if_link.h). Throws SystemError EBADMSG. */
export function decodeVfAdminState(info: Buffer): VfAdminState {
  const attributes = readAttributes('IFLA_VF_INFO', info);
  const data = (type: number, name: string, length: number): Buffer | null => {
    const payload = attributes.get(type);
    return payload === undefined ? null : leading(name, payload, length);
  };
  const mac = data(IFLA_VF_MAC, 'IFLA_VF_MAC', 36) ?? missing('IFLA_VF_MAC');
  const vlan = parseVirtualFunctionVlan(data(IFLA_VF_VLAN, 'IFLA_VF_VLAN', 12) ?? missing('IFLA_VF_VLAN'));
  const rate = decodeRate(data(IFLA_VF_RATE, 'IFLA_VF_RATE', 12));
  const spoofchk = data(IFLA_VF_SPOOFCHK, 'IFLA_VF_SPOOFCHK', 8);
  const trust = data(IFLA_VF_TRUST, 'IFLA_VF_TRUST', 8);
  return {
    mac: macFromBytes(Uint8Array.from(parseVirtualFunctionMac(mac).mac ?? [])),
    vlan: vlan.vlan ?? 0,
    vlanQos: vlan.qos ?? 0,
    vlanProtocol: decodeVlanProtocol(attributes.get(IFLA_VF_VLAN_LIST)),
    spoofchk: spoofchk === null ? null : toSwitch(parseVirtualFunctionSpoofchk(spoofchk).setting),
    trust: trust === null ? null : toSwitch(parseVirtualFunctionTrust(trust).setting),
    linkState: decodeLinkState(data(IFLA_VF_LINK_STATE, 'IFLA_VF_LINK_STATE', 8)),
    ...rate,
  };
}

function missing(name: string): never {
  throw malformed(`${name} is missing`);
}

function decodeRate(data: Buffer | null): Pick<VfAdminState, 'minTxRateMbps' | 'maxTxRateMbps'> {
  const { minTxRate = 0, maxTxRate = 0 } = data === null ? {} : parseVirtualFunctionRate(data);
  return { minTxRateMbps: minTxRate, maxTxRateMbps: maxTxRate };
}

/** The kernel starts from -1, which a driver that knows nothing of the setting leaves there. */
function toSwitch(setting: number | undefined): 'on' | 'off' | null {
  if (setting === 0) return 'off';
  return setting === 1 ? 'on' : null;
}

/** struct ifla_vf_vlan_info is 14 bytes padded to 16; vlan_proto is big-endian. */
function decodeVlanProtocol(list: Buffer | undefined): '802.1q' | '802.1ad' {
  const info = list === undefined ? null : findAttribute('IFLA_VF_VLAN_LIST', list, IFLA_VF_VLAN_INFO);
  if (info === null) return '802.1q';
  const { vlanProto } = parseVirtualFunctionVlanInfo(leading('IFLA_VF_VLAN_INFO', info, 14));
  return vlanProto === ETH_P_8021AD ? '802.1ad' : '802.1q';
}

function decodeLinkState(data: Buffer | null): VfAdminState['linkState'] {
  const state = data === null ? null : parseVirtualFunctionLinkState(data).linkState;
  if (state === 'AUTO') return 'auto';
  if (state === 'ENABLE') return 'enable';
  return state === 'DISABLE' ? 'disable' : null;
}
