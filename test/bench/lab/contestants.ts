import { copyFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { VirtualFunction } from '../../lab/lab.ts';
import type { LabNode } from '../../lab/lab-node.ts';
import { installSriovCni, oldSriovCniExecutable, sriovCniExecutable } from '../../lab/sriov-cni.ts';
import { peer } from '../../support/peers.ts';
import { nativeExecutable } from '../subjects.ts';

export const our = 'dra-sriov';
/** The names of its contestants begin with this. */
export const sriovCni = 'sriov-cni';

/** A plugin in the guest. */
export interface Contestant {
  readonly name: string;
  /** The path of its executable in the guest, on a file system in memory. */
  readonly program: string;
  readonly executableMb: number;
  /** Whether it sets VLAN, spoofchk and the like. */
  readonly hasSettings: boolean;
  /** The keys with which its config names a VF. */
  readonly vfKeys: (vf: VirtualFunction) => Readonly<Record<string, unknown>>;
}

const byDeviceId: Contestant['vfKeys'] = (vf) => ({ type: 'sriov', deviceID: vf.pciAddress });

/**
 * The plugin, host-device of the CNI project, and sriov-cni: the executable that SRIOV_CNI names, else 2.1.0, of 2019.
 * host-device moves a device as sriov-cni does and leaves out all else (the PF's settings, its own records, waiting for
 * the carrier); so does sriov-cni 2.1.0, but for `vlan`.
 */
export async function createContestants(node: LabNode): Promise<readonly Contestant[]> {
  const hostDevice = peer('host-device');
  if (hostDevice === null) throw new Error('host-device is not among the CNI programs that scripts/peers.sh provides');
  const { host, guest } = node.lab.share;
  copyFileSync(hostDevice, join(host, 'host-device'));
  copyFileSync(nativeExecutable, join(host, 'dra-sriov'));
  await node.sh(`cp ${guest}/host-device ${guest}/dra-sriov ${node.pluginDir}/`);
  const megabytes = (path: string): number => statSync(path).size / 1e6;
  const all: Contestant[] = [
    {
      name: our,
      program: `${node.pluginDir}/dra-sriov`,
      executableMb: megabytes(nativeExecutable),
      hasSettings: true,
      vfKeys: byDeviceId,
    },
    {
      name: 'host-device',
      program: `${node.pluginDir}/host-device`,
      executableMb: megabytes(hostDevice),
      hasSettings: false,
      vfKeys: (vf) => ({ type: 'host-device', pciBusID: vf.pciAddress }),
    },
  ];
  const executable = sriovCniExecutable ?? oldSriovCniExecutable();
  if (executable === null) return all;
  const isOld = sriovCniExecutable === null;
  const program = await installSriovCni(node, executable);
  const name = isOld ? `${sriovCni}-2.1.0` : sriovCni;
  return [...all, { name, program, executableMb: megabytes(executable), hasSettings: !isOld, vfKeys: byDeviceId }];
}
