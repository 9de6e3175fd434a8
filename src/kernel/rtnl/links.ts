import { bytesFromText } from '../../lib/byte-text.ts';
import { type MacAddress, macFromBytes, macToBytes } from '../../lib/mac-address.ts';
import { isSystemError } from '../../lib/system-error.ts';
import type { NetlinkSocket, Netns, Platform } from '../../platform/platform.ts';
import type { Namespace } from '../namespace.ts';
import {
  type Attributes,
  atLeast,
  attribute,
  findAttribute,
  malformed,
  nestedAttribute,
  readAttributes,
  stringAttribute,
  toText,
  toU32,
  u32At,
  u32Attribute,
  walkAttributes,
} from '../netlink/attributes.ts';
import {
  ARPHRD_ETHER,
  ARPHRD_INFINIBAND,
  IFF_LOWER_UP,
  IFF_RUNNING,
  IFF_UP,
  IFLA_ADDRESS,
  IFLA_ALT_IFNAME,
  IFLA_CARRIER,
  IFLA_EXT_MASK,
  IFLA_IFNAME,
  IFLA_INFO_KIND,
  IFLA_LINK,
  IFLA_LINKINFO,
  IFLA_MASTER,
  IFLA_MAX_MTU,
  IFLA_MIN_MTU,
  IFLA_MTU,
  IFLA_NET_NS_FD,
  IFLA_PARENT_DEV_BUS_NAME,
  IFLA_PARENT_DEV_NAME,
  IFLA_PHYS_PORT_NAME,
  IFLA_PROP_LIST,
  IFLA_XDP,
  IFLA_XDP_ATTACHED,
  IFNAMSIZ,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  RTEXT_FILTER_SKIP_STATS,
  RTM_DELLINKPROP,
  RTM_GETLINK,
  RTM_NEWLINK,
  RTM_NEWLINKPROP,
  RTMGRP_LINK,
} from '../netlink/constants.ts';
import type { NetlinkSession } from '../netlink/session.ts';
import { linkHeader } from './link-header.ts';

/** A network interface as the kernel describes it. */
export interface Link {
  readonly ifindex: number;
  readonly name: string;
  /** IFF_* */
  readonly flags: number;
  /** IFF_UP */
  readonly up: boolean;
  readonly carrier: boolean;
  /** Null unless its address has Ethernet's six bytes: tunnels have 4 or 16, InfiniBand 20, some none. */
  readonly mac: MacAddress | null;
  readonly mtu: number;
  /** Null before Linux 4.19. */
  readonly minMtu: number | null;
  /** Null before Linux 4.19, and where the driver sets no limit. */
  readonly maxMtu: number | null;
  readonly altnames: readonly string[];
  /** IFLA_PARENT_DEV_NAME, e.g. the PCI address; null before Linux 5.14 and for virtual interfaces. */
  readonly parentDeviceName: string | null;
  /** IFLA_PARENT_DEV_BUS_NAME, e.g. `pci`. */
  readonly parentBusName: string | null;
  /**
   * ifindex of the interface that it is on top of (a VLAN, a macvlan, a child of IPoIB); null for a device of its own.
   */
  readonly lower: number | null;
  /** ifindex of the bridge, bond, ... that it is enslaved to. */
  readonly master: number | null;
  /** An XDP program is attached. */
  readonly xdp: boolean;
  /** ARPHRD_*: 1 is Ethernet, 32 InfiniBand. */
  readonly type: number;
  /** IFLA_PHYS_PORT_NAME, e.g. `p0` or `pf0vf3`. */
  readonly physPortName: string | null;
  /** IFLA_*, as they came. */
  readonly attributes: Attributes;
}

/** The kind of link that this plugin attaches: other kinds have addresses and settings of their own. */
export type EthernetLink = Link & { readonly mac: MacAddress };

export function isEthernet(link: Link): link is EthernetLink {
  return link.type === ARPHRD_ETHER && link.mac !== null;
}

/** Length of struct ifinfomsg, linux/rtnetlink.h. */
export const ifinfomsgLength = 16;

