import { supportedVersions } from '../cni/versions.ts';
import { arrayOf, object, oneOf, optional, type Schema, text, type ValueOf } from '../lib/json-schema.ts';
import { macAddress } from '../settings/mac.ts';
import { settingKeys } from '../settings/settings.ts';
import { absolutePath, logKeys } from './log-settings.ts';

// Defines what a network config may hold. wire-conf.ts validates with it, and scripts/write-schema.ts turns it into the
// JSON Schema for editors.

/** A key for which '' counts as absent, as in sriov-cni (Go strings with omitempty) and in generated configs. */
const orEmpty = <Inner extends Schema>(inner: Inner) => optional(inner, '');

const pluginName = (whose: string) =>
  text(`the file name of ${whose} in CNI_PATH: A-Z a-z 0-9 _ . - without "/"`, /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}$/);

const identifier = text(
  'up to 255 of A-Z a-z 0-9 _ . - beginning with a letter or digit',
  /^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$/,
);
/** A PCI address or a CDI device name; src/allocation finds out what it means. */
const deviceId = text(
  'a PCI address such as "0000:3b:02.1" or the name of a CDI device (up to 253 of A-Z a-z 0-9 _ . : / = @ -)',
  /^[A-Za-z0-9_.:/=@-]{1,253}$/,
);
/** A name in sysfs: anything that dev_valid_name (net/core/dev.c) takes, of ASCII. */
const netdevName = text('the name of a network interface, 1 to 15 characters', /^(?!\.{1,2}$)[!-.0-9;-~]{1,15}$/);
const pciAddress = text(
  'a PCI address such as "0000:3b:00.0"',
  /^[0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:[01][0-9A-Fa-f]\.[0-7]$/,
);
const pciId = text('a PCI ID of four hex digits such as "8086"', /^[0-9A-Fa-f]{4}$/);
const driverName = text('the name of a driver such as "mlx5_core"', /^[A-Za-z0-9_-]{1,64}$/);
const resourceName = text(
  'a resource name such as "example.com/sriov_nic_1"',
  /^(?!.*\.\.)[A-Za-z0-9]([A-Za-z0-9._/-]{0,251}[A-Za-z0-9])?$/,
);

const vfSelector = object(
  {
    pfNames: optional(arrayOf(netdevName, 'an array of interface names')),
    pfPciAddresses: optional(arrayOf(pciAddress, 'an array of PCI addresses')),
    vendors: optional(arrayOf(pciId, 'an array of PCI vendor IDs')),
    devices: optional(arrayOf(pciId, 'an array of PCI device IDs')),
    drivers: optional(arrayOf(driverName, 'an array of driver names')),
    linkType: optional(oneOf('ether', 'infiniband')),
  },
  'an object with pfNames, pfPciAddresses, vendors, devices, drivers, linkType',
);

const runtimeConfig = object({
  deviceID: orEmpty(deviceId),
  CNIDeviceInfoFile: orEmpty(absolutePath),
  mac: orEmpty(macAddress),
});

export const schema = object(
  {
    cniVersion: orEmpty(oneOf(...supportedVersions)),
    name: optional(identifier),
    type: pluginName('this plugin'),
    deviceID: orEmpty(deviceId),
    pciBusID: orEmpty(deviceId),
    resourceName: orEmpty(resourceName),
    vfSelector: optional(vfSelector),
    ...settingKeys(),
    ipam: optional(object({ type: pluginName('an IPAM plugin') }, 'an object with type')),
    ...logKeys,
    runtimeConfig: optional(runtimeConfig),
    args: optional(object({ cni: optional(object({ mac: orEmpty(macAddress) })) })),
    prevResult: optional(object({})),
  },
  'a JSON object',
);

export type ConfKey = keyof typeof schema.keys;

export type WireConf = ValueOf<typeof schema>;

/** Keys of InfiniBand and trunk plugins: ignoring them would attach a VF that is not what was asked for. */
export const unsupportedKeys: Readonly<Record<string, string>> = {
  guid: 'InfiniBand VFs are for ib-sriov-cni',
  pkey: 'InfiniBand VFs are for ib-sriov-cni',
  vlan_trunk: 'one vlan, or none for a trunk that the VF’s owner tags',
};
