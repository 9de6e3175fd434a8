// npm run demo: a node with emulated SR-IOV cards plays the reference demo. The DRA driver's files lie where the driver leaves
// them, the network config is the example's, and this script calls the plugin as Multus would. Every line of it is real:
// real drivers, a real move between namespaces, real pings.
import process from 'node:process';
import { bootLab } from '../emulated-lab.ts';
import type { Lab, VirtualFunction } from '../lab.ts';
import { LabNode, nodePaths } from '../lab-node.ts';
import { readDemoManifest } from './manifest.ts';
import { chapter, command, output, say, table, verdict } from './narration.ts';

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

function callOf(pod: string, ifname: string): { pod: string; ifname: string; args: string } {
  const names = `K8S_POD_NAMESPACE=${manifest.namespace};K8S_POD_NAME=${pod}`;
  return { pod, ifname, args: `IgnoreUnknown=true;${names};K8S_POD_UID=uid-${pod}` };
}

/** Shows the lines of `ip` that matter. */
async function show(lab: Lab, argv: string): Promise<void> {
  command(argv);
  output((await lab.run(argv.split(' '))).stdout);
}

async function prepare(node: LabNode, vfs: readonly VirtualFunction[]): Promise<void> {
  chapter('1. What the DRA driver leaves on the node for two pods with a claim of count 2 each');
  for (const pod of pods) {
    await node.addPod(pod);
    await node.writeClaim(`uid-${pod}`, `claim-${pod}`, claimOf(vfs, pod), manifest.network);
    for (const vf of claimOf(vfs, pod)) await node.writeDeviceInfo('sriov/vf', vf);
  }
  await show(node.lab, 'ls /var/run/cdi /var/run/k8s.cni.cncf.io/devinfo/dp');
  chapter(`2. The network, unmodified from ${manifest.path}; the pods carry "${manifest.annotation}"`);
  output(manifest.config);
}

async function attach(node: LabNode, pod: string, ifname: string, vf: VirtualFunction): Promise<Attachment> {
  command(`CNI_COMMAND=ADD CNI_CONTAINERID=${pod} CNI_IFNAME=${ifname} /opt/cni/bin/sriov < ${manifest.network}.json`);
  const begin = performance.now();
  const result = await node.succeed('ADD', manifest.config, callOf(pod, ifname));
  const ms = performance.now() - begin;
  const [made] = result.interfaces;
  const address = result.ips?.[0]?.address ?? '';
  const [link] = await node.ip<[{ parentdev?: string }]>('-n', pod, 'link', 'show', ifname);
  judge(link.parentdev === vf.pciAddress, `${pod} ${ifname}: VF ${vf.pciAddress}, ${made?.mac}, ${address}`);
  return { pod, ifname, vf, address: address.replace(/\/.*/, ''), result, ms };
}

async function attachAll(node: LabNode, vfs: readonly VirtualFunction[]): Promise<Attachment[]> {
  chapter('3. Multus calls the plugin once for each network of each pod; it finds the VFs by itself');
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
  await show(node.lab, `ip -n ${pods[0]} -brief address`);
  command(`ip link show ${vfs[0]?.pf}`);
  const rows = [['VF', 'PCI address', 'MAC', 'VLAN', 'spoofchk', 'trust']];
  for (const { vf } of attached) {
    const info = await node.vfInfo(vf);
    const [vlan] = info['vlan_list'] as [{ vlan?: number }];
    const onOff = (key: string): string => (info[key] === true ? 'on' : 'off');
    rows.push([
      String(vf.index),
      vf.pciAddress,
      String(info['address']),
      String(vlan.vlan ?? 0),
      onOff('spoofchk'),
      onOff('trust'),
    ]);
  }
  table(rows);
  judge(
    rows.slice(1).every((row) => row.slice(3).join() === '0,on,on'),
    'VLAN 0, spoofchk on, trust on, as the config asks',
  );
}