/** Decodes the payload of RTM_NEWLINK. Throws SystemError EBADMSG. */
export function decodeLink(payload: Buffer): Link {
  const header = atLeast('struct ifinfomsg', payload, ifinfomsgLength);
  const attributes = readAttributes('a link', payload, ifinfomsgLength);
  const text = (type: number, name: string): string | null =>
    mapped(attributes.get(type), (data) => toText(name, data));
  const u32 = (type: number, name: string): number | null => mapped(attributes.get(type), (data) => toU32(name, data));
  const flags = u32At(header, 8);
  return {
    ifindex: u32At(header, 4) | 0,
    name: text(IFLA_IFNAME, 'IFLA_IFNAME') ?? missing('IFLA_IFNAME'),
    flags,
    up: (flags & IFF_UP) !== 0,
    carrier: mapped(attributes.get(IFLA_CARRIER), decodeCarrier) ?? (flags & IFF_LOWER_UP) !== 0,
    mac: mapped(attributes.get(IFLA_ADDRESS), decodeMac),
    mtu: u32(IFLA_MTU, 'IFLA_MTU') ?? missing('IFLA_MTU'),
    minMtu: u32(IFLA_MIN_MTU, 'IFLA_MIN_MTU'),
    maxMtu: u32(IFLA_MAX_MTU, 'IFLA_MAX_MTU') || null,
    altnames: mapped(attributes.get(IFLA_PROP_LIST), decodeAltnames) ?? [],
    parentDeviceName: text(IFLA_PARENT_DEV_NAME, 'IFLA_PARENT_DEV_NAME'),
    parentBusName: text(IFLA_PARENT_DEV_BUS_NAME, 'IFLA_PARENT_DEV_BUS_NAME'),
    lower: u32(IFLA_LINK, 'IFLA_LINK'),
    master: u32(IFLA_MASTER, 'IFLA_MASTER'),
    xdp: mapped(attributes.get(IFLA_XDP), hasProgram) ?? false,
    type: u32At(header, 0) >>> 16,
    physPortName: text(IFLA_PHYS_PORT_NAME, 'IFLA_PHYS_PORT_NAME'),
    attributes,
  };
}

/**
 * The address of the PCI device that a link belongs to, from the payload of RTM_NEWLINK, without decoding all of it. ''
 * for a link of no device, such as loopback or a veth; null if the kernel doesn't tell. Throws SystemError EBADMSG.
 */
function peekDevice(payload: Buffer): string | null {
  const type = u32At(atLeast('struct ifinfomsg', payload, ifinfomsgLength), 0) >>> 16;
  if (type !== ARPHRD_ETHER && type !== ARPHRD_INFINIBAND) return '';
  let [bus, name]: [string | null, string | null] = [null, null];
  let isVirtual = false;
  const look = (attribute: number, begin: number, end: number): boolean => {
    if (attribute === IFLA_PARENT_DEV_NAME) name = toText('IFLA_PARENT_DEV_NAME', payload.subarray(begin, end));
    if (attribute === IFLA_PARENT_DEV_BUS_NAME) bus = toText('IFLA_PARENT_DEV_BUS_NAME', payload.subarray(begin, end));
    // IPoIB tells a kind, too, though it belongs to a device.
    if (attribute === IFLA_LINKINFO && type === ARPHRD_ETHER) {
      isVirtual = findAttribute('IFLA_LINKINFO', payload.subarray(begin, end), IFLA_INFO_KIND) !== null;
    }
    return isVirtual;
  };
  walkAttributes('a link', payload, look, ifinfomsgLength);
  if (isVirtual) return '';
  return bus === 'pci' ? name : null;
}

function mapped<T>(data: Buffer | undefined, decode: (data: Buffer) => T): T | null {
  return data === undefined ? null : decode(data);
}

function missing(name: string): never {
  throw malformed(`${name} is missing`);
}

function hasProgram(data: Buffer): boolean {
  const attached = findAttribute('IFLA_XDP', data, IFLA_XDP_ATTACHED);
  return attached !== null && attached[0] !== 0;
}

function decodeCarrier(data: Buffer): boolean {
  return atLeast('IFLA_CARRIER', data, 1)[0] === 1;
}

function decodeMac(data: Buffer): MacAddress | null {
  return data.length === 6 ? macFromBytes(data) : null;
}

function decodeAltnames(data: Buffer): readonly string[] {
  const names: string[] = [];
  walkAttributes('IFLA_PROP_LIST', data, (type, begin, end) => {
    if (type === IFLA_ALT_IFNAME) names.push(toText('IFLA_ALT_IFNAME', data.subarray(begin, end)));
    return false;
  });
  return names;
}

type LinkTarget = { readonly ifindex: number } | { readonly name: string };

/**
 * A link by ifindex, or by name or altname; null where there is none (`ip link show dev NAME`).
 * Throws SystemError otherwise.
 */
export function getLink(session: NetlinkSession, target: LinkTarget): Link | null {
  const reply = requestLink(session, target, RTEXT_FILTER_SKIP_STATS);
  return reply === null ? null : keepLink(session, reply);
}

