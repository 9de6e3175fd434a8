import { pciDeviceExists, readPfOf } from '../kernel/sysfs.ts';
import type { PciAddress } from '../lib/pci-address.ts';
import { listCheckpointPods, readDeviceUsers } from './checkpoints.ts';
import { parseDeviceName } from './device-hint.ts';
import { isPublished } from './device-info.ts';
import { listedAddresses } from './driver-specs.ts';
import type { Search } from './search.ts';

/**
 * A network config may name a VF only if it is this pod's, or if no CDI spec, no checkpoint of a DRA driver and not the
 * kubelet's gives it to anybody, so that it is a device plugin's. Returns what entitles the pod. Looks through the
 * specs of other pods only if the pod's own doesn't list the VF, and through the checkpoints only if no spec does. A
 * claim's spec counts although no checkpoint knows the claim, because the driver writes the spec first.
 * Throws CniError contradictorySources naming the file that gives the VF to somebody else, decode if a broken file
 * mentions the VF, vfMissing for a device without a PF that is in no spec and that no device plugin publishes.
 */
export function requireEntitlement(search: Search, pci: PciAddress, source: string): string {
  const own = search.podSpec();
  if (own?.addresses.includes(pci) === true) return `listed by ${own.source}`;
  const { devices, broken } = search.specs.mentioning([pci, pci.replace(/[:.]/g, '-')]);
  const [suspect] = broken;
  if (suspect !== undefined) {
    throw search.trace.failure('decode', `the CDI spec ${suspect.file} is broken: ${suspect.reason}`);
  }
  const listing = devices.filter((device) => listedAddresses(device, search.trace)?.includes(pci) === true);
  const mine = listing.find((device) => device.name === search.podUid);
  if (mine !== undefined) return `listed by per-pod CDI spec ${mine.file}`;
  const holder = listing[0] ?? devices.find((device) => isClaimOf(device, pci));
  if (holder === undefined)
    return entitlementByCheckpoint(search, pci, source) ?? entitlementByKubelet(search, pci, source);
  const prepared = search.checkpoints().find((vf) => vf.pci === pci);
  if (listing.length === 0 && prepared !== undefined)
    return `prepared for this pod by driver checkpoint ${prepared.file}`;
  const whose = listing.length > 0 ? `pod ${holder.name}` : `claim device ${holder.name}`;
  search.trace.add(holder.file, [pci], `gives it to ${whose}`);
  throw search.trace.failure(
    'contradictorySources',
    `${source} says VF ${pci}, but the CDI spec ${holder.file} gives it to ${whose}, and nothing gives it to ${search.podName}`,
  );
}

/**
 * After a reboot only the checkpoint knows whose a VF is, until the driver runs. Returns what entitles the pod; null if
 * no pod has the VF.
 */
function entitlementByCheckpoint(search: Search, pci: PciAddress, source: string): string | null {
  const holders = listCheckpointPods(search.platform, search.trace, pci).flatMap(({ podUid, vfs }) => {
    const vf = vfs.find((each) => each.pci === pci);
    return vf === undefined ? [] : [{ podUid, file: `driver checkpoint ${vf.file}` }];
  });
  const own = holders.find(({ podUid }) => podUid === search.podUid);
  if (own !== undefined) return `prepared for this pod by ${own.file}`;
  const [other] = holders;
  if (other === undefined) return null;
  search.trace.add(other.file, [pci], `prepared for pod ${other.podUid}`);
  throw search.trace.failure(
    'contradictorySources',
    `${source} says VF ${pci}, but ${other.file} gives it to pod ${other.podUid}, and nothing gives it to ${search.podName}`,
  );
}

/** A VF that no DRA driver knows may be a device plugin's. Then the kubelet knows to which pod it was given. */
function entitlementByKubelet(search: Search, pci: PciAddress, source: string): string {
  const { trace, podUid, podName } = search;
  const users = readDeviceUsers(search.platform, pci, trace);
  const [user] = users;
  if (user === undefined) return requirePublication(search, pci, source);
  if (users.some((each) => each.podUid === podUid)) return `given to this pod by ${user.file}`;
  const whose = `pod ${user.podUid}, as ${user.resourceName}`;
  trace.add(user.file, [pci], `gives it to ${whose}`);
  throw trace.failure(
    'contradictorySources',
    `${source} says VF ${pci}, but the kubelet's ${user.file} gives it to ${whose}, and nothing gives it to ${podName}`,
  );
}

/**
 * Publication tells a VF that was passed through to this machine from any other card, such as the node's own uplink.
 */
function requirePublication({ platform, trace }: Search, pci: PciAddress, source: string): string {
  const isOurs = !pciDeviceExists(platform, pci) || readPfOf(platform, pci) !== null || isPublished(platform, pci);
  if (isOurs) return 'in no CDI spec: a device plugin’s';
  const directory = `${platform.paths.devinfoDir}/dp`;
  trace.add(`device info in ${directory}`, [], `does not name ${pci}`);
  throw trace.failure(
    'vfMissing',
    `${pci} (from ${source}) has no PF on this machine: either it is no VF, or one that was passed through to a virtual machine; such a one is taken where a device plugin's device info in ${directory} names it; host-device attaches any device`,
  );
}

function isClaimOf(
  device: { readonly name: string; readonly env: ReadonlyMap<string, string> },
  pci: PciAddress,
): boolean {
  return (
    parseDeviceName(device.name)?.pci === pci || [...device.env.values()].some((value) => value.toLowerCase() === pci)
  );
}