async function talk(node: LabNode, attached: readonly Attachment[]): Promise<void> {
  chapter('5. The pods talk on each interface');
  for (const ifname of ifnames) {
    const target = attached.find((one) => one.pod === pods[1] && one.ifname === ifname)?.address ?? '';
    command(`ip netns exec ${pods[0]} ping -I ${ifname} -c 1 ${target}`);
    judge(await node.reaches(pods[0], target, ifname), `${pods[0]} reaches ${target} over ${ifname}`);
  }
}

async function check(node: LabNode, attached: readonly Attachment[]): Promise<void> {
  chapter('6. CHECK: all as it should be; and it notices when something isn’t');
  const withResult = (one: Attachment): object => ({
    ...(JSON.parse(manifest.config) as object),
    prevResult: one.result,
  });
  for (const one of attached) {
    const outcome = await node.cni('CHECK', withResult(one), callOf(one.pod, one.ifname));
    judge(outcome.status === 0, `CHECK ${one.pod} ${one.ifname}`);
  }
  const [one] = attached;
  if (one === undefined) return;
  command(`ip link set ${one.vf.pf} vf ${one.vf.index} spoofchk off`);
  await node.sh(`ip link set ${one.vf.pf} vf ${one.vf.index} spoofchk off`);
  const error = await node.fail('CHECK', withResult(one), callOf(one.pod, one.ifname));
  output(`${error.code}: ${error.msg}`);
  judge(error.msg.includes('spoofchk'), 'CHECK names what was changed');
  await node.sh(`ip link set ${one.vf.pf} vf ${one.vf.index} spoofchk on`);
}

async function detachAll(node: LabNode, attached: readonly Attachment[], before: unknown): Promise<number[]> {
  chapter('7. The pods end: DEL for each interface, and everything is as it was');
  const times: number[] = [];
  for (const one of attached) {
    command(
      `CNI_COMMAND=DEL CNI_CONTAINERID=${one.pod} CNI_IFNAME=${one.ifname} /opt/cni/bin/sriov < ${manifest.network}.json`,
    );
    const begin = performance.now();
    await node.succeed('DEL', manifest.config, callOf(one.pod, one.ifname));
    times.push(performance.now() - begin);
  }
  const after = await node.picture();
  judge(JSON.stringify(after) === JSON.stringify(before), 'VFs, PF settings, addresses and records are as before');
  await show(node.lab, `ip -brief link show ${attached[0]?.vf.netdev}`);
  return times;
}

function summarise(attached: readonly Attachment[], delMs: readonly number[]): void {
  chapter('Summary');
  const rows = attached.map((one, at) => {
    const [ms, del] = [one.ms, delMs[at] ?? 0].map((value) => `${value.toFixed(0)} ms`);
    return [one.pod, one.ifname, one.vf.pciAddress, one.address, ms ?? '', del ?? ''];
  });
  table([['pod', 'interface', 'VF', 'address', 'ADD', 'DEL'], ...rows]);
  say('  The times are those of an emulated processor.');
}

async function play(lab: Lab): Promise<void> {
  const node = new LabNode(lab, nodePaths);
  await node.install();
  const [pf] = lab.pfs;
  if (pf === undefined) throw new Error('the lab has no PF');
  const vfs = await lab.createVfs(pf.name, pods.length * ifnames.length);
  say(`A node with PF ${pf.name} (${pf.pciAddress}, igb) and ${vfs.length} VFs (igbvf), emulated by QEMU`);
  await prepare(node, vfs);
  const before = await node.picture();
  const attached = await attachAll(node, vfs);
  await inspect(node, attached, vfs);
  await talk(node, attached);
  await check(node, attached);
  summarise(attached, await detachAll(node, attached, before));
}

const begin = performance.now();
const lab = await bootLab();
try {
  await play(lab);
} finally {
  await lab.shutdown();
}
say(
  `\n${failures === 0 ? 'The demo succeeded' : `The demo FAILED in ${failures} places`} after ${((performance.now() - begin) / 1000).toFixed(0)} s.`,
);
process.exitCode = failures === 0 ? 0 : 1;
