import { optional, text, textThat } from '../lib/json-schema.ts';
import { type MacAddress, macFromBytes, macToBytes, parseMacAddress } from '../lib/mac-address.ts';
import { type KeyTexts, kept, type StructSetting, type VfStruct } from './setting.ts';

/**
 * Unicast and not zero, as is_valid_ether_addr (linux/etherdevice.h); pairs or, as Go's net.ParseMAC, groups of four.
 */
export const macAddress = text(
  'a unicast MAC address such as "02:00:00:00:00:01", not all zeros',
  /^(?!0{2}([:-]0{2}){5}$|0{4}(\.0{4}){2}$)[0-9A-Fa-f][02468ACEace]([:-][0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){4}|[0-9A-Fa-f]{2}(\.[0-9A-Fa-f]{4}){2})$/,
);

/** Any MAC address, because a record must be readable whatever address a driver reports. */
export const reportedMac = textThat<MacAddress>((value) => parseMacAddress(value) === value, 'a MAC address');

/** u32 vf, u8 mac[32]; Ethernet uses 6 of the 32. */
const struct: VfStruct = { type: 1, name: 'IFLA_VF_MAC', length: 36 };

const keys = { mac: optional(macAddress, '') };

/** The fields of a record. */
const fields = { mac: reportedMac };

/** `mac` is all zeros if the PF has set none. */
export const mac: StructSetting<typeof keys, typeof fields> = {
  name: 'mac',
  keys,
  fields,
  keyOf: { mac: 'mac' },
  asked: ({ mac }) => ({ mac: mac?.toLowerCase().replaceAll(/[:.-]/g, '').match(/../g)?.join(':') as MacAddress }),
  read: (info) => ({ mac: macFromBytes(info.need(struct).subarray(4, 10)) }),
  write: ({ mac }) => [struct, macToBytes(mac), new Uint8Array(26)],
  ip: ({ mac }) => `mac ${mac}`,
  ofNetdev: true,
  shown: { title: 'MAC by the PF' },
};

export const macTexts: KeyTexts<typeof keys> = {
  mac: {
    does: 'MAC address of the VF. `runtimeConfig.mac` counts before `args.cni.mac`, that before `MAC` in CNI_ARGS, and this last.',
    absent: kept,
    ip: 'ip link set PF vf N mac MAC; ip link set NAME address MAC',
    needs: 'a VF that is not trusted may only carry the MAC its PF gave it, so the PF is told first',
  },
};
