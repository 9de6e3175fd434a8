// The links of memory-kernel.ts: their fields, their RTM_NEWLINK, and the differences between drivers of VFs.
import { attribute, words } from './netlink-bytes.ts';
import { encodeVfs, type FakeVf, u64s } from './vf-info.ts';

export interface MemoryAddress {
  readonly family: number;
  readonly prefixLength: number;
  readonly flags: number;
  readonly scope: number;
  readonly attributes: Buffer;
  /** `10.0.2.5/24` */
  readonly cidr: string;
}

export interface MemoryLink {
  readonly ifindex: number;
  name: string;
  /** ARPHRD_*; 1 is Ethernet. */
  type: number;
  /** Its hardware address, of however many bytes. */
  mac: string;
  mtu: number;
  readonly maxMtu: number;
  up: boolean;
  /** False: the link has no carrier, although it is up. */
  cable: boolean;
  altnames: string[];
  /** PCI address; null where the kernel tells none. */
  parent: string | null;
  master: number | null;
  /** VFs of a PF that reports them; null for other links. */
  vfs: FakeVf[] | null;
  addresses: MemoryAddress[];
  /** MACs that it hears besides its own. */
  heard: string[];
  /** IFF_*, without up and running. */
  flags: number;
  /** Payloads in hex of other attributes that `ip link set` sets, by IFLA_*. */
  readonly settings: Map<number, string>;
  /** XDP_ATTACHED_*; 0: no program. */
  xdp: number;
  /** The u64 of struct rtnl_link_stats64, as far as they are not 0; null: it tells none. */
  counters: readonly number[] | null;
  /** Answers of its driver to ETHTOOL_G*, by command; other requests are refused. */
  readonly ethtool: Map<number, Buffer>;
  /** `vlan`, `macvlan`, ...; '' for a device. */
  readonly kind: string;
  /** The link that it is on top of. */
  readonly lower: MemoryLink | null;
  /** The VF whose netdev it is. */
  readonly driver: VfDriver | null;
}

const EPERM = 1;
const EADDRNOTAVAIL = 99;
const zeroMac = '00:00:00:00:00:00';

/**
 * How a VF's driver treats MAC addresses; `vf` is the PF's record of it. Times in milliseconds of the platform's clock.
 */
export interface VfDriver {
  /** The VF hears what is sent to its MAC. */
  readonly hears: boolean;
  /** The netdev is asked for a MAC: applies it, or returns an errno. */
  setMac(link: MemoryLink, mac: string): number;
  /** The netdev went up. */
  goUp(link: MemoryLink): void;
  /** The PF's record got another MAC. */
  adminMacChanged(link: MemoryLink): void;
  /** Called before every look at the link. */
  passTime(link: MemoryLink, nowMs: number): void;
}

/** Takes every MAC, whatever the PF's record says. */
export function plainDriver(): VfDriver {
  return {
    hears: true,
    setMac(link, mac) {
      link.mac = mac;
      return 0;
    },
    goUp: () => undefined,
    adminMacChanged: () => undefined,
    passTime: () => undefined,
  };
}

/**
 * igbvf (docs/lab.md): an admin MAC leaves the netdev's MAC and makes the VF deaf. Then an untrusted VF may set none,
 * not even the same one. When the VF goes up, it takes the admin MAC. After the admin MAC is cleared, the VF stays deaf
 * until it sets a MAC that is new to it.
 */
export function igbvfDriver(vf: FakeVf): VfDriver {
  let hears = true;
  return {
    get hears() {
      return hears;
    },
    setMac(link, mac) {
      if (vf.trust === 0 && vf.mac !== zeroMac) return EADDRNOTAVAIL;
      if (link.mac !== mac) hears = true;
      link.mac = mac;
      return 0;
    },
    goUp(link) {
      if (vf.mac === zeroMac) return;
      link.mac = vf.mac;
      hears = true;
    },
    adminMacChanged(link) {
      hears = vf.mac !== zeroMac && vf.mac === link.mac;
    },
    passTime: () => undefined,
  };
}

/** i40e with iavf: the admin MAC reaches the netdev after a reset; an untrusted VF may not choose another. */
export function asynchronousDriver(vf: FakeVf, delayMs: number): VfDriver {
  let since: number | null = null;
  let nowMs = 0;
  return {
    hears: true,
    setMac(link, mac) {
      if (vf.trust === 0 && vf.mac !== zeroMac && mac !== vf.mac) return EPERM;
      link.mac = mac;
      return 0;
    },
    goUp: () => undefined,
    adminMacChanged() {
      since = nowMs;
    },
    passTime(link, now) {
      nowMs = now;
      if (since === null || now - since < delayMs) return;
      since = null;
      if (vf.mac !== zeroMac) link.mac = vf.mac;
    },
  };
}

/** Refuses every MAC but the one that it has. */
export function stubbornDriver(): VfDriver {
  return { ...plainDriver(), setMac: (link, mac) => (link.mac === mac ? 0 : EADDRNOTAVAIL) };
}

export function cString(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}

/**
 * The payload of RTM_NEWLINK, with VFs only for bit 0 of the request's IFLA_EXT_MASK, and counters only without bit 3.
 * `lowerNetnsId` is the ID that the asking namespace gives that of the lower link, if it isn't the link's own.
 */
export function encodeLink(link: MemoryLink, extMask: number, lowerNetnsId: number | null): Buffer {
  const running = link.up && link.cable;
  const withCounters = (extMask & 8) === 0;
  const header = Buffer.alloc(16);
  header.writeUInt16LE(link.type, 2);
  header.writeUInt32LE(link.ifindex, 4);
  header.writeUInt32LE(link.flags | (link.up ? 0x1 : 0) | (running ? 0x10040 : 0), 8);
  const altnames = Buffer.concat(link.altnames.map((name) => attribute(53, cString(name))));
  const parent = link.parent === null ? [] : [attribute(56, cString(link.parent)), attribute(57, cString('pci'))];
  return Buffer.concat([
    header,
    attribute(3, cString(link.name)),
    attribute(1, Buffer.from(link.mac.replaceAll(':', ''), 'hex')),
    attribute(4, words(link.mtu)),
    attribute(50, words(68)),
    attribute(51, words(link.maxMtu)),
    attribute(33, Buffer.from([running ? 1 : 0])),
    ...[...link.settings].map(([type, hex]) => attribute(type, Buffer.from(hex, 'hex'))),
    ...(link.xdp === 0 ? [] : [attribute(0x8000 | 43, attribute(2, Buffer.from([link.xdp])))]),
    ...(link.kind === '' ? [] : [attribute(0x8000 | 18, attribute(1, cString(link.kind)))]),
    ...(link.lower === null ? [] : [attribute(5, words(link.lower.ifindex))]),
    ...(lowerNetnsId === null ? [] : [attribute(37, words(lowerNetnsId))]),
    ...(link.master === null ? [] : [attribute(10, words(link.master))]),
    ...(altnames.length === 0 ? [] : [attribute(0x8000 | 52, altnames)]),
    ...parent,
    ...((extMask & 1) !== 0 && link.vfs !== null ? [encodeVfs(link.vfs, withCounters)] : []),
    ...(withCounters && link.counters !== null ? [attribute(23, u64s(link.counters, 25))] : []),
  ]);
}
