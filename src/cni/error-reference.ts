import type { ErrorName } from './errors.ts';

/** What the documents say of an error beyond its meaning and remedy (errors.ts). No part of the program. */
export interface ErrorText {
  /** Typical causes. */
  readonly causes: readonly string[];
  /** A message (`msg`), what varies in braces; null where this plugin never gives that code. */
  readonly example: string | null;
}

export const errorReference: Readonly<Record<ErrorName, ErrorText>> = {
  incompatibleVersion: {
    causes: [
      'the config asks for a version of CNI that is too new',
      'the runtime calls CHECK for a config older than 0.4.0, or GC or STATUS for one older than 1.1.0',
    ],
    example: 'cniVersion: {"2.0.0"} is not supported',
  },
  unsupportedField: {
    causes: ['a config written for ib-sriov-cni', 'a VLAN trunk, which only some drivers outside the kernel have'],
    example: '{unsupported} network config {"vf-test1"}: {guid}: {InfiniBand VFs are for ib-sriov-cni}',
  },
  unknownContainer: { causes: ['none: a DEL of what is unknown succeeds'], example: null },
  invalidEnvironment: {
    causes: [
      'the plugin was called by hand without all CNI_ variables',
      'CNI_ARGS has a key that is unknown, without IgnoreUnknown=1',
      'a DRA_SRIOV_ variable holds a relative path',
    ],
    example: 'CNI_ARGS: unknown keys {"COLOUR"}; allowed with IgnoreUnknown=1',
  },
  io: {
    causes: ['the disk of /var/lib/cni is full or read-only', 'somebody else than root may write there'],
    example: "the attachment record can't be written: {write /var/lib/cni/dra-sriov/vf-test1/5f1c/net1.json}: ENOSPC",
  },
  decode: {
    causes: [
      'the network config is not JSON',
      'a CDI spec or checkpoint of the driver is cut short',
      'the IPAM plugin printed something that is no result',
    ],
    example: '{the network config on stdin} is not JSON: {Unexpected token}',
  },
  invalidConfig: {
    causes: ['a value outside of what is allowed', 'a key that needs another one'],
    example: '{invalid} network config {"vf-test1"}: {vlan: 5000} is not allowed; allowed: {an integer from 0 to 4094}',
  },
  invalidNetns: {
    causes: [
      'the pod ended while it was set up',
      'the plugin was called by hand with the namespace of the host, or a path that is none',
    ],
    example: "CNI_NETNS {/var/run/netns/cni-1} doesn't exist",
  },
  tryAgainLater: {
    causes: [
      'another ADD or DEL of the same pod or VF takes longer than 30 s',
      'a run took more than 110 s, for example because its IPAM plugin waits for a server',
    ],
    example: 'the lock {vf-0000:3b:02.1} is held by {process 4242 (ADD of net1)} for more than {30000} ms',
  },
  notAvailable: {
    causes: [
      'sysfs is not mounted',
      'the state directory can’t be written',
      'the IPAM plugin of the network is missing',
    ],
    example: "{PCI devices can’t be listed}: {/sys/bus/pci/devices} doesn't exist",
  },
  limitedConnectivity: { causes: ['passed on from an IPAM plugin that says so'], example: null },
  noVfForPod: {
    causes: [
      'more networks in the annotation than VFs in the claims',
      'the claim names another network (netAttachDefName)',
      'resourceName or vfSelector rules all VFs out',
      'the pod has no ResourceClaim, or the DRA driver did not prepare it',
    ],
    example:
      'no VF is left for network {"vf-test1"} of {pod default/web (UID 6f2d8a0c)}: {all 2 VFs} of {per-pod CDI spec /var/run/cdi/x.yaml} ruled out: {0000:3b:02.1 held by net1 of container 5f1c}',
  },
  contradictorySources: {
    causes: [
      'a stale CDI spec or checkpoint of an older driver',
      'a device ID that another pod’s claim has',
      'the claim and the device-info file name different VFs',
    ],
    example:
      'two sources give VF {0000:3b:02.1} to different networks: {a.yaml} says {vf-control}, {b.yaml} says {vf-data}; remove the stale one',
  },
  vfBusy: {
    causes: [
      'two pods were given the same VF',
      'a pod is being replaced, and its old container still lives',
      'the host uses the VF: in a bond or bridge, with an address, a route, an XDP program, or a VLAN or macvlan on top',
      'a virtual machine has the VF of vfio-pci open',
    ],
    example: 'VF {0000:3b:02.1} is held by {net1 of container 5f1c (network vf-test1)}, which is alive',
  },
  vfMissing: {
    causes: [
      'sriov_numvfs was changed after the claim was prepared',
      'the address is that of a PF, or of a card without SR-IOV',
      'in a virtual machine: no device plugin publishes the VF that was passed through',
    ],
    example: '{0000:3b:02.1} (from {deviceID}) is no PCI device of this node',
  },
  noDriver: {
    causes: ['the VF’s driver is not loaded or was unbound', 'the driver failed to make a netdev: see dmesg'],
    example: 'VF {0000:3b:02.1} (from {deviceID}) has no driver bound: bind its network driver or vfio-pci',
  },
  pfMissing: {
    causes: ['the PF’s driver is not loaded', 'the PF’s netdev was moved into a pod'],
    example: "the PF {0000:3b:00.0} of VF {0000:3b:02.1} has no netdev in the host's network namespace",
  },
  settingRefused: {
    causes: [
      'the driver does not know the setting: igb has no link state, many have no min_tx_rate',
      'the rates of all VFs together exceed what the PF has',
      'a PF’s firmware or its switch forbids it',
      'in a virtual machine: the PF, which alone could set it, is the hypervisor’s',
    ],
    example:
      '{min_tx_rate = 100}: refused for VF {0} ({0000:3b:02.1}) of PF {ens1f0}, driver {igb}: {set VF 0 of ens1f0}: EINVAL',
  },
  interfaceNameTaken: {
    causes: [
      'two networks of the annotation have the same interface name',
      'the name is that of the pod network, eth0',
    ],
    example: 'the pod has {an interface} called {net1} already',
  },
  rollbackIncomplete: {
    causes: ['the driver refused to take back a setting', 'the IPAM plugin’s DEL failed after its ADD'],
    example:
      'IPAM plugin {"host-local"} is not in CNI_PATH ({/opt/cni/bin}){ (code 111)}; and the rollback is incomplete: {bring the VF back to the host: EBUSY}',
  },
  detachIncomplete: {
    causes: [
      'the IPAM plugin is gone or fails (for 5 minutes and 5 tries, then DEL succeeds)',
      'a netdev on the host took the VF’s name',
    ],
    example:
      'VF {0000:3b:02.1}, {net1 of container 5f1c (network vf-test1)}: not everything could be given back: {release the address: EIO}; the record is kept',
  },
  checkFailed: {
    causes: ['somebody changed the interface in the pod', 'somebody changed the VF’s settings with ip link'],
    example: '{net1 of container 5f1c (network vf-test1)}: {VF 0 of PF ens1f0: spoofchk} is {off}, should be {on}',
  },
  ipamFailed: {
    causes: [
      'the plugin of ipam.type is not installed',
      'it crashed, or took longer than a minute',
      'it gave no address, one that no interface can have, or an error with a code that CNI doesn’t have',
    ],
    example: 'IPAM plugin "{whereabouts}" is not in CNI_PATH ({/opt/cni/bin})',
  },
  alreadyAttached: {
    causes: ['the runtime calls ADD twice without DEL', 'two networks of the pod have one name and one interface name'],
    example: '{net1 of container 5f1c (network vf-test1)} is attached already, with VF {0000:3b:02.1}',
  },
  kernel: {
    causes: ['a race with something else that changes links', 'a limit of the kernel or of the container'],
    example: "{the route to 10.0.0.0/8} can't be added: {add route}: ENETUNREACH",
  },
  gcIncomplete: {
    causes: ['the same as for 109, for one of the attachments'],
    example:
      'VF {0000:3b:02.1}, {net1 of container 5f1c (network vf-test1)}: not everything could be given back: {release the address: EIO}; the record is kept',
  },
  duplicateAddress: {
    causes: [
      'host-local on several nodes with one range: each node gives its addresses again',
      'a host of the network has the address without IPAM’s knowledge',
    ],
    example: '{fd00:2::5/64}: another host of the network has this address; dmesg tells its MAC',
  },
  recordVersion: {
    causes: ['the plugin was replaced by an older version while a pod lived'],
    example:
      'the attachment record{ vf-test1/5f1c/net1} is of version {2}, and this build reads up to {1}: a newer one wrote it',
  },
  notEthernet: {
    causes: ['the card or its port is set to InfiniBand', 'the PCI address is of some other kind of network device'],
    example:
      'VF {0000:3b:02.1}: its {netdev} {ib1} is no Ethernet interface: it is {InfiniBand, which ib-sriov-cni is for}',
  },
  internal: { causes: ['a fault of this plugin; `details` has the stack'], example: null },
};
