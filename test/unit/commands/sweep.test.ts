import { MemoryNode, type Pod, stateDir, vfPci } from '../../support/memory-node.ts';
import { assert, suite } from '../../support/suite.ts';
import { isReaped, leftover, whileLocking } from './fixture.ts';

const test = suite('commands/sweep');

const [EIO, EPERM] = [5, 1];
const ipam = { type: 'host-local' };

test('now and then an ADD looks at all records, and reclaims the dead of other VFs', () => {
  const { node, other } = leftover();
  node.platform.clock.nowMs += 61_000;
  node.succeed('ADD', node.conf({ deviceID: vfPci(1) }), node.of(other));
  assert.ok(isReaped(node));
  assert.equal([...node.leases], []);
});

test('a sweep comes once a minute, but at once after a boot, and if an older release has set the time by the wall clock', () => {
  const soon = leftover();
  soon.node.platform.clock.nowMs += 59_000;
  soon.node.succeed('ADD', soon.node.conf({ deviceID: vfPci(1) }), soon.node.of(soon.other));
  assert.not(isReaped(soon.node));
  for (const stamp of [
    'another-boot 1767225600000',
    'another-boot 30000 vf-net/c1/net1',
    `${soon.node.platform.bootId()} 99999999999999`,
    'nonsense',
    '',
  ]) {
    const { node, other } = leftover();
    node.platform.files.set(`${stateDir}/.swept`, stamp);
    node.succeed('ADD', node.conf({ deviceID: vfPci(1) }), node.of(other));
    assert.ok(isReaped(node), stamp);
  }
});

test('when the next one is due doesn’t depend on the wall clock', () => {
  for (const epochMs of [0, Date.UTC(2099, 0, 1)]) {
    const { node, other } = leftover();
    Object.assign(node.platform, { epochMs: () => epochMs });
    node.platform.clock.nowMs += 59_000;
    node.succeed('ADD', node.conf({ deviceID: vfPci(1) }), node.of(other));
    assert.not(isReaped(node));
    node.platform.clock.nowMs += 2000;
    node.succeed('DEL', node.conf(), node.of(other));
    assert.ok(isReaped(node));
  }
});

test('the living and those under way are left alone', () => {
  const node = new MemoryNode({ vfs: 3 });
  const [second, third] = [node.addPod(), node.addPod()];
  node.succeed('ADD', node.conf());
  node.succeed('ADD', node.conf({ deviceID: vfPci(1) }), node.of(second));
  node.endPod(second);
  node.platform.heldLocks.set(`${stateDir}/.locks/vf-${vfPci(1)}`, 'somebody is at it');
  node.forgetSweep();
  node.succeed('ADD', node.conf({ deviceID: vfPci(2) }), node.of(third));
  assert.is(node.recordPaths().length, 3);
  assert.is(node.platform.clock.nowMs, 0, 'it doesn’t wait for a lock');
});

test('what a killed ADD or DEL left is reclaimed too, though its pod lives', () => {
  const killed: Readonly<Record<string, (node: MemoryNode) => void>> = {
    'an ADD before its end': (node) => node.editRecord({ phase: 'pending' }),
    'a DEL that has given up the VF': (node) => {
      node.platform.failNext('unlink', node.recordPath(), EIO);
      node.fail('DEL', node.conf());
    },
  };
  for (const [what, kill] of Object.entries(killed)) {
    const node = new MemoryNode();
    const other = node.addPod();
    node.succeed('ADD', node.conf({ vlan: 5, ipam }));
    kill(node);
    node.forgetSweep();
    node.succeed('ADD', node.conf({ deviceID: vfPci(1) }), node.of(other));
    assert.ok(isReaped(node), what);
    assert.equal([...node.leases], [], what);
    assert.is(node.vfs[0]?.vlan, 0, what);
  }
});

test('files and locks that killed processes left go, now and then', () => {
  const node = new MemoryNode();
  const remains = ['.locks/container-c9', '.vfs/.dra-sriov-17-0.tmp', 'vf-net/c9/.dra-sriov-17-1.tmp'];
  for (const name of remains) node.platform.files.set(`${stateDir}/${name}`, '');
  node.succeed('ADD');
  for (const name of remains) assert.not(node.platform.files.has(`${stateDir}/${name}`), name);
});

test('that they can’t be removed is logged, and no more', () => {
  const node = new MemoryNode();
  node.platform.files.set(`${stateDir}/.dra-sriov-17-0.tmp`, '');
  node.platform.failNext('unlink', `${stateDir}/.dra-sriov`, EIO);
  const { status, stderr } = node.cni('ADD', node.conf());
  assert.is(status, 0);
  assert.match(stderr, /level=warning.*killed processes.*EIO/);
});

test('an attachment that was made anew while the sweep took the lock is left alone', () => {
  const { node, other } = leftover();
  node.forgetSweep();
  whileLocking(node, vfPci(0), () => node.editRecord({ createdAt: '2027-01-01T00:00:00.000Z' }));
  node.succeed('ADD', node.conf({ deviceID: vfPci(1) }), node.of(other));
  assert.not(isReaped(node));
});

