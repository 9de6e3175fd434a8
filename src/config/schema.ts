import * as v from 'valibot';
import { supportedVersions } from '../cni/versions.ts';

// The one source of what a network config may hold: parse.ts validates with it, scripts/write-schema.ts turns it into
// the JSON Schema for editors. The message of every part is what is allowed; patterns have no flags, as in JSON Schema.

const isPlainObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);

function integer(from: number, to: number) {
  const allowed = `an integer from ${from} to ${to}`;
  return v.pipe(v.number(allowed), v.integer(allowed), v.minValue(from, allowed), v.maxValue(to, allowed));
}

const text = (pattern: RegExp, allowed: string) => v.pipe(v.string(allowed), v.regex(pattern, allowed));

function oneOf<const Values extends readonly string[]>(...values: Values) {
  const quoted = values.map((value) => `"${value}"`);
  return v.picklist(values, `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`);
}

const listOf = <Item extends v.GenericSchema<string>>(item: Item, allowed: string) => v.array(item, allowed);

/** `needed` is the message where a required key is missing. */
function objectOf<const Entries extends v.ObjectEntries>(entries: Entries, allowed: string, needed = allowed) {
  return v.pipe(v.unknown(), v.check(isPlainObject, allowed), v.object(entries, needed));
}

const optional = v.optional;

const identifier = text(
  /^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$/,
  'up to 255 of A-Z a-z 0-9 _ . - beginning with a letter or digit',
);
const pluginName = text(
  /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}$/,
  'the file name of a plugin in CNI_PATH: A-Z a-z 0-9 _ . - without "/"',
);
/** A PCI address or what CDI calls a device; what it means is for src/allocation to find out. */
const deviceId = text(
  /^[A-Za-z0-9_.:/=@-]{1,253}$/,
  'a PCI address such as "0000:3b:02.1" or the name of a CDI device (up to 253 of A-Z a-z 0-9 _ . : / = @ -)',
);
/** Unicast and not zero, as is_valid_ether_addr (linux/etherdevice.h); pairs or, as Go's net.ParseMAC, groups of four. */
export const macAddress = text(
  /^(?!0{2}([:-]0{2}){5}$|0{4}(\.0{4}){2}$)[0-9A-Fa-f][02468ACEace]([:-][0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){4}|[0-9A-Fa-f]{2}(\.[0-9A-Fa-f]{4}){2})$/,
  'a unicast MAC address such as "02:00:00:00:00:01", not all zeros',
);
const absolutePath = text(
  /^(?!(.*\/)?\.\.(\/.*)?$)\/[ -~\u00a1-\uffff]{1,4095}$/,
  'an absolute path without ".." and control characters',
);
/** A name in sysfs: anything that dev_valid_name (net/core/dev.c) takes, of ASCII. */
const netdevName = text(/^(?!\.{1,2}$)[!-.0-9;-~]{1,15}$/, 'the name of a network interface, 1 to 15 characters');
const pciAddress = text(
  /^[0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:[01][0-9A-Fa-f]\.[0-7]$/,
  'a PCI address such as "0000:3b:00.0"',
);
const pciId = text(/^[0-9A-Fa-f]{4}$/, 'a PCI ID of four hex digits such as "8086"');
const onOff = oneOf('on', 'off');
/** Mbit/s; __u32 in struct ifla_vf_rate (linux/if_link.h). */
const rateMbps = integer(0, 4294967295);

const vfSelector = objectOf(
  {
    pfNames: optional(listOf(netdevName, 'an array of interface names')),
    pfPciAddresses: optional(listOf(pciAddress, 'an array of PCI addresses')),
    vendors: optional(listOf(pciId, 'an array of PCI vendor IDs')),
    devices: optional(listOf(pciId, 'an array of PCI device IDs')),
    drivers: optional(
      listOf(text(/^[A-Za-z0-9_-]{1,64}$/, 'the name of a driver such as "mlx5_core"'), 'an array of driver names'),
    ),
    linkType: optional(oneOf('ether', 'infiniband')),
  },
  'an object with pfNames, pfPciAddresses, vendors, devices, drivers, linkType',
);

const runtimeConfig = objectOf(
  {
    deviceID: optional(deviceId),
    CNIDeviceInfoFile: optional(absolutePath),
    mac: optional(macAddress),
  },
  'an object',
);

export const entries = {
  cniVersion: optional(oneOf(...supportedVersions)),
  name: optional(identifier),
  type: pluginName,
  deviceID: optional(deviceId),
  pciBusID: optional(deviceId),
  resourceName: optional(
    text(
      /^(?!.*\.\.)[A-Za-z0-9]([A-Za-z0-9._/-]{0,251}[A-Za-z0-9])?$/,
      'a resource name such as "example.com/sriov_nic_1"',
    ),
  ),
  vfSelector: optional(vfSelector),
  vlan: optional(integer(0, 4094)),
  vlanQoS: optional(integer(0, 7)),
  vlanProto: optional(oneOf('802.1q', '802.1Q', '802.1ad', '802.1AD', '802.1Ad', '802.1aD')),
  mac: optional(macAddress),
  mtu: optional(integer(68, 65535)),
  spoofchk: optional(onOff),
  trust: optional(onOff),
  link_state: optional(oneOf('auto', 'enable', 'disable')),
  min_tx_rate: optional(rateMbps),
  max_tx_rate: optional(rateMbps),
  ipam: optional(objectOf({ type: pluginName }, 'an object with type', 'the file name of an IPAM plugin')),
  logLevel: optional(oneOf('panic', 'error', 'warning', 'info', 'debug', 'verbose')),
  logFile: optional(absolutePath),
  runtimeConfig: optional(runtimeConfig),
  args: optional(objectOf({ cni: optional(objectOf({ mac: optional(macAddress) }, 'an object')) }, 'an object')),
  prevResult: optional(objectOf({}, 'an object')),
} as const;

export type ConfKey = keyof typeof entries;

export const schema = v.object(entries, 'the file name of this plugin, as in CNI_PATH');

export type WireConf = v.InferOutput<typeof schema>;

/** `key` is refused where `needs` is absent: the PF takes both in one setting. */
export const dependencies: readonly { readonly key: ConfKey; readonly needs: ConfKey }[] = [
  { key: 'vlanQoS', needs: 'vlan' },
  { key: 'vlanProto', needs: 'vlan' },
];

/** Wrong, they are warned about and taken for absent: a log keeps no pod from its network. */
export const logKeys: ReadonlySet<string> = new Set<ConfKey>(['logLevel', 'logFile']);

/** Keys of InfiniBand and trunk plugins: ignoring them would attach a VF that is not what was asked for. */
export const unsupportedKeys: Readonly<Record<string, string>> = {
  guid: 'InfiniBand VFs are for ib-sriov-cni',
  pkey: 'InfiniBand VFs are for ib-sriov-cni',
  vlan_trunk: 'one vlan, or none for a trunk that the VF’s owner tags',
};
