import { MemoryNode, vfPci } from '../../../support/memory-node.ts';
import { operate } from '../../../support/operate.ts';
import { assert, suite } from '../../../support/suite.ts';
import { checkpoint, claimA, claimSpec, podSpec, podUid } from '../../allocation/fixture.ts';

const test = suite('cli/resolve');

interface Plan {
  readonly network: string;
  readonly ifname: string;
  readonly vf: string | null;
  readonly error: { readonly code: number } | null;
  readonly obstacle: { readonly code: number; readonly msg: string } | null;
  readonly changes: readonly string[];
  readonly sources: readonly {
    readonly candidates?: readonly { readonly pci: string; readonly ruledOut: string | null }[];
  }[];
  readonly attached: { readonly pci: string } | null;
}

const env = { CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=web;K8S_POD_UID=${podUid}` };

/** A node on which the pod has both VFs. */
function prepared(...files: readonly Readonly<Record<string, string>>[]): MemoryNode {
  const node = new MemoryNode({ vfs: 3 });
  for (const file of [podSpec([vfPci(0), vfPci(1)]), ...files]) {
    for (const [path, text] of Object.entries(file)) node.platform.files.set(path, text);
  }
  return node;
}

function plansOf(node: MemoryNode, ...argv: readonly string[]): readonly Plan[] {
  const { json, stderr } = operate(node.platform, 'resolve', '--pod-uid', podUid, '--json', ...argv);
  assert.ok(json !== undefined, stderr);
  return (json as { plans: readonly Plan[] }).plans;
}

test('the VF that ADD takes, and every source in order', () => {
  const node = prepared();
  const [plan] = plansOf(node, '--network', 'vf-net');
  assert.equal([plan?.ifname, plan?.vf, plan?.error, plan?.obstacle], ['net1', vfPci(0), null, null]);
  assert.equal(plan?.changes, ['ip link set vf0 netns POD name net1']);
  node.succeed('ADD', { cniVersion: '1.1.0', name: 'vf-net', type: 'dra-sriov' }, { env });
  assert.equal((node.readRecord()['identity'] as { pci: string }).pci, plan?.vf);
  const { code, stdout } = operate(prepared().platform, 'resolve', '--pod-uid', podUid, '--network', 'vf-net');
  assert.is(code, 0);
  assert.match(stdout, 'deviceID, pciBusID: ');
  assert.match(stdout, `${vfPci(0)}  taken`);
  assert.match(stdout, `${vfPci(1)}  fits`);
  assert.match(stdout, `=> net1 would get ${vfPci(0)}, VF 0 of pf0 (igbvf)`);
  for (const line of stdout.split('\n')) assert.ok(line.length <= 80 || line.includes('/'), line);
});

test('without a network: those that the pod is attached to, under their own names', () => {
  const node = prepared();
  node.succeed('ADD', { cniVersion: '1.1.0', name: 'vf-net', type: 'dra-sriov' }, { env, ifname: 'data7' });
  const plans = plansOf(node);
  assert.equal(
    plans.map(({ network, ifname, attached }) => [network, ifname, attached?.pci]),
    [['vf-net', 'data7', vfPci(0)]],
  );
});

test('several networks as in the annotation: each with what those before it have taken', () => {
  const plans = plansOf(prepared(), '--network', 'ns/vf-net,vf-net@data0');
  assert.equal(
    plans.map(({ ifname, vf }) => [ifname, vf]),
    [
      ['net1', vfPci(0)],
      ['net2', vfPci(1)],
    ],
  );
  const [, second] = plans;
  const choice = second?.sources.flatMap(({ candidates }) => candidates ?? []);
  assert.equal(choice, [
    { pci: vfPci(0), ruledOut: choice?.[0]?.ruledOut ?? null },
    { pci: vfPci(1), ruledOut: null },
  ]);
  assert.match(choice?.[0]?.ruledOut ?? '', /\bnet1\b.*\bvf-net\b/);
});

test('a network too many: error 100 as ADD would give it, exit code 1', () => {
  const node = prepared();
  const argv = ['resolve', '--pod-uid', podUid, '--network', 'a,a,a'];
  const { code, stdout } = operate(node.platform, ...argv);
  assert.is(code, 1);
  assert.match(stdout, /=> .*\berror 100: .*"a"/);
  assert.is(plansOf(node, '--network', 'a,a,a')[2]?.error?.code, 100);
});

test('without --network: the networks that the claims name', () => {
  const node = prepared(claimSpec(claimA, { [vfPci(0)]: 'vf-right', [vfPci(1)]: 'vf-left' }));
  assert.equal(
    plansOf(node).map(({ network, vf }) => [network, vf]),
    [
      ['vf-left', vfPci(1)],
      ['vf-right', vfPci(0)],
    ],
  );
  assert.equal(
    plansOf(prepared()).map(({ network }) => network),
    ['any'],
  );
});

test('with a network config: what it selects, asks for and names', () => {
  const node = prepared();
  node.platform.files.set(
    '/net.json',
    JSON.stringify({
      cniVersion: '1.0.0',
      name: 'n',
      type: 'sriov',
      vlan: 7,
      mtu: 1400,
      vfSelector: { pfNames: ['other'] },
    }),
  );
  assert.is(plansOf(node, '--config', '/net.json')[0]?.error?.code, 100);
  const list = { cniVersion: '1.0.0', name: 'n', plugins: [{ type: 'sriov', vlan: 7, mtu: 1400, deviceID: vfPci(1) }] };
  node.platform.files.set('/net.json', JSON.stringify(list));
  const [plan] = plansOf(node, '--config', '/net.json');
  assert.equal([plan?.network, plan?.vf], ['n', vfPci(1)]);
  assert.equal(plan?.changes, [
    'ip link set pf0 vf 1 vlan 7',
    'ip link set vf1 netns POD name net1',
    'ip -n POD link set net1 mtu 1400',
  ]);
});

test('definitions in YAML: all of them, or those that are asked for', () => {
  const node = prepared();
  const nad = (name: string): string =>
    `apiVersion: k8s.cni.cncf.io/v1\nkind: NetworkAttachmentDefinition\nmetadata: {name: ${name}}\nspec: {config: '{"type":"sriov"}'}\n---\n`;
  node.platform.files.set('/nad.yaml', `${nad('a')}${nad('b')}`);
  assert.equal(
    plansOf(node, '--config', '/nad.yaml').map(({ network }) => network),
    ['a', 'b'],
  );
  assert.equal(
    plansOf(node, '--config', '/nad.yaml', '--network', 'b').map(({ network }) => network),
    ['b'],
  );
  const { code, stderr } = operate(
    node.platform,
    'resolve',
    '--pod-uid',
    podUid,
    '--config',
    '/nad.yaml',
    '--network',
    'c',
  );
  assert.is(code, 1);
  assert.match(stderr, /\/nad\.yaml .*"c".*: a, b\b/);
});

test('an attachment that is there already', () => {
  const node = prepared();
  node.succeed('ADD', { cniVersion: '1.1.0', name: 'vf-net', type: 'dra-sriov' }, { env });
  const { code, stdout } = operate(node.platform, 'resolve', '--pod-uid', podUid, '--network', 'vf-net,vf-net');
  assert.is(code, 0);
  assert.match(stdout, `=> net1 has ${vfPci(0)}\n`);
  assert.match(stdout, `=> net2 would get ${vfPci(1)}`);
  assert.equal(plansOf(node, '--network', 'vf-net')[0]?.attached?.pci, vfPci(0));
});

test('a VF that another pod holds, one without driver, and one that isn’t there', () => {
  const node = prepared();
  node.succeed('ADD', node.conf({ deviceID: vfPci(0) }), {
    env: { CNI_ARGS: `IgnoreUnknown=1;K8S_POD_UID=${podUid}` },
    ifname: 'net9',
  });
  node.editRecord({ pod: null }, node.recordPath(node.pod, 'net9'));
  assert.is(plansOf(node, '--network', 'a')[0]?.obstacle?.code, 102);
  const unbound = prepared();
  unbound.platform.links.delete(`/sys/bus/pci/devices/${vfPci(0)}/driver`);
  assert.is(plansOf(unbound, '--network', 'a')[0]?.obstacle?.code, 104);
  const gone = prepared();
  gone.removeVf(0);
  const { code, stdout } = operate(gone.platform, 'resolve', '--pod-uid', podUid, '--network', 'a');
  assert.is(code, 1);
  assert.match(stdout, 'error 103');
});

test('a VF of a pod that sriov-cni attached and that lives', () => {
  const node = prepared();
  node.edit(() => {
    const link = node.link(0);
    node.host.links.splice(node.host.links.indexOf(link), 1);
    node.pod.namespace.links.push(link);
  });
  node.platform.files.set(`/var/lib/cni/sriov/pci/${vfPci(0)}`, node.pod.path);
  const [plan] = plansOf(node, '--network', 'a');
  assert.is(plan?.obstacle?.code, 102);
  assert.match(plan?.obstacle?.msg ?? '', 'sriov-cni');
});

test('a UID that nobody knows: the pods that there are', () => {
  const other = 'bbbbbbbb-1111-4222-8333-cccccccccccc';
  const node = prepared(checkpoint([{ claim: claimA, pci: vfPci(2) }], other));
  const { code, stderr } = operate(node.platform, 'resolve', '--pod-uid', 'typo');
  assert.is(code, 1);
  assert.match(stderr, `\n  ${podUid}: ${vfPci(0)} ${vfPci(1)}\n  ${other}: ${vfPci(2)}`);
});

test('what can’t be asked: said before anything is looked for', () => {
  const node = prepared();
  node.platform.files.set('/x.json', '{"name":"n","type":"sriov","vlan":9999}');
  node.platform.files.set('/y.json', '{"name":"n","type":"macvlan"');
  const refused: readonly (readonly [readonly string[], string])[] = [
    [['--pod-uid', '../x'], '--pod-uid "../x"'],
    [['--pod-uid', 'u', '--config', '/none'], '/none: '],
    [['--pod-uid', 'u', '--config', '/x.json'], 'vlan: 9999 '],
    [['--pod-uid', 'u', '--config', '/y.json'], 'line 1, column 29: '],
    [['--pod-uid', 'u', '--ifname', 'a/b'], '--ifname "a/b"'],
    [['--pod-uid', 'u', '--network', 'a,b', '--ifname', 'net1'], '--ifname'],
  ];
  for (const [argv, words] of refused) {
    const { code, stdout, stderr } = operate(node.platform, 'resolve', ...argv);
    assert.equal([code, stdout], [1, ''], argv.join(' '));
    assert.match(stderr, words);
  }
});
