// The lab as a node that runs the plugin: executable and IPAM plugin in place, pods as namespaces, the DRA driver's
// files.
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { type CniCall, CniNode, type CniOutcome, cniVariables, outcomeOf } from '../support/cni-node.ts';
import { peer, peerSupports } from '../support/peers.ts';
import { type CommandResult, must } from './command.ts';
import type { BootOptions } from './emulated-lab.ts';
import type { Lab, VirtualFunction } from './lab.ts';
import { openLab } from './open-lab.ts';

export const executable = process.env['DRA_SRIOV_EXECUTABLE'] ?? join(import.meta.dirname, '../../dist/dra-sriov');

/** The newest version of the plugin and host-local both. Without Go, host-local is Debian's, which is older. */
export const cniVersion = peerSupports('host-local', '1.1.0') ? '1.1.0' : '1.0.0';

/** The value of a key that results have since CNI 1.1. */
export function since11(value: unknown): unknown {
  return cniVersion === '1.1.0' ? value : undefined;
}

/** In the guest, not on the share, which isn't cached: from there a program would be read again and again. */
const guestPluginDir = '/opt/cni/bin';
const callTimeoutMs = 120_000;

/** Where the node keeps what the plugin reads and writes. */
export interface LabPaths {
  readonly state: string;
  readonly cdi: string;
  readonly devinfo: string;
  readonly kubelet: string;
  /** host-local's store */
  readonly ipam: string;
  readonly sriovCni: string;
}

/** As on a node in the field; these are the plugin's and host-local's own defaults. */
export const nodePaths: LabPaths = {
  state: '/var/lib/cni/dra-sriov',
  cdi: '/var/run/cdi',
  devinfo: '/var/run/k8s.cni.cncf.io/devinfo',
  kubelet: '/var/lib/kubelet',
  ipam: '/var/lib/cni/networks',
  sriovCni: '/var/lib/cni/sriov',
};

function pathsBelow(directory: string): LabPaths {
  const below = (name: string): string => `${directory}/${name}`;
  return {
    state: below('state'),
    cdi: below('cdi'),
    devinfo: below('devinfo'),
    kubelet: below('kubelet'),
    ipam: below('ipam'),
    sriovCni: below('sriov'),
  };
}

export interface LabCall extends CniCall {
  /** Name of a pod made by `addPod`, '' for none; default `pod1`. */
  readonly pod?: string;
  /** Path of another plugin on the machine, whose files the lab sees. */
  readonly program?: string;
}

/** An interface as `ip -d -j addr show` prints it. */
export interface LabLink {
  readonly ifname: string;
  readonly address: string;
  readonly mtu: number;
  readonly flags: readonly string[];
  readonly parentdev?: string;
  readonly altnames?: readonly string[];
  readonly addr_info: readonly {
    readonly family: 'inet' | 'inet6';
    readonly local: string;
    readonly prefixlen: number;
    readonly scope: string;
    readonly tentative?: boolean;
    readonly optimistic?: boolean;
  }[];
}

type Json = Record<string, unknown>;

/**
 * Values that the kernel chooses anew, or that a driver keeps for itself (igbvf's permaddr is what the PF said at the
 * last reset). Besides the flag PROMISC, promiscuity counts what devices on top have asked for, and the kernel counts
 * that anew when the link is next opened (__dev_set_rx_mode).
 */
const volatileKeys = new Set(['ifindex', 'permaddr', 'link_netnsid', 'operstate', 'promiscuity']);

/** Flags of carrier: igb resets its card now and then, and carrier is back a little later. */
const carrierFlags = new Set(['NO-CARRIER', 'LOWER_UP']);

function pingOnce(target: string, from: string | undefined): readonly string[] {
  return ['ping', '-c', '1', '-W', '1', ...(from === undefined ? [] : ['-I', from]), target];
}

export class LabNode extends CniNode<true, LabCall> {
  readonly lab: Lab;
  readonly paths: LabPaths;
  readonly pluginDir: string;

  /** `paths`: a machine with real hardware has plugins and state of its own, so there all is in the share. */
  constructor(lab: Lab, paths: LabPaths) {
    super();
    const isGuest = lab.kind === 'emulated';
    this.lab = lab;
    this.paths = isGuest ? paths : pathsBelow(`${lab.share.guest}/node`);
    this.pluginDir = isGuest ? guestPluginDir : `${lab.share.guest}/bin`;
  }

  get driverDirs(): LabPaths {
    return this.paths;
  }

  /** Puts the plugin and host-local into the guest; again after a reboot. */
  async install(): Promise<void> {
    const { guest, host } = this.lab.share;
    const hostLocal = peer('host-local');
    copyFileSync(executable, join(host, 'dra-sriov'));
    if (hostLocal !== null) copyFileSync(hostLocal, join(host, 'host-local'));
    // Where this machine has none, the guest has Debian's.
    const ipam = hostLocal === null ? '/usr/lib/cni/host-local' : `${guest}/host-local`;
    const { cdi, devinfo, kubelet } = this.paths;
    await this.sh(`
      set -e
      mkdir -p ${this.pluginDir} ${cdi} ${devinfo}/dp ${devinfo}/cni ${kubelet}
      cp ${guest}/dra-sriov ${ipam} ${this.pluginDir}/
      ln -sf dra-sriov ${this.pluginDir}/sriov`);
  }

