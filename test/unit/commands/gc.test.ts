import { MemoryNode, type Pod, stateDir, vfPci } from '../../support/memory-node.ts';
import { assert, suite } from '../../support/suite.ts';
import { whileLocking } from './fixture.ts';

const test = suite('commands/gc');

const [EIO, EPERM] = [5, 1];
const ipam = { type: 'host-local' };

interface Populated {
  readonly node: MemoryNode;
  readonly other: Pod;
}

/** Pod 1 has VF 0, pod 2 has VF 1; a moment passes. */
function populated(): Populated {
  const node = new MemoryNode();
  const other = node.addPod();
  node.succeed('ADD', node.conf({ vlan: 5, ipam }));
  node.succeed('ADD', node.conf({ deviceID: vfPci(1), vlan: 6, ipam }), node.of(other));
  node.platform.clock.nowMs += 1000;
  node.changes.length = 0;
  return { node, other };
}

function gcConf(
  node: MemoryNode,
  valid: unknown,
  more: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  return node.conf({ ipam, 'cni.dev/valid-attachments': valid, ...more });
}

const first = { containerID: 'c1', ifname: 'net1' };
const second = { containerID: 'c2', ifname: 'net1' };

test('what isn’t in the list is given back: VF, settings, address and record', () => {
  const { node, other } = populated();
  node.succeed('GC', gcConf(node, [second]));
  assert.ok(node.host.links.includes(node.link(0)));
  assert.is(node.vfs[0]?.vlan, 0);
  assert.equal([...node.leases.keys()], ['c2/net1']);
  assert.equal(node.recordPaths(), ['vf-net/c2/net1.json']);
  assert.ok(other.namespace.links.includes(node.link(1)));
  assert.is(node.vfs[1]?.vlan, 6);
});

test('of what is given back no lock is held while IPAM is asked', () => {
  const { node } = populated();
  const held: unknown[] = [];
  node.runIpam = ({ env }) => {
    if (env['CNI_COMMAND'] === 'GC') held.push([...node.platform.heldLocks.keys()]);
    return undefined;
  };
  node.succeed('GC', gcConf(node, [second]));
  assert.equal(held, [[]]);
});

test('what is in the list stays; only IPAM is asked', () => {
  const { node } = populated();
  node.succeed('GC', gcConf(node, [first, second]));
  assert.equal(node.changes, ['ipam GC']);
});

test('an entry counts with container and interface', () => {
  const { node } = populated();
  node.succeed('GC', gcConf(node, [{ containerID: 'c1', ifname: 'net9' }, second]));
  assert.equal(node.recordPaths(), ['vf-net/c2/net1.json']);
});

test('the older name of the list is understood', () => {
  const { node } = populated();
  node.succeed('GC', node.conf({ ipam, 'cni.dev/attachments': [second] }));
  assert.equal(node.recordPaths(), ['vf-net/c2/net1.json']);
});

test('a list that is not understood costs nobody an attachment: 7', () => {
  for (const list of [5, [5], [{ containerID: 'c1' }]]) {
    const { node } = populated();
    assert.is(node.fail('GC', gcConf(node, list)).code, 7);
    assert.equal(node.changes, []);
  }
});

test('without a list only the dead are reclaimed', () => {
  for (const list of [undefined, null]) {
    const { node } = populated();
    node.endPod(node.pod);
    node.succeed('GC', gcConf(node, list));
    assert.equal(node.recordPaths(), ['vf-net/c2/net1.json']);
  }
});

test('without a list what a killed ADD left is reclaimed too', () => {
  const { node } = populated();
  node.editRecord({ phase: 'pending' });
  node.succeed('GC', gcConf(node, undefined));
  assert.equal([...node.leases.keys()], ['c2/net1']);
  assert.is(node.vfs[0]?.vlan, 0);
});

test('files and locks that killed processes left go; where they can’t: 114', () => {
  const remains = ['.locks/container-c9', '.vfs/.dra-sriov-17-0.tmp', 'vf-net/c9/.dra-sriov-17-1.tmp'];
  const node = new MemoryNode();
  for (const name of remains) node.platform.files.set(`${stateDir}/${name}`, '');
  node.platform.failNext('unlink', `${stateDir}/.vfs/.dra-sriov`, EIO);
  const error = node.fail('GC', gcConf(node, []));
  assert.is(error.code, 114);
  assert.match(error.msg, /killed processes.*EIO/);
  node.succeed('GC', gcConf(node, []));
  for (const name of remains) assert.not(node.platform.files.has(`${stateDir}/${name}`), name);
});

test('other networks are not its business', () => {
  const { node } = populated();
  node.succeed('GC', gcConf(node, [], { name: 'another' }));
  assert.is(node.recordPaths().length, 2);
});

test('an attachment that was begun after GC isn’t in its list, and stays', () => {
  const { node } = populated();
  node.editRecord({ begunMs: node.platform.monotonicMs() });
  node.succeed('GC', gcConf(node, [second]));
  assert.is(node.recordPaths().length, 2);
  assert.not(node.changes.includes('record removed'));
});

