import { isSystemError } from '../../lib/system-error.ts';
import type { Netns } from '../../platform/platform.ts';
import {
  atLeast,
  attribute,
  findAttribute,
  nestedAttribute,
  readAttributes,
  toText,
  toU32,
  u32At,
  u32Attribute,
} from '../netlink/attributes.ts';
import {
  IFLA_IFNAME,
  IFLA_INFO_KIND,
  IFLA_LINK,
  IFLA_LINK_NETNSID,
  IFLA_LINKINFO,
  IFLA_TARGET_NETNSID,
  NETNSA_FD,
  NETNSA_NSID,
  NLM_F_DUMP,
  RTM_DELLINK,
  RTM_GETLINK,
  RTM_GETNSID,
} from '../netlink/constants.ts';
import type { NetlinkSession } from '../netlink/session.ts';
import { linkHeader } from './link-header.ts';
import { ifinfomsgLength, skipStatistics } from './links.ts';

/** A link on top of another: a VLAN, a macvlan, ... */
export interface StackedLink {
  readonly ifindex: number;
  readonly name: string;
  /** `vlan`, `macvlan`, ...; '' where the kernel tells none. */
  readonly kind: string;
  /** ID that the session's namespace gives the namespace of the lower link; null: that of this link. */
  readonly lowerNetnsId: number | null;
}

/**
 * Kinds that are on top of nothing, though they have IFLA_LINK: tunnels send through whatever interface a route names,
 * and keep only its number; links of a pair name each other.
 */
const notOnTop = new Set([
  ...['gre', 'gretap', 'erspan', 'ip6gre', 'ip6gretap', 'ip6erspan', 'ipip', 'ip6tnl', 'sit', 'vti', 'vti6', 'xfrm'],
  ...['veth', 'netkit', 'vxcan'],
]);

/** Kinds of links that are made on top of one other link, and name it by IFLA_LINK. */
const kindsOnTop = ['vlan', 'macvlan', 'macvtap', 'ipvlan', 'ipvtap', 'macsec', 'vxlan', 'amt', 'rmnet', 'lowpan'];

/**
 * One list of all links holds every kind, and in a pod at rest it is the only message. While links come and go all the
 * time it is long and never complete. So after this many lists the kernel is asked for one kind after the other.
 */
const attemptsAtAll = 3;

/**
 * The links on top of the one with this ifindex (`ip link show`, what follows the @) that are in the session's
 * namespace, or in the one that it calls `netnsId` (`ip netns list-id`). The caller has to see which namespace the
 * lower link is in. Throws SystemError.
 */
export function listStackedLinks(session: NetlinkSession, lowerIfindex: number, netnsId?: number): StackedLink[] {
  const ask = { session, lowerIfindex, netnsId };
  try {
    return list(ask).filter(({ kind }) => !notOnTop.has(kind));
  } catch (thrown) {
    if (!isSystemError(thrown, 'EINTR', 'ENOBUFS')) throw thrown;
    return kindsOnTop.flatMap((kind) => listOfKind(ask, kind));
  }
}

interface Ask {
  readonly session: NetlinkSession;
  readonly lowerIfindex: number;
  readonly netnsId: number | undefined;
}

/** Limits a list to one kind of links. */
interface OfKind {
  readonly filter: Buffer;
  isSought(payload: Buffer): boolean;
  /** Whether the kernel has listed other kinds, too, because it doesn't know this one. Known at the end of a list. */
  isUnknown(): boolean;
}

/** Throws SystemError; EINTR: no link was found in a list that never stood still. */
function list({ session, lowerIfindex, netnsId }: Ask, ofKind?: OfKind): StackedLink[] {
  const isOnTop = (payload: Buffer): boolean => {
    const lower = findAttribute('a link', payload, IFLA_LINK, ifinfomsgLength);
    const isSought = ofKind?.isSought(payload) ?? true;
    return isSought && lower !== null && toU32('IFLA_LINK', lower) === lowerIfindex;
  };
  const payload = Buffer.concat([
    linkHeader({}),
    skipStatistics(),
    ...inNamespace(netnsId),
    ofKind?.filter ?? Buffer.alloc(0),
  ]);
  const message = { what: 'list interfaces (ip link show)', type: RTM_GETLINK, flags: NLM_F_DUMP, payload };
  const limits = ofKind === undefined ? { attempts: attemptsAtAll } : { isInVain: ofKind.isUnknown };
  return session.search(message, isOnTop, limits).map(decode);
}

