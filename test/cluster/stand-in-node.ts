// A node as the control plane knows it, without a machine: its object in the API, and a DRA driver that finds VFs in a
// stand-in for sysfs. Its pods are scheduled, and their claims allocated; nothing starts them.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ControlPlane } from './control-plane.ts';

export const nodeName = 'node1';
export const driverNamespace = 'dra-driver-sriov';

/** Two cards with so many VFs each, as in the lab. */
const cards = [
  { bus: '01', netdev: 'ens1f0' },
  { bus: '02', netdev: 'ens2f0' },
];
const vfsOfEach = 7;
const functionsOfDevice = 8;

export interface StandInVf {
  readonly pciAddress: string;
  readonly pf: string;
}

function vfAddress(bus: string, index: number): string {
  const number = 2 * index;
  return `0000:${bus}:1${Math.floor(number / functionsOfDevice)}.${number % functionsOfDevice}`;
}

/** Fills a folder as /sys/bus/pci/devices. */
function makeDevices(folder: string): readonly StandInVf[] {
  const describe = (address: string, files: Readonly<Record<string, string>>): string => {
    const device = join(folder, address);
    mkdirSync(device, { recursive: true });
    for (const [name, content] of Object.entries(files)) writeFileSync(join(device, name), `${content}\n`);
    return device;
  };
  return cards.flatMap(({ bus, netdev }) => {
    const pf = describe(`0000:${bus}:00.0`, { vendor: '0x8086', device: '0x10c9', numa_node: '0' });
    mkdirSync(join(pf, 'net', netdev), { recursive: true });
    return Array.from({ length: vfsOfEach }, (_, index) => {
      const pciAddress = vfAddress(bus, index);
      describe(pciAddress, { vendor: '0x8086', device: '0x10ca', numa_node: '0' });
      symlinkSync(`../${pciAddress}`, join(pf, `virtfn${index}`));
      return { pciAddress, pf: netdev };
    });
  });
}

/** In mount namespaces of its own the driver sees that folder in sysfs, and keeps its files to itself. */
const driverScript = `set -e
mount -t tmpfs tmpfs /var/lib
mkdir -p /var/lib/kubelet/plugins_registry
mount --bind "$1" /sys/bus/pci/devices
exec "$2"`;

/** Starts the driver, and makes the node known. */
export async function startStandInNode(
  controlPlane: ControlPlane,
  folder: string,
  driver: string,
): Promise<readonly StandInVf[]> {
  const devices = join(folder, 'devices');
  const vfs = makeDevices(devices);
  const settings = [`NODE_NAME=${nodeName}`, `NAMESPACE=${driverNamespace}`, `KUBECONFIG=${controlPlane.kubeconfig}`];
  const environment = [...settings, 'CONFIGURATION_MODE=MULTUS'];
  const shell = ['unshare', '--mount', '--', 'sh', '-c', driverScript, 'sh', devices, driver];
  const node = {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: nodeName, labels: { 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64' } },
  };
  await controlPlane.apply([node]);
  const resources = { cpu: '8', memory: '8Gi', pods: '110' };
  const ready = { type: 'Ready', status: 'True', reason: 'StandIn', message: 'no kubelet runs' };
  const status = { capacity: resources, allocatable: resources, conditions: [ready] };
  const patch = ['patch', 'node', nodeName, '--subresource=status', '--type=merge', '-p', JSON.stringify({ status })];
  await controlPlane.must(patch);
  await controlPlane.must(['taint', 'node', nodeName, 'node.kubernetes.io/not-ready-']);
  controlPlane.run('dra-driver', ['env', ...environment, ...shell]);
  return vfs;
}
