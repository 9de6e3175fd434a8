import { type MacAddress, macFromBytes } from '../../lib/mac-address.ts';
import {
  type Attributes,
  atLeast,
  findAttribute,
  readAttributes,
  toText,
  toU32,
  u32At,
  walkAttributes,
} from '../netlink/attributes.ts';
import {
  ARPHRD_ETHER,
  ARPHRD_INFINIBAND,
  IFF_LOWER_UP,
  IFF_UP,
  IFLA_ADDRESS,
  IFLA_ALT_IFNAME,
  IFLA_CARRIER,
  IFLA_IFNAME,
  IFLA_INFO_KIND,
  IFLA_LINK,
  IFLA_LINKINFO,
  IFLA_MASTER,
  IFLA_MAX_MTU,
  IFLA_MIN_MTU,
  IFLA_MTU,
  IFLA_PARENT_DEV_BUS_NAME,
  IFLA_PARENT_DEV_NAME,
  IFLA_PHYS_PORT_NAME,
  IFLA_PROP_LIST,
  IFLA_XDP,
  IFLA_XDP_ATTACHED,
} from '../netlink/constants.ts';
import { malformed } from '../netlink/malformed.ts';

/** A network interface as the kernel describes it. */
export interface Link {
  readonly ifindex: number;
  readonly name: string;
  /** IFF_* */
  readonly flags: number;
  /** IFF_UP */
  readonly up: boolean;
  readonly carrier: boolean;
  /** Null where its address is none of Ethernet's six bytes: tunnels have 4 or 16, InfiniBand 20, some none. */
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
  /** ifindex of the interface that it is on top of (a VLAN, a macvlan, a child of IPoIB); null for a device of its own. */
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

/** What VFs of a network are: anything else has addresses and settings of its own. */
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
 * The address of the PCI device that a link belongs to, from the payload of RTM_NEWLINK and without decoding all of it; '' for a link of no device, such as
 * loopback or a veth, and null where the kernel doesn't tell. Throws SystemError EBADMSG.
 */
export function peekDevice(payload: Buffer): string | null {
  const type = u32At(atLeast('struct ifinfomsg', payload, ifinfomsgLength), 0) >>> 16;
  if (type !== ARPHRD_ETHER && type !== ARPHRD_INFINIBAND) return '';
  let [bus, name]: [string | null, string | null] = [null, null];
  let isVirtual = false;
  const look = (attribute: number, begin: number, end: number): boolean => {
    if (attribute === IFLA_PARENT_DEV_NAME) name = toText('IFLA_PARENT_DEV_NAME', payload.subarray(begin, end));
    if (attribute === IFLA_PARENT_DEV_BUS_NAME) bus = toText('IFLA_PARENT_DEV_BUS_NAME', payload.subarray(begin, end));
    // IPoIB says a kind of itself, too
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
