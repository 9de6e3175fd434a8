import { MemoryNode, pfPci, vfPci } from '../../../support/memory-node.ts';
import { operate } from '../../../support/operate.ts';
import { assert, suite } from '../../../support/suite.ts';
import { checkpoint, claimA, claimB, claimSpec, podSpec, podUid } from '../../allocation/fixture.ts';
import { attachmentPath, container, switchedFromSriovCni, withSriovCni } from '../sriov-cni-node.ts';

const test = suite('cli/explain');

interface Step {
  readonly id: string;
  readonly verdict: string;
  readonly found: string;
  readonly compared: string | null;
  readonly next: string | null;
}

interface Explained {
  readonly pod: { readonly uid: string; readonly name: string; readonly knownBy: readonly string[] };
  readonly steps: readonly Step[];
  readonly attachments: readonly {
    readonly network: string;
    readonly ifname: string;
    readonly steps: readonly Step[];
  }[];
  readonly broken: string | null;
  readonly next: string | null;
}

const env = { CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=web;K8S_POD_UID=${podUid}` };
const conf = { cniVersion: '1.1.0', name: 'vf-net', type: 'dra-sriov' };
const ipam = { type: 'host-local', subnet: '10.0.2.0/24' };

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64');

/** As Multus 4 saves its delegates. */
function annotate(node: MemoryNode, ...networks: readonly Readonly<Record<string, unknown>>[]): void {
  const own = {
    Name: 'cbr0',
    ConfList: { name: 'cbr0' },
    Bytes: encode({ name: 'cbr0', plugins: [{ type: 'flannel' }] }),
  };
  const delegates = networks.map(({ ifname, ...config }) => ({
    Name: `ns/${String(config['name'])}`,
    Conf: config,
    ...(ifname === undefined ? {} : { ifnameRequest: ifname }),
    Bytes: encode(config),
  }));
  node.platform.files.set(`/var/lib/cni/multus/${node.pod.containerId}`, JSON.stringify([own, ...delegates]));
}

function place(node: MemoryNode, ...files: readonly Readonly<Record<string, string>>[]): void {
  for (const file of files) for (const [path, text] of Object.entries(file)) node.platform.files.set(path, text);
}

/** A node on which the pod has claimed a VF, and Multus is about to attach it. */
function claimed(): MemoryNode {
  const node = new MemoryNode();
  const nets = { [vfPci(0)]: 'vf-net' };
  place(
    node,
    podSpec([vfPci(0)]),
    claimSpec(claimA, nets),
    checkpoint([{ claim: claimA, pci: vfPci(0), nad: 'vf-net' }]),
  );
  place(node, { [`/var/log/pods/ns_web_${podUid}/app/0.log`]: '' });
  node.edit(() => Object.assign(node.pf, { up: true }));
  return node;
}

function attached(keys: Readonly<Record<string, unknown>> = {}): MemoryNode {
  const node = claimed();
  node.succeed('ADD', { ...conf, ipam, ...keys }, { env });
  annotate(node, { ...conf, ipam, ...keys });
  return node;
}

function explained(node: MemoryNode, target = 'ns/web'): Explained {
  const { json, stderr } = operate(node.platform, 'explain', target, '--json');
  assert.ok(json !== undefined, stderr);
  return json as Explained;
}

const allSteps = ({ steps, attachments }: Explained): readonly Step[] => [
  ...steps,
  ...attachments.flatMap((each) => each.steps),
];

/** Asserts which link is the first broken one, and its text. */
function expectBroken(node: MemoryNode, id: string, ...texts: readonly string[]): void {
  const all = explained(node);
  assert.is(all.broken, id, JSON.stringify(allSteps(all).filter(({ verdict }) => verdict !== 'ok')));
  const step = allSteps(all).find(({ verdict }) => verdict === 'broken');
  for (const text of texts) assert.match(`${step?.found} = ${step?.compared} -> ${step?.next}`, text);
  assert.ok((all.next ?? '') !== '', id);
  assert.is(operate(node.platform, 'explain', 'ns/web').code, 1);
}

test('a pod that has what it claims: every link in its order, and exit code 0', () => {
  const node = attached({ vlan: 100, vlanQoS: 3 });
  const all = explained(node);
  assert.equal(
    allSteps(all).map(({ id, verdict }) => `${id} ${verdict}`),
    ['annotation', 'claim', 'cdi', 'vf', 'record', 'device', 'pf', 'settings', 'interface', 'addresses'].map(
      (id) => `${id} ok`,
    ),
  );
  assert.equal([all.broken, all.next], [null, null]);
  const text = (id: string): string => allSteps(all).find((step) => step.id === id)?.found ?? '';
  assert.is(text('annotation'), '1 network: net1: vf-net');
  assert.match(text('claim'), new RegExp(`${vfPci(0)} .*${claimA}`));
  assert.match(text('settings'), 'VLAN 100 QoS 3 802.1q');
  assert.match(text('pf'), `pf0 (${pfPci}, igb), up`);
  assert.is(text('addresses'), '10.0.2.5/24');
  assert.match(text('interface'), 'net1 in /run/netns/pod1, up');
  const { code, stdout, stderr } = operate(node.platform, 'explain', 'ns/web');
  assert.equal([code, stderr], [0, ''], stdout);
  assert.not.match(stdout, 'BROKEN');
  for (const line of stdout.split('\n')) assert.ok(line.length <= 80 || /\/\S{40}/.test(line), line);
});

test('a pod by its name, its UID, its container; what isn’t there names what is', () => {
  const node = attached();
  for (const target of ['web', 'ns/web', podUid]) assert.is(explained(node, target).pod.uid, podUid, target);
  const record = node.readRecord();
  const id = 'c0ffee0123456789';
  const key = { ...(record['key'] as object), containerId: id };
  node.platform.files.set(node.recordPath({ ...node.pod, containerId: id }), JSON.stringify({ ...record, key }));
  for (const target of ['c0ffee01', `containerd://${id}`]) assert.is(explained(node, target).pod.name, 'web', target);
  const { code, stdout, stderr } = operate(node.platform, 'explain', 'nope');
  assert.equal([code, stdout], [1, '']);
  assert.match(stderr, `there are:\n  ns/web (UID ${podUid})`);
});

