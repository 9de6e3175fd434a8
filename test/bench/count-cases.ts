// The runs whose instructions and system calls are counted: those of the budget, and curves over what a node may have
// much of.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type StandInNode, withStandInNode } from '../support/stand-in-node.ts';
import { withTemporaryDirectory } from '../support/temporary-directory.ts';
import { encodeVfs, newFakeVf } from '../support/vf-info.ts';
import { Counter, type Counts } from './counts.ts';

export interface CountedCase {
  readonly name: string;
  readonly add: Counts;
  readonly del: Counts;
}

const podUid = '5f1f4c8a-1b1c-4b1e-9d1c-0123456789ab';

/** Runs on nodes with more and more of a thing. */
interface Curve {
  readonly name: string;
  readonly amounts: readonly number[];
  readonly fill: (node: StandInNode, amount: number) => void;
  /** Is called before each run. */
  readonly prepare?: (node: StandInNode) => void;
}

function addForeignSpecs(node: StandInNode, amount: number): void {
  for (let at = 0; at < amount; at++) {
    const text = `---\ncdiVersion: 0.5.0\nkind: nvidia.com/gpu\ndevices:\n    - name: gpu${at}\n      containerEdits:\n        env:\n            - NVIDIA=${at}\n`;
    writeFileSync(join(node.directory, 'cdi', `nvidia.com-gpu_${at}.yaml`), text);
  }
}

function addPodSpecs(node: StandInNode, amount: number): void {
  for (let at = 0; at < amount; at++) node.writePodSpec(`${podUid}-${at}`, [`0001:00:00.${at % 8}`]);
}

/** Copies a real attachment's record for other pods, on VFs that this node doesn't have. */
function addRecords(node: StandInNode, amount: number, networkOf: (at: number) => string): void {
  const conf = node.conf({ deviceID: node.vfPcis[0] });
  node.succeed('ADD', conf);
  const state = join(node.directory, 'state');
  const [path = ''] = node.stateFiles().filter((name) => name.endsWith('.json'));
  const [network = '', containerId = '', file = ''] = path.split('/');
  const text = readFileSync(join(state, path), 'utf8');
  node.succeed('DEL', conf);
  for (let at = 0; at < amount; at++) {
    const pci = `0002:${(at >> 8).toString(16).padStart(2, '0')}:${((at >> 3) & 31).toString(16).padStart(2, '0')}.${at & 7}`;
    const names = { [network]: networkOf(at), [containerId]: `${containerId}-${at}`, [node.vfPcis[0] as string]: pci };
    const record = Object.entries(names).reduce((each, [old, name]) => each.replaceAll(`"${old}"`, `"${name}"`), text);
    const directory = join(state, networkOf(at), `${containerId}-${at}`);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const each of [join(directory, file), join(state, '.vfs', pci)]) writeFileSync(each, record, { mode: 0o600 });
  }
}

function addNetdevs(node: StandInNode, amount: number): void {
  const lines = Array.from({ length: amount / 2 }, (_, at) => `link add more${at} type veth peer name rest${at}`);
  if (lines.length > 0) execFileSync('ip', ['-n', node.host.name, '-batch', '-'], { input: `${lines.join('\n')}\n` });
}

const curves: readonly Curve[] = [
  { name: 'foreign CDI specs', amounts: [100, 1000], fill: addForeignSpecs },
  { name: 'CDI specs of other pods', amounts: [100, 250], fill: addPodSpecs },
  {
    name: 'records, each of a network',
    amounts: [10, 100],
    fill: (node, amount) => addRecords(node, amount, (at) => `network-${at}`),
  },
  {
    name: 'records, a look due',
    amounts: [100, 1000],
    fill: (node, amount) => addRecords(node, amount, () => 'network'),
    prepare: (node) => node.forgetSweep(),
  },
  { name: 'netdevs on the host', amounts: [100, 400], fill: addNetdevs },
];

function onNode<T>(executable: string, body: (node: StandInNode, counter: Counter) => T): T {
  return withTemporaryDirectory((directory) =>
    withStandInNode({ built: true }, (node) => {
      // Its other end gets carrier, as with a cable in the PF.
      execFileSync('ip', ['-n', node.host.name, 'link', 'set', node.vfName(1), 'up']);
      return body(node, new Counter(directory, executable));
    }),
  );
}

function byPodUid(node: StandInNode, counter: Counter, name: string, prepare: () => void = () => {}): CountedCase {
  node.writePodSpec(podUid, [node.vfPcis[0] as string]);
  const args = `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=pod;K8S_POD_UID=${podUid}`;
  return { name, ...counter.countAttachment(node, node.conf({ ipam: node.ipam() }), { args }, prepare) };
}

/** ADD and DEL without IPAM on a PF of so many VFs, by the executable that buildWithManyVfs built. */
export function countManyVfs(executable: string): readonly CountedCase[] {
  return [1, 64, 256].map((amount) =>
    onNode(executable, (node, counter) => {
      const list = join(node.directory, 'vf-list');
      const vfs = Array.from({ length: amount }, () => newFakeVf);
      writeFileSync(list, encodeVfs(vfs));
      const conf = node.conf({ deviceID: node.vfPcis[0] });
      const call = { env: { BENCH_VF_LIST: list } };
      return { name: `${amount} VFs, no IPAM`, ...counter.countAttachment(node, conf, call) };
    }),
  );
}

/** The runs of the budget. */
export function countUsual(executable: string): { readonly version: number; readonly cases: readonly CountedCase[] } {
  return onNode(executable, (node, counter) => {
    const version = counter.countInstructions((program) => void node.succeed('VERSION', '', { program }));
    const bare = node.conf({ deviceID: node.vfPcis[0] });
    const cases = [
      { name: 'no IPAM', ...counter.countAttachment(node, bare) },
      { name: 'host-local', ...counter.countAttachment(node, { ...bare, ipam: node.ipam() }) },
      byPodUid(node, counter, 'host-local, by pod UID'),
    ];
    return { version, cases };
  });
}

/** ADD by pod UID with host-local on nodes that have much of something. */
export function countCurves(executable: string): readonly CountedCase[] {
  return curves.flatMap(({ name, amounts, fill, prepare }) =>
    amounts.map((amount) =>
      onNode(executable, (node, counter) => {
        fill(node, amount);
        return byPodUid(node, counter, `${amount} ${name}`, () => prepare?.(node));
      }),
    ),
  );
}
