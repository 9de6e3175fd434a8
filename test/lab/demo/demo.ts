// npm run demo: a node with emulated SR-IOV cards plays the reference demo, without the cluster around it. This script
// leaves the DRA driver's files where the driver leaves them, takes the network config of the example, and calls the
// plugin as Multus would. Each command that it prints is one that ran, as printed: real drivers, a real move between
// namespaces, real pings.
import { statSync } from 'node:fs';
import process from 'node:process';
import type { CniErrorJson, CniResultJson } from '../../support/cni-node.ts';
import { holdsNode } from '../../support/executable-kind.ts';
import { bootLab, type EmulatedLab } from '../emulated-lab.ts';
import type { VirtualFunction } from '../lab.ts';
import { LabError as SetupError } from '../lab-error.ts';
import { executable, type LabCall, LabNode, nodePaths } from '../lab-node.ts';
import { readDemoManifest } from './manifest.ts';
import { chapter, command, output, say, table, verdict } from './narration.ts';

const timeoutMs = 60_000;
const configFile = '/tmp/network.json';
const manifest = readDemoManifest();
const pods = ['pod0-a', 'pod0-b'] as const;
const ifnames = manifest.annotation.split(',').map((_, index) => `net${index + 1}`);

interface Attachment {
  readonly pod: string;
  readonly ifname: string;
  readonly vf: VirtualFunction;
  readonly address: string;
  readonly result: unknown;
  readonly ms: number;
}

let failures = 0;

function judge(good: boolean, text: string): void {
  if (!good) failures++;
  verdict(good, text);
}

function claimOf(vfs: readonly VirtualFunction[], pod: string): readonly VirtualFunction[] {
  const first = pods.indexOf(pod as (typeof pods)[number]) * ifnames.length;
  return vfs.slice(first, first + ifnames.length);
}

function callOf(pod: string, ifname: string): LabCall {
  const names = `K8S_POD_NAMESPACE=${manifest.namespace};K8S_POD_NAME=${pod}`;
  return { pod, ifname, args: `IgnoreUnknown=true;${names};K8S_POD_UID=uid-${pod}` };
}

interface Shown {
  readonly status: number;
  readonly stdout: string;
  readonly ms: number;
}

/** Shows a line of shell, and runs it. */
async function run(node: LabNode, line: string): Promise<Shown> {
  command(line);
  const begin = performance.now();
  const { status, stdout } = await node.lab.sh(line, { timeoutMs });
  return { status, stdout, ms: performance.now() - begin };
}

/** As `run`; also shows what the line prints. */
async function show(node: LabNode, line: string): Promise<Shown> {
  const shown = await run(node, line);
  if (shown.stdout !== '') output(shown.stdout);
  return shown;
}

/** A verb of the plugin, as a line of shell, without the node's own directories. */
function cniLine(node: LabNode, verb: string, pod: string, ifname: string, file = configFile): string {
  const { args = '', ...call } = callOf(pod, ifname);
  const settings = Object.entries(node.environment(verb, call))
    .filter(([name]) => name.startsWith('CNI_'))
    .map(([name, value]) => `${name}=${value}`);
  return [settings.join(' '), `CNI_ARGS='${args}'`, `${node.pluginDir}/sriov <${file}`].join(' \\\n');
}

async function prepare(node: LabNode, vfs: readonly VirtualFunction[]): Promise<void> {
  chapter('1. What the DRA driver leaves on the node for two pods with a claim of count 2 each');
  for (const pod of pods) {
    await node.addPod(pod);
    await node.writeClaim(`uid-${pod}`, `claim-${pod}`, claimOf(vfs, pod), manifest.network);
    for (const vf of claimOf(vfs, pod)) await node.writeDeviceInfo('sriov/vf', vf.pciAddress);
  }
  await show(node, 'ls /var/run/cdi /var/run/k8s.cni.cncf.io/devinfo/dp');
  chapter(`2. The network, unmodified from ${manifest.path}; the pods would carry "${manifest.annotation}"`);
  await node.writeFile(configFile, manifest.config);
  await show(node, `cat ${configFile}`);
}

async function attach(node: LabNode, pod: string, ifname: string, vf: VirtualFunction): Promise<Attachment> {
  const { status, stdout, ms } = await run(node, cniLine(node, 'ADD', pod, ifname));
  if (status !== 0) throw new Error(`ADD failed: ${stdout}`);
  const result = JSON.parse(stdout) as CniResultJson;
  const [made] = result.interfaces;
  const address = result.ips?.[0]?.address ?? '';
  const [link] = await node.ip<[{ parentdev?: string }]>('-n', pod, 'link', 'show', ifname);
  judge(link.parentdev === vf.pciAddress, `${pod} ${ifname}: VF ${vf.pciAddress}, ${made?.mac}, ${address}`);
  return { pod, ifname, vf, address: address.replace(/\/.*/, ''), result, ms };
}

async function attachAll(node: LabNode, vfs: readonly VirtualFunction[]): Promise<Attachment[]> {
  chapter('3. ADD, once for each network of each pod, as Multus would call it; the plugin finds the VFs by itself');
  const attached: Attachment[] = [];
  for (const pod of pods) {
    for (const [index, ifname] of ifnames.entries()) {
      const vf = claimOf(vfs, pod)[index];
      if (vf === undefined) throw new Error(`the claim of ${pod} has no VF ${index}`);
      attached.push(await attach(node, pod, ifname, vf));
    }
  }
  return attached;
}

