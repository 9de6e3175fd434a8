import { MemoryNode } from '../../support/memory-node.ts';
import { operate } from '../../support/operate.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('cli/gc');

const ipam = { type: 'host-local' };

interface Report {
  readonly dryRun: boolean;
  readonly attachments: readonly {
    readonly containerId: string;
    readonly state: string;
    readonly reason: string | null;
  }[];
  readonly alive: number;
}

/** Pod 1 lives with VF 0; pod 2 had VF 1 and died without a DEL. */
function withLeftover(): { readonly node: MemoryNode; readonly before: unknown } {
  const node = new MemoryNode();
  node.succeed('ADD', node.conf({ ipam }));
  const other = node.addPod();
  const before = node.picture();
  node.succeed('ADD', node.conf({ deviceID: '0000:3b:02.1', vlan: 7, ipam }), node.of(other));
  node.endPod(other);
  return { node, before };
}

test('nothing to do', () => {
  const node = new MemoryNode();
  node.succeed('ADD');
  const before = node.picture();
  const { stdout } = operate(node.platform, 'gc');
  assert.match(stdout, /^Nothing to reclaim\b.*\b1 attachment\b/);
  assert.equal(node.picture(), before);
});

test('--dry-run tells what would be reclaimed, and changes nothing', () => {
  const { node } = withLeftover();
  const [before, changes] = [node.picture(), node.changes.length];
  const { code, stdout } = operate(node.platform, 'gc', '--dry-run');
  assert.is(code, 0);
  assert.match(stdout, 'would reclaim: VF 0000:3b:02.1, net1 of container c2, network vf-net\n');
  const report = operate(node.platform, 'gc', '--dry-run', '--json').json as Report;
  assert.equal([report.dryRun, report.alive, report.attachments.map(({ state }) => state)], [true, 1, ['left']]);
  assert.equal([node.picture(), node.changes.length], [before, changes]);
});

test('what the dead hold is given back, what the living hold stays', () => {
  const { node, before } = withLeftover();
  const { code, stdout, stderr } = operate(node.platform, 'gc');
  assert.equal([code, stderr], [0, '']);
  assert.match(stdout, 'reclaimed: VF 0000:3b:02.1');
  assert.match(stdout, '1 attachment');
  assert.equal(node.picture(), before);
});

test('it says from where it looks, and refuses where process 1 sees other files or interfaces', () => {
  for (const kind of ['mnt', 'net']) {
    const { node } = withLeftover();
    const { links } = node.platform;
    for (const each of ['mnt', 'net']) {
      for (const process of ['1', 'self']) links.set(`/proc/${process}/ns/${each}`, `${each}:[1]`);
    }
    const seenFrom = (): string => operate(node.platform, 'gc', '--dry-run').stdout.split('\n').at(-2) ?? '';
    const alike = seenFrom();
    links.set(`/proc/self/ns/${kind}`, `${kind}:[2]`);
    assert.is.not(seenFrom(), alike);
    const before = node.picture();
    const refused = operate(node.platform, 'gc');
    assert.equal([refused.code, refused.stdout], [1, '']);
    assert.match(refused.stderr, /nsenter --target 1 --mount --net -- dra-sriov gc.*--here/);
    assert.equal(node.picture(), before);
    assert.match(operate(node.platform, 'gc', '--dry-run').stdout, 'would reclaim');
    assert.match(operate(node.platform, 'gc', '--here').stdout, 'reclaimed: VF 0000:3b:02.1');
  }
});

test('in a PID namespace of its own it calls nobody dead, and says so', () => {
  const { node } = withLeftover();
  node.platform.links.set('/proc/self/ns/pid', 'pid:[7]');
  const before = node.picture();
  const { code, stdout } = operate(node.platform, 'gc');
  assert.is(code, 0);
  assert.match(stdout, /^Nothing to reclaim\b.*\b1 attachment\b.*\b1 attachment\b/);
  assert.match(stdout, 'PID namespace');
  assert.equal(node.picture(), before);
  const report = operate(node.platform, 'gc', '--json').json as Report & { unknown: number; lookedFrom: unknown };
  assert.equal([report.alive, report.unknown], [1, 1]);
  assert.equal(report.lookedFrom, { mount: 'unknown', network: 'unknown', allProcesses: false });
});

test('an ADD that was killed is undone', () => {
  const node = new MemoryNode();
  const before = node.picture();
  node.succeed('ADD', node.conf({ vlan: 5, ipam }));
  node.editRecord({ phase: 'pending' });
  assert.match(operate(node.platform, 'gc').stdout, 'reclaimed: VF 0000:3b:02.0');
  assert.equal(node.picture(), before);
});

test('one on whose VF another process is at work is left alone', () => {
  const { node } = withLeftover();
  node.platform.heldLocks.set('/var/lib/cni/dra-sriov/.locks/vf-0000:3b:02.1', 'process 1 (ADD)\n');
  const { code, stdout } = operate(node.platform, 'gc');
  assert.is(code, 0);
  assert.match(stdout, 'left alone: VF 0000:3b:02.1');
});

test('what can’t be given back is named, with exit code 1; the rest is reclaimed all the same', () => {
  const { node } = withLeftover();
  node.endPod(node.pod);
  node.runIpam = ({ env }) =>
    env['CNI_COMMAND'] === 'DEL' && env['CNI_CONTAINERID'] === 'c2' ? { status: 1, stderr: 'no store' } : undefined;
  const { code, json } = operate(node.platform, 'gc', '--json');
  assert.is(code, 1);
  const { attachments } = json as Report;
  assert.equal(
    attachments.map(({ containerId, state }) => [containerId, state]),
    [
      ['c1', 'reclaimed'],
      ['c2', 'failed'],
    ],
  );
  assert.match(attachments[1]?.reason ?? '', 'no store');
});