test('two pods of a name: both are named, unless the kubelet has only one yet', () => {
  const node = attached();
  const other = '7b3e9b1d-22bb-4d68-8e6f-4a2c1b8d0f12';
  place(node, { [`/var/log/pods/ns_web_${other}/app/0.log`]: '' });
  const { code, stderr } = operate(node.platform, 'explain', 'web');
  assert.is(code, 1);
  for (const uid of [podUid, other]) assert.match(stderr, uid);
  place(node, { [`/var/lib/kubelet/pods/${podUid}/etc-hosts`]: '' });
  assert.is(explained(node, 'web').pod.uid, podUid);
});

test('a pod that Multus cannot attach: the VF that ADD would take, and why it fails', () => {
  const node = claimed();
  expectBroken(node, 'record', `involvedObject.uid=${podUid}`);
  node.platform.links.delete(`/sys/bus/pci/devices/${vfPci(0)}/driver`);
  expectBroken(node, 'vf', vfPci(0), 'resolve --pod-uid');
});

test('the annotation as Multus keeps it: fewer networks than VFs, names of interfaces, none of ours', () => {
  const node = attached();
  place(
    node,
    podSpec([vfPci(0), vfPci(1)]),
    checkpoint([
      { claim: claimA, pci: vfPci(0) },
      { claim: claimA, pci: vfPci(1) },
    ]),
  );
  place(node, claimSpec(claimA, { [vfPci(0)]: 'vf-net', [vfPci(1)]: 'vf-net' }));
  expectBroken(node, 'annotation', '1 network: net1: vf-net', '2 VFs', 'validate');
  annotate(node, conf, { ...conf, ifname: 'data0' });
  const all = explained(node);
  assert.equal(
    all.attachments.map(({ ifname, network }) => `${ifname} ${network}`),
    ['net1 vf-net', 'data0 vf-net'],
  );
  assert.match(all.attachments[1]?.steps[0]?.found ?? '', vfPci(1));
  annotate(node);
  expectBroken(node, 'annotation', 'kubectl -n ns describe pod web');
});

test('a VF that the driver itself attached, beside a first network by Multus, is not missed in the annotation', () => {
  const node = claimed();
  node.succeed('ADD', { ...conf, ipam, deviceID: vfPci(0) }, { env });
  annotate(node);
  const all = explained(node);
  assert.is(all.broken, null, JSON.stringify(allSteps(all)));
  assert.match(all.steps[0]?.found ?? '', 'not Multus');
  const two = [vfPci(0), vfPci(1)];
  place(node, podSpec(two), checkpoint(two.map((pci) => ({ claim: claimA, pci }))));
  expectBroken(node, 'annotation', '1 of 2 VFs');
});

