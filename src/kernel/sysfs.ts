import { type PciAddress, parsePciAddress } from '../lib/pci-address.ts';
import { isSystemError } from '../lib/system-error.ts';
import type { Platform } from '../platform/platform.ts';

// Documentation/ABI/testing/sysfs-bus-pci, sysfs-class-net. A sysfs shows the netdevs of the namespace in which it was
// mounted, no others.

/** A VF as sysfs shows it. */
export interface SysfsVf {
  readonly pci: PciAddress;
  /** Null: its PF is on another machine, or it is a device without VFs. */
  readonly pfPci: PciAddress | null;
  /** N of the PF's `virtfnN`; null where the PF has none for it. */
  readonly vfIndex: number | null;
  /** Null: none is bound. */
  readonly driver: string | null;
}

/** A PCI device as sysfs describes it. */
export interface PciDescription {
  /** Four lower-case hex digits; '' where sysfs doesn't tell. */
  readonly vendor: string;
  /** Four lower-case hex digits; '' where sysfs doesn't tell. */
  readonly device: string;
  readonly numaNode: number | null;
}

export interface SysfsPf {
  readonly pci: PciAddress;
  /** Null: none is bound. */
  readonly driver: string | null;
  /** VFs that there are. */
  readonly numVfs: number;
  /** VFs that there can be. */
  readonly totalVfs: number;
}

/** What sysfs knows of a VF; null where there is no device of that address, or it is a PF. Throws SystemError. */
export function readVf(platform: Platform, pci: PciAddress): SysfsVf | null {
  if (!pciDeviceExists(platform, pci)) return null;
  const pfPci = readPfOf(platform, pci);
  if (pfPci === null && readCount(platform, pci, 'sriov_totalvfs') > 0) return null;
  const vfIndex = pfPci === null ? null : readVfIndex(platform, pfPci, pci);
  return { pci, pfPci, vfIndex, driver: readDriver(platform, pci) };
}

/** Reads what a PCI device is, VF or PF. Throws SystemError. */
export function describeDevice(platform: Platform, pci: PciAddress): PciDescription {
  const directory = deviceDirectory(platform, pci);
  const numaNode = Number(readAttribute(platform, `${directory}/numa_node`) ?? -1);
  return {
    vendor: readPciId(platform, `${directory}/vendor`),
    device: readPciId(platform, `${directory}/device`),
    numaNode: numaNode >= 0 ? numaNode : null,
  };
}

/**
 * Name of the PF's own netdev; null if it has none on the host. In switchdev mode the PF also has a representor for
 * each of its VFs, which is skipped.
 */
export function readPfNetdev(platform: Platform, pfPci: PciAddress): string | null {
  const names = netdevsOf(platform, deviceDirectory(platform, pfPci));
  if (names.length <= 1) return names[0] ?? null;
  const ports = names
    .map((name) => ({ name, port: readNetdevAttribute(platform, name, 'phys_port_name') ?? '' }))
    .filter(({ port }) => !/^(c\d+)?pf\d+(vf|sf)\d+$/.test(port));
  const uplink = ports.find(({ port }) => port === '' || /^p\d+$/.test(port)) ?? ports[0];
  return uplink?.name ?? null;
}

/**
 * The driver that is bound to a PCI device; null where none is, or where there is no such device. Throws SystemError.
 */
export function readDriver(platform: Platform, pci: PciAddress): string | null {
  return linkBasename(platform, `${deviceDirectory(platform, pci)}/driver`);
}

/** Names of a PCI device's netdevs on the host; none where there is no such device. Throws SystemError. */
export function readNetdevs(platform: Platform, pci: PciAddress): readonly string[] {
  return netdevsOf(platform, deviceDirectory(platform, pci));
}

/** The ifindex of a PCI device's netdev on the host; null where sysfs shows none of that name. Throws SystemError. */
export function readNetdevIfindex(platform: Platform, pci: PciAddress, name: string): number | null {
  const text = readAttribute(platform, `${usualDirectory(platform, pci, name)}/ifindex`);
  return text === null ? null : Number(text);
}

/** Whether a PCI device has a netdev of that name on the host. Throws SystemError. */
export function hasNetdev(platform: Platform, pci: PciAddress, name: string): boolean {
  return platform.stat(usualDirectory(platform, pci, name)) !== null || readNetdevs(platform, pci).includes(name);
}

