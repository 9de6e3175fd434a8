// The cluster's node: the lab's virtual machine with containerd, kubelet, Multus, the DRA driver and the plugin.
import { type BackgroundCommand, type CommandResult, must, type RunOptions } from '../lab/command.ts';
import type { EmulatedLab } from '../lab/emulated-lab.ts';
import type { VirtualFunction } from '../lab/lab.ts';
import { LabError } from '../lab/lab-error.ts';
import { LabNode, nodePaths } from '../lab/lab-node.ts';
import { type Kit, kitPath } from '../lab/setup/kit.ts';
import { containerdSocket, driverKubeconfig, keptFolders, pciIds, plugins } from './disk.ts';
import { nodeAddress } from './network.ts';

const nodeName = 'node1';
export const driverName = 'sriovnetwork.k8snetworkplumbingwg.io';
export const driverNamespace = 'dra-driver-sriov';

const slowTimeoutMs = 300_000;
const socketTimeoutMs = 240_000;
const withPath = `PATH=/opt/node/bin:${plugins}:$PATH`;
/** The DRA driver's mode is in it; no such file means MULTUS. */
const driverMode = '/run/driver-mode';

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

const logOf = (name: Service): string => `/node/log/${name}.log`;

const driverSettings = [
  `NODE_NAME=${nodeName}`,
  `NAMESPACE=${driverNamespace}`,
  `KUBECONFIG=${driverKubeconfig}`,
  `PCIDB_PATH=${pciIds}`,
  'NRI_PLUGIN_NAME=dra-driver-sriov NRI_PLUGIN_IDX=42',
  `CONFIGURATION_MODE=$(cat ${driverMode} 2>/dev/null || echo MULTUS)`,
].join(' ');

/** Go collects garbage less often, for which there is memory; also in what the services start, runc and Multus. */
const goSettings = 'GOGC=400';

const commands: Readonly<Record<Service, string>> = {
  containerd: 'containerd',
  kubelet: [
    // The kubelet asks after pods again and again, and containerd gives up on a container's end after 10 s.
    'nice -n 10 kubelet',
    '--config=/etc/kubernetes/kubelet.json',
    '--kubeconfig=/etc/kubernetes/kubelet.kubeconfig',
    `--hostname-override=${nodeName}`,
    `--node-ip=${nodeAddress}`,
    // An emulated CPU is long at the containers' statistics, and nobody looks at them.
    '--housekeeping-interval=1m',
  ].join(' '),
  'dra-driver': `env ${driverSettings} dra-driver`,
};

/** Each is there when its service is ready. */
const sockets: Readonly<Record<Service, string>> = {
  containerd: containerdSocket,
  kubelet: '/var/lib/kubelet/pod-resources/kubelet.sock',
  'dra-driver': `/var/lib/kubelet/plugins_registry/${driverName}-reg.sock`,
};

export class ClusterNode {
  /** Looks at VFs, records and addresses. */
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
    return must(this.lab, `${withPath}\n${script}`, { timeoutMs });
  }

  /** Runs a program, which may be one of the node's own. */
  run(argv: readonly string[], options: RunOptions): Promise<CommandResult> {
    return this.lab.run(['sh', '-c', `${withPath}; exec "$@"`, 'sh', ...argv], options);
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
    const log = logOf(name);
    // A service that was killed leaves its socket behind.
    const script = `rm -f ${socket}; ${withPath}; export ${goSettings}
      exec ${commands[name]} >>${log} 2>&1`;
    const service = await this.lab.start(['sh', '-c', script]);
    this.#services.set(name, service);
    const wait = `until [ -e ${socket} ]; do kill -0 ${service.pid} || exit 1; sleep 0.2; done`;
    const limit = String(socketTimeoutMs / 1000);
    const { status } = await this.lab.run(['timeout', limit, 'sh', '-c', wait], { timeoutMs: slowTimeoutMs });
    if (status !== 0) throw new LabError('boot', `${name} opens no ${socket}:\n${await this.sh(`tail -n 40 ${log}`)}`);
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

  /** The plugin that networks of type sriov get is that program, as on a node that has had no other. */
  async putPlugin(name: 'dra-sriov' | 'sriov-cni'): Promise<void> {
    await this.sh(`cd ${plugins} && rm -f sriov.before-dra-sriov && cp ${name} sriov.new && mv sriov.new sriov`);
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
      `grep -E '^[EWF][0-9]{4} |level=(warning|error|fatal)|^panic|^Error' ${logOf(name)} |
        grep -v DRAResourceHealth | tail -n 15`;
    const parts: Readonly<Record<string, string>> = {
      'dra-driver, the last that it did': `tail -n 15 ${logOf('dra-driver')}`,
      ...Object.fromEntries(services.map((name) => [`${name}, complaints`, complaintsOf(name)])),
      doctor: `${plugins}/dra-sriov doctor 2>&1 | head -n 60`,
    };
    const told = Object.entries(parts).map(
      async ([title, script]) => `--- ${title}\n${await this.sh(`(${script}) | cut -c -1000`)}`,
    );
    return (await Promise.all(told)).join('');
  }
}