test('one that can’t be reclaimed is logged, and keeps neither ADD nor the others', () => {
  const node = new MemoryNode({ vfs: 3 });
  const [second, third] = [node.addPod(), node.addPod()];
  node.succeed('ADD', node.conf({ vlan: 5 }));
  node.succeed('ADD', node.conf({ deviceID: vfPci(1), vlan: 6 }), node.of(second));
  node.endPod(node.pod);
  node.endPod(second);
  node.forgetSweep();
  node.kernel.refuse('vf 0 vlan 0', EPERM);
  const { status, stderr } = node.cni('ADD', node.conf({ deviceID: vfPci(2) }), node.of(third));
  assert.is(status, 0);
  assert.match(stderr, /level=warning.*net1 of container c1/);
  assert.equal(node.recordPaths(), ['vf-net/c1/net1.json', 'vf-net/c3/net1.json']);
});

test('it ends when its time is up', () => {
  const node = new MemoryNode({ vfs: 4 });
  const pods = [node.pod, node.addPod(), node.addPod()];
  for (const [index, pod] of pods.entries()) {
    node.succeed('ADD', node.conf({ deviceID: vfPci(index), ipam }), node.of(pod));
  }
  for (const pod of pods) node.endPod(pod);
  node.forgetSweep();
  node.runIpam = ({ env }) => {
    if (env['CNI_COMMAND'] === 'DEL') node.platform.clock.nowMs += 21;
    return undefined;
  };
  node.succeed('ADD', node.conf({ deviceID: vfPci(3) }), node.of(node.addPod()));
  assert.is(node.recordPaths().length, 3, 'one was reclaimed, the others are for the next one');
  const stamp = `${stateDir}/.swept`;
  const nowMs = node.platform.clock.nowMs;
  assert.is(node.platform.files.get(stamp), `${node.platform.bootId()} ${nowMs + 1000} vf-net/c1/net1`);
  assert.is(node.platform.stat(stamp)?.mode, 0o600);
  node.runIpam = () => undefined;
  node.platform.clock.nowMs += 1000;
  node.succeed('DEL', node.conf(), { containerId: 'c9', netns: '' });
  assert.is(node.platform.files.get(stamp), `${node.platform.bootId()} ${nowMs + 61_000} `);
  assert.is(node.recordPaths().length, 1);
});

test('one record is looked at however long finding it took', () => {
  const { node } = leftover();
  const { readDir } = node.platform;
  Object.assign(node.platform, {
    readDir: (path: string) => {
      node.platform.clock.nowMs += 21;
      return readDir(path);
    },
  });
  node.forgetSweep();
  node.succeed('DEL', node.conf(), { containerId: 'c9', netns: '' });
  assert.equal(node.recordPaths(), []);
});

test('a link in place of the stamp, which somebody may have put there, is not followed; nothing is said if no sweep is due', () => {
  const { node, other } = leftover();
  node.platform.files.delete(`${stateDir}/.swept`);
  node.platform.files.set('/etc/passwd', 'root');
  node.platform.links.set(`${stateDir}/.swept`, '/etc/passwd');
  const linked = node.cni('DEL', node.conf(), node.of(other));
  assert.is(linked.status, 0);
  assert.match(linked.stderr, /level=warning .* reason=.*ELOOP/);
  assert.not(isReaped(node));
  const quiet = new MemoryNode();
  quiet.succeed('ADD');
  assert.not.match(quiet.cni('DEL').stderr, 'level=warning');
});

test('a DEL looks at all records too, after its own work', () => {
  const { node, other } = leftover();
  const conf = node.conf({ deviceID: vfPci(1), ipam });
  node.succeed('ADD', conf, node.of(other));
  node.forgetSweep();
  node.changes.length = 0;
  node.succeed('DEL', conf, node.of(other));
  const steps = node.changes.filter((change) => /ipam|record/.test(change));
  assert.equal(steps, ['ipam DEL', 'record removed', 'ipam DEL', 'record removed']);
  assert.equal([node.recordPaths(), [...node.leases], node.vfs[0]?.vlan], [[], [], 0]);
});

test('a DEL without a record looks too; a dead attachment that can’t be reclaimed is no reason for it to fail', () => {
  const { node, other } = leftover();
  node.forgetSweep();
  node.kernel.refuse('vlan 0', EPERM);
  const { status, stderr } = node.cni('DEL', node.conf(), node.of(other));
  assert.is(status, 0);
  assert.match(stderr, /net1 of container c1.*EPERM/);
  node.kernel.refuse('vlan 0', 0);
});

