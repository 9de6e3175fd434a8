// The cluster's node: the lab's virtual machine with containerd, kubelet, Multus, the DRA driver and the plugin. What a
// node keeps on its disk is on a disk here too, so that it survives a power cut.
import { copyFileSync, mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { runChecked } from '../lab/child.ts';
import { type BackgroundCommand, must } from '../lab/command.ts';
import type { EmulatedLab } from '../lab/emulated-lab.ts';
import type { VirtualFunction } from '../lab/lab.ts';
import { LabError } from '../lab/lab-error.ts';
import { LabNode, nodePaths } from '../lab/lab-node.ts';
import { defaultNetwork, multusConfig } from '../lab/multus-node.ts';
import { type Kit, kitPath } from '../lab/setup/kit.ts';
import { type ApiUser, type ControlPlane, proxyKubeconfig } from './control-plane.ts';
import { controlPlaneAddress, nodeAddress } from './network.ts';
import type { Programs } from './programs.ts';

const nodeName = 'node1';
export const registryPort = 5000;
export const driverName = 'sriovnetwork.k8snetworkplumbingwg.io';
export const driverNamespace = 'dra-driver-sriov';

const diskBytes = 6 * 2 ** 30;
const slowTimeoutMs = 300_000;
const socketTimeoutMs = 240_000;
/** Of the disk, by where the node has them. */
const keptFolders = [
  '/etc/cni',
  '/etc/containerd',
  '/etc/kubernetes',
  '/opt',
  '/var/lib/cni',
  '/var/lib/containerd',
  '/var/lib/kubelet',
];
const multusKubeconfig = '/etc/kubernetes/multus.kubeconfig';
const driverKubeconfig = '/etc/kubernetes/driver.kubeconfig';
/** Of the DRA driver; without this file it is MULTUS. */
const driverMode = '/run/driver-mode';
const pciIds = '/opt/node/pci.ids';
const containerdSocket = '/run/containerd/containerd.sock';

const kubeletConfig = {
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  // The wire to it is the control plane's alone.
  authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
  authorization: { mode: 'AlwaysAllow' },
  cgroupDriver: 'cgroupfs',
  // Nobody answers there; without it each pod gets a warning.
  clusterDNS: ['10.96.0.10'],
  containerRuntimeEndpoint: `unix://${containerdSocket}`,
  enforceNodeAllocatable: [],
  failSwapOn: false,
  // The guest's kernel has no iptables.
  makeIPTablesUtilChains: false,
  evictionHard: { 'memory.available': '1Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
  imageGCHighThresholdPercent: 100,
  resolvConf: '',
  runtimeRequestTimeout: '10m0s',
  // A pod whose start failed is looked at again after so long.
  syncFrequency: '10s',
  volumePluginDir: '/var/lib/kubelet/volume-plugins',
};

const containerdConfig = `version = 3
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = 'registry.k8s.io/pause:3.10'
[plugins.'io.containerd.cri.v1.images'.registry]
config_path = '/etc/containerd/certs.d'
[plugins.'io.containerd.cri.v1.runtime']
disable_apparmor = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
use_internal_loopback = true
[plugins.'io.containerd.nri.v1.nri']
plugin_registration_timeout = '1m'
plugin_request_timeout = '1m'
`;

const registryHosts = `[host.'http://${controlPlaneAddress}:${registryPort}']
capabilities = ['pull', 'resolve']
`;

export interface NodeParts {
  readonly programs: Programs;
  /** Path of the plugin's executable. */
  readonly executable: string;
  readonly controlPlane: ControlPlane;
}

/** Writes the image of the node's disk: programs, configuration, no state. */
export async function makeDisk(image: string, parts: NodeParts): Promise<void> {
  const root = `${image}.root`;
  const put = (path: string, source: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    copyFileSync(source, join(root, path));
  };
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  for (const folder of keptFolders) mkdirSync(join(root, folder), { recursive: true });
  for (const [name, source] of Object.entries(parts.programs.node)) put(`/opt/node/bin/${name}`, source);
  for (const [name, source] of Object.entries(parts.programs.plugins)) put(`/opt/cni/bin/${name}`, source);
  for (const name of ['dra-sriov', 'sriov']) put(`/opt/cni/bin/${name}`, parts.executable);
  if (parts.programs.pciIds !== null) put(pciIds, parts.programs.pciIds);
  const accounts: readonly (readonly [string, ApiUser])[] = [
    ['/etc/kubernetes/kubelet.kubeconfig', 'node'],
    [driverKubeconfig, 'admin'],
  ];
  for (const [path, user] of accounts) put(path, parts.controlPlane.kubeconfigOf(user));
  write(multusKubeconfig, proxyKubeconfig);
  write('/etc/kubernetes/kubelet.json', JSON.stringify(kubeletConfig));
  write('/etc/containerd/config.toml', containerdConfig);
  write('/etc/containerd/certs.d/_default/hosts.toml', registryHosts);
  write('/etc/cni/net.d/00-multus.conf', JSON.stringify(multusConfig(multusKubeconfig, defaultNetwork)));
  mkdirSync(join(root, 'log'));
  writeFileSync(image, '');
  truncateSync(image, diskBytes);
  await runChecked(['mkfs.ext4', '-q', '-d', root, image], { timeoutMs: slowTimeoutMs });
  rmSync(root, { recursive: true });
}

function bootScript(kit: Kit): string {
  const modules = kitPath.clusterModules(kit);
  return `set -e
    while read -r module parameters; do
      /run/lab/busybox insmod ${modules}/$module.ko $parameters
    done <${modules}/order
    mkdir -p /node
    mount /dev/vda /node
    for folder in ${keptFolders.join(' ')}; do
      mkdir -p $folder
      mount --bind /node$folder $folder
    done
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    mount --make-rshared /
    uplink=$(ls /sys/bus/virtio/drivers/virtio_net/virtio*/net)
    ip link set $uplink name uplink
    ip addr add ${nodeAddress}/24 dev uplink
    ip link set uplink up
    echo 1 >/proc/sys/net/ipv4/ip_forward
    echo ${nodeName} >/proc/sys/kernel/hostname
    mkdir -p /run/netns /var/run/cdi /var/lib/kubelet/plugins_registry`;
}

const services = ['containerd', 'kubelet', 'dra-driver'] as const;
type Service = (typeof services)[number];

const driverSettings = [
  `NODE_NAME=${nodeName}`,
  `NAMESPACE=${driverNamespace}`,
  `KUBECONFIG=${driverKubeconfig}`,
  `PCIDB_PATH=${pciIds}`,
  'NRI_PLUGIN_NAME=dra-driver-sriov NRI_PLUGIN_IDX=42',
  `CONFIGURATION_MODE=$(cat ${driverMode} 2>/dev/null || echo MULTUS)`,
].join(' ');

/** Also for what they start, runc and Multus among them: Go collects garbage less often, for which there is memory. */
const goSettings = 'GOGC=400';

const commands: Readonly<Record<Service, string>> = {
  containerd: 'containerd',
  kubelet: [
    // It asks after pods again and again, and containerd gives up on a container's end after 10 s.
    'nice -n 10 kubelet',
    '--config=/etc/kubernetes/kubelet.json',
    '--kubeconfig=/etc/kubernetes/kubelet.kubeconfig',
    `--hostname-override=${nodeName}`,
    `--node-ip=${nodeAddress}`,
    // Nobody looks at the containers' statistics, which an emulated CPU is long at.
    '--housekeeping-interval=1m',
  ].join(' '),
  'dra-driver': `env ${driverSettings} dra-driver`,
};

/** There when the service is ready. */
const sockets: Readonly<Record<Service, string>> = {
  containerd: containerdSocket,
  kubelet: '/var/lib/kubelet/pod-resources/kubelet.sock',
  'dra-driver': `/var/lib/kubelet/plugins_registry/${driverName}-reg.sock`,
};

export class ClusterNode {
  /** For looking at VFs, records and addresses. */
  readonly node: LabNode;
  readonly lab: EmulatedLab;
  readonly #kit: Kit;
  readonly #services = new Map<Service, BackgroundCommand>();
  vfs: readonly VirtualFunction[] = [];

  constructor(lab: EmulatedLab, kit: Kit) {
    this.lab = lab;
    this.#kit = kit;
    this.node = new LabNode(lab, nodePaths);
  }

  /** Runs a script that has to succeed; returns its standard output. */
  sh(script: string, timeoutMs = slowTimeoutMs): Promise<string> {
    return must(this.lab, `PATH=/opt/node/bin:$PATH\n${script}`, { timeoutMs });
  }

  /** What a node does when it boots: mounts its disk, makes its VFs, starts its services. */
  async start(vfsOfEach: number): Promise<void> {
    await this.sh(bootScript(this.#kit));
    const vfs: VirtualFunction[] = [];
    for (const pf of this.lab.pfs) vfs.push(...(await this.lab.createVfs(pf.name, vfsOfEach)));
    this.vfs = vfs;
    for (const name of services) await this.startService(name);
  }

  /** Starts one, and waits for its socket. */
  async startService(name: Service): Promise<void> {
    const socket = sockets[name];
    // One that was killed leaves its socket behind.
    const script = `rm -f ${socket}; PATH=/opt/node/bin:$PATH; export ${goSettings}
      exec ${commands[name]} >>/node/log/${name}.log 2>&1`;
    const service = await this.lab.start(['sh', '-c', script]);
    this.#services.set(name, service);
    const wait = `until [ -e ${socket} ]; do kill -0 ${service.pid} || exit 1; sleep 0.2; done`;
    const limit = String(socketTimeoutMs / 1000);
    const { status } = await this.lab.run(['timeout', limit, 'sh', '-c', wait], { timeoutMs: slowTimeoutMs });
    if (status !== 0) throw new LabError('boot', `${name} opens no ${socket}:\n${await this.log(name)}`);
  }

  async stopService(name: Service, signal: 'TERM' | 'KILL' = 'TERM'): Promise<void> {
    await this.#services.get(name)?.stop(signal);
    this.#services.delete(name);
  }

  async restartService(name: Service, signal: 'TERM' | 'KILL' = 'TERM'): Promise<void> {
    await this.stopService(name, signal);
    await this.startService(name);
  }

  async setDriverMode(mode: 'MULTUS' | 'STANDALONE'): Promise<void> {
    await this.sh(`echo ${mode} >${driverMode}`);
    await this.restartService('dra-driver');
  }

  /** Pulls the plug, and boots again. */
  async cutPower(vfsOfEach: number): Promise<void> {
    this.#services.clear();
    await this.lab.reboot();
    await this.start(vfsOfEach);
  }

  /** What tells why something failed: complaints of the services, what the driver did last, what doctor finds. */
  async evidence(): Promise<string> {
    // The kubelet asks every 5 s for a service that few drivers have.
    const complaintsOf = (name: Service): string =>
      `grep -E '^[EWF][0-9]{4} |level=(warning|error|fatal)|^panic|^Error' /node/log/${name}.log |
        grep -v DRAResourceHealth | tail -n 15`;
    const parts: Readonly<Record<string, string>> = {
      'dra-driver, the last that it did': 'tail -n 15 /node/log/dra-driver.log',
      ...Object.fromEntries(services.map((name) => [`${name}, complaints`, complaintsOf(name)])),
      doctor: '/opt/cni/bin/dra-sriov doctor 2>&1 | head -n 60',
    };
    const told = Object.entries(parts).map(
      async ([title, script]) => `--- ${title}\n${await this.sh(`(${script}) | cut -c -1000`)}`,
    );
    return (await Promise.all(told)).join('');
  }

  /** The end of a service's log. */
  log(name: Service, lines = 40): Promise<string> {
    return this.sh(`tail -n ${lines} /node/log/${name}.log`);
  }
}