  /** Runs a script that has to succeed; returns its standard output. */
  sh(script: string, timeoutMs = callTimeoutMs): Promise<string> {
    return must(this.lab, script, { timeoutMs });
  }

  /** Output of `ip -d -j ARGS`. */
  async ip<T>(...args: readonly string[]): Promise<T> {
    const text = await must(this.lab, ['ip', '-d', '-j', ...args]);
    return (text.trim() === '' ? null : JSON.parse(text)) as T;
  }

  /** An interface of a pod (by default of the host), with its addresses. */
  async link(ifname: string, pod = ''): Promise<LabLink> {
    const [link] = await this.ip<[LabLink]>(...(pod === '' ? [] : ['-n', pod]), 'addr', 'show', ifname);
    return link;
  }

  /** The global address of a pod's interface. */
  async address(pod: string, ifname = 'net1', family: 'inet' | 'inet6' = 'inet'): Promise<string> {
    const { addr_info } = await this.link(ifname, pod);
    const found = addr_info.find((info) => info.family === family && info.scope === 'global');
    if (found === undefined) throw new Error(`${ifname} of ${pod} has no ${family} address`);
    return found.local;
  }

  /** A pod: a namespace with `lo` up. */
  async addPod(name: string): Promise<void> {
    await this.sh(`ip netns add ${name} && ip -n ${name} link set lo up`);
  }

  async removePod(name: string): Promise<void> {
    await this.sh(`ip netns del ${name}`);
  }

  conf(keys: Readonly<Json> = {}): Json {
    return { cniVersion, name: 'vf-test1', type: 'sriov', logLevel: 'info', ...keys };
  }

  ipam(subnet = '10.0.2.0/24', extra: Readonly<Json> = {}): Json {
    return { type: 'host-local', subnet, dataDir: this.paths.ipam, ...extra };
  }

