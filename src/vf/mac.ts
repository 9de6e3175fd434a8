import { CniError } from '../cni/errors.ts';
import type { Namespace } from '../kernel/namespace.ts';
import { getLink, type Link, setLinkDown, setLinkMac, setLinkUp } from '../kernel/rtnl/links.ts';
import type { MacAddress } from '../lib/mac-address.ts';
import { poll, type RetryLimits } from '../lib/retry.ts';
import { isSystemError } from '../lib/system-error.ts';
import type { Platform } from '../platform/platform.ts';
import { isRefusal } from './refusal.ts';
import type { VfIdentity } from './vf.ts';

// Drivers disagree about who may set a VF's MAC, and when. igbvf: an admin MAC leaves the netdev's as it is and the VF
// deaf, until the VF sets it too (refused when untrusted) or goes up, down and up. i40e and iavf: the admin MAC reaches the
// netdev later, through a reset. So: first the netdev (a refusal means nothing yet), then the PF, then see what has become of it.

const settleLimits: RetryLimits = { timeoutMs: 1500, firstPauseMs: 2, maxPauseMs: 50 };

/**
 * Asks the netdev for the MAC; tells whether it took it. An untrusted VF may have to leave that to its PF. A first refusal isn't believed,
 * because what is inferred from it can't be found out later: igbvf gives one error where its PF says no and where their mailbox fails.
 */
export function tryLinkMac(namespace: Namespace, link: Link, mac: MacAddress): boolean {
  if (readMac(namespace, link.ifindex) === mac) return true;
  const took = askForMac(namespace, link, mac);
  return took ?? askForMac(namespace, link, mac) === true;
}

/** Null where it was refused; false where the driver was busy to the end, or did nothing. */
function askForMac(namespace: Namespace, link: Link, mac: MacAddress): boolean | null {
  try {
    namespace.change(link.ifindex, (session) => setLinkMac(session, link.ifindex, mac));
    return readMac(namespace, link.ifindex) === mac;
  } catch (thrown) {
    if (isSystemError(thrown, 'EBUSY', 'EAGAIN', 'ENODEV')) return false;
    if (isRefusal(thrown)) return null;
    throw thrown;
  }
}

/**
 * Makes the effective MAC of a link equal to the admin MAC that the PF holds already; the link may be up afterwards.
 * Throws CniError settingRefused when the driver won't have it.
 */
export function settleMac(
  platform: Platform,
  namespace: Namespace,
  link: Link,
  mac: MacAddress,
  identity: VfIdentity,
): void {
  const { ifindex } = link;
  const settled = (): boolean => readMac(namespace, ifindex) === mac;
  if (settled() || tryLinkMac(namespace, link, mac)) return;
  for (const cycle of [setLinkUp, setLinkDown, setLinkUp])
    namespace.change(ifindex, (session) => cycle(session, ifindex));
  if (settled() || tryLinkMac(namespace, link, mac)) return;
  if (poll(platform, settleLimits, settled)) return;
  const has = readMac(namespace, ifindex) ?? 'none';
  const ofPf = identity.pfPci === null ? '' : `, number ${identity.vfIndex} of PF ${identity.pfName}`;
  throw new CniError(
    'settingRefused',
    `mac = ${mac}: refused for VF ${identity.pci}${ofPf}, driver ${identity.driver}: the netdev keeps ${has}`,
  );
}

/**
 * A different address that is as valid, for a driver that takes only a change. It differs in the vendor's part, because VFs and
 * PFs have consecutive addresses: no device of this node may lose its frames to this one, be it for a moment.
 */
export function substituteMac(mac: MacAddress): MacAddress {
  const first = Number.parseInt(mac.slice(0, 2), 16) ^ 0xf2;
  return `${first.toString(16).padStart(2, '0')}${mac.slice(2)}` as MacAddress;
}

function readMac(namespace: Namespace, ifindex: number): MacAddress | null {
  return getLink(namespace.session, { ifindex })?.mac ?? null;
}
