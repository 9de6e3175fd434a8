import type { ConfKey } from '../src/config/schema.ts';

/** What people read about a key, in editors (JSON Schema) and in docs/configuration.md. */
export interface KeyText {
  readonly does: string;
  /** What an absent key means. */
  readonly absent: string;
  /** The `ip` command that does the same; PF, N, NAME stand for the PF's netdev, the VF's number and the pod's interface. */
  readonly ip?: string;
  /** Kernels and drivers where it matters. */
  readonly needs?: string;
  readonly children?: Readonly<Record<string, KeyText>>;
}

const kept = 'the VF keeps what it has';

const fromRuntime = 'nothing; the runtime writes it, not the author of the config';

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
  vlan: {
    does: 'VLAN whose tag the PF puts on frames from the VF and takes off frames to it. 0 is no VLAN.',
    absent: `${kept}, and no VLAN operation is done: a trunk or an InfiniBand VF stays as it is`,
    ip: 'ip link set PF vf N vlan VLAN',
  },
  vlanQoS: {
    does: 'Priority (802.1p) in the VLAN tag. Other than 0 only with a `vlan` other than 0.',
    absent: '0 where `vlan` is given',
    ip: 'ip link set PF vf N vlan VLAN qos QOS',
  },
  vlanProto: {
    does: 'Protocol of the VLAN tag, in any case. 802.1ad only with a `vlan` other than 0.',
    absent: '802.1q where `vlan` is given',
    ip: 'ip link set PF vf N vlan VLAN proto 802.1ad',
    needs: 'Linux 4.9 for 802.1ad; most drivers refuse it (EPROTONOSUPPORT)',
  },
  mac: {
    does: 'MAC address of the VF. `runtimeConfig.mac` counts before `args.cni.mac`, that before `MAC` in CNI_ARGS, and this last.',
    absent: kept,
    ip: 'ip link set PF vf N mac MAC; ip link set NAME address MAC',
    needs: 'a VF that is not trusted may only carry the MAC its PF gave it, so the PF is told first',
  },
  mtu: {
    does: 'MTU of the pod’s interface, at most that of the PF. 0 is as if it were absent.',
    absent: kept,
    ip: 'ip link set NAME mtu MTU',
    needs: 'a netdev: ignored, with a warning, for a VF bound to vfio-pci',
  },
  spoofchk: {
    does: 'Whether the PF drops frames from the VF that carry another MAC than the VF’s.',
    absent: kept,
    ip: 'ip link set PF vf N spoofchk on|off',
    needs: 'Linux 3.2; some drivers can’t turn it off (EOPNOTSUPP)',
  },
  trust: {
    does: 'Whether the VF may change its MAC and receive promiscuously.',
    absent: kept,
    ip: 'ip link set PF vf N trust on|off',
    needs: 'Linux 4.4',
  },
  link_state: {
    does: 'Link that the VF sees: that of the PF (`auto`), always up, or always down.',
    absent: kept,
    ip: 'ip link set PF vf N state auto|enable|disable',
    needs: 'Linux 3.11; igb does not have it',
  },
  min_tx_rate: {
    does: 'Guaranteed transmit rate in Mbit/s, at most `max_tx_rate` unless that is 0. 0 is none.',
    absent: `0 where \`max_tx_rate\` is given, else ${kept}`,
    ip: 'ip link set PF vf N min_tx_rate MIN max_tx_rate MAX',
    needs: 'Linux 3.16; many drivers refuse any but 0 (EINVAL)',
  },
  max_tx_rate: {
    does: 'Limit of the transmit rate in Mbit/s. 0 is no limit.',
    absent: `0 where \`min_tx_rate\` is given, else ${kept}`,
    ip: 'ip link set PF vf N min_tx_rate MIN max_tx_rate MAX',
    needs: 'Linux 3.16',
  },
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
