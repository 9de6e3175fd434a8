import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { peer } from '../support/peers.ts';
import { pfPci, type StandInNode } from '../support/stand-in-node.ts';
import { inSequence, type Measure, type Sample } from './measure.ts';

export type Phase =
  | 'VERSION'
  | 'ADD, host-local'
  | 'DEL, host-local'
  | 'ADD, no IPAM'
  | 'DEL, no IPAM'
  | '14 DELs at once';

/** How many DELs begin at the same time, as when a node is drained. */
const attachmentsAtOnce = 14;
/** The first VF of those: VF 0 is attached alone, and VF 1, its other end, stays up on the host, for the carrier. */
const firstAtOnce = 2;
export const benchVfs = firstAtOnce + attachmentsAtOnce;

export const phases: readonly Phase[] = [
  'VERSION',
  'ADD, host-local',
  'DEL, host-local',
  'ADD, no IPAM',
  'DEL, no IPAM',
  '14 DELs at once',
];

/** A program that is measured, and its phases. DEL runs straight after ADD. */
export interface Subject {
  readonly name: string;
  readonly phases: Partial<Readonly<Record<Phase, () => Sample>>>;
}

const dist = join(import.meta.dirname, '../../dist');
export const nativeExecutable = join(dist, 'native/dra-sriov');
export const nodeExecutable = join(dist, 'node/dra-sriov');

/** The path of a peer's program. Throws where this machine doesn't have it. */
function required(name: string): string {
  const path = peer(name);
  if (path === null) throw new Error(`${name} is not among the CNI programs that scripts/peers.sh provides`);
  return path;
}

function pluginSubject(
  { node, measure }: Stage,
  name: string,
  executable: string,
  keysOf: (vf: number) => Readonly<Record<string, unknown>>,
  prefix: readonly string[] = [],
): Subject {
  const program = [...prefix, ...measure.around(executable)];
  const run = (command: string, conf: unknown): Sample => {
    node.succeed(command, conf, { program });
    return measure.read();
  };
  const confOf = (vf: number): Record<string, unknown> => ({ cniVersion: '1.0.0', name: 'bench', ...keysOf(vf) });
  const bare = confOf(0);
  const addressed = { ...bare, ipam: node.ipam() };
  const releaseAll = (): Sample => {
    const calls = Array.from({ length: attachmentsAtOnce }, (_, at) => {
      const vf = firstAtOnce + at;
      const conf = { ...confOf(vf), ipam: node.ipam() };
      const call = { containerId: `c${vf}`, ifname: `net${vf}` };
      node.succeed('ADD', conf, { ...call, program: [...prefix, executable] });
      const path = join(node.directory, `conf${vf}`);
      node.writeFile(path, JSON.stringify(conf));
      return `CNI_CONTAINERID=${call.containerId} CNI_IFNAME=${call.ifname} '${executable}' <'${path}' & all="$all $!"`;
    });
    const script = `all=; ${calls.join('; ')}; for each in $all; do wait $each || exit 1; done`;
    node.succeed('DEL', '', { program: [...prefix, ...measure.around('sh', '-c', script)] });
    return measure.read();
  };
  return {
    name,
    phases: {
      VERSION: () => run('VERSION', ''),
      'ADD, host-local': () => run('ADD', addressed),
      'DEL, host-local': () => run('DEL', addressed),
      'ADD, no IPAM': () => run('ADD', bare),
      'DEL, no IPAM': () => run('DEL', bare),
      '14 DELs at once': releaseAll,
    },
  };
}

/** The kernel's own work as `ip` does it: move and rename, then up and an address inside; and back. */
function ipSubject({ node, measure }: Stage): Subject {
  const { host, pod } = node;
  const ip = (args: readonly string[], batch = ''): Sample => {
    const [program = '', ...rest] = measure.around('ip', ...args);
    execFileSync(program, rest, { input: batch });
    return measure.read();
  };
  const add = (...inside: readonly string[]): Sample =>
    inSequence([
      ip(['-n', host.name, 'link', 'set', node.vfName(0), 'netns', pod.name, 'name', 'net1']),
      ip(['-n', pod.name, '-batch', '-'], `${['link set net1 up', ...inside].join('\n')}\n`),
    ]);
  const del = (): Sample => ip(['-n', pod.name, 'link', 'set', 'net1', 'netns', host.name, 'name', node.vfName(0)]);
  return {
    name: 'ip',
    phases: {
      'ADD, host-local': () => add('addr add 10.0.2.2/24 dev net1'),
      'DEL, host-local': del,
      'ADD, no IPAM': () => add(),
      'DEL, no IPAM': del,
    },
  };
}

/** host-local alone, which the plugin runs while the kernel moves the VF. */
function hostLocalSubject({ node, measure }: Stage): Subject {
  const program = measure.around(required('host-local'));
  const conf = { cniVersion: '1.0.0', name: 'bench', ipam: node.ipam() };
  const run = (command: string): Sample => {
    node.succeed(command, conf, { program });
    return measure.read();
  };
  return {
    name: 'host-local alone',
    phases: {
      VERSION: () => run('VERSION'),
      'ADD, host-local': () => run('ADD'),
      'DEL, host-local': () => run('DEL'),
    },
  };
}

export const oldSriovCni = 'sriov-cni 2.1.0';

/**
 * sriov-cni 2.1.0 of 2019, which moves a VF, sets its VLAN, and does no more. Its /sys and /var/lib are the stand-in's.
 * None where the executable can't be built.
 */
function oldSriovCniSubjects(stage: Stage): readonly Subject[] {
  const executable = peer('sriov', 'sriov-cni');
  if (executable === null) return [];
  const { node } = stage;
  const pf = join(node.directory, 'sys/class/net/pf0');
  mkdirSync(pf, { recursive: true });
  symlinkSync(`../../../bus/pci/devices/${pfPci}`, join(pf, 'device'));
  const script = `mount --bind '${node.directory}/sys' /sys && mount --bind '${node.directory}' /var/lib && exec "$0" "$@"`;
  const keys = (vf: number) => ({ cniVersion: '0.3.1', type: 'sriov', deviceID: node.vfPcis[vf] });
  return [pluginSubject(stage, oldSriovCni, executable, keys, ['unshare', '-m', 'sh', '-c', script])];
}

/** All subjects attach the same VF of this node. */
export interface Stage {
  readonly node: StandInNode;
  readonly measure: Measure;
}

export function createSubjects(stage: Stage): readonly Subject[] {
  const ours = (vf: number) => ({ type: 'dra-sriov', deviceID: stage.node.vfPcis[vf] });
  return [
    ipSubject(stage),
    pluginSubject(stage, 'dra-sriov', nativeExecutable, ours),
    pluginSubject(stage, 'dra-sriov on Node', nodeExecutable, ours),
    pluginSubject(stage, 'host-device', required('host-device'), (vf) => ({
      type: 'host-device',
      device: stage.node.vfName(vf),
    })),
    ...oldSriovCniSubjects(stage),
    hostLocalSubject(stage),
  ];
}
