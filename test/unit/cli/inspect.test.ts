import { SystemError } from '../../../src/lib/system-error.ts';
import { MemoryNode, pfPci, vfPci } from '../../support/memory-node.ts';
import { createMemoryPlatform } from '../../support/memory-platform.ts';
import { operate } from '../../support/operate.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('cli/inspect');

const args = 'IgnoreUnknown=1;K8S_POD_NAMESPACE=vf-test8;K8S_POD_NAME=pod0;K8S_POD_UID=uid-0';
const ofPod = { env: { CNI_ARGS: args } };

interface VfJson {
  readonly pci: string;
  readonly vf: number;
  readonly place: string;
  readonly driver: string | null;
  readonly netdev: { readonly name: string; readonly netns: string | null; readonly mac: string } | null;
  readonly admin: { readonly vlan: number; readonly spoofchk: string } | null;
  readonly holder: Readonly<Record<string, unknown>> | null;
  readonly disagreements: readonly string[];
}

function vfsOf(node: MemoryNode): readonly VfJson[] {
  const { pfs } = operate(node.platform, 'inspect', '--json').json as { pfs: readonly { vfs: readonly VfJson[] }[] };
  return pfs.flatMap(({ vfs }) => vfs);
}

const disagreementsOf = (node: MemoryNode): readonly string[] => vfsOf(node)[0]?.disagreements ?? [];

function attached(keys: Readonly<Record<string, unknown>> = {}): MemoryNode {
  const node = new MemoryNode();
  node.succeed('ADD', node.conf(keys), ofPod);
  return node;
}

test('PFs and VFs in a table that fits 80 columns', () => {
  const node = attached({ vlan: 100, vlanQoS: 3, max_tx_rate: 500 });
  const { code, stdout, stderr } = operate(node.platform, 'inspect');
  assert.equal([code, stderr], [0, '']);
  const lines = stdout.trimEnd().split('\n');
  assert.match(lines[0] ?? '', `pf0 ${pfPci}`);
  assert.match(lines[0] ?? '', '2 of 8 VFs');
  assert.match(lines[1] ?? '', / VLAN +SPOOF +TRUST\b/);
  assert.match(lines[2] ?? '', /^ +0 +0000:3b:02\.0 +igbvf +in pod +up +52:54:\S+ +100\/3 +/);
  assert.match(lines[3] ?? '', 'net1 of vf-test8/pod0, network vf-net');
  assert.match(lines[4] ?? '', 'max_tx_rate 500 Mbps');
  assert.match(lines[5] ?? '', /^ +1 +0000:3b:02\.1 +igbvf +vf1 +down/);
  // Usual values are not shown.
  assert.equal(lines.length, 6);
  for (const line of lines) assert.ok(line.length <= 80, line);
});

test('a VLAN with its priority and protocol, as far as they say something', () => {
  const cases: readonly (readonly [vlan: object, short: RegExp, long: RegExp])[] = [
    [{}, / - +on +off/, /^ +VLAN +-$/m],
    [{ vlan: 7 }, / 7 +on +off/, /^ +VLAN +7, QoS 0, 802\.1q$/m],
    [{ vlan: 7, qos: 3 }, / 7\/3 +on +off/, /^ +VLAN +7, QoS 3, 802\.1q$/m],
    [{ vlan: 7, proto: 0x88a8 }, / 7 ad +on +off/, /^ +VLAN +7, QoS 0, 802\.1ad$/m],
    [{ vlan: 7, qos: 3, proto: 0x88a8 }, / 7\/3 ad +on +off/, /^ +VLAN +7, QoS 3, 802\.1ad$/m],
  ];
  for (const [vlan, short, long] of cases) {
    const node = new MemoryNode();
    Object.assign(node.vfs[0] ?? {}, vlan);
    assert.match(operate(node.platform, 'inspect').stdout.split('\n')[2] ?? '', short);
    const { stdout } = operate(node.platform, 'inspect', vfPci(0));
    for (const line of [long, /^ +MAC by the PF +00:00/m, /^ +link_state +auto$/m, /^ +max_tx_rate +no limit$/m]) {
      assert.match(stdout, line);
    }
  }
});

