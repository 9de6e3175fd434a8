import { converge } from '../lib/converge.ts';
import { isSystemError } from '../lib/system-error.ts';
import type { Netns, Platform } from '../platform/platform.ts';

/** The key has slashes, because interface names may hold dots: `net/ipv4/conf/eth0.100/arp_notify`. */
export type Sysctl = readonly [key: string, value: string];

/**
 * Sets sysctls inside a namespace (`ip netns exec NS sysctl -w KEY=VALUE`). A sysctl that can't be written and has the
 * value already is no failure, because /proc/sys may be read-only. Returns the failures, each with its cause: a
 * SystemError, ENOENT if this kernel has no such sysctl. Throws SystemError if the namespace can't be entered.
 */
export function setSysctls(platform: Platform, netns: Netns, sysctls: readonly Sysctl[]): readonly Error[] {
  const steps = sysctls.map(([key, value]) => {
    const path = `${platform.paths.procfs}/sys/${key}`;
    return [`set ${key} to ${value}`, () => setOne(platform, path, value)] as const;
  });
  return platform.inNetns(netns, () => converge(steps));
}

/**
 * The value of a sysctl inside a namespace; null if there is none, or it can't be read. Throws SystemError as
 * setSysctls does.
 */
export function readSysctl(platform: Platform, netns: Netns, key: string): string | null {
  return platform.inNetns(netns, () => readOne(platform, `${platform.paths.procfs}/sys/${key}`));
}

function setOne(platform: Platform, path: string, value: string): void {
  try {
    platform.writeSystemFile(path, value);
  } catch (refused) {
    if (!isSystemError(refused) || readOne(platform, path) !== value) throw refused;
  }
}

function readOne(platform: Platform, path: string): string | null {
  try {
    return platform.readFile(path, { atOnce: true })?.toString('utf8').trim() ?? null;
  } catch (thrown) {
    if (!isSystemError(thrown)) throw thrown;
    return null;
  }
}
