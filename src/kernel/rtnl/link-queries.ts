import { formatLink } from 'netlink/dist/rt/gen_structs.js';
import { bytesFromText } from '../../lib/byte-text.ts';
import { isSystemError } from '../../lib/system-error.ts';
import { stringAttribute, u32Attribute } from '../netlink/attributes.ts';
import {
  IFLA_ALT_IFNAME,
  IFLA_EXT_MASK,
  IFLA_IFNAME,
  IFNAMSIZ,
  NLM_F_DUMP,
  RTEXT_FILTER_SKIP_STATS,
  RTM_GETLINK,
} from '../netlink/constants.ts';
import type { NetlinkSession } from '../netlink/session.ts';
import { decodeLink, type Link, peekDevice } from './link.ts';

/**
 * A link by ifindex, or by name or altname; null where there is none (`ip link show dev NAME`).
 * Throws SystemError otherwise.
 */
export function getLink(
  session: NetlinkSession,
  target: { readonly ifindex: number } | { readonly name: string },
): Link | null {
  const [what, index, naming] =
    'ifindex' in target
      ? [`read interface ${target.ifindex}`, target.ifindex, Buffer.alloc(0)]
      : [`read interface ${target.name}`, 0, nameAttribute(target.name)];
  const payload = Buffer.concat([formatLink({ index }), skipStatistics(), naming]);
  try {
    const [reply] = session.request({ what, type: RTM_GETLINK, flags: 0, payload });
    return reply === undefined ? null : decodeLink(reply);
  } catch (thrown) {
    if (isSystemError(thrown, 'ENODEV')) return null;
    throw thrown;
  }
}

/**
 * The links of the session's namespace (`ip link show`) that may be the netdev of one of these PCI devices: those whose parent it is, and those of which the
 * kernel tells no PCI parent though they belong to a device. Thousands of virtual ones beside cost no more than a look, and a namespace
 * that never stands still doesn't hide one. Throws SystemError.
 */
export function listDeviceLinks(session: NetlinkSession, devices: ReadonlySet<string>): Link[] {
  const mayBe = (payload: Buffer): boolean => {
    const device = peekDevice(payload);
    return device === null || devices.has(device);
  };
  const payload = Buffer.concat([formatLink({}), skipStatistics()]);
  const what = 'list interfaces (ip link show)';
  return session.search({ what, type: RTM_GETLINK, flags: NLM_F_DUMP, payload }, mayBe).map(decodeLink);
}

export function skipStatistics(): Buffer {
  return u32Attribute(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
}

function nameAttribute(name: string): Buffer {
  return stringAttribute(bytesFromText(name).length < IFNAMSIZ ? IFLA_IFNAME : IFLA_ALT_IFNAME, name);
}