/** The payload of RTM_NEWLINK; `filter` is RTEXT_FILTER_*. Returns and throws as getLink. */
export function requestLink(session: NetlinkSession, target: LinkTarget, filter: number): Buffer | null {
  const [what, index, naming] =
    'ifindex' in target
      ? [`read interface ${target.ifindex}`, target.ifindex, Buffer.alloc(0)]
      : [`read interface ${target.name}`, 0, nameAttribute(target.name)];
  const payload = Buffer.concat([linkHeader({ index }), u32Attribute(IFLA_EXT_MASK, filter), naming]);
  try {
    const [reply] = session.request({ what, type: RTM_GETLINK, flags: 0, payload });
    return reply ?? null;
  } catch (thrown) {
    if (isSystemError(thrown, 'ENODEV')) return null;
    throw thrown;
  }
}

const keptAs = (ifindex: number): string => `link ${ifindex}`;

/** Decodes a reply for getLinkAfterChanges, too. */
export function keepLink(session: NetlinkSession, reply: Buffer): Link {
  const link = decodeLink(reply);
  return session.keep(keptAs(link.ifindex), link);
}

/**
 * As getLink, but without a look at the kernel if this session has asked for no change since its last one. Serves a
 * step that follows upon that look at once; it is of no use to wait until a driver has done something.
 */
export function getLinkAfterChanges(session: NetlinkSession, ifindex: number): Link | null {
  return session.kept(keptAs(ifindex), () => getLink(session, { ifindex }));
}

/**
 * The links of the session's namespace (`ip link show`) that may be the netdev of one of these PCI devices: those whose
 * parent is one of them, and those that belong to a device whose PCI address the kernel doesn't tell. Thousands of
 * virtual links cost no more than a look at each, and a namespace that never stands still hides no link. Throws
 * SystemError.
 */
export function listDeviceLinks(session: NetlinkSession, devices: ReadonlySet<string>): Link[] {
  const mayBe = (payload: Buffer): boolean => {
    const device = peekDevice(payload);
    return device === null || devices.has(device);
  };
  const payload = Buffer.concat([linkHeader({}), skipStatistics()]);
  const what = 'list interfaces (ip link show)';
  return session.search({ what, type: RTM_GETLINK, flags: NLM_F_DUMP, payload }, mayBe).map(decodeLink);
}

