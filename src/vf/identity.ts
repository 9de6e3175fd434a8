import { CniError } from '../cni/errors.ts';
import { pciDeviceExists, readDriver, readPfNetdev, readVf, type SysfsVf } from '../kernel/sysfs.ts';
import type { PciAddress } from '../lib/pci-address.ts';
import type { Platform } from '../platform/platform.ts';
import type { VfIdentity, VfOfPf, VfWithoutPf } from './vf.ts';

/** Drivers that hand the device to a program in user space: there is no netdev to move. */
const userspaceDrivers = /^(vfio-pci|[a-z0-9]+-vfio-pci|[a-z0-9]+_vfio_pci|uio_pci_generic|igb_uio)$/;

/**
 * Reads from sysfs which VF a PCI address is. Throws CniError vfMissing, pfMissing or noDriver, naming the source of
 * the address.
 */
export function identifyVf(platform: Platform, pci: PciAddress, source: string): VfIdentity {
  const vf = readVf(platform, pci);
  if (vf === null) throw new CniError('vfMissing', `${pci} (from ${source}) ${whyNoVf(platform, pci)}`);
  const ofPf = vf.pfPci === null ? noPf : ofPfOnHost(platform, vf, vf.pfPci, source);
  return { pci, ...ofPf, driver: driverOf(vf, source), kind: kindOf(vf) };
}

function whyNoVf(platform: Platform, pci: PciAddress): string {
  return pciDeviceExists(platform, pci) ? 'is a PF, no Virtual Function' : 'is no PCI device of this node';
}

type PfKeys = 'pfPci' | 'pfName' | 'pfDriver' | 'vfIndex';

/** The PF of a VF that has none on this machine. */
export const noPf: Pick<VfWithoutPf, PfKeys> = { pfPci: null, pfName: null, pfDriver: null, vfIndex: null };

function ofPfOnHost(
  platform: Platform,
  { pci, vfIndex }: SysfsVf,
  pfPci: PciAddress,
  source: string,
): Pick<VfOfPf, PfKeys> {
  if (vfIndex === null) {
    throw new CniError('vfMissing', `${pci} (from ${source}) is no Virtual Function that its PF ${pfPci} knows`);
  }
  const pfName = readPfNetdev(platform, pfPci);
  if (pfName === null) {
    throw new CniError('pfMissing', `the PF ${pfPci} of VF ${pci} has no netdev in the host's network namespace`);
  }
  return { pfPci, pfName, pfDriver: readDriver(platform, pfPci) ?? 'none', vfIndex };
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
