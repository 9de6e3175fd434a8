import { CniError, explain } from '../cni/errors.ts';
import type { CniResult } from '../cni/result.ts';
import { canonicalCidr } from '../kernel/ip-text.ts';
import type { Namespace } from '../kernel/namespace.ts';
import { RT_SCOPE_LINK } from '../kernel/netlink/constants.ts';
import type { NetlinkSession } from '../kernel/netlink/session.ts';
import { addAddress, type DuplicateDetection, listAddresses, removeAddress } from '../kernel/rtnl/addresses.ts';
import { readSysctl, setSysctls } from '../kernel/sysctl.ts';
import type { Log } from '../lib/log.ts';
import { poll, type RetryLimits } from '../lib/retry.ts';
import { isSystemError } from '../lib/system-error.ts';
import type { Platform } from '../platform/platform.ts';

/**
 * How long the kernel waits for an answer to its probe: the least that it accepts (HZ / 100, addrconf_dad_work,
 * net/ipv6/addrconf.c). A neighbour that has the address answers within a round trip.
 */
const answerMs = 10;
/** Longer than the answer takes, because the kernel's work queue has a pace of its own. */
const detectionLimits: RetryLimits = { timeoutMs: 200, firstPauseMs: answerMs, maxPauseMs: answerMs };

/**
 * Prepares a link that is up for IPv6 addresses: switches on IPv6, which a cluster may have switched off for all pods;
 * keeps addresses over `ip link set LINK down`; and lets them be used while the kernel looks for duplicates. Returns
 * 'none' if the kernel can't do both at once (no CONFIG_IPV6_OPTIMISTIC_DAD, a read-only /proc/sys), because being
 * usable comes first. Throws CniError kernel.
 */
export function prepareIpv6(
  platform: Platform,
  log: Log,
  pod: Namespace,
  ifindex: number,
  ifname: string,
): DuplicateDetection {
  enableIpv6(platform, pod, ifname);
  const of = (key: string): [string, string] => [`net/ipv6/conf/${ifname}/${key}`, '1'];
  const kept = setSysctls(platform, pod.netns, [of('keep_addr_on_down')]);
  // Without use_optimistic the kernel prefers another interface's address as the source of what it sends over this one.
  const optimistic = setSysctls(platform, pod.netns, [of('optimistic_dad'), of('use_optimistic')]);
  for (const failure of [...kept, ...optimistic]) log.warning('a sysctl is not set', { reason: explain(failure) });
  if (optimistic.length > 0) return 'none';
  try {
    completeLinkLocal(pod, ifindex);
    return 'optimistic';
  } catch (thrown) {
    log.warning('duplicate IPv6 addresses are not looked for', { reason: explain(thrown) });
    return 'none';
  }
}

/** Switches on IPv6 for the link and for `lo`, as containernetworking's plugins do. */
function enableIpv6(platform: Platform, pod: Namespace, ifname: string): void {
  const keys = ['lo', ifname].map((name) => [`net/ipv6/conf/${name}/disable_ipv6`, '0'] as const);
  // A kernel without IPv6 fails when the address is added.
  const isAbsent = ({ cause }: Error): boolean => isSystemError(cause, 'ENOENT');
  const failure = setSysctls(platform, pod.netns, keys).find((each) => !isAbsent(each));
  if (failure === undefined) return;
  throw new CniError('kernel', `IPv6 can't be enabled for ${ifname}`, { cause: failure });
}

/**
 * Replaces a tentative link-local address by itself, without detection. The kernel asks for neighbours only in the name
 * of an address that is neither tentative nor optimistic (ndisc_send_ns, net/ipv6/ndisc.c), so without one nobody can
 * be reached. The link-local address comes from the MAC, so a duplicate of it would be one of the MAC. Throws
 * SystemError.
 */
function completeLinkLocal({ session }: Namespace, ifindex: number): void {
  for (const { family, scope, cidr, tentative, duplicate } of listAddresses(session, ifindex)) {
    if (family !== 6 || scope !== RT_SCOPE_LINK || !tentative || duplicate) continue;
    removeAddress(session, ifindex, cidr);
    addAddress(session, ifindex, cidr, 'none');
  }
}

/**
 * Has `add` add the addresses of an IPAM result, and the kernel look for duplicates of them without its pause of a
 * second. True if they are known to be nobody else's. Before that nothing may be sent in their name: a VF that hears
 * its own multicast would take that for a duplicate's. Throws CniError duplicateAddress, and whatever `add` throws. A
 * look that fails is a warning, because CHECK looks again.
 */
export function detectDuplicates(
  platform: Platform,
  log: Log,
  pod: Namespace,
  { ifindex, ifname }: { readonly ifindex: number; readonly ifname: string },
  result: CniResult,
  add: () => void,
): boolean {
  const pause = `net/ipv6/neigh/${ifname}/retrans_time_ms`;
  const set = (value: string): void => {
    for (const failure of setSysctls(platform, pod.netns, [[pause, value]]))
      log.warning('a sysctl is not set', { reason: explain(failure) });
  };
  const usual = readSysctl(platform, pod.netns, pause);
  if (usual !== null) set(String(answerMs));
  try {
    add();
    return poll(platform, detectionLimits, () => areComplete(log, pod, ifindex, result));
  } finally {
    if (usual !== null) set(usual);
  }
}

function areComplete(log: Log, { session }: Namespace, ifindex: number, { ips }: CniResult): boolean {
  const added = new Set(ips.map(({ address }) => canonicalCidr(address)));
  const present = listOrWarn(log, session, ifindex).filter(({ cidr }) => added.has(cidr));
  const duplicates = present.filter(({ duplicate }) => duplicate).map(({ cidr }) => cidr);
  if (duplicates.length === 0) return present.length > 0 && present.every(({ tentative }) => !tentative);
  const text = duplicates.join(', ');
  throw new CniError('duplicateAddress', `${text}: another host of the network has this address; dmesg tells its MAC`);
}

function listOrWarn(log: Log, session: NetlinkSession, ifindex: number): ReturnType<typeof listAddresses> {
  try {
    return listAddresses(session, ifindex);
  } catch (thrown) {
    log.warning('duplicate IPv6 addresses could not be looked for', { reason: explain(thrown) });
    return [];
  }
}
