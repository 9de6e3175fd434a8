import { isSystemError } from '../lib/system-error.ts';
import type { Netns, Platform } from '../platform/platform.ts';

/**
 * Writes a sysctl inside a namespace (`ip netns exec NS sysctl -w KEY=VALUE`). The key has slashes, because interface names
 * may hold dots: `net/ipv4/conf/eth0.100/arp_notify`. False where this kernel has no such sysctl. Throws SystemError.
 */
export function writeSysctl(platform: Platform, netns: Netns, key: string, value: string): boolean {
  const path = `${platform.paths.procfs}/sys/${key}`;
  return platform.inNetns(netns, () => {
    try {
      platform.writeSystemFile(path, value);
      return true;
    } catch (thrown) {
      if (isSystemError(thrown, 'ENOENT')) return false;
      throw thrown;
    }
  });
}
