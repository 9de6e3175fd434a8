// The runs whose instructions and system calls are counted: those that hold the budget, and curves over what a node may have much of.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
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

/** Fills a node with so many of a thing. */
interface Curve {
  readonly name: string;
  readonly amounts: readonly number[];
  readonly fill: (node: StandInNode, amount: number) => void;
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

/** Containers without a record: what other pods of the same networks have. */
function addNetworks(node: StandInNode, amount: number): void {
  for (let at = 0; at < amount; at++)
    mkdirSync(join(node.directory, 'state', `network-${at}`, 'c0'), { recursive: true });
}

function addNetdevs(node: StandInNode, amount: number): void {
  const lines = Array.from({ length: amount / 2 }, (_, at) => `link add more${at} type veth peer name rest${at}`);
  if (lines.length > 0) execFileSync('ip', ['-n', node.host.name, '-batch', '-'], { input: `${lines.join('\n')}\n` });
}

const curves: readonly Curve[] = [
  { name: 'foreign CDI specs', amounts: [100, 1000], fill: addForeignSpecs },
  { name: 'CDI specs of other pods', amounts: [100, 250], fill: addPodSpecs },
  { name: 'networks', amounts: [10, 100], fill: addNetworks },
  { name: 'netdevs on the host', amounts: [100, 400], fill: addNetdevs },
];

function onNode<T>(executable: string, body: (node: StandInNode, counter: Counter) => T): T {
  return withTemporaryDirectory((directory) =>
    withStandInNode({ built: true }, (node) => {
      // carrier for its other end, as a PF with a cable has
      execFileSync('ip', ['-n', node.host.name, 'link', 'set', node.vfName(1), 'up']);
      return body(node, new Counter(directory, executable));
    }),
  );
}

function byPodUid(node: StandInNode, counter: Counter, name: string): CountedCase {
  node.writePodSpec(podUid, [node.vfPcis[0] as string]);
  const args = `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=pod;K8S_POD_UID=${podUid}`;
  return { name, ...counter.countAttachment(node, node.conf({ ipam: node.ipam() }), { args }) };
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

/** What is held to the budget. */
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
  return curves.flatMap(({ name, amounts, fill }) =>
    amounts.map((amount) =>
      onNode(executable, (node, counter) => {
        fill(node, amount);
        return byPodUid(node, counter, `${amount} ${name}`);
      }),
    ),
  );
}
