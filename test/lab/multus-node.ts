// A node of a cluster with Multus, in the lab: plays container runtime, kubelet and DRA driver.
import { dirname, join } from 'node:path';
import { Cluster, type ClusterPod } from '../support/cluster.ts';
import { peerDir } from '../support/peers.ts';
import type { CommandResult } from './command.ts';
import type { LabNode } from './lab-node.ts';

const kubeconfig = '/etc/cni/net.d/multus.d/multus.kubeconfig';
const kubeletSocket = '/var/lib/kubelet/pod-resources/kubelet.sock';
/** In the guest. */
const programs = '/opt/kubernetes';
const callTimeoutMs = 120_000;
const attempts = 5;

/** 4.3.0 passes on the name of a CDI device, or a device plugin's ID; 4.0.2 knows device plugins only. */
type MultusVersion = '4.3.0' | '4.0.2';

/** The pod's first network, as another plugin makes it. */
export const defaultNetwork = {
  cniVersion: '1.0.0',
  name: 'pod-network',
  type: 'ptp',
  ipam: { type: 'host-local', subnet: '10.244.0.0/24', routes: [{ dst: '0.0.0.0/0' }] },
};

/** Multus' own configuration. */
export function multusConfig(kubeconfigFile: string, network: object): object {
  return {
    cniVersion: '1.0.0',
    name: 'multus-cni-network',
    type: 'multus',
    kubeconfig: kubeconfigFile,
    delegates: [network],
  };
}

export interface MultusCall {
  readonly version?: MultusVersion;
  /** The namespace, '' for none; default `pod1`. */
  readonly netns?: string;
}

interface CachedConf {
  readonly config: string;
}

export class MultusNode {
  readonly node: LabNode;
  readonly cluster: Cluster;

  constructor(node: LabNode) {
    this.node = node;
    this.cluster = new Cluster(join(node.lab.share.host, 'objects'));
  }

  get #objects(): string {
    return `${this.node.lab.share.guest}/objects`;
  }

  /** Starts the API server and the kubelet (test/peers/kubernetes/node); they end with the lab. */
  async start(): Promise<void> {
    // From this machine's files the programs would be read piece by piece while Multus' time runs out, so they are
    // copied.
    await this.node.sh(`
      set -e
      mkdir -p ${programs} ${dirname(kubeconfig)}
      cp ${peerDir('kubernetes')}/* ${programs}/
      cp ${peerDir('multus-4.0')}/multus ${programs}/multus-4.0
      cp ${peerDir()}/ptp ${this.node.pluginDir}/`);
    const paths = { objects: this.#objects, kubeconfig, kubelet: kubeletSocket };
    const flags = Object.entries(paths).map(([name, path]) => `-${name}=${path}`);
    await this.node.lab.start([`${programs}/node`, ...flags]);
    await this.node.sh(`timeout 100 sh -c 'until [ -e ${kubeconfig} ]; do sleep 0.1; done'`);
  }

  /** Prepares all claims of the cluster, as the DRA driver does. */
  async prepare(): Promise<void> {
    await this.node.sh(`${programs}/dra-driver -objects ${this.#objects}`);
  }

  /** Removes claims, pods, networks and the driver's files. */
  async forget(): Promise<void> {
    this.cluster.clear();
    const { cdi, devinfo } = this.node.paths;
    await this.node.sh(`rm -rf ${cdi}/* ${devinfo}/dp ${devinfo}/cni`);
  }

  /** Adds the pod to its networks, as the runtime does. Throws where Multus fails. */
  async add(pod: ClusterPod, call: MultusCall = {}): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const { status, stdout, stderr } = await this.#multus('ADD', pod, call);
      if (status === 0) return;
      // Multus gives the API server a quarter of a second. A kubelet tries again, too.
      if (attempt === attempts || !stdout.includes('context deadline exceeded')) {
        throw new Error(`Multus ADD failed: ${stdout}\n${stderr}`);
      }
      await this.delete(pod, call);
    }
  }

  /** Takes the pod off its networks, as the runtime does. Throws where Multus fails. */
  async delete(pod: ClusterPod, call: MultusCall = {}): Promise<void> {
    const { status, stdout, stderr } = await this.#multus('DEL', pod, call);
    if (status !== 0) throw new Error(`Multus DEL failed: ${stdout}\n${stderr}`);
  }

  #multus(command: 'ADD' | 'DEL', pod: ClusterPod, call: MultusCall): Promise<CommandResult> {
    return this.node.lab.run([`${programs}/${call.version === '4.0.2' ? 'multus-4.0' : 'multus'}`], {
      env: this.#environment(command, pod, call.netns ?? 'pod1'),
      stdin: JSON.stringify(multusConfig(kubeconfig, defaultNetwork)),
      timeoutMs: callTimeoutMs,
    });
  }

  /** The `deviceID` that Multus put into the config for one interface; undefined where it put none. */
  async passedDeviceId(pod: ClusterPod, network: string, ifname: string): Promise<string | undefined> {
    const file = `/var/lib/cni/multus/results/${network}-${containerId(pod)}-${ifname}`;
    const cached = JSON.parse(await this.node.sh(`cat ${file}`)) as CachedConf;
    const config = JSON.parse(Buffer.from(cached.config, 'base64').toString()) as { deviceID?: string };
    return config.deviceID;
  }

  #environment(command: string, pod: ClusterPod, netns: string): Record<string, string> {
    const args = {
      IgnoreUnknown: '1',
      K8S_POD_NAMESPACE: pod.namespace,
      K8S_POD_NAME: pod.name,
      K8S_POD_INFRA_CONTAINER_ID: containerId(pod),
      K8S_POD_UID: pod.uid,
    };
    return {
      ...this.node.environment(command, { containerId: containerId(pod), ifname: 'eth0', pod: netns }),
      CNI_ARGS: Object.entries(args)
        .map(([key, value]) => `${key}=${value}`)
        .join(';'),
    };
  }
}

/** Of 64 hexadecimal digits, as a container runtime's. */
function containerId(pod: ClusterPod): string {
  return pod.uid.replaceAll('-', '').repeat(2);
}
