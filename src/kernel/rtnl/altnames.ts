import { formatLink } from 'netlink/dist/rt/gen_structs.js';
import { nestedAttribute, stringAttribute } from '../netlink/attributes.ts';
import {
  IFLA_ALT_IFNAME,
  IFLA_PROP_LIST,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_EXCL,
  RTM_DELLINKPROP,
  RTM_NEWLINKPROP,
} from '../netlink/constants.ts';
import type { NetlinkSession } from '../netlink/session.ts';

/**
 * `ip link property add dev LINK altname NAME...`, at most 127 characters each. The kernel stops at the first one that it
 * refuses and keeps those before it. Throws SystemError EEXIST where a link has it as a name or altname.
 */
export function addAltnames(session: NetlinkSession, ifindex: number, names: readonly string[]): void {
  const what = `add altnames of interface ${ifindex} (ip link property add dev if${ifindex} ${spell(names)})`;
  const flags = NLM_F_EXCL | NLM_F_CREATE | NLM_F_APPEND;
  session.request({ what, type: RTM_NEWLINKPROP, flags, payload: encode(ifindex, names) });
}

/** `ip link property del dev LINK altname NAME...`. Throws SystemError ENOENT or EINVAL where it has no such altname. */
export function removeAltnames(session: NetlinkSession, ifindex: number, names: readonly string[]): void {
  const what = `remove altnames of interface ${ifindex} (ip link property del dev if${ifindex} ${spell(names)})`;
  session.request({ what, type: RTM_DELLINKPROP, flags: 0, payload: encode(ifindex, names) });
}

function spell(names: readonly string[]): string {
  return names.map((name) => `altname ${name}`).join(' ');
}

function encode(ifindex: number, names: readonly string[]): Buffer {
  const properties = names.map((name) => stringAttribute(IFLA_ALT_IFNAME, name));
  return Buffer.concat([formatLink({ index: ifindex }), nestedAttribute(IFLA_PROP_LIST, ...properties)]);
}