  environment(command: string | undefined, call: LabCall): Record<string, string> {
    const pod = call.pod ?? 'pod1';
    const netns = pod === '' ? '' : `/run/netns/${pod}`;
    const variables = {
      DRA_SRIOV_STATE_DIR: this.paths.state,
      DRA_SRIOV_CDI_DIRS: this.paths.cdi,
      DRA_SRIOV_DEVINFO_DIR: this.paths.devinfo,
      DRA_SRIOV_KUBELET_DIR: this.paths.kubelet,
      DRA_SRIOV_SRIOV_CNI_DIR: this.paths.sriovCni,
      ...cniVariables(command, { containerId: pod, netns, ...call }, this.pluginDir),
    };
    return Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== undefined)) as Record<
      string,
      string
    >;
  }

  /** Runs one verb of the plugin, or of another plugin. */
  async cni(command: string | undefined, conf: unknown = this.conf(), call: LabCall = {}): Promise<CniOutcome> {
    const { status, stdout, stderr }: CommandResult = await this.lab.run([call.program ?? `${this.pluginDir}/sriov`], {
      env: this.environment(command, call),
      stdin: typeof conf === 'string' ? conf : JSON.stringify(conf),
      timeoutMs: callTimeoutMs,
    });
    return outcomeOf(status, stdout, stderr);
  }

  /** Runs the tool for operators, with the node's own directories. */
  operate(...argv: readonly string[]): Promise<CommandResult> {
    const { CNI_PATH = '', ...others } = this.environment('', {});
    const paths = Object.fromEntries(Object.entries(others).filter(([name]) => name.startsWith('DRA_SRIOV_')));
    return this.lab.run([`${this.pluginDir}/dra-sriov`, ...argv], {
      env: { ...paths, CNI_PATH },
      timeoutMs: callTimeoutMs,
    });
  }

  /** Whether an address answers a ping from inside a pod within a second, for addresses that have to stay silent. */
  async ping(pod: string, target: string, from?: string): Promise<boolean> {
    const argv = ['ip', 'netns', 'exec', pod, ...pingOnce(target, from)];
    return (await this.lab.run(argv, { timeoutMs: 60_000 })).status === 0;
  }

  /**
   * Whether an address answers within two minutes, for addresses that have to answer. igbvf looks for its link every
   * two seconds, so after a reset of the PF that may be seconds later than ADD's end.
   */
  async reaches(pod: string, target: string, from?: string): Promise<boolean> {
    const untilReply = ['timeout', '120', 'sh', '-c', 'until "$@"; do :; done', 'sh'];
    const argv = ['ip', 'netns', 'exec', pod, ...untilReply, ...pingOnce(target, from)];
    return (await this.lab.run(argv, { timeoutMs: 150_000 })).status === 0;
  }

  /** The PF's record of a VF, as `ip -d -j link show PF` prints it. */
  async vfInfo(vf: VirtualFunction): Promise<Json> {
    const [pf] = await this.ip<[{ vfinfo_list: Json[] }]>('link', 'show', vf.pf);
    const info = pf.vfinfo_list.find((entry) => entry['vf'] === vf.index);
    if (info === undefined) throw new Error(`${vf.pf} has no VF ${vf.index}`);
    return info;
  }

  /** All that ADD may change and DEL must give back, as other programs see it. */
  async picture(): Promise<unknown> {
    const links = await this.ip<Json[]>('link', 'show');
    const files = await this.sh(`
      find ${this.paths.state} ${this.paths.ipam} ${this.paths.sriovCni} -type f 2>/dev/null | grep -v -e '/last_reserved_ip' -e '/lock$' -e '/.swept$' -e '/.failures' -e '/vf_lock/' | sort || true`);
    const stable = ({ flags, ...link }: Json): Json => {
      const kept = Object.entries(link).filter(([key]) => !volatileKeys.has(key));
      return { ...Object.fromEntries(kept), flags: (flags as string[]).filter((flag) => !carrierFlags.has(flag)) };
    };
    const byName = (one: Json, other: Json): number => String(one['ifname']).localeCompare(String(other['ifname']));
    return { links: links.map(stable).sort(byName), files };
  }

  /** Addresses that host-local's store holds, with the container that each is for. */
  async leases(network = 'vf-test1'): Promise<Readonly<Record<string, string>>> {
    const script =
      'cd "$0" 2>/dev/null || exit 0; for ip in [0-9]*; do [ -e "$ip" ] && echo "$ip $(head -n 1 "$ip")"; done';
    const text = await must(this.lab, ['sh', '-c', `${script}; true`, `${this.paths.ipam}/${network}`]);
    return Object.fromEntries(text.split('\n').flatMap((line) => (line === '' ? [] : [line.trim().split(' ')])));
  }

  /**
   * The CDI specs that the DRA driver leaves: one for the pod, one for the claim; `network`: of all VFs, or of each.
   */
  async writeClaim(
    podUid: string,
    claimUid: string,
    vfs: readonly VirtualFunction[],
    network: string | readonly string[] = 'vf-test1',
  ): Promise<void> {
    const networkOf = (at: number): string => (typeof network === 'string' ? network : (network[at] ?? ''));
    await this.writePodSpec(
      podUid,
      vfs.map((vf) => vf.pciAddress),
    );
    await this.writeClaimSpec(
      claimUid,
      vfs.map((vf, at) => [vf.pciAddress, networkOf(at)]),
    );
  }

  /** Removes these files, as the driver does when its pods have ended. */
  async removeClaims(): Promise<void> {
    await this.sh(`rm -rf ${this.paths.cdi}/* ${this.paths.devinfo}/dp/*`);
  }

  /** Writes a file in the guest. */
  async writeFile(path: string, content: string): Promise<void> {
    await must(this.lab, ['tee', path], { stdin: content });
  }
}

export interface LabNodeOptions extends BootOptions {
  /** How many VFs each PF has; default 2 of the first. */
  readonly vfs?: readonly number[];
  /** True to keep state, IPAM store and the driver's files on the share, so that they survive a reboot. */
  readonly keepState?: boolean;
}

export interface OpenedNode {
  readonly node: LabNode;
  readonly vfs: readonly VirtualFunction[];
}

/** A fresh node with pods `pod1` and `pod2` and VFs; the caller has to shut its lab down. */
export async function openLabNode(options: LabNodeOptions): Promise<OpenedNode> {
  const lab = await openLab(options);
  try {
    const node = new LabNode(lab, options.keepState === true ? pathsBelow(`${lab.share.guest}/node`) : nodePaths);
    await node.install();
    const vfs: VirtualFunction[] = [];
    for (const [index, count] of (options.vfs ?? [2]).entries()) {
      const pf = lab.pfs[index];
      if (pf === undefined) throw new Error(`the lab has no PF ${index}`);
      vfs.push(...(await lab.createVfs(pf.name, count)));
    }
    await node.addPod('pod1');
    await node.addPod('pod2');
    return { node, vfs };
  } catch (thrown) {
    await lab.shutdown();
    throw thrown;
  }
}

/** Opens a node for one test, and shuts it down afterwards. */
export async function withLabNode(
  options: LabNodeOptions,
  body: (node: LabNode, vfs: readonly VirtualFunction[]) => Promise<void>,
): Promise<void> {
  const { node, vfs } = await openLabNode(options);
  try {
    await body(node, vfs);
  } finally {
    await node.lab.shutdown();
  }
}

/** The VF at a place in the list, which must be there. */
export function nth(vfs: readonly VirtualFunction[], index: number): VirtualFunction {
  const vf = vfs[index];
  if (vf === undefined) throw new Error(`no VF ${index}`);
  return vf;
}
