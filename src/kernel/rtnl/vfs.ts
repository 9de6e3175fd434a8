import { type Known, type VfInfo, type VfStruct, words } from '../../settings/setting.ts';
import {
  fieldsOf,
  type OnePfSetting,
  partsOf,
  pfSettings,
  type VfAdminState,
  type VfChange,
  type WantedSetting,
} from '../../settings/settings.ts';
import {
  atLeast,
  attribute,
  findAttribute,
  malformed,
  readAttributes,
  toU32,
  u32At,
  u32Attribute,
  walkAttributes,
} from '../netlink/attributes.ts';
import {
  IFLA_EXT_MASK,
  IFLA_NUM_VF,
  IFLA_VF_INFO,
  IFLA_VF_MAC,
  IFLA_VFINFO_LIST,
  RTEXT_FILTER_SKIP_STATS,
  RTEXT_FILTER_VF,
  RTM_GETLINK,
  RTM_NEWLINK,
} from '../netlink/constants.ts';
import type { NetlinkSession } from '../netlink/session.ts';
import { linkHeader } from './link-header.ts';
import { getLink, ifinfomsgLength, keepLink, type Link, requestLink } from './links.ts';

/**
 * The PF's record of one VF (`ip link show dev PF`), found by the number in it and not by its place in the list. Null
 * if the PF reports no such VF. Throws SystemError; ENODEV: no such PF.
 */
export function readVfAdminState(session: NetlinkSession, pfIfindex: number, vfIndex: number): VfAdminState | null {
  return findVf(keepVfs(session, pfIfindex, requestVfs(session, pfIfindex)), vfIndex);
}

/** As readVfAdminState, but without a look at the kernel if this session has asked for no change since its last one. */
export function getVfAdminStateAfterChanges(
  session: NetlinkSession,
  pfIfindex: number,
  vfIndex: number,
): VfAdminState | null {
  return findVf(
    session.kept(keptAs(pfIfindex), () => requestVfs(session, pfIfindex)),
    vfIndex,
  );
}

/**
 * A VF takes up to 350 bytes of the attribute that has all of them. If that has more than 64 KB, nothing behind it can
 * be read.
 */
const maxVfsBesideLink = 128;

/** A PF's link by its name, as getLink; unless the PF has too many VFs, the same answer has its records of them. */
export function getPfLink(session: NetlinkSession, name: string): Link | null {
  const reply = requestLink(session, { name }, RTEXT_FILTER_VF | RTEXT_FILTER_SKIP_STATS);
  if (reply === null) return null;
  const count = findAttribute('a link', reply, IFLA_NUM_VF, ifinfomsgLength);
  if (count !== null && toU32('IFLA_NUM_VF', count) > maxVfsBesideLink) return getLink(session, { name });
  const link = keepLink(session, reply);
  keepVfs(session, link.ifindex, reply);
  return link;
}

const keptAs = (pfIfindex: number): string => `VFs of ${pfIfindex}`;

function keepVfs(session: NetlinkSession, pfIfindex: number, reply: Buffer | null): Buffer | null {
  return session.keep(keptAs(pfIfindex), reply);
}

function findVf(reply: Buffer | null, vfIndex: number): VfAdminState | null {
  let state: VfAdminState | null = null;
  walkVfs(reply, (index, info) => {
    if (index === vfIndex) state = decodeVfAdminState(info());
    return index === vfIndex;
  });
  return state;
}

/** The records of all VFs of a PF, by VF number (`ip link show dev PF`). Throws SystemError; ENODEV: no such PF. */
export function listVfAdminStates(session: NetlinkSession, pfIfindex: number): Map<number, VfAdminState> {
  const states = new Map<number, VfAdminState>();
  walkVfs(requestVfs(session, pfIfindex), (index, info) => {
    states.set(index, decodeVfAdminState(info()));
    return false;
  });
  return states;
}

/**
 * Changes settings of a VF in one message (`ip link set PF vf N mac MAC vlan ID qos QOS proto PROTO min_tx_rate MBPS
 * max_tx_rate MBPS spoofchk on|off state auto|enable|disable trust on|off`). The kernel applies them one by one, in
 * this order. If the driver refuses one, those before it stay, and the error doesn't say which one it was. Throws
 * SystemError.
 */
export function changeVf(
  session: NetlinkSession,
  pf: { readonly ifindex: number; readonly name: string },
  vfIndex: number,
  change: VfChange,
): void {
  const parts = partsOf(change);
  if (parts.length === 0) return;
  const names = parts.map(({ setting }) => setting.name).join(', ');
  const list = attribute(IFLA_VFINFO_LIST, attribute(IFLA_VF_INFO, ...parts.map((part) => encode(vfIndex, part))));
  session.request({
    what: `set ${names} of VF ${vfIndex} of ${pf.name} (${spellVfChange(pf.name, vfIndex, change)})`,
    type: RTM_NEWLINK,
    flags: 0,
    payload: Buffer.concat([linkHeader({ index: pf.ifindex }), list]),
  });
}

