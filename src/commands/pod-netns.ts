import { CniError } from '../cni/errors.ts';
import type { CniRequest } from '../cni/request.ts';
import { isSameNetns } from '../kernel/namespace.ts';
import { isSystemError } from '../lib/system-error.ts';
import type { Netns, Platform } from '../platform/platform.ts';

/** Opens CNI_NETNS. Throws CniError invalidNetns where it is none, or the host's own (CNI_NETNS_OVERRIDE allows that). */
export function openPodNetns(platform: Platform, request: CniRequest): Netns {
  const netns = open(platform, request.netns);
  if (!isSameNetns(platform.ownNetns(), netns) || request.netnsOverride) return netns;
  netns.close();
  throw new CniError('invalidNetns', `CNI_NETNS ${request.netns} is the host's own network namespace`);
}

/**
 * CNI_NETNS for an IPAM plugin's DEL: empty where it names the host's own namespace by now, as /proc/PID/ns/net does when
 * the PID is used anew. Plugins refuse that one (libcni's skel), and the address would never be released.
 */
export function netnsForRelease(platform: Platform, request: CniRequest): string {
  if (request.netns === '' || request.netnsOverride) return request.netns;
  try {
    const netns = platform.openNetns(request.netns);
    if (netns === null) return request.netns;
    const isHosts = isSameNetns(platform.ownNetns(), netns);
    netns.close();
    return isHosts ? '' : request.netns;
  } catch (thrown) {
    if (!isSystemError(thrown)) throw thrown;
    // No namespace, or none that can be looked at: what to make of it is for the IPAM plugin to say.
    return request.netns;
  }
}

function open(platform: Platform, path: string): Netns {
  try {
    const netns = platform.openNetns(path);
    if (netns !== null) return netns;
  } catch (cause) {
    if (!isSystemError(cause)) throw cause;
    throw new CniError('invalidNetns', `CNI_NETNS ${path} can't be used`, { cause });
  }
  throw new CniError('invalidNetns', `CNI_NETNS ${path} doesn't exist`);
}
