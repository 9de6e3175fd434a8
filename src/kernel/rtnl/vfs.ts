import { formatLink } from 'netlink/dist/rt/gen_structs.js';
import { atLeast, attribute, findAttribute, u32Attribute, walkAttributes } from '../netlink/attributes.ts';
import {
  IFLA_EXT_MASK,
  IFLA_VF_INFO,
  IFLA_VFINFO_LIST,
  RTEXT_FILTER_SKIP_STATS,
  RTEXT_FILTER_VF,
  RTM_GETLINK,
  RTM_NEWLINK,
} from '../netlink/constants.ts';
import type { NetlinkSession } from '../netlink/session.ts';
import { ifinfomsgLength } from './links.ts';
import { decodeVfAdminState, decodeVfIndex, type VfAdminState } from './vf-admin-state.ts';
import { encodeVfChange, nameVfChange, spellVfChange, type VfChange } from './vf-change.ts';

export type { VfAdminState } from './vf-admin-state.ts';
export type { VfChange } from './vf-change.ts';

/**
 * The PF's record of one VF, found by the number that the kernel gives it and not by its place in the list; null where
 * the PF reports no such VF (`ip link show dev PF`). Throws SystemError; ENODEV: no such PF.
 */
export function readVfAdminState(session: NetlinkSession, pfIfindex: number, vfIndex: number): VfAdminState | null {
  let state: VfAdminState | null = null;
  walkVfs(session, pfIfindex, (index, info) => {
    if (index === vfIndex) state = decodeVfAdminState(info());
    return index === vfIndex;
  });
  return state;
}

/** The records of all VFs of a PF, by VF number (`ip link show dev PF`). Throws SystemError; ENODEV: no such PF. */
export function listVfAdminStates(session: NetlinkSession, pfIfindex: number): Map<number, VfAdminState> {
  const states = new Map<number, VfAdminState>();
  walkVfs(session, pfIfindex, (index, info) => {
    states.set(index, decodeVfAdminState(info()));
    return false;
  });
  return states;
}

/**
 * Changes settings of a VF in one message (`ip link set PF vf N mac MAC vlan ID qos QOS proto PROTO min_tx_rate MBPS
 * max_tx_rate MBPS spoofchk on|off state auto|enable|disable trust on|off`). The kernel applies them one by one, in this
 * order; where the driver refuses one, those before it stay, and it doesn't say which one it was. Throws SystemError.
 */
export function changeVf(
  session: NetlinkSession,
  pf: { readonly ifindex: number; readonly name: string },
  vfIndex: number,
  change: VfChange,
): void {
  const settings = encodeVfChange(vfIndex, change);
  if (settings.length === 0) return;
  const list = attribute(IFLA_VFINFO_LIST, attribute(IFLA_VF_INFO, ...settings));
  session.request({
    what: `set ${nameVfChange(change)} of VF ${vfIndex} of ${pf.name} (ip link set ${pf.name} vf ${vfIndex} ${spellVfChange(change)})`,
    type: RTM_NEWLINK,
    flags: 0,
    payload: Buffer.concat([formatLink({ index: pf.ifindex }), list]),
  });
}

/**
 * Visits the VFs of a PF until `visit` returns true, each with its number and a way to the payload of its IFLA_VF_INFO. Without
 * statistics: with them 256 VFs overflow nla_len.
 */
function walkVfs(
  session: NetlinkSession,
  pfIfindex: number,
  visit: (index: number, info: () => Buffer) => boolean,
): void {
  const what = `read the VFs of interface ${pfIfindex} (ip link show dev if${pfIfindex})`;
  const extMask = u32Attribute(IFLA_EXT_MASK, RTEXT_FILTER_VF | RTEXT_FILTER_SKIP_STATS);
  const payload = Buffer.concat([formatLink({ index: pfIfindex }), extMask]);
  const [reply] = session.request({ what, type: RTM_GETLINK, flags: 0, payload });
  if (reply === undefined) return;
  atLeast('struct ifinfomsg', reply, ifinfomsgLength);
  const list = findAttribute('a link', reply, IFLA_VFINFO_LIST, ifinfomsgLength);
  if (list === null) return;
  walkAttributes('IFLA_VFINFO_LIST', list, (type, begin, end) => {
    return type === IFLA_VF_INFO && visit(decodeVfIndex(list, begin, end), () => list.subarray(begin, end));
  });
}