test('setting the wall clock back or ahead changes nothing, but for records of older releases, which have no other clock', () => {
  for (const epochMs of [0, Date.UTC(2099, 0, 1)]) {
    for (const begun of [{}, { begunMs: undefined }]) {
      const { node } = populated();
      node.editRecord(begun);
      Object.assign(node.platform, { epochMs: () => epochMs });
      node.succeed('GC', gcConf(node, [second]));
      assert.is(node.recordPaths().length, 1);
    }
  }
});

test('one that is made anew while GC waits for its VF stays', () => {
  const { node } = populated();
  whileLocking(node, vfPci(0), () => node.editRecord({ begunMs: node.platform.monotonicMs() + 1 }));
  node.succeed('GC', gcConf(node, [second]));
  assert.is(node.recordPaths().length, 2);
});

test('one that is detached while GC waits for its VF is done', () => {
  const { node } = populated();
  whileLocking(node, vfPci(0), () => node.platform.files.delete(node.recordPath()));
  node.succeed('GC', gcConf(node, [second]));
  assert.equal(node.changes, ['ipam GC']);
});

test('a failure doesn’t keep the others: 114, naming every one', () => {
  const { node, other } = populated();
  node.kernel.refuse('pod1: net1 to host', EPERM);
  node.runIpam = ({ env }) =>
    env['CNI_COMMAND'] === 'GC' ? { status: 1, stdout: JSON.stringify({ code: 5, msg: 'disk full' }) } : undefined;
  const error = node.fail('GC', gcConf(node, []));
  assert.is(error.code, 114);
  assert.match(error.msg, /net1 of container c1.*EPERM.*disk full/);
  assert.equal(node.recordPaths(), ['vf-net/c1/net1.json']);
  assert.not(other.namespace.links.includes(node.link(1)));
});

test('a record that can’t be read, and a VF whose lock is held, don’t keep the others either', () => {
  const unreadable = populated().node;
  unreadable.platform.failNext('readFile', `${stateDir}/vf-net/c1/`, EIO);
  assert.match(unreadable.fail('GC', gcConf(unreadable, [])).msg, /c1.*EIO/);
  assert.equal(unreadable.recordPaths(), ['vf-net/c1/net1.json']);
  const locked = populated().node;
  locked.platform.heldLocks.set(`${stateDir}/.locks/vf-${vfPci(0)}`, 'x');
  assert.match(locked.fail('GC', gcConf(locked, [])).msg, /c1.*lock/);
  assert.equal(locked.recordPaths(), ['vf-net/c1/net1.json']);
});

test('an IPAM plugin without GC has released by DEL, from the saved record', () => {
  const { node } = populated();
  node.succeed('GC', gcConf(node, [second]));
  const [release] = node.platform.startedProcesses.filter(({ env }) => env['CNI_COMMAND'] === 'DEL');
  assert.is(release?.env['CNI_CONTAINERID'], 'c1');
  assert.is(release?.env['CNI_IFNAME'], 'net1');
  assert.is(release?.env['CNI_NETNS'], '/run/netns/pod1', 'it is there yet');
  assert.match(release?.stdin ?? '', '"vlan":5');
});

test('a damaged record is set aside, and GC goes on', () => {
  const { node } = populated();
  node.platform.files.set(node.recordPath(), 'x');
  node.succeed('GC', gcConf(node, []));
  assert.equal(node.recordPaths(), []);
});

test('GC is refused for versions that have none', () => {
  const { node } = populated();
  assert.is(node.fail('GC', gcConf(node, [], { cniVersion: '1.0.0' })).code, 1);
});

test('an address that can’t be released: with a list it is given up at once, and named; without one it waits for its DEL', () => {
  const failing = (valid: unknown): readonly [MemoryNode, ReturnType<MemoryNode['cni']>] => {
    const { node } = populated();
    node.endPod(node.pod);
    node.runIpam = ({ env }) => (env['CNI_COMMAND'] === 'DEL' ? { status: 1 } : undefined);
    return [node, node.cni('GC', gcConf(node, valid))];
  };
  const [listed, outcome] = failing([second]);
  assert.is(outcome.status, 0);
  assert.match(outcome.stderr, /level=error .*addresses=10\.0\.2\.5\/24/);
  assert.equal(listed.recordPaths(), ['vf-net/c2/net1.json']);
  const [node, { status, stderr }] = failing(undefined);
  assert.is(status, 1);
  assert.not.match(stderr, 'addresses=');
  assert.equal(node.recordPaths(), ['vf-net/c1/net1.json', 'vf-net/c2/net1.json']);
});

test('without ipam no plugin is asked', () => {
  const { node } = populated();
  node.succeed('GC', gcConf(node, [first, second], { ipam: undefined }));
  assert.equal(node.changes, []);
});

test('a record that is damaged with its copy is nobody’s', () => {
  const { node } = populated();
  for (const path of [node.recordPath(), `${stateDir}/.vfs/${vfPci(0)}`]) node.platform.files.set(path, '{');
  node.succeed('GC', gcConf(node, [second]));
  assert.equal(node.recordPaths(), ['vf-net/c2/net1.json']);
});

test('the monotonic clock of another boot says nothing', () => {
  const { node } = populated();
  node.editRecord({ begunMs: node.platform.monotonicMs() + 1_000_000, bootId: 'of before' });
  node.succeed('GC', gcConf(node, [second]));
  assert.equal(node.recordPaths(), ['vf-net/c2/net1.json']);
});
