import { type MemoryNode, vfPci } from '../../support/memory-node.ts';
import { operate } from '../../support/operate.ts';
import { assert, suite } from '../../support/suite.ts';
import { attachmentPath, switchedFromSriovCni, withSriovCni } from './sriov-cni-node.ts';

const test = suite('cli/preflight');

interface Check {
  readonly id: string;
  readonly verdict: string;
  readonly found: string;
  readonly remedy: string | null;
}

const definition = (config: object): string =>
  JSON.stringify({
    apiVersion: 'k8s.cni.cncf.io/v1',
    kind: 'NetworkAttachmentDefinition',
    metadata: { name: 'net', namespace: 'ns' },
    spec: { config: JSON.stringify({ cniVersion: '1.0.0', name: 'net', type: 'sriov', ...config }) },
  });

/** A node with sriov-cni on it, a pod that it has attached, and a definition. */
function ready(): MemoryNode {
  const node = withSriovCni();
  node.platform.files.set('/good.json', definition({ vlan: 5 }));
  return node;
}

function checksOf(node: MemoryNode, ...files: readonly string[]): ReadonlyMap<string, Check> {
  const { json, code, stderr } = operate(node.platform, 'preflight', '--json', ...files);
  assert.ok(json !== undefined, stderr);
  const { go, checks } = json as { go: boolean; checks: readonly Check[] };
  assert.is(code, go ? 0 : 1);
  return new Map(checks.map((check) => [check.id, check]));
}

function expectCheck(
  checks: ReadonlyMap<string, Check>,
  id: string,
  verdict: string,
  ...words: readonly string[]
): void {
  const check = checks.get(id);
  assert.is(check?.verdict, verdict, check?.found);
  for (const word of words) assert.match(`${check?.found} -> ${check?.remedy}`, word);
}

test('a node that may be switched: go, with the pods that sriov-cni has attached', () => {
  const node = ready();
  const { code, stdout } = operate(node.platform, 'preflight', '/good.json');
  assert.is(code, 0, stdout);
  assert.match(stdout, /\bGo\b/);
  const checks = checksOf(node, '/good.json');
  expectCheck(checks, 'pods', 'ok', '1 attachment', 'ccccccccccccc', vfPci(0));
  expectCheck(checks, 'plugin', 'ok', '/opt/cni/bin/sriov ');
  expectCheck(checks, 'definitions', 'ok', '1 definition');
});

test('after the switch, its pods are shown as what they are, and nothing is wrong with them', () => {
  const node = switchedFromSriovCni();
  const what = 'net1 of container ccccccccccccc, attached by sriov-cni, network net';
  assert.match(operate(node.platform, 'attachments').stdout, `${vfPci(0)}  ${what}`);
  assert.match(operate(node.platform, 'inspect').stdout.replace(/\n +/g, ' '), what);
  assert.match(operate(node.platform, 'inspect', vfPci(0)).stdout.replace(/\n +/g, ' '), what);
  const { checks } = operate(node.platform, 'doctor', '--json').json as { checks: readonly Check[] };
  const byId = new Map(checks.map((check) => [check.id, check]));
  expectCheck(byId, 'vfs', 'ok', '1 attached, 1 free');
  expectCheck(byId, 'agreement', 'ok');
});

test('attachments promises no DEL for what sriov-cni keeps and cannot be used', () => {
  const node = switchedFromSriovCni();
  const kept = JSON.parse(String(node.platform.files.get(attachmentPath))) as Record<string, unknown>;
  const old = attachmentPath.replace(/net1$/, 'net2');
  // As sriov-cni 2.1.0 writes it.
  node.platform.files.set(old, JSON.stringify({ ...kept, OrigVfState: undefined }));
  const { stdout } = operate(node.platform, 'attachments');
  assert.match(
    stdout,
    /given back by this plugin’s DEL:\n {2}\S+ {2}net1 of [^\n]*\nGiven back by no DEL: net2 of container c/,
  );
  assert.match(stdout, 'OrigVfState');
});

/** As sriov-cni 2.1.0 writes it. */
function makeOld(node: MemoryNode): void {
  const { OrigVfState, ...kept } = JSON.parse(String(node.platform.files.get(attachmentPath)));
  node.platform.files.set(attachmentPath, JSON.stringify({ ...kept, HostIFNames: OrigVfState.HostIFName }));
}

function doctorOf(node: MemoryNode): ReadonlyMap<string, Check> {
  const { checks } = operate(node.platform, 'doctor', '--json').json as { checks: readonly Check[] };
  return new Map(checks.map((check) => [check.id, check]));
}

test('doctor names what an old release of sriov-cni has attached, and how to undo it by hand', () => {
  assert.is(doctorOf(switchedFromSriovCni()).has('sriov-cni'), false);
  const node = switchedFromSriovCni();
  makeOld(node);
  const named = ['net1 of container ccccccccccccc', 'network net', vfPci(0), 'OrigVfState'];
  const byHand = ['ip link set pf0 vf 0 vlan 0', 'name vf0', `rm ${attachmentPath}`];
  expectCheck(doctorOf(node), 'sriov-cni', 'wrong', ...named, ...byHand);
  expectCheck(doctorOf(node), 'agreement', 'ok');
  expectCheck(doctorOf(node), 'vfs', 'ok', '1 attached, 1 free');
  assert.match(operate(node.platform, 'inspect', vfPci(0)).stdout, 'OrigVfState');

  const onHost = withSriovCni();
  makeOld(onHost);
  expectCheck(doctorOf(onHost), 'sriov-cni', 'warning', ...named, ...byHand);
  onHost.platform.files.set(attachmentPath, '{');
  expectCheck(doctorOf(onHost), 'sriov-cni', 'warning', 'net1 of container ccccccccccccc', `rm ${attachmentPath}`);
  onHost.platform.files.delete(attachmentPath);
  assert.is(doctorOf(onHost).has('sriov-cni'), false);
});

test('definitions: refused, different, not given', () => {
  const node = ready();
  node.platform.files.set('/bad.json', definition({ spoofchk: 'yes', vlan_id: 5 }));
  expectCheck(checksOf(node, '/bad.json'), 'definitions', 'wrong', '2 faults', 'spoofchk', 'validate');
  node.platform.files.set('/mtu.json', definition({ mtu: 9000, logFile: '/tmp/x.log' }));
  expectCheck(checksOf(node, '/mtu.json'), 'differences', 'warning', 'ns/net: mtu ');
  expectCheck(checksOf(node), 'definitions', 'warning', 'kubectl get net-attach-def');
  expectCheck(checksOf(node, '/nope'), 'definitions', 'wrong', '/nope: ');
});

test('who would put sriov-cni back is named, and it is no-go', () => {
  const node = ready();
  node.platform.files.set('/var/log/pods/kube-system_kube-sriov-cni-ds-x_1/kube-sriov-cni/0.log', '');
  expectCheck(checksOf(node, '/good.json'), 'overwriters', 'wrong', 'kube-system/kube-sriov-cni-ds-x');
  assert.match(operate(node.platform, 'preflight', '/good.json').stdout, 'No-go');
});

test('attachments that DEL could not give back: drain', () => {
  const old = ready();
  old.platform.files.set(attachmentPath, JSON.stringify({ name: 'net', deviceID: vfPci(0) }));
  expectCheck(checksOf(old, '/good.json'), 'pods', 'wrong', 'OrigVfState', 'kubectl drain');
  const listless = ready();
  listless.platform.files.delete(`/var/lib/cni/sriov/pci/${vfPci(0)}`);
  expectCheck(checksOf(listless, '/good.json'), 'pods', 'wrong', 'kubectl drain');
});
