import { MemoryNode, stateDir } from '../../support/memory-node.ts';
import { operate } from '../../support/operate.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('cli/attachments');

interface Listing {
  readonly attachments: readonly Readonly<Record<string, unknown>>[];
  readonly damaged: readonly unknown[];
  readonly setAside: readonly string[];
  readonly sriovCni: readonly unknown[];
}

const list = (node: MemoryNode): Listing => operate(node.platform, 'attachments', '--json').json as Listing;

test('no attachments', () => {
  const node = new MemoryNode();
  const { code, stdout, stderr } = operate(node.platform, 'attachments');
  assert.equal([code, stderr, stdout.trimEnd().split('\n').length], [0, '', 1]);
  assert.match(stdout, stateDir);
  assert.equal(list(node), { attachments: [], damaged: [], setAside: [], sriovCni: [] });
});

test('records with their age, phase, pod, and whether the pod lives', () => {
  const node = new MemoryNode();
  const env = { CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=web;K8S_POD_UID=u1' };
  node.succeed('ADD', node.conf(), { env });
  const other = node.addPod();
  node.succeed('ADD', node.conf({ deviceID: '0000:3b:02.1' }), node.of(other));
  node.endPod(other);
  node.platform.clock.nowMs += 3 * 3600 * 1000;
  const { stdout } = operate(node.platform, 'attachments');
  const [, first = '', second = '', remark] = stdout.split('\n');
  assert.match(first, /^ns\/web +net1 +vf-net +0000:3b:02\.0 +pf0 +attached +3h +alive$/);
  assert.match(second, /^container c2 +net1 +vf-net +0000:3b:02\.1 +pf0 +attached +3h +dead$/);
  assert.match(remark ?? '', 'dra-sriov gc');
  for (const line of stdout.split('\n')) assert.ok(line.length <= 80, line);
  const [one, two] = list(node).attachments;
  assert.equal([one?.['podState'], one?.['ageSeconds'], one?.['pci']], ['alive', 10_800, '0000:3b:02.0']);
  assert.equal([two?.['podState'], two?.['pod']], ['dead', null]);
});

test('an ADD that was killed is half done', () => {
  const node = new MemoryNode();
  node.succeed('ADD');
  node.editRecord({ phase: 'pending' });
  assert.match(operate(node.platform, 'attachments').stdout, 'half done');
  assert.is(list(node).attachments[0]?.['halfDone'], true);
});

test('damaged records are named, and stay where they are', () => {
  const node = new MemoryNode();
  node.succeed('ADD');
  node.platform.files.set(node.recordPath(), '{');
  const before = [...node.platform.files.keys()];
  assert.match(operate(node.platform, 'attachments').stdout, 'Damaged: vf-net/c1/net1: ');
  assert.is(list(node).damaged.length, 1);
  assert.equal([...node.platform.files.keys()], before);
});

test('records of a newer version of the plugin are named, and no damage', () => {
  const node = new MemoryNode();
  node.succeed('ADD');
  node.platform.files.set(node.recordPath(), JSON.stringify({ ...node.readRecord(), version: 2 }));
  assert.match(operate(node.platform, 'attachments').stdout, /^Left alone: vf-net\/c1\/net1: .*\bversion 2\b/m);
  assert.equal(
    (list(node).damaged as { newer: boolean }[]).map(({ newer }) => newer),
    [true],
  );
});

test('of records that were set aside the number', () => {
  const node = new MemoryNode();
  node.platform.files.set(`${stateDir}/.damaged/a_b_c`, '{');
  assert.match(operate(node.platform, 'attachments').stdout, `1 in ${stateDir}/.damaged`);
  assert.equal(list(node).setAside, ['a_b_c']);
});

test('names that are too long are cut on a terminal, not the table; a pipe gets them whole', () => {
  const node = new MemoryNode();
  const name = `a-pod-with-quite-a-long-name-${'x'.repeat(60)}`;
  node.succeed('ADD', node.conf(), { env: { CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=n;K8S_POD_NAME=${name}` } });
  assert.match(operate(node.platform, 'attachments').stdout, `n/${name} `);
  Object.assign(node.platform, { isTerminal: () => true, environment: { NO_COLOR: '1' } });
  const { stdout } = operate(node.platform, 'attachments');
  for (const line of stdout.split('\n')) assert.ok(line.length <= 80, line);
  assert.match(stdout, '…');
});
