// What a node keeps over a power cut: programs, configuration, state.
import { copyFileSync, mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { runChecked } from '../lab/child.ts';
import { defaultNetwork, multusConfig } from '../lab/multus-node.ts';
import { type ApiUser, type ControlPlane, proxyKubeconfig } from './control-plane.ts';
import { controlPlaneAddress } from './network.ts';
import type { Programs } from './programs.ts';

export const registryPort = 5000;

const diskBytes = 6 * 2 ** 30;
const timeoutMs = 300_000;

/** Folders of the node that are on the disk. */
export const keptFolders = [
  '/etc/cni',
  '/etc/containerd',
  '/etc/kubernetes',
  '/opt',
  '/var/lib/cni',
  '/var/lib/containerd',
  '/var/lib/kubelet',
];
/** Folder of the CNI plugins. */
export const plugins = '/opt/cni/bin';
export const driverKubeconfig = '/etc/kubernetes/driver.kubeconfig';
const multusKubeconfig = '/etc/kubernetes/multus.kubeconfig';
export const pciIds = '/opt/node/pci.ids';
export const containerdSocket = '/run/containerd/containerd.sock';

const kubeletConfig = {
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  // The wire to it is the control plane's alone.
  authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
  authorization: { mode: 'AlwaysAllow' },
  cgroupDriver: 'cgroupfs',
  // Each pod gets a warning without an address, at which nobody answers here.
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
  for (const [name, source] of Object.entries(parts.programs.plugins)) put(`${plugins}/${name}`, source);
  for (const name of ['dra-sriov', 'sriov']) put(`${plugins}/${name}`, parts.executable);
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
  await runChecked(['mkfs.ext4', '-q', '-d', root, image], { timeoutMs });
  rmSync(root, { recursive: true });
}
