import { CniError } from '../cni/errors.ts';
import { isPf, readDriver, readPfNetdev, readVf, type SysfsVf } from '../kernel/sysfs.ts';
import type { PciAddress } from '../lib/pci-address.ts';
import type { Platform } from '../platform/platform.ts';
import type { VfIdentity } from './vf.ts';

/** Drivers that hand the device to a program in user space: there is no netdev to move. */
const userspaceDrivers = /^(vfio-pci|[a-z0-9]+-vfio-pci|[a-z0-9]+_vfio_pci|uio_pci_generic|igb_uio)$/;

/** Reads from sysfs which VF a PCI address is. Throws CniError vfMissing, pfMissing or noDriver, naming the source of the address. */
export function identifyVf(platform: Platform, pci: PciAddress, source: string): VfIdentity {
  const vf = readVf(platform, pci);
  if (vf === null) throw new CniError('vfMissing', `${pci} (from ${source}) is no PCI device of this node`);
  const own = { pci, driver: driverOf(vf, source), kind: kindOf(vf) };
  if (vf.pfPci === null) {
    if (isPf(platform, pci)) throw new CniError('vfMissing', `${pci} (from ${source}) is a PF, no Virtual Function`);
    return { ...own, pfPci: null, pfName: null, pfDriver: null, vfIndex: null };
  }
  if (vf.vfIndex === null) {
    throw new CniError('vfMissing', `${pci} (from ${source}) is no Virtual Function that its PF ${vf.pfPci} knows`);
  }
  const pfName = readPfNetdev(platform, vf.pfPci);
  if (pfName === null) {
    throw new CniError('pfMissing', `the PF ${vf.pfPci} of VF ${pci} has no netdev in the host's network namespace`);
  }
  const { pfPci, vfIndex } = vf;
  const pfDriver = readDriver(platform, pfPci) ?? 'none';
  return { ...own, pfPci, pfName, pfDriver, vfIndex };
}

function driverOf(vf: SysfsVf, source: string): string {
  if (vf.driver !== null) return vf.driver;
  throw new CniError(
    'noDriver',
    `VF ${vf.pci} (from ${source}) has no driver bound: bind its network driver or vfio-pci`,
  );
}

function kindOf(vf: SysfsVf): VfIdentity['kind'] {
  return isUserspaceDriver(vf.driver) ? 'userspace' : 'netdev';
}

export function isUserspaceDriver(driver: string | null): boolean {
  return driver !== null && userspaceDrivers.test(driver);
}
