import type { Link } from '../kernel/rtnl/links.ts';
import type { MacAddress } from '../lib/mac-address.ts';
import type { PciAddress } from '../lib/pci-address.ts';
import type { VfAdminState } from '../settings/settings.ts';
import type { NetdevSettings } from './netdev-settings.ts';

interface AnyVf {
  readonly pci: PciAddress;
  /** Kernel driver bound to the VF, e.g. `igbvf`, `vfio-pci`. */
  readonly driver: string;
  /**
   * `netdev`: it has or had a netdev. `userspace`: it is bound to vfio-pci or uio, so it has the PF's settings only.
   */
  readonly kind: 'netdev' | 'userspace';
}

export interface VfOfPf extends AnyVf {
  readonly pfPci: PciAddress;
  /** Netdev name of the PF. */
  readonly pfName: string;
  /** Kernel driver bound to the PF, e.g. `igb`, which decides about the VF's settings. */
  readonly pfDriver: string;
  /** N of `ip link set PF vf N`. */
  readonly vfIndex: number;
}

/** A VF that was passed through to this virtual machine. Its PF, which has its settings, is the hypervisor's. */
export interface VfWithoutPf extends AnyVf {
  readonly pfPci: null;
  readonly pfName: null;
  readonly pfDriver: null;
  readonly vfIndex: null;
}

/** What identifies a VF and doesn't change while it is attached. */
export type VfIdentity = VfOfPf | VfWithoutPf;

/** The netdev of a VF's PF. */
export interface Pf extends Link {
  /** The VF's number: N of `ip link set PF vf N`. */
  readonly vfIndex: number;
}

/** The VF's netdev as it was on the host. */
export interface VfNetdevState {
  readonly name: string;
  readonly ifindex: number;
  readonly mac: MacAddress;
  /** Null: not known, as from older releases of sriov-cni; DEL leaves it as it is. */
  readonly mtu: number | null;
  readonly up: boolean;
  /** Null: not known, as from sriov-cni; DEL leaves them as they are. */
  readonly altnames: readonly string[] | null;
  /**
   * What identifies the netdev. `parent`: its parent device (IFLA_PARENT_DEV_NAME), which has the PCI address.
   * `bus-info`: ethtool, which gives the address (before Linux 5.14). `ifindex`: nothing tells the address, as of a
   * stand-in. Absent: the address, from parent or bus-info.
   */
  readonly identifiedBy?: 'parent' | 'bus-info' | 'ifindex';
  /** Absent: not known, as from sriov-cni and older builds; DEL leaves them as they are, but for the flags. */
  readonly settings?: NetdevSettings | undefined;
}

/**
 * Everything that DEL must give back. `admin` is null if there is no PF, or it reports no VFs; `netdev` is null for
 * userspace drivers.
 */
export interface VfSnapshot {
  readonly admin: VfAdminState | null;
  readonly netdev: VfNetdevState | null;
  /**
   * The untrusted VF could change its MAC by itself, because its PF had not set one. The kernel doesn't show that, and
   * ADD learns it by trying. Absent: unknown.
   */
  readonly macIsFree?: true;
  /** Names of its RDMA devices; absent if it has none, or that isn't known. */
  readonly rdmaDevices?: readonly string[];
}
