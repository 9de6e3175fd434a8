// The programs of a cluster: built by scripts/peers.sh, or Debian's.
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { LabError } from '../lab/lab-error.ts';
import type { Progress } from '../lab/progress.ts';
import { provideDebianPackage } from '../lab/setup/debian-package.ts';
import { sriovCniExecutable } from '../lab/sriov-cni.ts';
import { peerDir } from '../support/peers.ts';

export interface Programs {
  /** Folder of etcd, the control plane's programs and kubectl, links to one program. */
  readonly controlPlane: string;
  /** Paths of the node's programs here, by the name that they have there. */
  readonly node: Readonly<Record<string, string>>;
  /** CNI plugins of the node, the same way. */
  readonly plugins: Readonly<Record<string, string>>;
  /** Names of PCI devices, without which dra-driver-sriov finds none; null for the driver of ours. */
  readonly pciIds: string | null;
}

const kubernetesNames = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubectl'];

/** Builds or finds all of them; `folder` gets the links. */
export async function providePrograms(folder: string, progress: Progress): Promise<Programs> {
  const cluster = peerDir('cluster');
  const containerd = peerDir('containerd');
  if (cluster === '' || containerd === '') {
    throw new LabError('setup', 'Kubernetes and containerd are not built, which takes Go 1.26 and a Go module proxy');
  }
  const kube = join(cluster, 'kube');
  const controlPlane = join(folder, 'bin');
  mkdirSync(controlPlane);
  for (const name of kubernetesNames) symlinkSync(kube, join(controlPlane, name));
  const driver = process.env['DRA_DRIVER'];
  const runc = await provideDebianPackage('runc', progress);
  return {
    controlPlane,
    node: {
      kubelet: kube,
      'dra-driver': driver ?? join(cluster, 'dra-driver'),
      containerd: join(containerd, 'containerd'),
      'containerd-shim-runc-v2': join(containerd, 'containerd-shim-runc-v2'),
      ctr: join(containerd, 'ctr'),
      runc: join(runc, 'usr/sbin/runc'),
    },
    plugins: {
      multus: process.env['MULTUS'] ?? join(peerDir('kubernetes'), 'multus'),
      ptp: join(peerDir(), 'ptp'),
      'host-local': join(peerDir(), 'host-local'),
      ...(sriovCniExecutable === null ? {} : { 'sriov-cni': sriovCniExecutable }),
    },
    pciIds:
      driver === undefined ? null : join(await provideDebianPackage('pci.ids', progress), 'usr/share/misc/pci.ids'),
  };
}