test('an IPAM plugin that hangs over a dead pod’s address costs one ADD half a second, a DEL 5 s, and its own DEL what it takes', () => {
  const limits: number[] = [];
  const { node, other } = leftover(4);
  const others = [node.addPod(), node.addPod()];
  node.runIpam = ({ env, timeoutMs }) => {
    if (env['CNI_COMMAND'] === 'DEL') limits.push(timeoutMs);
    return env['CNI_COMMAND'] === 'DEL' ? { status: null, timedOut: true } : undefined;
  };
  const asked = (run: () => void): number[] => {
    limits.length = 0;
    node.forgetSweep();
    run();
    return [...limits];
  };
  const add = (vf: number, pod: Pod): void =>
    void node.succeed('ADD', node.conf({ deviceID: vfPci(vf) }), node.of(pod));
  assert.equal(
    asked(() => add(1, other)),
    [500],
  );
  assert.is(node.vfs[0]?.vlan, 0, 'the VF is free');
  assert.equal(
    asked(() => add(2, others[0] as Pod)),
    [],
    'no ADD asks again',
  );
  assert.equal(
    asked(() => add(0, others[1] as Pod)),
    [],
    'nor one that gets the VF',
  );
  assert.equal(
    asked(() => node.succeed('DEL', node.conf(), node.of(other))),
    [5000],
  );
  assert.equal(
    asked(() => node.fail('DEL', node.conf({ ipam }))),
    [60_000],
  );
});

test('an ADD that gets the VF of a dead pod doesn’t wait for its IPAM plugin either; a DEL releases the address', () => {
  const { node, other } = leftover();
  const limits: number[] = [];
  node.runIpam = ({ env, timeoutMs }) => {
    if (env['CNI_COMMAND'] === 'DEL') limits.push(timeoutMs);
    return limits.length === 1 ? { status: null, timedOut: true } : undefined;
  };
  node.succeed('ADD', node.conf(), node.of(other));
  assert.equal(limits, [500]);
  assert.equal(node.readRecord()['failedRelease'], { tries: 0, firstMs: 0, bootId: node.platform.bootId() });
  node.forgetSweep();
  node.succeed('DEL', node.conf(), node.of(other));
  assert.equal([node.recordPaths(), [...node.leases]], [[], []]);
});

test('an address that can’t be released is given up after 5 tries over 5 minutes, and named', () => {
  const { node, other } = leftover();
  node.platform.executables.delete('/opt/cni/bin/host-local');
  const tries = Array.from({ length: 7 }, () => {
    node.forgetSweep();
    node.platform.clock.nowMs += 60_000;
    return node.cni('DEL', node.conf({ deviceID: vfPci(1) }), node.of(other));
  });
  assert.equal(
    tries.map(({ status, stderr }) => [status, /level=error .*addresses=/.test(stderr)]),
    [false, false, false, false, false, true, false].map((leaked) => [0, leaked]),
  );
  assert.match(
    tries[5]?.stderr ?? '',
    /attachment="net1 of container c1 \(network vf-net\)".*CNI_PATH.*addresses=10.0.2.5\/24/,
  );
  assert.equal(node.recordPaths(), []);
});

test('the next one goes on where the last one ended, 5 s later: what can’t be reclaimed doesn’t keep the others', () => {
  const node = new MemoryNode({ vfs: 4 });
  const pods = [node.pod, node.addPod(), node.addPod()];
  for (const [index, pod] of pods.entries()) {
    node.succeed('ADD', node.conf({ deviceID: vfPci(index), ipam }), node.of(pod));
  }
  const next = node.addPod();
  for (const pod of pods) node.endPod(pod);
  node.forgetSweep();
  const asked: string[] = [];
  node.runIpam = ({ env }) => {
    if (env['CNI_COMMAND'] !== 'DEL') return undefined;
    asked.push(env['CNI_CONTAINERID'] ?? '');
    node.platform.clock.nowMs += 600;
    return { status: 1 };
  };
  const isTried = (containerId: string, waitMs: number): void => {
    node.platform.clock.nowMs += waitMs;
    asked.length = 0;
    node.succeed('DEL', node.conf({ deviceID: vfPci(3) }), node.of(next));
    assert.equal(
      asked,
      [containerId].filter((id) => id !== ''),
    );
  };
  isTried('c1', 0);
  isTried('', 300);
  isTried('c2', 1000);
  isTried('c3', 1000);
  isTried('', 1000);
  isTried('c1', 60_000);
});

test('a living pod keeps its VF though its copy of the record is lost', () => {
  const node = new MemoryNode();
  const other = node.addPod();
  node.succeed('ADD', node.conf({ vlan: 5, ipam }));
  const owner = `${stateDir}/.vfs/${vfPci(0)}`;
  for (const spoil of [
    () => node.platform.files.delete(owner),
    () => node.platform.files.set(owner, '{'),
    () => node.platform.modes.set(owner, 0o666),
  ]) {
    spoil();
    node.forgetSweep();
    node.succeed('DEL', node.conf({ deviceID: vfPci(1) }), node.of(other));
    assert.equal([node.recordPaths().length, node.leases.size, node.vfs[0]?.vlan], [1, 1, 5]);
  }
  assert.is(node.fail('ADD', node.conf(), node.of(other)).code, 104);
  node.succeed('DEL', node.conf({ ipam }));
  assert.equal([node.recordPaths(), node.leases.size, node.vfs[0]?.vlan], [[], 0, 0]);
});
