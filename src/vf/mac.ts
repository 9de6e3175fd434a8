import { CniError } from '../cni/errors.ts';
import type { Namespace } from '../kernel/namespace.ts';
import { getLink, type Link } from '../kernel/rtnl/links.ts';
import type { MacAddress } from '../lib/mac-address.ts';
import { poll, type RetryLimits } from '../lib/retry.ts';
import type { Platform } from '../platform/platform.ts';
import { readMac, takeMacOfPf, tryLinkMac } from './mac-quirks.ts';
import type { VfIdentity, VfSnapshot } from './vf.ts';

// Drivers disagree about who may set a VF's MAC, and when (mac-quirks.ts). With i40e and iavf the PF's MAC reaches the
// netdev later, through a reset. So ADD asks the netdev first, whose refusal means nothing yet, then the PF, and then
// looks what MAC the netdev has.

const settleLimits: RetryLimits = { timeoutMs: 1500, firstPauseMs: 2, maxPauseMs: 50 };

/**
 * Sets the netdev's own MAC, before the PF's settings. True if an untrusted VF has changed it by itself, so that no PF
 * guarded it; that can't be found out later.
 */
export function changeOwnMac(host: Namespace, { admin, netdev }: VfSnapshot, mac: MacAddress): boolean {
  if (netdev === null || netdev.mac === mac) return false;
  const link = getLink(host.session, { ifindex: netdev.ifindex });
  return link !== null && tryLinkMac(host, link, mac) && admin?.trust !== 'on';
}

/**
 * Makes the effective MAC of a link equal to the admin MAC that the PF holds already. The link may be up afterwards.
 * Throws CniError settingRefused if the driver refuses.
 */
export function settleMac(
  platform: Platform,
  namespace: Namespace,
  link: Link,
  mac: MacAddress,
  identity: VfIdentity,
): void {
  const settled = (): boolean => readMac(namespace, link.ifindex) === mac;
  if (settled() || tryLinkMac(namespace, link, mac)) return;
  takeMacOfPf(namespace, link);
  if (settled() || tryLinkMac(namespace, link, mac)) return;
  if (poll(platform, settleLimits, settled)) return;
  const has = readMac(namespace, link.ifindex) ?? 'none';
  const ofPf = identity.pfPci === null ? '' : `, number ${identity.vfIndex} of PF ${identity.pfName}`;
  throw new CniError(
    'settingRefused',
    `mac = ${mac}: refused for VF ${identity.pci}${ofPf}, driver ${identity.driver}: the netdev keeps ${has}`,
  );
}
