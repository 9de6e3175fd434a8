import { join } from 'node:path';
import process from 'node:process';
import type { SiteOptions } from '../../crash/site.ts';
import { must } from '../command.ts';
import type { VirtualFunction } from '../lab.ts';
import type { LabNode } from '../lab-node.ts';

/** A run takes minutes where the guest's CPU is emulated. */
const timeoutMs = 24 * 60_000;

/** A VF of the lab as a site. Its driver treats the MAC differently if the PF trusts it. */
export function labSite(node: LabNode, vf: VirtualFunction, trust: 'on' | 'off'): SiteOptions {
  const mac = '02:00:00:00:01:01';
  const settings = { vlan: 100, vlanQoS: 3, spoofchk: 'off', trust, max_tx_rate: 200, mtu: 1400, mac };
  const range = { rangeStart: '10.0.2.7', rangeEnd: '10.0.2.7', routes: [{ dst: '10.9.0.0/16' }] };
  const ipam = node.ipam('10.0.2.0/24', range);
  return {
    onHost: [],
    executable: `${node.pluginDir}/sriov`,
    environment: { ...node.environment('', {}), PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    pluginDirs: node.pluginDir,
    conf: node.conf({ cniVersion: '1.0.0', deviceID: vf.pciAddress, ...settings, ipam }),
    pods: ['/run/netns/pod1', '/run/netns/pod2'],
    stateDir: node.paths.state,
    ipamDir: node.paths.ipam,
    log: '/tmp/strace.log',
    ownMac: { netdev: vf.netdev, other: '02:00:00:00:09:09' },
  };
}

/** Runs a program of test/crash in the guest, which sees this machine's files; returns what it prints. */
export async function runInLab(node: LabNode, program: string, argument: unknown): Promise<string> {
  const path = join(import.meta.dirname, '../../crash', program);
  const argv = [process.execPath, '--disable-warning=ExperimentalWarning', path, JSON.stringify(argument)];
  return await must(node.lab, argv, { timeoutMs });
}
