import type { Link } from '../kernel/rtnl/links.ts';
import type { MacAddress } from '../lib/mac-address.ts';
import type { PciAddress } from '../lib/pci-address.ts';
import type { VfAdminState } from '../settings/settings.ts';
import type { NetdevSettings } from './netdev-settings.ts';

interface AnyVf {
  readonly pci: PciAddress;
  /** Kernel driver bound to the VF, e.g. `igbvf`, `vfio-pci`. */
  readonly driver: string;
  /** `netdev`: has or had a netdev. `userspace`: bound to vfio-pci or uio: settings only. */
  readonly kind: 'netdev' | 'userspace';
}

export interface VfOfPf extends AnyVf {
  readonly pfPci: PciAddress;
  /** Netdev name of the PF. */
  readonly pfName: string;
  /** Kernel driver bound to the PF, e.g. `igb`: it decides about the VF's settings. */
  readonly pfDriver: string;
  /** N of `ip link set PF vf N`. */
  readonly vfIndex: number;
}

/** A VF that was passed through to this virtual machine: its PF, which has its settings, is the hypervisor's. */
export interface VfWithoutPf extends AnyVf {
  readonly pfPci: null;
  readonly pfName: null;
  readonly pfDriver: null;
  readonly vfIndex: null;
}

/** Which VF it is: what doesn't change while it is attached. */
export type VfIdentity = VfOfPf | VfWithoutPf;

/** The netdev of a VF's PF. */
export interface Pf extends Link {
  /** The VF's number there: N of `ip link set PF vf N`. */
  readonly vfIndex: number;
}

/** The VF's netdev as it was on the host. */
export interface VfNetdevState {
  readonly name: string;
  readonly ifindex: number;
  readonly mac: MacAddress;
  /** Null: not known, so left as it is (older releases of sriov-cni didn't keep it). */
  readonly mtu: number | null;
  readonly up: boolean;
  /** Null: not known, so left as they are (sriov-cni doesn't keep them). */
  readonly altnames: readonly string[] | null;
  /**
   * What alone tells it from other netdevs. `parent`: its parent device (IFLA_PARENT_DEV_NAME), which has its PCI
   * address. `bus-info`: ethtool gives the address (before Linux 5.14). `ifindex`: nothing tells the address, as of a
   * stand-in. Absent: the address, from either.
   */
  readonly identifiedBy?: 'parent' | 'bus-info' | 'ifindex';
  /** Absent: not known (sriov-cni, and records of before), so left as they are, flags apart. */
  readonly settings?: NetdevSettings | undefined;
}

/**
 * Everything that DEL must give back. `admin` is null where there is no PF, or it reports no VFs; `netdev` for
 * userspace drivers.
 */
export interface VfSnapshot {
  readonly admin: VfAdminState | null;
  readonly netdev: VfNetdevState | null;
  /**
   * The VF, untrusted, could change its MAC by itself: its PF had not set one. The kernel doesn't show that; ADD learns
   * it by trying. Absent: unknown.
   */
  readonly macIsFree?: true;
  /** Names of its RDMA devices; absent where it has none, or where that isn't known. */
  readonly rdmaDevices?: readonly string[];
}