test('for programs: each VF with netdev, settings and holder', () => {
  const [first, second] = vfsOf(attached({ vlan: 5 }));
  assert.equal([first?.pci, first?.vf, first?.place, first?.driver], [vfPci(0), 0, 'pod', 'igbvf']);
  assert.equal([first?.netdev?.name, first?.netdev?.netns], ['net1', '/run/netns/pod1']);
  assert.is(first?.admin?.vlan, 5);
  const { network, containerId, ifname, pod, podState, phase } = first?.holder ?? {};
  const named = { namespace: 'vf-test8', name: 'pod0', uid: 'uid-0' };
  assert.equal(
    [network, containerId, ifname, pod, podState, phase],
    ['vf-net', 'c1', 'net1', named, 'alive', 'attached'],
  );
  assert.equal(first?.disagreements, []);
  assert.equal([second?.place, second?.netdev?.name, second?.holder], ['host', 'vf1', null]);
});

test('it changes nothing', () => {
  const node = attached();
  const [before, changes] = [node.picture(), node.changes.length];
  for (const argv of [['inspect'], ['inspect', vfPci(0)], ['attachments'], ['gc', '--dry-run'], ['doctor']]) {
    operate(node.platform, ...argv);
  }
  assert.equal([node.picture(), node.changes.length], [before, changes]);
});

test('one VF by its address in any spelling, by its netdev, and the PF by its name', () => {
  const node = attached({ spoofchk: 'on' });
  for (const spelling of ['0000:3b:02.0', '3B:02.0', 'net1']) {
    const { code, stdout } = operate(node.platform, 'inspect', spelling);
    assert.is(code, 0, spelling);
    for (const part of [
      'VF 0000:3b:02.0',
      'net1, in /run/netns/pod1',
      'held by',
      'vf-test8/pod0',
      'UID uid-0',
      'igbvf',
    ]) {
      assert.match(stdout, part);
    }
  }
  assert.match(operate(node.platform, 'inspect', 'pf0').stdout, /^pf0 0000:3b:00\.0/);
  assert.is((operate(node.platform, 'inspect', 'vf1', '--json').json as VfJson).pci, vfPci(1));
});

test('a PF without VFs says how to make some', () => {
  const node = new MemoryNode({ vfs: 1 });
  node.removeVf(0);
  assert.match(operate(node.platform, 'inspect').stdout, `no VFs; echo N > /sys/bus/pci/devices/${pfPci}/sriov_numvfs`);
});

test('what isn’t there: exit code 1, and what there is', () => {
  const { code, stdout, stderr } = operate(new MemoryNode().platform, 'inspect', '0000:3b:02.7');
  assert.equal([code, stdout], [1, '']);
  assert.match(stderr, '0000:3b:02.7');
  assert.match(stderr, '0000:3b:00.0 (pf0): 0000:3b:02.0 0000:3b:02.1');
});

test('a node without a card says so, and a target there too', () => {
  const platform = createMemoryPlatform({ files: { '/sys/bus/pci/devices/0000:00:01.0/vendor': '0x8086\n' } });
  assert.equal(operate(platform, 'inspect').code, 0);
  assert.match(operate(platform, 'inspect').stdout, 'SR-IOV');
  assert.equal(operate(platform, 'inspect', '--json').json, { pfs: [], withoutPf: [] });
  const { code, stdout, stderr } = operate(platform, 'inspect', 'x');
  assert.equal([code, stdout], [1, '']);
  assert.match(stderr, 'SR-IOV');
});

test('a disk with VFs is no network card', () => {
  const device = '/sys/bus/pci/devices/0000:05:00.0';
  const platform = createMemoryPlatform({
    files: { [`${device}/class`]: '0x010802\n', [`${device}/sriov_totalvfs`]: '32\n' },
  });
  assert.equal(operate(platform, 'inspect', '--json').json, { pfs: [], withoutPf: [] });
});

test('VFs without a PF on this machine, as far as a device plugin publishes them', () => {
  const node = new MemoryNode();
  node.hidePf();
  node.succeed('ADD', node.conf());
  assert.match(operate(node.platform, 'inspect').stdout, '0000:3b:02.0 0000:3b:02.1');
  const both = [vfPci(0), vfPci(1)];
  assert.equal(operate(node.platform, 'inspect', '--json').json, { pfs: [], withoutPf: both });
  assert.match(operate(node.platform, 'attachments').stdout, /0000:3b:02\.0 +- +attached/);
});

test('settings that were changed since are named', () => {
  const node = attached({ vlan: 5, spoofchk: 'on', trust: 'off' });
  assert.equal(disagreementsOf(node), []);
  Object.assign(node.vfs[0] ?? {}, { vlan: 6, spoofchk: 0 });
  const [ofVlan = '', ofSpoofchk = '', ...others] = disagreementsOf(node);
  assert.match(ofVlan, /^vlan .*\b6\b.*\b5\b/);
  assert.match(ofSpoofchk, /^spoofchk .*\boff\b.*\bon\b/);
  assert.equal(others, []);
  assert.match(operate(node.platform, 'inspect').stdout, `! ${ofVlan}`);
});