/**
 * Serves a pod where thousands of other links come and go: the kernel sends the links of one kind in one go (`ip link
 * show type KIND`). If it doesn't know the kind, it lists all links, of which none is of that kind.
 */
function listOfKind(ask: Ask, kind: string): StackedLink[] {
  let isUnknown = false;
  return list(ask, {
    filter: nestedAttribute(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, Buffer.from(`${kind}\0`))),
    isSought: (payload) => {
      const isOfKind = readKind(payload) === kind;
      isUnknown ||= !isOfKind;
      return isOfKind;
    },
    isUnknown: () => isUnknown,
  });
}

/**
 * `ip link del LINK`, in the session's namespace or in the one that it calls `netnsId`. Throws SystemError; EOPNOTSUPP:
 * the device can't be removed so.
 */
export function removeLink(session: NetlinkSession, link: StackedLink, netnsId?: number): void {
  session.request({
    what: `remove ${link.kind} interface ${link.name} (ip link del ${link.name})`,
    type: RTM_DELLINK,
    flags: 0,
    payload: Buffer.concat([linkHeader({ index: link.ifindex }), ...inNamespace(netnsId)]),
  });
}

/** IDs that the session's namespace has given other namespaces (`ip netns list-id`). Throws SystemError. */
export function listNetnsIds(session: NetlinkSession): number[] {
  const what = 'list IDs of network namespaces (ip netns list-id)';
  return session.request({ what, type: RTM_GETNSID, flags: NLM_F_DUMP, payload: rtgenmsg }).map(decodeNetnsId);
}

/** ID that the session's namespace has given another; -1: none. Throws SystemError. */
export function netnsIdOf(session: NetlinkSession, netns: Netns): number {
  const payload = Buffer.concat([rtgenmsg, u32Attribute(NETNSA_FD, netns.fd)]);
  const [reply] = session.request({ what: 'read the ID of a network namespace', type: RTM_GETNSID, flags: 0, payload });
  return reply === undefined ? -1 : decodeNetnsId(reply);
}

/** struct rtgenmsg (linux/rtnetlink.h) of AF_UNSPEC, padded. */
const rtgenmsg = Buffer.alloc(4);

function decodeNetnsId(payload: Buffer): number {
  const id = findAttribute('a namespace ID', payload, NETNSA_NSID, rtgenmsg.length) ?? Buffer.alloc(0);
  return toU32('NETNSA_NSID', id) | 0;
}

function inNamespace(netnsId: number | undefined): Buffer[] {
  return netnsId === undefined ? [] : [u32Attribute(IFLA_TARGET_NETNSID, netnsId)];
}

function decode(payload: Buffer): StackedLink {
  const attributes = readAttributes('a link', payload, ifinfomsgLength);
  const lowerNetns = attributes.get(IFLA_LINK_NETNSID);
  const ifindex = u32At(atLeast('struct ifinfomsg', payload, ifinfomsgLength), 4) | 0;
  return {
    ifindex,
    name: toText('IFLA_IFNAME', attributes.get(IFLA_IFNAME) ?? Buffer.from(`if${ifindex}\0`)),
    kind: readKind(payload),
    lowerNetnsId: lowerNetns === undefined ? null : toU32('IFLA_LINK_NETNSID', lowerNetns) | 0,
  };
}

function readKind(payload: Buffer): string {
  const info = findAttribute('a link', payload, IFLA_LINKINFO, ifinfomsgLength);
  const kind = info === null ? null : findAttribute('IFLA_LINKINFO', info, IFLA_INFO_KIND);
  return kind === null ? '' : toText('IFLA_INFO_KIND', kind);
}