test('without Multus’ cache the annotation is not on the node', () => {
  const node = attached();
  node.platform.files.delete(`/var/lib/cni/multus/${node.pod.containerId}`);
  const all = explained(node);
  assert.equal([all.broken, all.steps[0]?.verdict], [null, 'unknown']);
  place(node, { [`/var/lib/cni/multus/${node.pod.containerId}`]: 'no JSON', '/var/lib/cni/multus/results/x': '{' });
  assert.is(explained(node).steps[0]?.verdict, 'unknown');
});

test('a pod that only libcni’s results of Multus name', () => {
  const node = claimed();
  const cniArgs = [
    ['K8S_POD_NAMESPACE', 'ns'],
    ['K8S_POD_NAME', 'web'],
    ['K8S_POD_UID', podUid],
  ];
  const cached = {
    kind: 'cniCacheV1',
    containerId: node.pod.containerId,
    ifName: 'eth0',
    networkName: 'cbr0',
    cniArgs,
  };
  place(node, { [`/var/lib/cni/multus/results/cbr0-${node.pod.containerId}-eth0`]: JSON.stringify(cached) });
  annotate(node, conf);
  const all = explained(node);
  assert.equal([all.steps[0]?.verdict, all.steps[0]?.found], ['ok', '1 network: net1: vf-net']);
  assert.ok(all.pod.knownBy.includes('Multus’ cache'));
});

test('after a reboot the specs of claims are gone: the pod is to be deleted', () => {
  const node = attached();
  for (const path of node.platform.files.keys()) if (path.includes(claimA)) node.platform.files.delete(path);
  expectBroken(node, 'cdi', vfPci(0), 'kubectl -n ns delete pod web');
});

test('the spec of a claim that is gone is none of the pod’s', () => {
  const node = attached();
  place(node, claimSpec(claimB, { [vfPci(0)]: 'another-net' }));
  const cdi = allSteps(explained(node)).find(({ id }) => id === 'cdi');
  assert.ok(cdi !== undefined);
  assert.equal([cdi.verdict, cdi.found.includes('vf-net'), cdi.found.includes('another-net')], ['ok', true, false]);
  for (const path of node.platform.files.keys()) if (path.includes(claimA)) node.platform.files.delete(path);
  expectBroken(node, 'cdi', vfPci(0), 'delete pod');
});

test('a claim that is not prepared, and sources that contradict each other', () => {
  const node = attached();
  for (const path of node.platform.files.keys()) if (/cdi|checkpoint/.test(path)) node.platform.files.delete(path);
  // The pod's record has a VF, which a device plugin may have given it.
  assert.is(explained(node).broken, null);
  const never = claimed();
  for (const path of never.platform.files.keys()) if (/cdi|checkpoint/.test(path)) never.platform.files.delete(path);
  expectBroken(never, 'claim', 'get resourceclaims');
  const odd = attached();
  place(odd, podSpec([vfPci(1)]));
  expectBroken(odd, 'claim', 'checkpoint', vfPci(1));
  const brokenFile = attached();
  place(brokenFile, { '/var/run/cdi/sriovnetwork.k8snetworkplumbingwg.io-vf_x.yaml': 'kind: [' });
  assert.is(operate(brokenFile.platform, 'explain', 'web').code, 0);
});

test('PF, settings, addresses and interface, each broken by somebody else', () => {
  const down = attached();
  down.edit(() => Object.assign(down.pf, { up: false }));
  expectBroken(down, 'pf', 'pf0 (0000:3b:00.0, igb)', 'down', 'ip link set pf0 up');
  const changed = attached({ vlan: 5, spoofchk: 'on' });
  Object.assign(changed.vfs[0] ?? {}, { vlan: 6, spoofchk: 0 });
  expectBroken(changed, 'settings', 'vlan', '6', '5', 'spoofchk', `inspect ${vfPci(0)}`);
  const bare = attached();
  bare.link(0).addresses.splice(0);
  expectBroken(bare, 'addresses', 'missing: 10.0.2.5/24', 'nsenter --net=/run/netns/pod1 ip addr show net1');
  const renamed = attached();
  renamed.edit(() => Object.assign(renamed.link(0), { name: 'other' }));
  expectBroken(renamed, 'interface', 'other', 'net1');
  const pulled = attached();
  pulled.edit(() => Object.assign(pulled.link(0), { up: false }));
  expectBroken(pulled, 'interface', 'net1', 'down');
});

