import { Namespace } from '../../kernel/namespace.ts';
import { listProcessNetns } from '../../kernel/namespace-search.ts';
import type { Link } from '../../kernel/rtnl/links.ts';
import { isSystemError } from '../../lib/system-error.ts';
import type { Netns, Platform } from '../../platform/platform.ts';
import { findByPci } from '../../vf/locate.ts';

/** A netdev found in a namespace of which no record tells. */
export interface Stray {
  readonly link: Link;
  /** A path of the namespace: `/run/netns/…`, or through a process that lives in it. */
  readonly netns: string;
}

/** Where `ip netns` and container runtimes bind namespaces. */
const namedNamespaces = '/run/netns';

function readQuietly<T>(read: () => T): T | null {
  try {
    return read();
  } catch (thrown) {
    // Processes and namespaces end while they are looked at.
    if (isSystemError(thrown)) return null;
    throw thrown;
  }
}

/** A path for each network namespace that can be found on this node, by inode; names come before processes. */
function findNamespaces(platform: Platform): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const name of platform.readDir(namedNamespaces) ?? []) {
    const path = `${namedNamespaces}/${name}`;
    const netns = readQuietly(() => platform.openNetns(path));
    if (netns !== null) found.set(String(netns.inode), path);
    netns?.close();
  }
  readQuietly(() => {
    for (const { path, target } of listProcessNetns(platform)) {
      const inode = /^net:\[(\d+)\]$/.exec(target)?.[1];
      if (inode !== undefined && !found.has(inode)) found.set(inode, path);
    }
    return null;
  });
  found.delete(String(platform.ownNetns().inode));
  return found;
}

/** Looks for the netdevs of these PCI addresses in all other network namespaces of this node. */
export function findStrays(platform: Platform, wanted: ReadonlySet<string>): ReadonlyMap<string, Stray> {
  const strays = new Map<string, Stray>();
  if (wanted.size === 0) return strays;
  for (const path of findNamespaces(platform).values()) {
    if (strays.size === wanted.size) break;
    const netns = readQuietly(() => platform.openNetns(path));
    if (netns === null) continue;
    readQuietly(() => lookInto(platform, netns, path, wanted, strays));
    netns.close();
  }
  return strays;
}

function lookInto(
  platform: Platform,
  netns: Netns,
  path: string,
  wanted: ReadonlySet<string>,
  strays: Map<string, Stray>,
): void {
  const namespace = new Namespace(platform, netns);
  try {
    for (const [pci, link] of findByPci(platform, namespace, wanted)) strays.set(pci, { link, netns: path });
  } finally {
    namespace.close();
  }
}
