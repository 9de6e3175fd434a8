import type { PciAddress } from '../lib/pci-address.ts';
import type { Platform } from '../platform/platform.ts';
import { netdevDirectory, readAttribute } from './sysfs.ts';

// Documentation/ABI/testing/sysfs-class-net, sysfs-class-net-queues: the files that can be written and stay with the
// netdev.

const ofNetdev = ['gro_flush_timeout', 'napi_defer_hard_irqs', 'threaded'];
const ofReceiveQueue = ['rps_cpus', 'rps_flow_cnt'];
/** The lower limit may not exceed the upper one, so the upper one comes first. */
const limits = ['hold_time', 'limit_max', 'limit_min', 'stall_thrs'].map((name) => `byte_queue_limits/${name}`);
const ofTransmitQueue = ['tx_maxrate', 'xps_cpus', 'xps_rxqs', ...limits];

/** Reading more than these would take longer than the rest of ADD. */
const maxQueues = 64;

/** Contents by path below the netdev's directory, `queues/tx-0/tx_maxrate`; what this netdev doesn't have is absent. */
export type NetdevFiles = Readonly<Record<string, string>>;

/** True for a path that NetdevFiles can have. Records are checked with it, because they tell root where to write. */
export function isNetdevFile(path: string): boolean {
  const [, direction, name = ''] = /^queues\/([rt]x)-\d+\/(.+)$/.exec(path) ?? [];
  if (direction === undefined) return ofNetdev.includes(path);
  return (direction === 'rx' ? ofReceiveQueue : ofTransmitQueue).includes(name);
}

/** Contents of those files of a netdev on the host. Throws SystemError. */
export function readNetdevFiles(platform: Platform, pci: PciAddress, ifname: string): NetdevFiles {
  const directory = netdevDirectory(platform, pci, ifname);
  const queues = (platform.readDir(`${directory}/queues`) ?? []).slice(0, 2 * maxQueues);
  const paths = queues.flatMap((queue) =>
    (queue.startsWith('rx-') ? ofReceiveQueue : ofTransmitQueue).map((name) => `queues/${queue}/${name}`),
  );
  const files: Record<string, string> = {};
  for (const path of [...ofNetdev, ...paths]) {
    const content = readAttribute(platform, `${directory}/${path}`);
    if (content !== null) files[path] = content;
  }
  return files;
}

/** Writes one of them. Throws SystemError. */
export function writeNetdevFile(
  platform: Platform,
  pci: PciAddress,
  ifname: string,
  path: string,
  content: string,
): void {
  platform.writeSystemFile(`${netdevDirectory(platform, pci, ifname)}/${path}`, content);
}
