import type { ConfKey } from '../src/config/schema.ts';
import type { KeyText } from '../src/settings/setting.ts';
import { type settingKeys, settingTexts } from '../src/settings/settings.ts';

const fromRuntime = 'nothing; the runtime writes it, not the author of the config';

/** Documentation of each key, for editors (JSON Schema) and docs/configuration.md. */
export const keyReference: Readonly<Record<ConfKey, KeyText>> = {
  cniVersion: { does: 'Version of CNI that config and result are written in.', absent: '`0.1.0`' },
  name: {
    does: 'Name of the network. Attachments are recorded under it, and GC reclaims those of this name only.',
    absent: 'an error; only in a NetworkAttachmentDefinition Multus takes the name of the definition',
  },
  type: { does: 'File name of this plugin in CNI_PATH: `sriov` or `dra-sriov`.', absent: 'an error' },
  deviceID: {
    does: 'The VF: its PCI address, or the name under which CDI knows it. Multus and the DRA driver write it.',
    absent: 'the plugin finds the VF that the pod’s ResourceClaim holds',
  },
  pciBusID: { does: 'The same as `deviceID`, which counts first. Multus writes both.', absent: 'as for `deviceID`' },
  resourceName: {
    does: 'Narrows the VFs of the pod’s claims to those of this resource, where the pod has several networks.',
    absent: 'every VF of the pod’s claims may be taken',
  },
  vfSelector: {
    does: 'Narrows the VFs of the pod’s claims. A VF is selected when every list that is there has one entry that fits; an empty list is as none.',
    absent: 'every VF of the pod’s claims may be taken',
    children: {
      pfNames: { does: 'Netdev names of PFs.', absent: 'any PF' },
      pfPciAddresses: { does: 'PCI addresses of PFs.', absent: 'any PF' },
      vendors: { does: 'PCI vendor IDs of VFs.', absent: 'any vendor' },
      devices: { does: 'PCI device IDs of VFs.', absent: 'any device' },
      drivers: { does: 'Drivers that VFs are bound to.', absent: 'any driver' },
      linkType: { does: 'Link type of the PF.', absent: 'any link type' },
    },
  },
  ...(Object.assign({}, ...settingTexts) as Readonly<Record<keyof ReturnType<typeof settingKeys>, KeyText>>),
  ipam: {
    does: 'The IPAM plugin that gives the interface its addresses and routes. It gets this whole config; its other keys are its own. `{}` is none. Its routes go beside those that the pod has to the same destinations: before them in IPv4, as next hops in IPv6.',
    absent: 'no addresses',
    ip: 'ip address add …; ip route prepend …',
    children: { type: { does: 'File name of the IPAM plugin in CNI_PATH.', absent: 'an error' } },
  },
  logLevel: {
    does: 'What is logged: this level and graver ones. `panic` means `error` and `verbose` means `debug`, for configs of sriov-cni. Any other value is warned about and means `info`.',
    absent: '`info`',
  },
  logFile: {
    does: 'File that log lines are appended to: in `/var/log/dra-sriov`, which is made where it is missing, or `/var/log/sriov*.log`, as for sriov-cni; where `DRA_SRIOV_LOG_DIR` names another directory, in that one only. Not a link, and of root’s alone to write. For any other value the lines go to standard error, after one that says why.',
    absent: 'standard error, which the runtime keeps',
  },
  runtimeConfig: {
    does: 'What the runtime passes for declared `capabilities`. What it has besides the keys below is not looked at: `ips`, for one, is the IPAM plugin’s.',
    absent: fromRuntime,
    children: {
      deviceID: { does: 'Counts before the top-level `deviceID` (capability `deviceID`).', absent: fromRuntime },
      CNIDeviceInfoFile: {
        does: 'Device information file of the VF (capability `CNIDeviceInfoFile`).',
        absent: fromRuntime,
      },
      mac: { does: 'MAC address from the pod’s annotation (capability `mac`).', absent: fromRuntime },
    },
  },
  args: {
    does: 'Arguments by name of their reader. This plugin reads `cni.mac`, from the annotation’s `cni-args`.',
    absent: 'nothing',
    children: {
      cni: {
        does: 'Arguments for every plugin.',
        absent: 'nothing',
        children: { mac: { does: 'MAC address of the VF.', absent: 'nothing' } },
      },
    },
  },
  prevResult: {
    does: 'Result of the plugins before this one in a chain, or, for CHECK and DEL, of ADD.',
    absent: fromRuntime,
  },
};
