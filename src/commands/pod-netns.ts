import { CniError } from '../cni/errors.ts';
import type { CniRequest } from '../cni/request.ts';
import type { Netns, Platform } from '../platform/platform.ts';

/** Opens CNI_NETNS. Throws CniError invalidNetns where it is none, or the host's own (CNI_NETNS_OVERRIDE allows that). */
export function openPodNetns(platform: Platform, request: CniRequest): Netns {
  const netns = open(platform, request.netns);
  const own = platform.ownNetns();
  if (netns.inode !== own.inode || netns.device !== own.device || request.netnsOverride) return netns;
  netns.close();
  throw new CniError('invalidNetns', `CNI_NETNS ${request.netns} is the host's own network namespace`);
}

function open(platform: Platform, path: string): Netns {
  try {
    const netns = platform.openNetns(path);
    if (netns !== null) return netns;
  } catch (cause) {
    throw new CniError('invalidNetns', `CNI_NETNS ${path} can't be used`, { cause });
  }
  throw new CniError('invalidNetns', `CNI_NETNS ${path} doesn't exist`);
}