test('a netdev that was renamed in the pod, or taken out of it', () => {
  const renamed = attached();
  renamed.edit(() => Object.assign(renamed.link(0), { name: 'other' }));
  assert.match(disagreementsOf(renamed).join(), /\bother\b.*\bnet1\b/);
  const back = attached();
  back.edit(() => {
    const link = back.link(0);
    back.pod.namespace.links.splice(back.pod.namespace.links.indexOf(link), 1);
    back.host.links.push(Object.assign(link, { name: 'vf0' }));
  });
  assert.match(disagreementsOf(back).join(), '(vf0)');
});

test('a dead pod, an ADD that was killed, a pod that can’t be looked at', () => {
  const dead = attached();
  dead.endPod(dead.pod);
  assert.is(disagreementsOf(dead).length, 1);
  assert.is(vfsOf(dead)[0]?.holder?.['podState'], 'dead');
  const half = attached();
  half.editRecord({ phase: 'pending' });
  assert.is(disagreementsOf(half).length, 1);
  assert.is(vfsOf(half)[0]?.holder?.['halfDone'], true);
  const forbidden = attached();
  Object.assign(forbidden.platform, {
    openNetns: () => {
      throw new SystemError('open', 1);
    },
  });
  assert.is(vfsOf(forbidden)[0]?.holder?.['podState'], 'unknown');
});

test('of several records of a VF the living one’s is its holder, else the youngest', () => {
  const node = attached();
  const record = node.readRecord();
  const other = (containerId: string, keys: Readonly<Record<string, unknown>>): void => {
    const pod = { ...node.pod, containerId };
    const key = { ...(record['key'] as object), containerId };
    node.platform.files.set(node.recordPath(pod), JSON.stringify({ ...record, key, bootId: 'another', ...keys }));
  };
  other('c0', { createdAt: '2026-03-01T00:00:00.000Z' });
  other('c9', { createdAt: '2026-02-01T00:00:00.000Z' });
  assert.is(vfsOf(node)[0]?.holder?.['containerId'], 'c1');
  node.platform.files.delete(node.recordPath());
  assert.is(vfsOf(node)[0]?.holder?.['containerId'], 'c0');
});

test('a VF in a namespace of which no record tells, and one that is nowhere', () => {
  const node = new MemoryNode();
  node.edit(() => {
    const link = node.link(0);
    node.host.links.splice(node.host.links.indexOf(link), 1);
    node.pod.namespace.links.push(link);
  });
  node.platform.links.set('/proc/77/ns/net', `net:[${node.pod.namespace.inode}]`);
  node.platform.netnsPaths.set('/proc/77/ns/net', node.pod.namespace);
  assert.match(disagreementsOf(node).join(), /\bvf0\b.*\/proc\/77\/ns\/net\b/);
  assert.is(vfsOf(node)[0]?.netdev?.netns, '/proc/77/ns/net');
  node.platform.links.delete('/proc/77/ns/net');
  assert.equal([vfsOf(node)[0]?.place, vfsOf(node)[0]?.netdev], ['lost', null]);
});

test('VFs of vfio-pci and of no driver', () => {
  const node = new MemoryNode({ userspace: [1] });
  node.platform.links.delete(`/sys/bus/pci/devices/${vfPci(0)}/driver`);
  node.edit(() => node.host.links.splice(node.host.links.indexOf(node.link(0)), 1));
  assert.equal(
    vfsOf(node).map(({ place, driver }) => [place, driver]),
    [
      ['unbound', null],
      ['userspace', 'vfio-pci'],
    ],
  );
  assert.match(operate(node.platform, 'inspect').stdout, 'vfio-p');
});

test('a PF that tells no settings, and one whose netdev is gone', () => {
  const blind = new MemoryNode({ blindPf: true });
  assert.is(vfsOf(blind)[0]?.admin, null);
  assert.match(operate(blind.platform, 'inspect', vfPci(0)).stdout, 'PF’s settings');
  const without = new MemoryNode();
  without.edit(() => without.host.links.splice(without.host.links.indexOf(without.pf), 1));
  assert.match(operate(without.platform, 'inspect').stdout, 'no netdev on the host');
});

test('names that the kernel allows and a terminal acts on are escaped', () => {
  const node = new MemoryNode();
  node.edit(() => Object.assign(node.link(0), { name: 'a\u001b[2J' }));
  for (const argv of [['inspect'], ['inspect', vfPci(0)]]) {
    assert.not.match(operate(node.platform, ...argv).stdout, '\u001b');
  }
});