/** The command that stands for a change: `ip link set pf0 vf 3 vlan 100 trust on`. */
export function spellVfChange(pfName: string, vfIndex: number, change: VfChange): string {
  const all = partsOf(change).map(({ setting, change: own }) =>
    'ip' in setting
      ? setting.ip(own as Known<VfAdminState>)
      : fieldsOf(setting).map((field) => `${setting.word} ${own[field]}`),
  );
  return `ip link set ${pfName} vf ${vfIndex} ${all.join(' ')}`;
}

function encode(vfIndex: number, { setting, change }: WantedSetting): Buffer {
  const [{ type, list }, ...payload] =
    'write' in setting
      ? setting.write(change as Known<VfAdminState>)
      : [setting.struct, ...fieldsOf(setting).map((field) => words(setting.values.indexOf(`${change[field]}`)))];
  const struct = attribute(type, words(vfIndex), ...payload);
  return list === undefined ? struct : attribute(list.type, struct);
}

/** Asks for no statistics, because 256 VFs with them overflow nla_len. */
function requestVfs(session: NetlinkSession, pfIfindex: number): Buffer | null {
  const what = `read the VFs of interface ${pfIfindex} (ip link show dev if${pfIfindex})`;
  const extMask = u32Attribute(IFLA_EXT_MASK, RTEXT_FILTER_VF | RTEXT_FILTER_SKIP_STATS);
  const payload = Buffer.concat([linkHeader({ index: pfIfindex }), extMask]);
  const [reply] = session.request({ what, type: RTM_GETLINK, flags: 0, payload });
  return reply ?? null;
}

/**
 * Visits the VFs of a PF until `visit` returns true, each with its number and a way to the payload of its IFLA_VF_INFO.
 */
function walkVfs(reply: Buffer | null, visit: (index: number, info: () => Buffer) => boolean): void {
  if (reply === null) return;
  atLeast('struct ifinfomsg', reply, ifinfomsgLength);
  const list = findAttribute('a link', reply, IFLA_VFINFO_LIST, ifinfomsgLength);
  if (list === null) return;
  walkAttributes('IFLA_VFINFO_LIST', list, (type, begin, end) => {
    return type === IFLA_VF_INFO && visit(decodeVfIndex(list, begin, end), () => list.subarray(begin, end));
  });
}

/**
 * The VF number in the payload of IFLA_VF_INFO, which lies in `list` from `begin` to `end`. Throws SystemError EBADMSG.
 */
export function decodeVfIndex(list: Buffer, begin: number, end: number): number {
  // Kernels put IFLA_VF_MAC first (rtnl_fill_vfinfo). Then the number is at a known place, and no walk is needed.
  const isFirst = end - begin >= 40 && u32At(list, begin) === (40 | (IFLA_VF_MAC << 16));
  if (isFirst) return u32At(list, begin + 4);
  const data = findAttribute('IFLA_VF_INFO', list.subarray(begin, end), IFLA_VF_MAC) ?? missing('IFLA_VF_MAC');
  return u32At(atLeast('IFLA_VF_MAC', data, 36), 0);
}

/** Decodes the payload of IFLA_VF_INFO. Throws SystemError EBADMSG. */
function decodeVfAdminState(payload: Buffer): VfAdminState {
  const attributes = readAttributes('IFLA_VF_INFO', payload);
  const find = ({ type, name, length, list }: VfStruct): Buffer | null => {
    const outer = attributes.get(list?.type ?? type);
    if (outer === undefined) return null;
    const found = list === undefined ? outer : findAttribute(list.name, outer, type);
    return found === null ? null : atLeast(name, found, length);
  };
  const info: VfInfo = { find, need: (struct) => find(struct) ?? missing(struct.name) };
  return Object.assign(
    {},
    ...pfSettings.map((setting) => ('read' in setting ? setting.read(info) : readChoice(setting, info))),
  ) as VfAdminState;
}

function readChoice(setting: OnePfSetting & { struct: VfStruct; values: readonly string[] }, info: VfInfo): object {
  const value = setting.values[info.find(setting.struct)?.readInt32LE(4) ?? -1] ?? null;
  return Object.fromEntries(fieldsOf(setting).map((field) => [field, value]));
}

function missing(name: string): never {
  throw malformed(`${name} is missing`);
}