export function skipStatistics(): Buffer {
  return u32Attribute(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
}

function nameAttribute(name: string): Buffer {
  return stringAttribute(bytesFromText(name).length < IFNAMSIZ ? IFLA_IFNAME : IFLA_ALT_IFNAME, name);
}

/**
 * Moves a link into another namespace and renames it, in one message (`ip link set LINK netns NS name NAME`). Whoever
 * looks sees the link here under the old name or there under the new one, though an event there tells the old name. The
 * kernel takes the link down, and may give it another ifindex. Throws SystemError: EBUSY while it is in use; EEXIST if
 * the name is taken there or is one of its own altnames. The kernel moves before it renames, so after EEXIST the link
 * may be there under its old name.
 */
export function moveLink(
  session: NetlinkSession,
  ifindex: number,
  to: { readonly netns: Netns; readonly name: string },
): void {
  const { netns, name } = to;
  const command = `ip link set if${ifindex} netns NS name ${name}`;
  const what = `move interface ${ifindex} to the namespace ${netns.inode} as ${name} (${command})`;
  changeLink(session, what, ifindex, u32Attribute(IFLA_NET_NS_FD, netns.fd), stringAttribute(IFLA_IFNAME, name));
}

/** `ip link set LINK name NAME`. Before Linux 6.2 the link must be down (EBUSY). Throws SystemError; EEXIST: taken. */
export function renameLink(session: NetlinkSession, ifindex: number, name: string): void {
  const what = `rename interface ${ifindex} to ${name} (ip link set if${ifindex} name ${name})`;
  changeLink(session, what, ifindex, stringAttribute(IFLA_IFNAME, name));
}

/** `ip link set LINK up`. Throws SystemError. */
export function setLinkUp(session: NetlinkSession, ifindex: number): void {
  const what = `set interface ${ifindex} up (ip link set if${ifindex} up)`;
  const payload = linkHeader({ index: ifindex, flags: IFF_UP, change: IFF_UP });
  session.request({ what, type: RTM_NEWLINK, flags: 0, payload });
}

/** `ip link set LINK down`. Throws SystemError. */
export function setLinkDown(session: NetlinkSession, ifindex: number): void {
  const what = `set interface ${ifindex} down (ip link set if${ifindex} down)`;
  session.request({ what, type: RTM_NEWLINK, flags: 0, payload: linkHeader({ index: ifindex, change: IFF_UP }) });
}

/** `ip link set LINK mtu BYTES`. Throws SystemError; EINVAL: out of the driver's range. */
export function setLinkMtu(session: NetlinkSession, ifindex: number, mtu: number): void {
  const what = `set MTU of interface ${ifindex} (ip link set if${ifindex} mtu ${mtu})`;
  changeLink(session, what, ifindex, u32Attribute(IFLA_MTU, mtu));
}

/**
 * `ip link set LINK address MAC`. Throws SystemError; EADDRNOTAVAIL or EPERM: an untrusted VF may not choose its MAC.
 */
export function setLinkMac(session: NetlinkSession, ifindex: number, mac: MacAddress): void {
  const what = `set MAC of interface ${ifindex} (ip link set if${ifindex} address ${mac})`;
  changeLink(session, what, ifindex, attribute(IFLA_ADDRESS, macToBytes(mac)));
}

function changeLink(session: NetlinkSession, what: string, ifindex: number, ...attributes: Buffer[]): void {
  const payload = Buffer.concat([linkHeader({ index: ifindex }), ...attributes]);
  session.request({ what, type: RTM_NEWLINK, flags: 0, payload });
}

/**
 * `ip link property add dev LINK altname NAME...`, at most 127 characters each. The kernel stops at the first name that
 * it refuses and keeps those before it. Throws SystemError EEXIST if a link has it as a name or altname.
 */
export function addAltnames(session: NetlinkSession, ifindex: number, names: readonly string[]): void {
  const command = `ip link property add dev if${ifindex} ${spellAltnames(names)}`;
  const what = `add altnames of interface ${ifindex} (${command})`;
  const flags = NLM_F_EXCL | NLM_F_CREATE | NLM_F_APPEND;
  session.request({ what, type: RTM_NEWLINKPROP, flags, payload: encodeAltnames(ifindex, names) });
}

/**
 * `ip link property del dev LINK altname NAME...`. Throws SystemError ENOENT or EINVAL if the link has no such altname.
 */
export function removeAltnames(session: NetlinkSession, ifindex: number, names: readonly string[]): void {
  const command = `ip link property del dev if${ifindex} ${spellAltnames(names)}`;
  const what = `remove altnames of interface ${ifindex} (${command})`;
  session.request({ what, type: RTM_DELLINKPROP, flags: 0, payload: encodeAltnames(ifindex, names) });
}

function spellAltnames(names: readonly string[]): string {
  return names.map((name) => `altname ${name}`).join(' ');
}

function encodeAltnames(ifindex: number, names: readonly string[]): Buffer {
  const properties = names.map((name) => stringAttribute(IFLA_ALT_IFNAME, name));
  return Buffer.concat([linkHeader({ index: ifindex }), nestedAttribute(IFLA_PROP_LIST, ...properties)]);
}

/**
 * Waits until frames sent from a link would leave it. True if that happens within `timeoutMs`; false also if the link
 * is gone. Throws SystemError.
 */
export function waitForCarrier(platform: Platform, where: Namespace, ifindex: number, timeoutMs: number): boolean {
  const deadlineMs = platform.monotonicMs() + timeoutMs;
  const look = (): boolean | null => {
    const link = getLink(where.session, { ifindex });
    return link === null ? null : canSend(link.flags);
  };
  if (look() === true) return true;
  // The subscription comes before the next look, so that no change falls between the two.
  const events = platform.openNetlink(where.netns, RTMGRP_LINK);
  try {
    for (;;) {
      const seen = look();
      if (seen !== false) return seen === true;
      const leftMs = deadlineMs - platform.monotonicMs();
      if (leftMs <= 0 || !waitForEvent(events, leftMs)) return false;
    }
  } finally {
    events.close();
  }
}

/**
 * The kernel sets IFF_LOWER_UP as soon as the driver reports carrier. The queue, which drops all frames until then,
 * opens a moment later, together with IFF_RUNNING (net/core/link_watch.c, linkwatch_do_dev).
 */
function canSend(flags: number): boolean {
  const needed = IFF_LOWER_UP | IFF_RUNNING;
  return (flags & needed) === needed;
}

/** True when any event has come or some were lost, which are reasons to look again; false when time is up. */
function waitForEvent(events: NetlinkSocket, timeoutMs: number): boolean {
  try {
    return events.receive(timeoutMs) !== null;
  } catch (thrown) {
    if (isSystemError(thrown, 'ENOBUFS')) return true;
    throw thrown;
  }
}