/** Names of what is on top of a PCI device's netdev on the host: VLANs, macvlans, bridges. Throws SystemError. */
export function readUppers(platform: Platform, pci: PciAddress, name: string): readonly string[] {
  const listed = platform.readDir(usualDirectory(platform, pci, name));
  const entries = listed ?? platform.readDir(netdevDirectory(platform, pci, name)) ?? [];
  return entries.flatMap((entry) => /^upper_(.+)$/.exec(entry)?.[1] ?? []);
}

/** The number of a PCI device's IOMMU group; null where it has none. Throws SystemError. */
export function readIommuGroup(platform: Platform, pci: PciAddress): string | null {
  const group = linkBasename(platform, `${deviceDirectory(platform, pci)}/iommu_group`) ?? '';
  return /^\d+$/.test(group) ? group : null;
}

/** The devices of an IOMMU group, by address. Throws SystemError. */
export function listIommuGroup(platform: Platform, group: string): readonly string[] {
  return platform.readDir(`${platform.paths.sysfs}/kernel/iommu_groups/${group}/devices`) ?? [];
}

/** Whether a PCI driver is there, loaded or built in. Throws SystemError. */
export function pciDriverExists(platform: Platform, driver: string): boolean {
  return platform.stat(`${platform.paths.sysfs}/bus/pci/drivers/${driver}`) !== null;
}

/**
 * The PCI device that a virtio device (`virtio3`) is on, which is its parent in sysfs; null if sysfs doesn't tell.
 * Throws SystemError.
 */
export function readVirtioParent(platform: Platform, name: string): PciAddress | null {
  const target = platform.readLink(`${platform.paths.sysfs}/bus/virtio/devices/${name}`);
  return parsePciAddress(target?.split('/').at(-2) ?? '');
}

/**
 * Names of a PCI device's RDMA devices that the host's namespace has; none where there is no such device. Throws
 * SystemError.
 */
export function readRdmaDevices(platform: Platform, pci: PciAddress): readonly string[] {
  return platform.readDir(`${deviceDirectory(platform, pci)}/infiniband`) ?? [];
}

/** The PF of a VF; null where it is none, or its PF is on another machine. Throws SystemError. */
export function readPfOf(platform: Platform, pci: PciAddress): PciAddress | null {
  return parsePciAddress(linkBasename(platform, `${deviceDirectory(platform, pci)}/physfn`) ?? '');
}

function readCount(platform: Platform, pci: PciAddress, attribute: string): number {
  return Number(readAttribute(platform, `${deviceDirectory(platform, pci)}/${attribute}`) ?? 0);
}

/** Speed (GT/s) and width (lanes) of a PCIe device's link: what it runs at, and what it can. */
interface PcieLink {
  readonly gts: number;
  readonly width: number;
  readonly maxGts: number;
  readonly maxWidth: number;
}

/** How a device's link runs; null where sysfs doesn't tell, as of an emulated one. Throws SystemError. */
export function readPcieLink(platform: Platform, pci: PciAddress): PcieLink | null {
  const read = (name: string): number =>
    Number.parseFloat(readAttribute(platform, `${deviceDirectory(platform, pci)}/${name}`) ?? '');
  const link = {
    gts: read('current_link_speed'),
    width: read('current_link_width'),
    maxGts: read('max_link_speed'),
    maxWidth: read('max_link_width'),
  };
  return Object.values(link).every((value) => value > 0) ? link : null;
}

export function pciDeviceExists(platform: Platform, pci: PciAddress): boolean {
  return platform.stat(deviceDirectory(platform, pci)) !== null;
}

/**
 * An attribute of a netdev on the host, e.g. `phys_port_name`; null where it has none, or its driver gives no value.
 * Throws SystemError.
 */
export function readNetdevAttribute(platform: Platform, name: string, attribute: string): string | null {
  return readAttribute(platform, `${platform.paths.sysfs}/class/net/${name}/${attribute}`);
}

/** Directory of a netdev on the host, for all but virtio-net. */
function usualDirectory(platform: Platform, pci: PciAddress, name: string): string {
  return `${deviceDirectory(platform, pci)}/net/${name}`;
}

/** Directory of a netdev on the host; virtio-net has it one level deeper. Throws SystemError. */
export function netdevDirectory(platform: Platform, pci: PciAddress, name: string): string {
  const usual = usualDirectory(platform, pci, name);
  if (platform.stat(usual) !== null) return usual;
  const directory = deviceDirectory(platform, pci);
  const virtio = (platform.readDir(directory) ?? []).find((each) => /^virtio\d+$/.test(each));
  return virtio === undefined ? usual : `${directory}/${virtio}/net/${name}`;
}

