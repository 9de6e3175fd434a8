import { explain } from '../cni/errors.ts';
import type { Namespace } from '../kernel/namespace.ts';
import { moveRdmaDevices } from '../kernel/rdma.ts';
import { readRdmaDevices } from '../kernel/sysfs.ts';
import type { Log } from '../lib/log.ts';
import type { PciAddress } from '../lib/pci-address.ts';
import { isSystemError } from '../lib/system-error.ts';
import type { Netns, Platform } from '../platform/platform.ts';

/** A VF whose RDMA devices another plugin of the chain (rdma-cni) may have moved into the pod. */
export interface RdmaOwner {
  readonly platform: Platform;
  readonly log: Log;
  readonly host: Namespace;
  readonly pci: PciAddress;
  /** As they were on the host, by name. */
  readonly devices: readonly string[];
}

/**
 * Brings back what that plugin has left in the pod: the next pod's would look for it on the host. What fails is logged
 * only, because the kernel returns RDMA devices at the end of the namespace, which a DEL that fails would put off.
 */
export function returnRdmaDevices({ platform, log, host, pci, devices }: RdmaOwner, pod: Netns): void {
  try {
    const onHost = devices.length === 0 ? [] : readRdmaDevices(platform, pci);
    const away = devices.filter((name) => !onHost.includes(name));
    const returned = away.length === 0 ? [] : moveRdmaDevices(platform, pod, host.netns, away);
    for (const device of returned) log.info('RDMA device returned to the host', { pci, device });
  } catch (thrown) {
    if (!isSystemError(thrown)) throw thrown;
    log.warning('RDMA devices could not be returned to the host', { pci, reason: explain(thrown) });
  }
}
