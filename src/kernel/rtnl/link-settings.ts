import { attribute, nestedAttribute, readAttributes, u32Attribute } from '../netlink/attributes.ts';
import {
  IFF_ALLMULTI,
  IFF_AUTOMEDIA,
  IFF_DEBUG,
  IFF_DYNAMIC,
  IFF_MULTICAST,
  IFF_NOARP,
  IFF_NOTRAILERS,
  IFF_PORTSEL,
  IFF_PROMISC,
  IFLA_BROADCAST,
  IFLA_GRO_IPV4_MAX_SIZE,
  IFLA_GRO_MAX_SIZE,
  IFLA_GROUP,
  IFLA_GSO_IPV4_MAX_SIZE,
  IFLA_GSO_MAX_SEGS,
  IFLA_GSO_MAX_SIZE,
  IFLA_IFALIAS,
  IFLA_LINKMODE,
  IFLA_PROTO_DOWN,
  IFLA_TXQLEN,
  IFLA_XDP,
  IFLA_XDP_ATTACHED,
  IFLA_XDP_DRV_PROG_ID,
  IFLA_XDP_FD,
  IFLA_XDP_FLAGS,
  IFLA_XDP_HW_PROG_ID,
  IFLA_XDP_SKB_PROG_ID,
  RTM_NEWLINK,
  XDP_ATTACHED_MULTI,
  XDP_FLAGS_DRV_MODE,
  XDP_FLAGS_HW_MODE,
  XDP_FLAGS_SKB_MODE,
} from '../netlink/constants.ts';
import type { NetlinkSession } from '../netlink/session.ts';
import { linkHeader } from './link-header.ts';
import type { Link } from './links.ts';

/** The flags that dev_change_flags() (net/core/dev.c) takes, but IFF_UP. */
const settableFlags =
  IFF_PROMISC |
  IFF_ALLMULTI |
  IFF_NOARP |
  IFF_MULTICAST |
  IFF_DYNAMIC |
  IFF_DEBUG |
  IFF_NOTRAILERS |
  IFF_PORTSEL |
  IFF_AUTOMEDIA;

/**
 * The attributes that do_setlink() (net/core/rtnetlink.c) takes in the form that RTM_GETLINK gives, by the names of
 * `ip link set`, in the order in which they are to be set.
 */
const settableAttributes = {
  broadcast: IFLA_BROADCAST,
  mode: IFLA_LINKMODE,
  txqueuelen: IFLA_TXQLEN,
  alias: IFLA_IFALIAS,
  group: IFLA_GROUP,
  protodown: IFLA_PROTO_DOWN,
  gso_max_segs: IFLA_GSO_MAX_SEGS,
  gso_max_size: IFLA_GSO_MAX_SIZE,
  gro_max_size: IFLA_GRO_MAX_SIZE,
  // The kernel changes these two along with those above.
  gso_ipv4_max_size: IFLA_GSO_IPV4_MAX_SIZE,
  gro_ipv4_max_size: IFLA_GRO_IPV4_MAX_SIZE,
} as const;

export type LinkAttribute = keyof typeof settableAttributes;

/** Payloads in hex; '' is no alias. An attribute that the kernel doesn't know is absent. */
export type LinkAttributes = Readonly<Partial<Record<LinkAttribute, string>>>;

/** Those flags of a link that can be set (`ip link set LINK promisc on ...`), IFF_*. */
export function readSettableFlags(link: Link): number {
  return link.flags & settableFlags;
}

/** The settable flags of an interface on which nobody has set any. */
export const usualFlags = IFF_MULTICAST;

/**
 * `ip link set LINK promisc on|off allmulticast on|off arp on|off multicast on|off dynamic on|off`. Throws SystemError.
 */
export function setLinkFlags(session: NetlinkSession, ifindex: number, flags: number): void {
  const command = `ip link set if${ifindex} promisc ... allmulticast ... arp ... multicast ...`;
  session.request({
    what: `set flags of interface ${ifindex} (${command})`,
    type: RTM_NEWLINK,
    flags: 0,
    payload: linkHeader({ index: ifindex, flags, change: settableFlags }),
  });
}

export function readLinkAttributes(link: Link): LinkAttributes {
  const read: Partial<Record<LinkAttribute, string>> = {};
  for (const [name, type] of Object.entries(settableAttributes) as [LinkAttribute, number][]) {
    const payload = link.attributes.get(type);
    if (payload !== undefined) read[name] = payload.toString('hex');
  }
  return { alias: '', ...read };
}

/**
 * Attributes as readLinkAttributes gives them (`ip link set LINK txqueuelen N alias TEXT ...`), in one message. Throws
 * SystemError.
 */
export function setLinkAttributes(session: NetlinkSession, ifindex: number, wanted: LinkAttributes): void {
  const names = (Object.keys(settableAttributes) as LinkAttribute[]).filter((name) => wanted[name] !== undefined);
  const attributes = names.map((name) => attribute(settableAttributes[name], Buffer.from(wanted[name] ?? '', 'hex')));
  session.request({
    what: `set ${names.join(', ')} of interface ${ifindex} (ip link set if${ifindex} ${names.join(' ... ')} ...)`,
    type: RTM_NEWLINK,
    flags: 0,
    payload: Buffer.concat([linkHeader({ index: ifindex }), ...attributes]),
  });
}

/** How XDP programs are attached to a link; `skb` is generic XDP. Empty where there is no program. */
export function readXdpModes(link: Link): XdpMode[] {
  const xdp = link.attributes.get(IFLA_XDP);
  if (xdp === undefined) return [];
  const programs = readAttributes('IFLA_XDP', xdp);
  const attached = programs.get(IFLA_XDP_ATTACHED)?.[0] ?? 0;
  const isAttached = (mode: XdpMode): boolean =>
    attached === XDP_ATTACHED_MULTI ? programs.has(xdpModes[mode].program) : attached === xdpModes[mode].attached;
  return (Object.keys(xdpModes) as XdpMode[]).filter(isAttached);
}

/** `attached` is XDP_ATTACHED_DRV, _SKB or _HW of a link with one program. */
const xdpModes = {
  skb: { attached: 2, program: IFLA_XDP_SKB_PROG_ID, flag: XDP_FLAGS_SKB_MODE },
  drv: { attached: 1, program: IFLA_XDP_DRV_PROG_ID, flag: XDP_FLAGS_DRV_MODE },
  hw: { attached: 3, program: IFLA_XDP_HW_PROG_ID, flag: XDP_FLAGS_HW_MODE },
} as const;

export type XdpMode = keyof typeof xdpModes;

/**
 * `ip link set LINK xdpgeneric|xdpdrv|xdpoffload off`. Throws SystemError; EBUSY: somebody has a BPF link open that
 * holds the program.
 */
export function removeXdp(session: NetlinkSession, ifindex: number, mode: XdpMode): void {
  const none = Buffer.alloc(4, 0xff);
  const xdp = [attribute(IFLA_XDP_FD, none), u32Attribute(IFLA_XDP_FLAGS, xdpModes[mode].flag)];
  session.request({
    what: `take the XDP program (${mode}) off interface ${ifindex}`,
    type: RTM_NEWLINK,
    flags: 0,
    payload: Buffer.concat([linkHeader({ index: ifindex }), nestedAttribute(IFLA_XDP, ...xdp)]),
  });
}
