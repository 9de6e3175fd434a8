import type { VfSelector } from '../config/sriov-conf.ts';
import {
  describeDevice,
  pciDeviceExists,
  readNetdevAttribute,
  readPfNetdev,
  readVf,
  type SysfsVf,
} from '../kernel/sysfs.ts';
import type { PciAddress } from '../lib/pci-address.ts';
import type { Platform } from '../platform/platform.ts';

/** ARPHRD_ETHER and ARPHRD_INFINIBAND of linux/if_arp.h, as `ip link` names them. */
const linkTypes: Readonly<Record<string, string>> = { '1': 'ether', '32': 'infiniband' };

/** Other words of the DRA driver for link types. */
const linkTypeAliases: Readonly<Record<string, string>> = { eth: 'ether', ethernet: 'ether', ib: 'infiniband' };

function linkTypeOf(platform: Platform, pfName: string | null): string | null {
  const type = pfName === null ? null : readNetdevAttribute(platform, pfName, 'type');
  return type === null ? null : (linkTypes[type] ?? `ARPHRD ${type}`);
}

/** Each key of the selector, the VF's value, and what is allowed. An absent or empty list allows all. */
function comparisons(
  platform: Platform,
  vf: SysfsVf,
  selector: VfSelector,
): readonly (readonly [string, string | null, readonly string[]])[] {
  const { linkType } = selector;
  const { vendor, device } = describeDevice(platform, vf.pci);
  const asksForPf = (selector.pfNames ?? []).length > 0 || linkType !== undefined;
  const pfName = asksForPf && vf.pfPci !== null ? readPfNetdev(platform, vf.pfPci) : null;
  const wantedType = linkType === undefined ? [] : [linkTypeAliases[linkType] ?? linkType];
  return [
    ['pfNames', pfName, selector.pfNames ?? []],
    ['pfPciAddresses', vf.pfPci, selector.pfPciAddresses ?? []],
    ['vendors', vendor, selector.vendors ?? []],
    ['devices', device, selector.devices ?? []],
    ['drivers', vf.driver, selector.drivers ?? []],
    ['linkType', linkType === undefined ? null : linkTypeOf(platform, pfName), wantedType],
  ];
}

/**
 * Why a VF is not what `vfSelector` asks for; null if it is. One value of each list must fit, and all lists must.
 * Throws SystemError.
 */
export function whyNotSelected(platform: Platform, pci: PciAddress, selector: VfSelector): string | null {
  const vf = readVf(platform, pci);
  if (vf === null) return pciDeviceExists(platform, pci) ? 'it is a PF' : 'sysfs has no such PCI device';
  for (const [key, actual, allowed] of comparisons(platform, vf, selector)) {
    if (allowed.length > 0 && (actual === null || !allowed.includes(actual))) {
      return `vfSelector.${key} asks for ${allowed.join(' or ')}, it has ${actual || 'none'}`;
    }
  }
  return null;
}
