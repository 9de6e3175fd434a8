import { explain } from '../cni/errors.ts';
import { type EthtoolState, ethtoolSettings, readBusInfo, readEthtool, writeEthtool } from '../kernel/ethtool.ts';
import type { Namespace } from '../kernel/namespace.ts';
import { type NetdevFiles, readNetdevFiles, writeNetdevFile } from '../kernel/netdev-files.ts';
import {
  type LinkAttribute,
  type LinkAttributes,
  readLinkAttributes,
  readSettableFlags,
  readXdpModes,
  removeXdp,
  setLinkAttributes,
  setLinkFlags,
  usualFlags,
} from '../kernel/rtnl/link-settings.ts';
import type { Link } from '../kernel/rtnl/links.ts';
import type { Log } from '../lib/log.ts';
import type { PciAddress } from '../lib/pci-address.ts';
import { isSystemError } from '../lib/system-error.ts';
import type { Platform } from '../platform/platform.ts';
import { isRefusal } from './refusal.ts';

/** What a netdev keeps when it moves between namespaces, besides name, altnames, MAC, MTU, up or down. */
export interface NetdevSettings {
  /** IFF_* */
  readonly flags: number;
  readonly attributes: LinkAttributes;
  readonly ethtool: EthtoolState;
  readonly files: NetdevFiles;
}

/** A netdev that is on the host. */
export interface SettledNetdev {
  readonly platform: Platform;
  readonly log: Log;
  readonly host: Namespace;
  readonly pci: PciAddress;
}

/** Errnos that a second try won't change. A failure with another errno may be gone at the next DEL. */
const refusals = ['EINVAL', 'ERANGE', 'EOPNOTSUPP', 'EPERM', 'EACCES'] as const;

/** Throws SystemError. */
export function readNetdevSettings(platform: Platform, host: Namespace, pci: PciAddress, link: Link): NetdevSettings {
  return {
    flags: readSettableFlags(link),
    attributes: readLinkAttributes(link),
    ethtool: readEthtool(platform, host.netns, link.name),
    files: readNetdevFiles(platform, pci, link.name),
  };
}

/** Takes XDP programs off, which see and change whatever the next pod sends and receives. Throws SystemError. */
export function removeXdpPrograms(host: Namespace, link: Link): void {
  for (const mode of readXdpModes(link)) {
    host.change(link.ifindex, (session) => removeXdp(session, link.ifindex, mode));
  }
}

/**
 * Gives a link these settable flags and no others; by default those of a link on which nobody has set any. Throws
 * SystemError.
 */
export function settleFlags(namespace: Namespace, link: Link, flags = usualFlags): void {
  if (readSettableFlags(link) === flags) return;
  namespace.change(link.ifindex, (session) => setLinkFlags(session, link.ifindex, flags));
}

/** Sets all in one message; if the kernel refuses it, which names no attribute, one by one. Throws SystemError. */
export function restoreAttributes(at: SettledNetdev, link: Link, before: LinkAttributes): void {
  const now = readLinkAttributes(link);
  const names = (Object.keys(before) as LinkAttribute[]).filter((name) => name in now);
  const differing = names.filter((name) => now[name] !== before[name]);
  if (differing.length === 0) return;
  // The kernel sets the size for IPv4 along with the other one.
  const wanted = names.filter((name) => differing.includes(name) || /_ipv4_/.test(name));
  const set = (some: readonly LinkAttribute[]): void => {
    const attributes = Object.fromEntries(some.map((name) => [name, before[name]])) as LinkAttributes;
    at.host.change(link.ifindex, (session) => setLinkAttributes(session, link.ifindex, attributes));
  };
  try {
    set(wanted);
  } catch (thrown) {
    if (!isRefusal(thrown)) throw thrown;
    for (const name of wanted) putBack(at, name, () => set([name]));
  }
}

/** Compares and sets one after the other, because a driver resets some when others change. Throws SystemError. */
export function restoreEthtool(at: SettledNetdev, link: Link, before: EthtoolState): void {
  const { platform, host, pci } = at;
  const known = ethtoolSettings.filter((name) => before[name] !== undefined);
  const read = (): EthtoolState => readEthtool(platform, host.netns, link.name, known);
  const now = read();
  if (known.every((name) => now[name] === before[name])) return;
  // ethtool asks by name, which another device may have by now.
  const bus = readBusInfo(platform, host.netns, link.name);
  if (bus !== '' && bus !== pci) throw new Error(`${link.name} is ${bus} by now`);
  for (const name of known) {
    const wanted = before[name];
    const differs = (): boolean => readEthtool(platform, host.netns, link.name, [name])[name] !== wanted;
    if (wanted === undefined || !differs()) continue;
    const write = (): void => writeEthtool(platform, host.netns, link.name, name, wanted);
    putBack(at, name, () => host.change(link.ifindex, write));
  }
}

/** Throws SystemError. */
export function restoreFiles(at: SettledNetdev, link: Link, before: NetdevFiles): void {
  const { platform, pci } = at;
  const now = readNetdevFiles(platform, pci, link.name);
  const differing = Object.entries(before).filter(([path, content]) => (now[path] ?? content) !== content);
  for (const [path, content] of differing) {
    putBack(at, path, () => writeNetdevFile(platform, pci, link.name, path, content));
  }
}

/**
 * A setting that is refused twice is lost, with a warning: none of them opens a way to the next pod's traffic, and DEL
 * must be able to end. Throws SystemError if the next DEL may succeed.
 */
function putBack({ log, pci }: SettledNetdev, setting: string, set: () => void): void {
  const refused = refusal(set) ?? null;
  const again = refused === null ? null : refusal(set);
  if (again !== null) log.warning('a setting of the VF can’t be put back', { pci, setting, reason: explain(again) });
}

function refusal(set: () => void): unknown {
  try {
    set();
    return null;
  } catch (thrown) {
    if (isSystemError(thrown, ...refusals)) return thrown;
    throw thrown;
  }
}
