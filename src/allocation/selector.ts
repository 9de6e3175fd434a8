import type { VfSelector } from '../config/sriov-conf.ts';
import { readNetdevAttribute, readPfNetdev, readVf, type SysfsVf } from '../kernel/sysfs.ts';
import type { PciAddress } from '../lib/pci-address.ts';
import type { Platform } from '../platform/platform.ts';

/** ARPHRD_* of linux/if_arp.h by the names of `ip link` and of the DRA driver's filters. */
const hardwareTypes: Readonly<Record<string, string>> = {
  ether: '1',
  ethernet: '1',
  eth: '1',
  infiniband: '32',
  ib: '32',
};

function linkTypeOf(platform: Platform, pfName: string | null): string | null {
  return pfName === null ? null : (readNetdevAttribute(platform, pfName, 'type')?.trim() ?? null);
}

/** Each key of the selector, what the VF has of it, and what is allowed; an absent or empty list allows all. */
function comparisons(
  platform: Platform,
  vf: SysfsVf,
  selector: VfSelector,
): readonly (readonly [string, string | null, readonly string[]])[] {
  const { linkType } = selector;
  const asksForPf = (selector.pfNames ?? []).length > 0 || linkType !== undefined;
  const pfName = asksForPf && vf.pfPci !== null ? readPfNetdev(platform, vf.pfPci) : null;
  const hardwareType = linkType === undefined ? [] : [hardwareTypes[linkType] ?? linkType];
  return [
    ['pfNames', pfName, selector.pfNames ?? []],
    ['pfPciAddresses', vf.pfPci, selector.pfPciAddresses ?? []],
    ['vendors', vf.vendor, selector.vendors ?? []],
    ['devices', vf.device, selector.devices ?? []],
    ['drivers', vf.driver, selector.drivers ?? []],
    ['linkType', linkType === undefined ? null : linkTypeOf(platform, pfName), hardwareType],
  ];
}

/** Why a VF is not what `vfSelector` asks for: its lists are ORs, the whole an AND. Null where it is. Throws SystemError. */
export function whyNotSelected(platform: Platform, pci: PciAddress, selector: VfSelector): string | null {
  const vf = readVf(platform, pci);
  if (vf === null) return 'sysfs has no such PCI device';
  for (const [key, actual, allowed] of comparisons(platform, vf, selector)) {
    if (allowed.length > 0 && (actual === null || !allowed.includes(actual))) {
      return `vfSelector.${key} asks for ${allowed.join(' or ')}, it has ${actual || 'none'}`;
    }
  }
  return null;
}