/**
 * The network cards that can have VFs, by address. Disks and GPUs, which may have VFs too, are left out. Throws
 * SystemError.
 */
export function listPfs(platform: Platform): SysfsPf[] {
  const names = platform.readDir(`${platform.paths.sysfs}/bus/pci/devices`) ?? [];
  return names.flatMap((name) => {
    const pci = parsePciAddress(name);
    if (pci === null) return [];
    const totalVfs = readCount(platform, pci, 'sriov_totalvfs');
    if (totalVfs === 0 || !isNetworkCard(platform, pci)) return [];
    return [{ pci, driver: readDriver(platform, pci), numVfs: readCount(platform, pci, 'sriov_numvfs'), totalVfs }];
  });
}

/** PCI_BASE_CLASS_NETWORK, linux/pci_ids.h; a stand-in without a class is taken for one. */
function isNetworkCard(platform: Platform, pci: PciAddress): boolean {
  return /^(0x02|$)/.test(readAttribute(platform, `${deviceDirectory(platform, pci)}/class`) ?? '');
}

function deviceDirectory(platform: Platform, pci: PciAddress): string {
  return `${platform.paths.sysfs}/bus/pci/devices/${pci}`;
}

function linkBasename(platform: Platform, path: string): string | null {
  const target = platform.readLink(path);
  return target === null ? null : target.slice(target.lastIndexOf('/') + 1);
}

/** The addresses of a PF's VFs, by VF number. Throws SystemError. */
export function listVfs(platform: Platform, pfPci: PciAddress): PciAddress[] {
  const directory = deviceDirectory(platform, pfPci);
  return virtfnNumbers(platform, pfPci).flatMap(
    (index) => parsePciAddress(linkBasename(platform, `${directory}/virtfn${index}`) ?? '') ?? [],
  );
}

function readVfIndex(platform: Platform, pfPci: PciAddress, vfPci: PciAddress): number | null {
  const directory = deviceDirectory(platform, pfPci);
  const addressOf = (index: number): string | null => linkBasename(platform, `${directory}/virtfn${index}`);
  const isOf = (index: number): boolean => addressOf(index) === vfPci;
  const first = addressOf(0);
  if (first === vfPci) return 0;
  return guessVfIndexes(first, vfPci).find(isOf) ?? virtfnNumbers(platform, pfPci).find(isOf) ?? null;
}

/** VFs follow each other at a fixed distance (SR-IOV specification, VF Stride), which is 1 or 2, as a rule. */
function guessVfIndexes(first: string | null, vf: PciAddress): readonly number[] {
  const distance = first === null ? 0 : functionNumber(vf) - functionNumber(first);
  return [distance, distance / 2].filter((index) => Number.isInteger(index) && index > 0);
}

/** Bus, device and function of a PCI address, as the routing ID counts them. */
function functionNumber(address: string): number {
  const [, bus = '', device = '', fn = ''] = address.split(/[:.]/);
  return Number.parseInt(bus, 16) * 256 + Number.parseInt(device, 16) * 8 + Number.parseInt(fn, 16);
}

function virtfnNumbers(platform: Platform, pfPci: PciAddress): number[] {
  const names = platform.readDir(deviceDirectory(platform, pfPci)) ?? [];
  const numbers = names.flatMap((name) => /^virtfn(\d+)$/.exec(name)?.[1] ?? []);
  return numbers.map(Number).sort((one, other) => one - other);
}

/** virtio-net has its netdev one level deeper, on the virtio device. */
function netdevsOf(platform: Platform, directory: string): readonly string[] {
  const names = platform.readDir(`${directory}/net`);
  if (names !== null) return names;
  const virtios = (platform.readDir(directory) ?? []).filter((name) => /^virtio\d+$/.test(name));
  return virtios.flatMap((name) => platform.readDir(`${directory}/${name}/net`) ?? []);
}

function readPciId(platform: Platform, path: string): string {
  return (readAttribute(platform, path) ?? '').replace(/^0x/, '').toLowerCase();
}

/**
 * The text of a file in sysfs; null if there is none, or if it can't be read because the driver knows nothing of it:
 * some files exist for every netdev. Throws SystemError.
 */
export function readAttribute(platform: Platform, path: string): string | null {
  try {
    return platform.readFile(path, { atOnce: true })?.toString('utf8').trim() ?? null;
  } catch (thrown) {
    if (isSystemError(thrown, 'EOPNOTSUPP', 'EINVAL', 'ENODEV', 'EIO')) return null;
    throw thrown;
  }
}
