// ADD of sriov-cni, the plugin whose place this one takes. If the environment variable SRIOV_CNI names the executable
// of a recent release, that runs; otherwise `ip` makes the netlink calls of its pkg/sriov in their order, and its files
// are written here.
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { peer } from '../support/peers.ts';
import { formatSriovCniAttachment, type SriovCniVfState } from '../support/sriov-cni-files.ts';
import type { VirtualFunction } from './lab.ts';
import type { LabCall, LabNode } from './lab-node.ts';

/** Path of sriov-cni on this machine; null where there is none. */
export const sriovCniExecutable: string | null = process.env['SRIOV_CNI'] ?? null;

/**
 * Path of sriov-cni 2.1.0, which knows no setting but `vlan` and keeps no record of what was; null where it can't be
 * built.
 */
export function oldSriovCniExecutable(): string | null {
  return peer('sriov', 'sriov-cni');
}

interface VfRecord {
  readonly address: string;
  readonly vlan_list?: readonly { readonly vlan?: number; readonly qos?: number }[];
  readonly rate: { readonly max_tx: number; readonly min_tx: number };
  readonly spoofchk: boolean;
  readonly trust: boolean;
}

type Conf = Readonly<Record<string, unknown>>;

/** Puts sriov-cni's executable into the guest, under its own name; again after a reboot. */
export async function installSriovCni(node: LabNode, executable: string): Promise<string> {
  const { host, guest } = node.lab.share;
  copyFileSync(executable, join(host, 'sriov-cni'));
  await node.sh(`cp ${guest}/sriov-cni ${node.pluginDir}/sriov-cni`);
  return `${node.pluginDir}/sriov-cni`;
}

/** Runs a verb of sriov-cni's executable, which has to succeed. */
export async function runSriovCni(
  node: LabNode,
  executable: string,
  command: 'ADD' | 'DEL',
  conf: Conf,
  call: LabCall = {},
): Promise<void> {
  const program = await installSriovCni(node, executable);
  const env = node.environment(command, call);
  const { status, stdout, stderr } = await node.lab.run([program], { env, stdin: JSON.stringify(conf) });
  if (status !== 0) throw new Error(`${command} of sriov-cni failed: ${stdout}\n${stderr}`);
}

async function stateOf(node: LabNode, vf: VirtualFunction): Promise<SriovCniVfState> {
  const record = (await node.vfInfo(vf)) as unknown as VfRecord;
  const { mtu, address } = await node.link(vf.netdev);
  return {
    HostIFName: vf.netdev,
    SpoofChk: record.spoofchk,
    Trust: record.trust,
    AdminMAC: record.address,
    EffectiveMAC: address,
    Vlan: record.vlan_list?.[0]?.vlan ?? 0,
    VlanQoS: record.vlan_list?.[0]?.qos ?? 0,
    VlanProto: 0x8100,
    MinTxRate: record.rate.min_tx,
    MaxTxRate: record.rate.max_tx,
    LinkState: 0,
    MTU: mtu,
  };
}

/** The MAC that sriov-cni takes, in lower case: of runtimeConfig, else of CNI_ARGS, else `mac`. */
function macOf(conf: Conf, call: LabCall): string | undefined {
  const inArgs = /(?:^|;)MAC=([^;]+)/.exec(call.args ?? '')?.[1];
  const { mac: atRuntime } = (conf['runtimeConfig'] ?? {}) as { readonly mac?: string };
  const mac = atRuntime ?? inArgs ?? (conf['mac'] as string | undefined) ?? '';
  return mac === '' ? undefined : mac.toLowerCase();
}

/** `ip link set PF vf N` for each setting, in the order of ApplyVFConfig. */
function settingCommands(vf: VirtualFunction, conf: Conf, mac: string | undefined): string[] {
  const has = (key: string): boolean => conf[key] !== undefined && conf[key] !== '';
  const set = (text: string): string => `ip link set ${vf.pf} vf ${vf.index} ${text}`;
  return [
    ...(has('vlan') ? [set(`vlan ${conf['vlan']} qos ${conf['vlanQoS'] ?? 0}`)] : []),
    ...(mac === undefined ? [] : [set(`mac ${mac}`)]),
    ...(has('max_tx_rate') ? [set(`max_tx_rate ${conf['max_tx_rate']}`)] : []),
    ...(has('spoofchk') ? [set(`spoofchk ${conf['spoofchk']}`)] : []),
    ...(has('trust') ? [set(`trust ${conf['trust']}`)] : []),
  ];
}

async function addByHand(node: LabNode, vf: VirtualFunction, conf: Conf, call: LabCall): Promise<void> {
  const pod = call.pod ?? 'pod1';
  const before = await stateOf(node, vf);
  const mac = macOf(conf, call);
  const inPod = `ip -n ${pod}`;
  await node.sh(
    [
      'set -e',
      ...settingCommands(vf, conf, mac),
      `ip link set ${vf.netdev} netns ${pod} name net1`,
      ...(mac === undefined ? [] : [`${inPod} link set net1 address ${mac}`]),
      `${inPod} link set net1 up`,
    ].join('\n'),
  );
  const { type } = (conf['ipam'] ?? {}) as { readonly type?: string };
  if (type !== undefined) await addAddresses(node, conf, call, inPod);
  const text = formatSriovCniAttachment(
    { ...conf, ...(mac === undefined ? {} : { mac }) },
    { pci: vf.pciAddress, pf: vf.pf, index: vf.index, before },
  );
  const { sriovCni } = node.paths;
  await node.sh(`mkdir -p -m 700 ${sriovCni} && mkdir -p -m 600 ${sriovCni}/pci`);
  await node.writeFile(`${sriovCni}/${call.containerId ?? pod}-net1`, text);
  await node.writeFile(`${sriovCni}/pci/${vf.pciAddress}`, `/run/netns/${pod}`);
  await node.sh(`chmod 600 ${sriovCni}/${call.containerId ?? pod}-net1 ${sriovCni}/pci/${vf.pciAddress}`);
}

interface IpamResult {
  readonly ips: readonly { readonly address: string; readonly gateway?: string }[];
  readonly routes?: readonly { readonly dst: string; readonly gw?: string }[];
}

async function addAddresses(node: LabNode, conf: Conf, call: LabCall, inPod: string): Promise<void> {
  const env = node.environment('ADD', call);
  const { stdout } = await node.lab.run([`${node.pluginDir}/host-local`], { env, stdin: JSON.stringify(conf) });
  const { ips, routes = [] } = JSON.parse(stdout) as IpamResult;
  for (const { address } of ips) await node.sh(`${inPod} addr add ${address} dev net1`);
  for (const { dst, gw = ips[0]?.gateway } of routes) await node.sh(`${inPod} route add ${dst} via ${gw} dev net1`);
}

/** Attaches a VF as sriov-cni does, as `net1`. */
export async function addBySriovCni(node: LabNode, vf: VirtualFunction, conf: Conf, call: LabCall = {}): Promise<void> {
  if (sriovCniExecutable === null) await addByHand(node, vf, conf, call);
  else await runSriovCni(node, sriovCniExecutable, 'ADD', conf, call);
}
