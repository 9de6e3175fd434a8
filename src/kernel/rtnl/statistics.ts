import { isSystemError } from '../../lib/system-error.ts';
import {
  atLeast,
  findAttribute,
  readAttributes,
  toU32,
  u32At,
  u32Attribute,
  walkAttributes,
} from '../netlink/attributes.ts';
import {
  IFLA_EXT_MASK,
  IFLA_NUM_VF,
  IFLA_STATS64,
  IFLA_VF_INFO,
  IFLA_VF_STATS,
  IFLA_VF_STATS_BROADCAST,
  IFLA_VF_STATS_MULTICAST,
  IFLA_VF_STATS_RX_BYTES,
  IFLA_VF_STATS_RX_DROPPED,
  IFLA_VF_STATS_RX_PACKETS,
  IFLA_VF_STATS_TX_BYTES,
  IFLA_VF_STATS_TX_DROPPED,
  IFLA_VF_STATS_TX_PACKETS,
  IFLA_VFINFO_LIST,
  RTEXT_FILTER_VF,
  RTM_GETLINK,
} from '../netlink/constants.ts';
import type { NetlinkSession } from '../netlink/session.ts';
import { linkHeader } from './link-header.ts';
import { ifinfomsgLength } from './links.ts';
import { decodeVfIndex } from './vfs.ts';

/** Counted since the device was made; rounded beyond 2^53. Null: not told. */
export interface Counters {
  readonly rxBytes: number;
  readonly txBytes: number;
  readonly rxPackets: number;
  readonly txPackets: number;
  readonly rxDropped: number;
  readonly txDropped: number;
  readonly rxMulticast: number;
  readonly rxBroadcast: number | null;
  readonly rxErrors: number | null;
  readonly txErrors: number | null;
}

/** A host-order u64. */
function u64At(data: Buffer, at: number): number {
  return u32At(data, at) + u32At(data, at + 4) * 2 ** 32;
}

/**
 * Decodes the payload of IFLA_VF_STATS (linux/if_link.h). All counters here are as the VF sees them: rx is what it
 * receives. Throws SystemError EBADMSG.
 */
function decodeVfStatistics(data: Buffer): Counters {
  const attributes = readAttributes('IFLA_VF_STATS', data);
  const counter = (type: number): number => {
    const payload = attributes.get(type);
    return payload === undefined ? 0 : u64At(atLeast('a counter of IFLA_VF_STATS', payload, 8), 0);
  };
  return {
    rxBytes: counter(IFLA_VF_STATS_RX_BYTES),
    txBytes: counter(IFLA_VF_STATS_TX_BYTES),
    rxPackets: counter(IFLA_VF_STATS_RX_PACKETS),
    txPackets: counter(IFLA_VF_STATS_TX_PACKETS),
    rxDropped: counter(IFLA_VF_STATS_RX_DROPPED),
    txDropped: counter(IFLA_VF_STATS_TX_DROPPED),
    rxMulticast: counter(IFLA_VF_STATS_MULTICAST),
    rxBroadcast: counter(IFLA_VF_STATS_BROADCAST),
    rxErrors: null,
    txErrors: null,
  };
}

const isSilent = (counters: Counters): boolean => Object.values(counters).every((counter) => !counter);

/**
 * What a PF counts of its VFs, by VF number (`ip -s link show dev PF`). Empty if its driver counts nothing, for which
 * the kernel sends zeros. With some 200 VFs or more the list is longer than nla_len can say (net/core/rtnetlink.c,
 * rtnl_fill_vf). So it is walked from its beginning, by the number of VFs that the kernel names before it. Throws
 * SystemError; ENODEV: no such PF.
 */
export function listVfStatistics(session: NetlinkSession, pfIfindex: number): ReadonlyMap<number, Counters> {
  const what = `read the counters of the VFs of interface ${pfIfindex} (ip -s link show dev if${pfIfindex})`;
  const payload = Buffer.concat([linkHeader({ index: pfIfindex }), u32Attribute(IFLA_EXT_MASK, RTEXT_FILTER_VF)]);
  let replies: readonly Buffer[];
  try {
    replies = session.request({ what, type: RTM_GETLINK, flags: 0, payload });
  } catch (thrown) {
    // A kernel that checks the length refuses a list that is too long for nla_len.
    if (isSystemError(thrown, 'EMSGSIZE')) return new Map();
    throw thrown;
  }
  const counted = replies.flatMap(readVfList);
  return new Map(counted.every(([, counters]) => isSilent(counters)) ? [] : counted);
}

function readVfList(reply: Buffer): (readonly [number, Counters])[] {
  let [left, begin] = [0, reply.length];
  const findList = (type: number, from: number, to: number): boolean => {
    if (type === IFLA_NUM_VF) left = toU32('IFLA_NUM_VF', reply.subarray(from, to));
    if (type === IFLA_VFINFO_LIST) begin = from;
    return type === IFLA_VFINFO_LIST;
  };
  walkAttributes('a link', atLeast('struct ifinfomsg', reply, ifinfomsgLength), findList, ifinfomsgLength);
  const found: (readonly [number, Counters])[] = [];
  if (left === 0) return found;
  walkAttributes(
    'IFLA_VFINFO_LIST',
    reply,
    (type, from, to) => {
      if (type !== IFLA_VF_INFO) return true;
      const data = findAttribute('IFLA_VF_INFO', reply.subarray(from, to), IFLA_VF_STATS);
      if (data !== null) found.push([decodeVfIndex(reply, from, to), decodeVfStatistics(data)]);
      left--;
      return left === 0;
    },
    begin,
  );
  return found;
}

/** Index of each counter among the u64 of struct rtnl_link_stats64, linux/if_link.h. */
const places = { rxPackets: 0, txPackets: 1, rxBytes: 2, txBytes: 3, rxErrors: 4, txErrors: 5 } as const;
const [rxDroppedPlace, txDroppedPlace, multicastPlace, rxMissedPlace] = [6, 7, 8, 15];

/** What a netdev counts (`ip -s link show dev LINK`); null if it tells nothing or is gone. Throws SystemError. */
export function readLinkStatistics(session: NetlinkSession, ifindex: number): Counters | null {
  const what = `read the counters of interface ${ifindex} (ip -s link show dev if${ifindex})`;
  try {
    const [reply] = session.request({ what, type: RTM_GETLINK, flags: 0, payload: linkHeader({ index: ifindex }) });
    const data = reply === undefined ? null : findAttribute('a link', reply, IFLA_STATS64, ifinfomsgLength);
    if (data === null) return null;
    const at = (place: number): number => u64At(atLeast('IFLA_STATS64', data, 8 * (rxMissedPlace + 1)), 8 * place);
    return {
      rxBytes: at(places.rxBytes),
      txBytes: at(places.txBytes),
      rxPackets: at(places.rxPackets),
      txPackets: at(places.txPackets),
      rxDropped: at(rxDroppedPlace) + at(rxMissedPlace),
      txDropped: at(txDroppedPlace),
      rxMulticast: at(multicastPlace),
      rxBroadcast: null,
      rxErrors: at(places.rxErrors),
      txErrors: at(places.txErrors),
    };
  } catch (thrown) {
    if (isSystemError(thrown, 'ENODEV')) return null;
    throw thrown;
  }
}
