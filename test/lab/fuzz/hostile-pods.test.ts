import process from 'node:process';
import { compare } from '../../crash/site.ts';
import { assert, suite } from '../../support/suite.ts';
import {
  assertRefugeIsEmpty,
  beHostile,
  operations,
  pictureWithVf,
  prepareHostilePod,
  refuge,
} from '../hostile-pod.ts';
import { type LabNode, nth } from '../lab-node.ts';
import { onSharedNode } from '../shared-node.ts';

const test = onSharedNode(suite('lab/fuzz/hostile-pods'), { vfs: [2] });

/** `npm run hostile` takes 500. */
const sequences = Number(process.env['HOSTILE_SEQUENCES'] ?? 20);
const seed = Number(process.env['FUZZ_SEED'] ?? 20261128);

/** Mulberry32: numbers from 0 to 1, the same ones for a seed. */
function randomNumbers(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Sequence {
  readonly chosen: readonly string[];
  /** True where the pod's namespace ends before DEL. */
  readonly dies: boolean;
  readonly settings: Readonly<Record<string, unknown>>;
}

function makeSequence(random: () => number): Sequence {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const chosen = Array.from({ length: 2 + Math.floor(random() * 10) }, () => pick(operations));
  const settings = pick([{}, { vlan: 100 }, { trust: 'on', mac: '02:00:00:00:01:01' }, { mtu: 1400, spoofchk: 'off' }]);
  return { chosen, dies: random() < 0.4, settings };
}

async function run(node: LabNode, pciAddress: string, sequence: Sequence): Promise<void> {
  const conf = node.conf({ deviceID: pciAddress, ...sequence.settings, ipam: node.ipam() });
  await node.succeed('ADD', conf);
  await beHostile(node, 'pod1', sequence.chosen);
  if (sequence.dies) await node.removePod('pod1');
  await node.succeed('DEL', conf);
  if (!sequence.dies) await node.removePod('pod1');
  await node.addPod('pod1');
  await assertRefugeIsEmpty(node);
}

test('whatever a pod does to its VF, and in whatever order: after DEL the node is as before', async (node, vfs) => {
  const random = randomNumbers(seed);
  const vf = nth(vfs, 0);
  await prepareHostilePod(node);
  const before = await pictureWithVf(node, vf);
  const begin = performance.now();
  for (let done = 1; done <= sequences; done++) {
    const sequence = makeSequence(random);
    const story = `sequence ${done} of seed ${seed}: ${JSON.stringify(sequence)}`;
    try {
      await run(node, vf.pciAddress, sequence);
    } catch (thrown) {
      throw new Error(`${story}: ${String(thrown)}`, { cause: thrown });
    }
    assert.is(compare(before, await pictureWithVf(node, vf)), '', story);
    if (done % 50 === 0 || done === sequences) {
      process.stdout.write(`FUZZED ${done} hostile pods in ${((performance.now() - begin) / 1000).toFixed(0)} s\n`);
    }
  }
  await node.sh(`ip netns del ${refuge}`);
});
