// Loaded only by an ADD with addresses.
import { explain } from '../cni/errors.ts';
import type { CniResult, CniRoute } from '../cni/result.ts';
import { announce } from '../kernel/announce.ts';
import { isIpv6 } from '../kernel/ip-text.ts';
import type { Namespace } from '../kernel/namespace.ts';
import type { Log } from '../lib/log.ts';
import type { MacAddress } from '../lib/mac-address.ts';
import type { Platform } from '../platform/platform.ts';
import { applyIpamResult, resolveRoutes } from './configure.ts';
import { detectDuplicates, prepareIpv6 } from './ipv6.ts';

/**
 * Adds what IPAM gave to a link that is up, and announces it if there is a carrier: `macToAnnounce` then reads the
 * link's MAC, else it is null. Returns what was added. Throws CniError kernel, duplicateAddress.
 */
export function giveAddresses(
  platform: Platform,
  log: Log,
  pod: Namespace,
  link: { readonly ifindex: number; readonly ifname: string },
  ipam: CniResult,
  macToAnnounce: (() => MacAddress) | null,
): { readonly addresses: readonly string[]; readonly routes: readonly CniRoute[] } {
  const { ifindex, ifname } = link;
  const addresses = ipam.ips.map((ip) => ip.address);
  const hasIpv6 = addresses.some(isIpv6);
  const detection = hasIpv6 ? prepareIpv6(platform, log, pod, ifindex, ifname) : 'none';
  const apply = (): void => applyIpamResult(pod.session, ifindex, ifname, ipam, detection);
  const looks = detection === 'optimistic' && macToAnnounce !== null;
  const isSure = looks ? detectDuplicates(platform, log, pod, link, ipam, apply) : true;
  if (!looks) apply();
  if (!isSure) log.warning('IPv6 addresses are not announced: the kernel is still looking for duplicates');
  const announced = isSure ? addresses : addresses.filter((each) => !isIpv6(each));
  const failures = macToAnnounce === null ? [] : announce(platform, pod, ifindex, macToAnnounce(), announced);
  for (const failure of failures) log.warning('an address could not be announced', { reason: explain(failure) });
  return { addresses, routes: resolveRoutes(ipam) };
}