test('a record of a dead pod, a half one, and VFs that were made anew', () => {
  const dead = attached();
  dead.endPod(dead.pod);
  expectBroken(dead, 'interface', 'gc --dry-run');
  const half = attached();
  half.editRecord({ phase: 'pending' });
  expectBroken(half, 'record');
  const gone = attached();
  gone.removeVf(0);
  expectBroken(gone, 'device', vfPci(0));
});

test('what to type next has the name that the program is installed under, as text and as JSON', () => {
  const node = attached();
  node.endPod(node.pod);
  const installed = Object.assign(node.platform, { executable: '/opt/cni/bin/sriov' });
  const { stdout } = operate(installed, 'explain', 'ns/web');
  assert.match(stdout, '-> sriov gc --dry-run\n');
  const all = operate(installed, 'explain', 'ns/web', '--json').json as Explained;
  assert.is(all.next, 'sriov gc --dry-run');
  assert.equal(
    allSteps(all).flatMap(({ next }) => next ?? []),
    ['sriov gc --dry-run'],
  );
});

test('a VF that a driver of user space serves has no interface to look at', () => {
  const node = new MemoryNode({ userspace: [0] });
  node.edit(() => Object.assign(node.pf, { up: true }));
  place(
    node,
    podSpec([vfPci(0)]),
    claimSpec(claimA, { [vfPci(0)]: 'vf-net' }),
    checkpoint([{ claim: claimA, pci: vfPci(0) }]),
  );
  node.succeed('ADD', conf, { env });
  const all = explained(node);
  assert.is(all.broken, null);
  assert.match(allSteps(all).find(({ id }) => id === 'interface')?.found ?? '', 'vfio-pci');
});

test('a pod that sriov-cni attached, after the switch on a running node: what it is, by name and by container', () => {
  const node = switchedFromSriovCni({ vlan: 5, spoofchk: 'on' });
  Object.assign(node.vfs[0] ?? {}, { vlan: 5, spoofchk: 1 });
  assert.is(explained(node, container).pod.uid, null);
  const cniArgs = Object.entries({ K8S_POD_NAMESPACE: 'ns', K8S_POD_NAME: 'web', K8S_POD_UID: podUid });
  const cached = JSON.stringify({ kind: 'cniCacheV1', containerId: container, cniArgs });
  place(node, { [`/var/lib/cni/multus/results/net-${container}-net1`]: cached });
  for (const target of [container, 'ns/web']) {
    const all = explained(node, target);
    assert.equal([all.pod.name, all.broken], ['web', null], JSON.stringify(allSteps(all)));
    assert.ok(all.pod.knownBy.includes('sriov-cni’s files'));
    assert.equal(
      all.attachments.map(({ network, ifname, steps }) => [network, ifname, ...steps.map(({ id }) => id)]),
      [['net', 'net1', 'vf', 'record', 'device', 'pf', 'settings', 'interface']],
    );
    const found = new Map(allSteps(all).map((step) => [step.id, step.found]));
    assert.match(found.get('vf') ?? '', vfPci(0));
    assert.match(found.get('record') ?? '', attachmentPath);
    assert.match(found.get('interface') ?? '', 'net1 in /proc/77/ns/net, up');
  }
  assert.is(operate(node.platform, 'explain', 'ns/web').code, 0);
});

test('what is broken of a pod that sriov-cni attached', () => {
  const named = (node: MemoryNode): Step | undefined => {
    const all = explained(node, container);
    return allSteps(all).find(({ verdict }) => verdict === 'broken');
  };
  const changed = switchedFromSriovCni({ vlan: 5 });
  assert.equal([named(changed)?.id, named(changed)?.next], ['settings', `dra-sriov inspect ${vfPci(0)}`]);
  assert.match(named(changed)?.found ?? '', 'vlan is 0, should be 5');
  assert.match(named(withSriovCni())?.found ?? '', 'not in the pod: on the host, as vf0');
  const old = switchedFromSriovCni();
  place(old, { [attachmentPath]: JSON.stringify({ name: 'net', deviceID: vfPci(0) }) });
  assert.equal([named(old)?.id, /OrigVfState/.test(named(old)?.found ?? '')], ['record', true]);
});

test('it changes nothing', () => {
  const node = attached();
  const before = node.picture();
  operate(node.platform, 'explain', 'web');
  assert.equal(node.picture(), before);
});
