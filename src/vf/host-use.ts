import { CniError } from '../cni/errors.ts';
import type { Namespace } from '../kernel/namespace.ts';
import { getLink, type Link } from '../kernel/rtnl/links.ts';
import { readIommuGroup, readUppers } from '../kernel/sysfs.ts';
import type { Platform } from '../platform/platform.ts';
import { listUsesOfUp } from './host-use-of-up.ts';
import type { VfIdentity } from './vf.ts';

/**
 * Refuses a VF that the node itself uses: a network config may name any VF that nobody holds. The check takes a look at
 * sysfs if the VF is down, as a VF that waits for a pod is, and four requests if it is up. Throws CniError vfBusy,
 * naming the use.
 */
export function refuseUsedByHost(platform: Platform, host: Namespace, identity: VfIdentity, link: Link): void {
  const use = describeUse(platform, host, identity, link);
  if (use !== null) throw new CniError('vfBusy', `VF ${identity.pci} (${link.name}) ${use}`);
}

function describeUse(platform: Platform, host: Namespace, { pci }: VfIdentity, link: Link): string | null {
  const { session } = host;
  const { name, master } = link;
  if (master !== null) {
    return `is enslaved to the host's ${getLink(session, { ifindex: master })?.name ?? `interface ${master}`}`;
  }
  const by = (what: string, all: readonly string[]): string | null =>
    all.length === 0 ? null : `is in use by the host: ${what} ${all.slice(0, 3).join(', ')}`;
  if (link.xdp) return by('it runs', ['an XDP program']);
  const uppers = by('it carries', readUppers(platform, pci, name));
  if (uppers !== null || !link.up) return uppers;
  for (const [what, all] of listUsesOfUp(session, link)) {
    const use = by(what, all());
    if (use !== null) return use;
  }
  return null;
}

/**
 * Refuses a VF of vfio-pci whose IOMMU group a program has open, such as a virtual machine. The kernel tells that only
 * to whoever tries to open the group (drivers/vfio/group.c, EBUSY). Throws CniError vfBusy.
 */
export function refuseOpenGroup(platform: Platform, { pci }: VfIdentity): void {
  const group = readIommuGroup(platform, pci);
  if (group === null) return;
  for (const path of [`/dev/vfio/${group}`, `/dev/vfio/noiommu-${group}`]) {
    if (!platform.isBusy(path)) continue;
    throw new CniError('vfBusy', `VF ${pci} is in use: a program has ${path} open`);
  }
}
