import type { ErrorName } from '../src/cni/errors.ts';

/** Documentation of an error. */
interface ErrorText {
  readonly meaning: string;
  /** What a person can do about it. */
  readonly remedy: string;
  /** Typical causes. */
  readonly causes: readonly string[];
  /** A message (`msg`) with variable parts in braces; null if this plugin never gives that code. */
  readonly example: string | null;
}

export const errorReference: Readonly<Record<ErrorName, ErrorText>> = {
  incompatibleVersion: {
    meaning: 'incompatible CNI version',
    remedy: 'use a cniVersion that VERSION lists',
    causes: [
      'the config asks for a version of CNI that is too new',
      'the runtime calls CHECK for a config older than 0.4.0, or GC or STATUS for one older than 1.1.0',
    ],
    example: 'cniVersion: {"2.0.0"} is not supported; allowed: {0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0}',
  },
  unsupportedField: {
    meaning: 'unsupported field in the network config',
    remedy: 'the message names the key and the value',
    causes: ['a config written for ib-sriov-cni', 'a VLAN trunk, which only some drivers outside the kernel have'],
    example: '{unsupported} network config {"vf-test1"}: {guid}: {InfiniBand VFs are for ib-sriov-cni}',
  },
  unknownContainer: {
    meaning: 'unknown container',
    remedy: 'none needed: the runtime need not call DEL',
    causes: ['none: a DEL of what is unknown succeeds'],
    example: null,
  },
  invalidEnvironment: {
    meaning: 'invalid environment variable',
    remedy: 'the message names each variable',
    causes: [
      'the plugin was called by hand without all CNI_ variables',
      'CNI_ARGS has a key that is unknown, without IgnoreUnknown=1',
      'a DRA_SRIOV_ variable holds a relative path',
    ],
    example: 'CNI_ARGS: unknown keys {"COLOUR"}; allowed with IgnoreUnknown=1',
  },
  io: {
    meaning: 'I/O failure',
    remedy: 'see the message: path and errno',
    causes: ['the disk of /var/lib/cni is full or read-only', 'somebody else than root may write there'],
    example: "the attachment record can't be written: {write /var/lib/cni/dra-sriov/vf-test1/5f1c/net1.json}: ENOSPC",
  },
  decode: {
    meaning: 'failed to decode content',
    remedy: 'see the message: which text, and where in it',
    causes: [
      'the network config is not JSON',
      'a CDI spec or checkpoint of the driver is cut short',
      'the IPAM plugin printed something that is no result',
    ],
    example: '{the network config on stdin} is not JSON: {Unexpected token}',
  },
  invalidConfig: {
    meaning: 'invalid network config',
    remedy: 'run `dra-sriov validate FILE`',
    causes: ['a value outside of what is allowed', 'a key that needs another one'],
    example: '{invalid} network config {"vf-test1"}: {vlan: 5000} is not allowed; allowed: {an integer from 0 to 4094}',
  },
  invalidNetns: {
    meaning: 'CNI_NETNS is not usable',
    remedy: 'it must be a network namespace other than the host’s',
    causes: [
      'the pod ended while it was set up',
      'the plugin was called by hand with the namespace of the host, or a path that is none',
    ],
    example: "CNI_NETNS {/var/run/netns/cni-1} doesn't exist",
  },
  tryAgainLater: {
    meaning: 'try again later',
    remedy: 'another attachment holds the lock; the runtime retries',
    causes: [
      'another ADD or DEL of the same pod or VF takes longer than 30 s',
      'a run took more than 110 s, for example because its IPAM plugin waits for a server',
    ],
    example: 'the lock {vf-0000:3b:02.1} is held by {process 4242 (ADD of net1)} for more than {30000} ms',
  },
  notAvailable: {
    meaning: 'the plugin can’t serve ADD',
    remedy: 'the message says what is missing on the node',
    causes: [
      'sysfs is not mounted',
      'the state directory can’t be written',
      'the IPAM plugin of the network is missing',
    ],
    example: "{PCI devices can’t be listed}: {/sys/bus/pci/devices} doesn't exist",
  },
  limitedConnectivity: {
    meaning: 'limited connectivity',
    remedy: 'the message says what is missing on the node',
    causes: ['passed on from an IPAM plugin that says so'],
    example: null,
  },
  noVfForPod: {
    meaning: 'no VF found for this pod',
    remedy: 'the message lists every source that was looked at; check the ResourceClaim and the annotation’s count',
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
    meaning: 'sources contradict each other about the pod’s VF',
    remedy: 'the message names both; remove the stale one',
    causes: [
      'a stale CDI spec or checkpoint of an older driver',
      'a device ID that another pod’s claim has',
      'the claim and the device-info file name different VFs',
    ],
    example:
      'two sources give VF {0000:3b:02.1} to different networks: {a.yaml} says {vf-control}, {b.yaml} says {vf-data}; remove the stale one',
  },
  vfBusy: {
    meaning: 'the VF is in use',
    remedy: 'the message names the holder; delete that pod, or run GC',
    causes: [
      'two pods were given the same VF',
      'a pod is being replaced, and its old container still lives',
      'the host uses the VF: in a bond or bridge, with an address, a route, an XDP program, or a VLAN or macvlan on top',
      'a virtual machine has the VF of vfio-pci open',
    ],
    example: 'VF {0000:3b:02.1} is held by {net1 of container 5f1c (network vf-test1)}, which is alive',
  },
  vfMissing: {
    meaning: 'the PCI address is no VF of this node',
    remedy: 'a stale device ID, or VFs were re-created: restart the pod',
    causes: [
      'sriov_numvfs was changed after the claim was prepared',
      'the address is that of a PF, or of a card without SR-IOV',
      'in a virtual machine: no device plugin publishes the VF that was passed through',
    ],
    example: '{0000:3b:02.1} (from {deviceID}) is no PCI device of this node',
  },
  noDriver: {
    meaning: 'the VF has no driver or no netdev',
    remedy: 'bind a network driver or vfio-pci to the VF',
    causes: ['the VF’s driver is not loaded or was unbound', 'the driver failed to make a netdev: see dmesg'],
    example: 'VF {0000:3b:02.1} (from {deviceID}) has no driver bound: bind its network driver or vfio-pci',
  },
  pfMissing: {
    meaning: 'the VF’s PF or its netdev is missing',
    remedy: 'load the PF’s driver; the PF must be in the host’s network namespace',
    causes: ['the PF’s driver is not loaded', 'the PF’s netdev was moved into a pod'],
    example: "the PF {0000:3b:00.0} of VF {0000:3b:02.1} has no netdev in the host's network namespace",
  },
  settingRefused: {
    meaning: 'the kernel refused a setting',
    remedy: 'the message names key, value, PF, driver and errno; `dra-sriov probe` tells what the driver takes',
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
    meaning: 'the interface name is taken in the pod',
    remedy: 'choose another name in the annotation',
    causes: [
      'two networks of the annotation have the same interface name',
      'the name is that of the pod network, eth0',
    ],
    example: 'the pod has {an interface} called {net1} already',
  },
  rollbackIncomplete: {
    meaning: 'ADD failed and its rollback is incomplete',
    remedy: 'the record is kept: the next DEL, ADD or GC goes on',
    causes: ['the driver refused to take back a setting', 'the IPAM plugin’s DEL failed after its ADD'],
    example:
      'IPAM plugin {"host-local"} is not in CNI_PATH ({/opt/cni/bin}){ (code 111)}; and the rollback is incomplete: {bring the VF back to the host: EBUSY}',
  },
  detachIncomplete: {
    meaning: 'DEL could not give everything back',
    remedy: 'the record is kept: remove the obstacle, DEL is called again',
    causes: [
      'the IPAM plugin is gone or fails (for 5 minutes and 5 tries, then DEL succeeds)',
      'a netdev on the host took the VF’s name',
    ],
    example:
      'VF {0000:3b:02.1}, {net1 of container 5f1c (network vf-test1)}: not everything could be given back: {release the address: EIO}; the record is kept',
  },
  checkFailed: {
    meaning: 'CHECK found differences',
    remedy: 'the message lists each; restart the pod or undo the change',
    causes: ['somebody changed the interface in the pod', 'somebody changed the VF’s settings with ip link'],
    example: '{net1 of container 5f1c (network vf-test1)}: {VF 0 of PF ens1f0: spoofchk} is {off}, should be {on}',
  },
  ipamFailed: {
    meaning: 'the IPAM plugin failed',
    remedy: 'the message says how; it must be an executable in CNI_PATH',
    causes: [
      'the plugin of ipam.type is not installed',
      'it crashed, or took longer than a minute',
      'it gave no address, one that no interface can have, or an error with a code that CNI doesn’t have',
    ],
    example: 'IPAM plugin "{whereabouts}" is not in CNI_PATH ({/opt/cni/bin})',
  },
  alreadyAttached: {
    meaning: 'this container already has this attachment',
    remedy: 'DEL it before a second ADD',
    causes: ['the runtime calls ADD twice without DEL', 'two networks of the pod have one name and one interface name'],
    example: '{net1 of container 5f1c (network vf-test1)} is attached already, with VF {0000:3b:02.1}',
  },
  kernel: {
    meaning: 'a kernel operation failed',
    remedy: 'the message names operation, object and errno',
    causes: ['a race with something else that changes links', 'a limit of the kernel or of the container'],
    example: "{the route to 10.0.0.0/8} can't be added: {add route}: ENETUNREACH",
  },
  gcIncomplete: {
    meaning: 'GC could not reclaim everything',
    remedy: 'the message lists what is left; GC may be called again',
    causes: ['the same as for 109, for one of the attachments'],
    example:
      'VF {0000:3b:02.1}, {net1 of container 5f1c (network vf-test1)}: not everything could be given back: {release the address: EIO}; the record is kept',
  },
  duplicateAddress: {
    meaning: 'another host of the network has the address',
    remedy: 'the message names it; see that no two IPAM stores give addresses of one range',
    causes: [
      'host-local on several nodes with one range: each node gives its addresses again',
      'a host of the network has the address without IPAM’s knowledge',
    ],
    example: '{fd00:2::5/64}: another host of the network has this address; dmesg tells its MAC',
  },
  recordVersion: {
    meaning: 'an attachment record is of a newer version of this plugin',
    remedy: 'the record and its VF are left alone: install the newer version again, and let it DEL the pod',
    causes: ['the plugin was replaced by an older version while a pod lived'],
    example:
      'the attachment record{ vf-test1/5f1c/net1} is of version {2}, and this build reads up to {1}: a newer one wrote it',
  },
  notEthernet: {
    meaning: 'the VF is no Ethernet device',
    remedy: 'InfiniBand VFs are for ib-sriov-cni',
    causes: ['the card or its port is set to InfiniBand', 'the PCI address is of some other kind of network device'],
    example:
      'VF {0000:3b:02.1}: its {netdev} {ib1} is no Ethernet interface: it is {InfiniBand, which ib-sriov-cni is for}',
  },
  internal: {
    meaning: 'a bug in this plugin',
    remedy: 'report it with the details',
    causes: ['a fault of this plugin; `details` has the stack'],
    example: null,
  },
};