async function inspect(node: LabNode, attached: readonly Attachment[], vfs: readonly VirtualFunction[]): Promise<void> {
  chapter('4. What the pod and the PF show');
  await show(node, `ip -n ${pods[0]} -brief address`);
  await show(node, `ip link show ${vfs[0]?.pf}`);
  const infos = await Promise.all(attached.map(({ vf }) => node.vfInfo(vf)));
  judge(
    infos.every((info) => {
      const [vlan] = info['vlan_list'] as [{ vlan?: number }];
      return (vlan.vlan ?? 0) === 0 && info['spoofchk'] === true && info['trust'] === true;
    }),
    'no VLAN, spoofchk on, trust on, as the config asks',
  );
}

async function talk(node: LabNode, attached: readonly Attachment[]): Promise<void> {
  chapter('5. The pods talk on each interface');
  for (const ifname of ifnames) {
    const target = attached.find((one) => one.pod === pods[1] && one.ifname === ifname)?.address ?? '';
    const { status } = await show(node, `ip netns exec ${pods[0]} ping -q -I ${ifname} -c 3 ${target}`);
    judge(status === 0, `${pods[0]} reaches ${target} over ${ifname}`);
  }
}

async function check(node: LabNode, attached: readonly Attachment[]): Promise<void> {
  chapter('6. CHECK: all as it should be; and it notices when something isn’t');
  say('  The files hold the network and the result of ADD, as prevResult.');
  const fileOf = ({ pod, ifname }: Attachment): string => `/tmp/${pod}-${ifname}.json`;
  for (const one of attached) {
    const withResult = { ...(JSON.parse(manifest.config) as object), prevResult: one.result };
    await node.writeFile(fileOf(one), JSON.stringify(withResult));
    const { status } = await show(node, cniLine(node, 'CHECK', one.pod, one.ifname, fileOf(one)));
    judge(status === 0, `CHECK ${one.pod} ${one.ifname}`);
  }
  const [one] = attached;
  if (one === undefined) return;
  await run(node, `ip link set ${one.vf.pf} vf ${one.vf.index} spoofchk off`);
  const { stdout } = await show(node, cniLine(node, 'CHECK', one.pod, one.ifname, fileOf(one)));
  judge((JSON.parse(stdout) as CniErrorJson).msg.includes('spoofchk'), 'CHECK names what was changed');
  await run(node, `ip link set ${one.vf.pf} vf ${one.vf.index} spoofchk on`);
}

async function detachAll(node: LabNode, attached: readonly Attachment[], before: unknown): Promise<number[]> {
  chapter('7. The pods end: DEL for each interface, and everything is as it was');
  const times: number[] = [];
  for (const one of attached) {
    const { status, stdout, ms } = await run(node, cniLine(node, 'DEL', one.pod, one.ifname));
    judge(status === 0, `DEL ${one.pod} ${one.ifname}${stdout}`);
    times.push(ms);
  }
  const after = await node.picture();
  judge(JSON.stringify(after) === JSON.stringify(before), 'VFs, PF settings, addresses and records are as before');
  await show(node, `ip -brief link show ${attached[0]?.vf.netdev}`);
  return times;
}

function summarise(lab: EmulatedLab, attached: readonly Attachment[], delMs: readonly number[]): void {
  chapter('Summary');
  const rows = attached.map((one, at) => {
    const [ms, del] = [one.ms, delMs[at] ?? 0].map((value) => `${value.toFixed(0)} ms`);
    return [one.pod, one.ifname, one.vf.pciAddress, one.address, ms ?? '', del ?? ''];
  });
  table([['pod', 'interface', 'VF', 'address', 'ADD', 'DEL'], ...rows]);
  say(
    `  The times are from the call to the answer, across the virtual machine's serial port${lab.isCpuEmulated ? ', of an emulated CPU' : ''}.`,
  );
}

function describeExecutable(): string {
  const { size } = statSync(executable);
  const kind = holdsNode(executable) ? 'the one on Node, for development (README.md, Install)' : 'the native one';
  return `the executable dist/dra-sriov, ${(size / 1e6).toFixed(1)} MB, ${kind}`;
}

async function play(lab: EmulatedLab): Promise<void> {
  const node = new LabNode(lab, nodePaths);
  await node.install();
  const [pf] = lab.pfs;
  if (pf === undefined) throw new Error('the lab has no PF');
  const vfs = await lab.createVfs(pf.name, pods.length * ifnames.length);
  say(
    `A node with PF ${pf.name} (${pf.pciAddress}, igb) and ${vfs.length} VFs (igbvf), emulated by QEMU; ${describeExecutable()}.`,
  );
  say(
    'No Kubernetes, DRA driver or Multus runs here: this script leaves what the driver would, and calls the plugin as Multus would.',
  );
  await prepare(node, vfs);
  const before = await node.picture();
  const attached = await attachAll(node, vfs);
  await inspect(node, attached, vfs);
  await talk(node, attached);
  await check(node, attached);
  summarise(lab, attached, await detachAll(node, attached, before));
}

async function main(): Promise<void> {
  const begin = performance.now();
  const lab = await bootLab();
  try {
    await play(lab);
  } finally {
    await lab.shutdown();
  }
  const seconds = ((performance.now() - begin) / 1000).toFixed(0);
  say(`\n${failures === 0 ? 'The demo succeeded' : `The demo FAILED in ${failures} places`} after ${seconds} s.`);
  process.exitCode = failures === 0 ? 0 : 1;
}

try {
  await main();
} catch (error) {
  // An error about the machine is told in one sentence, without a stack.
  if (!(error instanceof SetupError)) throw error;
  process.stderr.write(`demo: ${error.message}\n`);
  process.exitCode = 1;
}
