import type { PciAddress } from '../lib/pci-address.ts';
import type { VfSettings } from '../settings/settings.ts';

/** Names under which this plugin is installed: its own, and the one of the plugin it can stand in for. */
export const usualTypes: readonly string[] = ['sriov', 'dra-sriov'];

/** A pod's UID becomes part of file names. It is a UUID, or for static pods a hash. */
export const uidForm = { form: /^[A-Za-z0-9-]{1,64}$/, allowed: 'up to 64 of A-Z a-z 0-9 -' } as const;

export type LogLevel = 'error' | 'warning' | 'info' | 'debug';

/** Named as the DRA driver's resource filter. A VF fits if one value of each list does. */
export interface VfSelector {
  readonly pfNames?: readonly string[];
  readonly pfPciAddresses?: readonly PciAddress[];
  /** PCI vendor IDs, four lower-case hex digits. */
  readonly vendors?: readonly string[];
  /** PCI device IDs, four lower-case hex digits. */
  readonly devices?: readonly string[];
  readonly drivers?: readonly string[];
  /** `ether` or `infiniband` (ARPHRD of the PF). */
  readonly linkType?: string;
}

/** A device hint as it came, with its key. */
export interface DeviceHint {
  readonly key: 'runtimeConfig.deviceID' | 'deviceID' | 'pciBusID';
  readonly value: string;
}

/** A network config, validated; nothing in it comes from the node. */
export interface SriovConf {
  readonly cniVersion: string;
  readonly network: string;
  readonly type: string;
  /** In order of precedence; empty if the runtime gave none. */
  readonly deviceHints: readonly DeviceHint[];
  /** `runtimeConfig.CNIDeviceInfoFile` */
  readonly deviceInfoFile?: string;
  readonly resourceName?: string;
  readonly vfSelector?: VfSelector;
  readonly settings: VfSettings;
  /** Null if the config has no IPAM plugin. */
  readonly ipam: { readonly type: string } | null;
  /** The pod that CNI_ARGS names, if the runtime is that of Kubernetes. */
  readonly pod: PodReference | null;
  /** Keys that do nothing: `[{path: 'vlna', message: 'is ignored; did you mean vlan?'}]`. */
  readonly warnings: readonly { readonly path: string; readonly message: string }[];
}

export interface PodReference {
  readonly namespace?: string;
  readonly name?: string;
  readonly uid?: string;
}
