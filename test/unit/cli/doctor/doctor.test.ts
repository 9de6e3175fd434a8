import { SystemError } from '../../../../src/lib/system-error.ts';
import { version } from '../../../../src/version.ts';
import { MemoryNode, pfPci, vfPci } from '../../../support/memory-node.ts';
import { createMemoryPlatform } from '../../../support/memory-platform.ts';
import { operate } from '../../../support/operate.ts';
import { assert, suite } from '../../../support/suite.ts';
import { checkpoint, claimA, claimB, claimSpec, dashed, podSpec, podUid } from '../../allocation/fixture.ts';

const test = suite('cli/doctor');

interface Check {
  readonly id: string;
  readonly verdict: string;
  readonly found: string;
  readonly remedy: string | null;
}

const env = { CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=web;K8S_POD_UID=${podUid}` };
const conf = { cniVersion: '1.1.0', name: 'vf-net', type: 'dra-sriov' };
const pluginDir = '/opt/cni/bin';

/** Executables by name, and what they say on stderr when run by hand. */
type Plugins = Readonly<Record<string, string>>;
const ours: Plugins = { 'dra-sriov': `CNI plugin dra-sriov v${version}\n`, 'host-local': 'CNI plugin host-local\n' };

/** A node on which nothing is wrong. */
function healthy(plugins: Plugins = ours): MemoryNode {
  const node = new MemoryNode();
  const { files, links, executables } = node.platform;
  const startProcess = node.platform.startProcess;
  executables.clear();
  for (const name of Object.keys(plugins)) {
    executables.add(`${pluginDir}/${name}`);
    files.set(`${pluginDir}/${name}`, name);
  }
  Object.assign(node.platform, {
    startProcess: (request: Parameters<typeof startProcess>[0]) => {
      if (request.env['CNI_COMMAND'] !== undefined) return startProcess(request);
      const said = plugins[request.path.slice(pluginDir.length + 1)] ?? '';
      const outcome = { status: 0, signal: null, timedOut: false, stdout: '', stderr: said };
      return { wait: () => outcome };
    },
  });
  files.set('/proc/sys/kernel/osrelease', '6.1.0-40-amd64\n');
  files.set('/proc/self/status', 'Name:\tx\nCapEff:\t000001ffffffffff\n');
  for (const process of ['1', 'self']) links.set(`/proc/${process}/ns/net`, `net:[${node.host.inode}]`);
  links.set('/var/lib/kubelet/plugins/sriovnetwork.k8snetworkplumbingwg.io/x', 'y');
  for (const link of [node.pf]) Object.assign(link, { up: true });
  return node;
}

function place(node: MemoryNode, ...files: readonly Readonly<Record<string, string>>[]): void {
  for (const file of files) for (const [path, text] of Object.entries(file)) node.platform.files.set(path, text);
}

function checksOf(node: MemoryNode): ReadonlyMap<string, Check> {
  const { json, stderr } = operate(node.platform, 'doctor', '--json');
  assert.ok(json !== undefined, stderr);
  return new Map((json as { checks: readonly Check[] }).checks.map((check) => [check.id, check]));
}

/** Asserts the outcome of a check, its finding, and that there is a remedy if something is wrong. */
function expectCheck(node: MemoryNode, id: string, verdict: string, ...texts: readonly string[]): void {
  const check = checksOf(node).get(id);
  assert.is(check?.verdict, verdict, `${id}: ${check?.found}`);
  for (const text of texts) assert.match(`${check?.found} -> ${check?.remedy}`, text);
  if (verdict === 'wrong' || verdict === 'warning') assert.ok((check?.remedy ?? '') !== '', `${id} has no remedy`);
}

test('a healthy node: exit code 0, one screen', () => {
  const node = healthy();
  place(node, podSpec([vfPci(0)]));
  node.succeed('ADD', { ...conf, ipam: { type: 'host-local', subnet: '10.0.2.0/24' } }, { env });
  const { code, stdout } = operate(node.platform, 'doctor');
  assert.is(code, 0, stdout);
  assert.not.match(stdout, /^ *(wrong|warning)\b/m);
  const lines = stdout.trimEnd().split('\n');
  assert.ok(lines.length <= 24, stdout);
  for (const line of lines) assert.ok(line.length <= 80, line);
  assert.is((operate(node.platform, 'doctor', '--json').json as { healthy: boolean }).healthy, true);
});

test('something wrong: exit code 1, with the remedy below it', () => {
  const node = healthy();
  Object.assign(node.pf, { up: false });
  const { code, stdout } = operate(node.platform, 'doctor');
  assert.is(code, 1);
  assert.match(stdout, /wrong +pfs +down: pf0\n +-> ip link set pf0 up/);
  assert.match(stdout, /\b1 wrong, 0 /);
});

test('kernel, capabilities, namespace and state directory', () => {
  const node = healthy();
  for (const id of ['kernel', 'capabilities', 'namespace', 'state']) expectCheck(node, id, 'ok');
  place(node, { '/proc/sys/kernel/osrelease': '5.10.0-8\n', '/proc/self/status': 'CapEff:\t0000000000001000\n' });
  node.platform.links.set('/proc/1/ns/net', 'net:[1]');
  expectCheck(node, 'kernel', 'warning', '5.14');
  expectCheck(node, 'capabilities', 'wrong', 'CAP_DAC_OVERRIDE, CAP_NET_RAW, CAP_SYS_PTRACE, CAP_SYS_ADMIN');
  expectCheck(node, 'namespace', 'wrong', 'nsenter');
  const { stat } = node.platform;
  const open = (path: string): ReturnType<typeof stat> => {
    const status = stat(path);
    return status === null || !path.startsWith('/var/lib/cni/dra-sriov') ? status : { ...status, mode: 0o777 };
  };
  node.succeed('ADD');
  Object.assign(node.platform, { stat: open });
  expectCheck(node, 'state', 'wrong', 'chmod -R go-w');
});

test('the plugin: not installed, of another version, or another one under its predecessor’s name', () => {
  expectCheck(healthy(), 'plugin', 'ok', `${pluginDir}/dra-sriov: version ${version}`);
  expectCheck(healthy({ bridge: '' }), 'plugin', 'wrong', 'dra-sriov install --to /opt/cni/bin');
  expectCheck(healthy({ sriov: 'CNI sriov plugin v2.10\n' }), 'plugin', 'wrong', '/opt/cni/bin/sriov ');
  expectCheck(
    healthy({ ...ours, sriov: 'CNI sriov plugin v2.10\n' }),
    'plugin',
    'warning',
    'install --to /opt/cni/bin --as sriov',
  );
  expectCheck(healthy({ 'dra-sriov': 'CNI plugin dra-sriov v0.0.1\n' }), 'plugin', 'warning', '0.0.1');
});

test('the name under which living attachments were made is another plugin’s now: their DEL goes there', () => {
  const foreign: Plugins = { ...ours, sriov: 'CNI sriov plugin v2.10\n' };
  const node = healthy(foreign);
  node.succeed('ADD', { ...node.conf(), type: 'sriov' });
  const advice = ['/opt/cni/bin/sriov ', '1 attachment', 'Helm', '"dra-sriov"'];
  expectCheck(node, 'plugin', 'wrong', ...advice);
  const logs = '/var/log/pods/dra-sriov_driver-x7_6f2d/sriov-cni/0.log';
  place(node, { [logs]: '', '/var/log/pods/kube-system_other_77/web/0.log': '' });
  expectCheck(node, 'plugin', 'wrong', 'dra-sriov/driver-x7');
  node.endPod(node.pod);
  expectCheck(node, 'plugin', 'warning', '"sriov"');
  const gone = healthy();
  gone.succeed('ADD', { ...gone.conf(), type: 'vf-attach' });
  expectCheck(gone, 'plugin', 'wrong', 'install --to /opt/cni/bin --as vf-attach');
});

test('Multus: its version’s behaviour, and what it really gave', () => {
  expectCheck(healthy(), 'multus', 'note', '/opt/cni/bin');
  const said = (text: string): MemoryNode => healthy({ ...ours, multus: text });
  expectCheck(said('multus-cni version:v4.0.2(clean,released), commit:x'), 'multus', 'ok', '4.0.2: ');
  expectCheck(said('multus-cni version:v4.2.2(clean,released)'), 'multus', 'ok', 'CDI');
  expectCheck(said('multus-cni version:v4.4.0(clean,released)'), 'multus', 'ok', 'PCI');
  const node = said('what is this');
  node.succeed('ADD', node.conf());
  expectCheck(node, 'multus', 'ok', 'PCI');
});

function setInfiniBand(node: MemoryNode): void {
  const mac = '00:00:10:49:fe:80:00:00:00:00:00:00:24:8a:07:03:00:a3:8d:f6';
  node.edit(() => Object.assign(node.pf, { type: 32, mac }));
}

test('a card that is set to InfiniBand', () => {
  const node = healthy();
  setInfiniBand(node);
  expectCheck(node, 'pfs', 'warning', 'Ethernet', 'pf0');
});

test('VFs without a PF on this machine, one of them attached', () => {
  const node = new MemoryNode();
  node.hidePf();
  node.succeed('ADD', node.conf());
  expectCheck(node, 'vfs', 'note', '2 VFs without a PF here');
  expectCheck(node, 'records', 'ok', '1 attachment');
});

test('no card, no VFs, none free', () => {
  const none = createMemoryPlatform();
  const { code, stdout } = operate(none, 'doctor');
  assert.is(code, 1);
  assert.match(stdout, /wrong +vfs +.*SR-IOV/);
  const empty = healthy();
  empty.removeVf(0);
  empty.removeVf(1);
  expectCheck(empty, 'vfs', 'wrong', '1 PF', `${pfPci}/sriov_numvfs`);
  const full = healthy();
  full.succeed('ADD');
  full.succeed('ADD', full.conf({ deviceID: vfPci(1) }), { ifname: 'net2' });
  expectCheck(full, 'vfs', 'warning', '2 VFs on 1 PF: 2 attached, 0 free');
});

test('no VF is free, and the card can have no more: the remedy is another', () => {
  const node = healthy();
  node.succeed('ADD');
  node.succeed('ADD', node.conf({ deviceID: vfPci(1) }), { ifname: 'net2' });
  expectCheck(node, 'vfs', 'warning', `up to 8`, `${pfPci}/sriov_numvfs`);
  place(node, { [`/sys/bus/pci/devices/${pfPci}/sriov_totalvfs`]: '2\n' });
  expectCheck(node, 'vfs', 'warning');
  assert.not.match(`${checksOf(node).get('vfs')?.remedy}`, 'sriov_numvfs');
});

test('what each remedy says, done, makes its check come out well', () => {
  const driver = `/sys/bus/pci/devices/${vfPci(1)}/driver`;
  const kind = 'sriovnetwork.k8snetworkplumbingwg.io/vf';
  const asked = { claim: claimA, pci: vfPci(0), cdiDevices: [`${kind}=${claimA}-${dashed(vfPci(0))}`] };
  const cases: readonly {
    readonly id: string;
    readonly remedy: string;
    readonly harm: (node: MemoryNode) => void;
    readonly mend: (node: MemoryNode) => void;
  }[] = [
    {
      id: 'pfs',
      remedy: 'ip link set pf0 up',
      harm: (node) => Object.assign(node.pf, { up: false }),
      mend: (node) => Object.assign(node.pf, { up: true }),
    },
    {
      id: 'drivers',
      remedy: `echo ${vfPci(1)} > /sys/bus/pci/drivers_probe`,
      harm: (node) => node.platform.links.delete(driver),
      mend: (node) => node.platform.links.set(driver, '../../../bus/pci/drivers/iavf'),
    },
    {
      id: 'records',
      remedy: 'dra-sriov gc',
      harm: (node) => {
        node.succeed('ADD');
        node.endPod(node.pod);
      },
      mend: (node) => operate(node.platform, 'gc'),
    },
    {
      id: 'kernel',
      remedy: 'Linux 5.14 or later',
      harm: (node) => place(node, { '/proc/sys/kernel/osrelease': '5.13.19-1\n' }),
      mend: (node) => place(node, { '/proc/sys/kernel/osrelease': '5.14.0-70.el9\n' }),
    },
    {
      id: 'pfs',
      remedy: 'ib-sriov-cni',
      harm: (node) => setInfiniBand(node),
      mend: (node) => node.edit(() => Object.assign(node.pf, { type: 1, mac: '02:00:00:00:00:f0' })),
    },
    {
      id: 'claims',
      remedy: 'delete the pod',
      harm: (node) => place(node, podSpec([vfPci(0)]), checkpoint([asked])),
      mend: (node) => {
        for (const path of Object.keys({ ...podSpec([]), ...checkpoint([]) })) node.platform.files.delete(path);
      },
    },
  ];
  for (const { id, remedy, harm, mend } of cases) {
    const node = healthy();
    harm(node);
    const check = checksOf(node).get(id);
    assert.match(`${check?.verdict}`, /wrong|warning/, id);
    assert.match(`${check?.remedy}`, remedy);
    mend(node);
    assert.not.match(`${checksOf(node).get(id)?.verdict}`, /wrong|warning/, id);
  }
});

test('PFs: absent, without carrier', () => {
  const absent = healthy();
  absent.edit(() => absent.host.links.splice(absent.host.links.indexOf(absent.pf), 1));
  expectCheck(absent, 'pfs', 'wrong', pfPci);
  const silent = healthy();
  Object.assign(silent.pf, { cable: false });
  expectCheck(silent, 'pfs', 'warning', 'no carrier: pf0');
});

test('a VF without a driver', () => {
  const node = healthy();
  node.platform.links.delete(`/sys/bus/pci/devices/${vfPci(1)}/driver`);
  node.edit(() => node.host.links.splice(node.host.links.indexOf(node.link(1)), 1));
  expectCheck(node, 'vfs', 'ok', '2 VFs on 1 PF: 1 without a driver, 1 free');
  node.succeed('ADD');
  expectCheck(node, 'vfs', 'warning', '2 VFs on 1 PF: 1 attached, 1 without a driver, 0 free', 'driver');
  expectCheck(node, 'drivers', 'wrong', vfPci(1), `echo ${vfPci(1)} > /sys/bus/pci/drivers_probe`);
});

test('records: of the dead, half done, of VFs that are gone, damaged', () => {
  const dead = healthy();
  dead.succeed('ADD');
  expectCheck(dead, 'records', 'ok', '1 attachment');
  dead.endPod(dead.pod);
  expectCheck(dead, 'records', 'warning', 'net1', 'c1', 'dra-sriov gc');
  const half = healthy();
  half.succeed('ADD');
  half.editRecord({ phase: 'pending' });
  expectCheck(half, 'records', 'warning', 'half done');
  const gone = healthy();
  gone.succeed('ADD', gone.conf(), { env });
  gone.removeVf(0);
  expectCheck(gone, 'records', 'warning', `${vfPci(0)} (net1 of ns/web)`);
  const damaged = healthy();
  place(damaged, { '/var/lib/cni/dra-sriov/n/c/net1.json': '{' });
  expectCheck(damaged, 'records', 'warning', 'damaged: 1');
  place(damaged, { '/var/lib/cni/dra-sriov/n/c/net2.json': '{"version":2}' });
  expectCheck(damaged, 'records', 'warning', 'version', ': 1');
});

test('record and kernel disagree', () => {
  const node = healthy();
  node.succeed('ADD', node.conf({ vlan: 5 }), { env });
  Object.assign(node.vfs[0] ?? {}, { vlan: 6 });
  expectCheck(
    node,
    'agreement',
    'wrong',
    `${vfPci(0)} (net1 of ns/web)`,
    'vlan',
    '6',
    '5',
    `dra-sriov inspect ${vfPci(0)}`,
  );
});

test('a claim that is prepared by the checkpoint alone, one of VFs that are gone, and CDI specs that are broken', () => {
  const node = healthy();
  place(node, checkpoint([{ claim: claimA, pci: vfPci(0) }]));
  expectCheck(node, 'claims', 'wrong', '/var/run/cdi', '/etc/cdi', podUid);
  const stale = healthy();
  place(stale, podSpec(['0000:5e:10.2', vfPci(0)]));
  expectCheck(stale, 'claims', 'wrong', `${podUid} (0000:5e:10.2)`);
  const broken = healthy();
  place(broken, podSpec(['nonsense']));
  expectCheck(broken, 'claims', 'wrong', '"nonsense"');
  for (const others of [[], [checkpoint([{ claim: claimA, pci: vfPci(0) }])]]) {
    const unreadable = healthy();
    const file = `/var/run/cdi/sriovnetwork.k8snetworkplumbingwg.io-vf_${podUid}.yaml`;
    place(unreadable, { [file]: 'kind: [' }, ...others);
    expectCheck(unreadable, 'claims', 'wrong', file, 'delete the pod');
  }
});

test('after a reboot the driver writes the spec of the pod again, but not those of its claims', () => {
  const node = healthy();
  const kind = 'sriovnetwork.k8snetworkplumbingwg.io/vf';
  const ofClaim = `${kind}=${claimA}-${dashed(vfPci(0))}`;
  const cdiDevices = [ofClaim, `${kind}=${podUid}`];
  place(node, podSpec([vfPci(0)]), checkpoint([{ claim: claimA, pci: vfPci(0), cdiDevices }]));
  expectCheck(node, 'claims', 'wrong', ofClaim, podUid);
  place(node, claimSpec(claimA, { [vfPci(0)]: 'vf-net' }));
  expectCheck(node, 'claims', 'ok');
});

test('the spec of a claim that is gone, as the driver leaves it of a pod with several claims', () => {
  const node = healthy();
  const left = claimSpec(claimB, { [vfPci(1)]: '' });
  place(node, left);
  expectCheck(node, 'claims', 'note', ...Object.keys(left));
  place(node, podSpec([vfPci(1)]), claimSpec(claimA, { [vfPci(1)]: '' }));
  expectCheck(node, 'claims', 'ok');
  place(node, checkpoint([{ claim: claimA, pci: vfPci(1) }]));
  expectCheck(node, 'claims', 'note', ...Object.keys(left));
});

test('a device whose name tells no claim may be that of any: its spec is not taken for one that was left', () => {
  const node = healthy();
  const named = Object.entries(claimSpec(claimA, { [vfPci(1)]: '' }));
  place(node, Object.fromEntries(named.map(([path, text]) => [path, text.replace(`${claimA}-`, '')])));
  place(node, podSpec([vfPci(1)]), checkpoint([{ claim: claimA, pci: vfPci(1) }]));
  expectCheck(node, 'claims', 'ok');
});

test('fewer attachments than VFs: the annotation’s count', () => {
  const node = healthy();
  place(node, podSpec([vfPci(0), vfPci(1)]));
  expectCheck(node, 'annotation', 'note', `${podUid} (${vfPci(0)}, ${vfPci(1)})`);
  node.succeed('ADD', conf, { env });
  expectCheck(node, 'annotation', 'warning', `ns/web (1 of 2, not ${vfPci(1)})`);
  node.succeed('ADD', conf, { env, ifname: 'net2' });
  expectCheck(node, 'annotation', 'ok');
});

test('VFs of different NUMA nodes', () => {
  const node = healthy();
  place(node, podSpec([vfPci(0), vfPci(1)]));
  expectCheck(node, 'numa', 'ok');
  place(node, { [`/sys/bus/pci/devices/${vfPci(1)}/numa_node`]: '1\n' });
  expectCheck(node, 'numa', 'warning', `${podUid} (${vfPci(0)} on 0, ${vfPci(1)} on 1)`, 'dra.net/numaNode');
});

test('an IPAM plugin that isn’t there', () => {
  expectCheck(healthy(), 'ipam', 'ok');
  expectCheck(healthy({ 'dra-sriov': ours['dra-sriov'] ?? '' }), 'ipam', 'warning', 'no host-local');
  const node = healthy();
  node.succeed('ADD', node.conf({ ipam: { type: 'host-local', subnet: '10.0.2.0/24' } }));
  node.platform.executables.delete(`${pluginDir}/host-local`);
  expectCheck(node, 'ipam', 'wrong', '/opt/cni/bin: host-local', 'vf-net');
});

test('host-local’s store: exhausted, nearly, and addresses of nobody', () => {
  const node = healthy();
  node.succeed('ADD', node.conf({ ipam: { type: 'host-local', subnet: '10.0.2.0/28', dataDir: '/store' } }));
  const lease = (last: number, container = 'c1'): Readonly<Record<string, string>> => ({
    [`/store/vf-net/10.0.2.${last}`]: `${container}\r\nnet1`,
    '/store/vf-net/last_reserved_ip.0': '10.0.2.3',
    '/store/vf-net/lock': '',
  });
  place(node, lease(2));
  expectCheck(node, 'subnets', 'ok', 'vf-net: 1 of 13 of 10.0.2.0/28');
  for (let last = 3; last <= 13; last++) place(node, lease(last));
  expectCheck(node, 'subnets', 'warning', 'nearly exhausted: vf-net: 12 of 13');
  place(node, lease(14));
  expectCheck(node, 'subnets', 'wrong', 'exhausted: vf-net: 13 of 13');
  const gone = 'e'.repeat(64);
  place(node, lease(14, gone));
  expectCheck(node, 'subnets', 'wrong', 'exhausted', '/store/vf-net/10.0.2.14', 'gc --addresses');
  for (let last = 3; last <= 13; last++) node.platform.files.delete(`/store/vf-net/10.0.2.${last}`);
  expectCheck(node, 'subnets', 'warning', ': /store/vf-net/10.0.2.14');
  // The container of another plugin holds the address, and lives.
  place(node, { '/proc/77/cgroup': `0::/kubepods.slice/cri-containerd-${gone}.scope\n` });
  expectCheck(node, 'subnets', 'ok');
});

test('an address that leaked is found when no record is left, and given back by the remedy', () => {
  const store = '/var/lib/cni/networks/vf-net';
  const path = `${store}/10.0.2.9`;
  // A power cut leaves the file that host-local has just written empty or full of zeros.
  const contents = [`${'f'.repeat(64)}\r\nnet1`, '', '\0'.repeat(70)];
  // Where there is no lock file, host-local makes it.
  const locks = [{}, { [`${store}/lock`]: '' }];
  for (const files of contents.flatMap((content) => locks.map((lock) => ({ [path]: content, ...lock })))) {
    const node = healthy();
    place(node, files);
    expectCheck(node, 'subnets', 'warning', path, 'dra-sriov gc --addresses');
    assert.match(operate(node.platform, 'gc').stdout, /^left: 10\.0\.2\.9\b.*\/10\.0\.2\.9$/m);
    assert.match(operate(node.platform, 'gc', '--addresses', '--dry-run').stdout, 'would release: 10.0.2.9');
    const { code, stdout } = operate(node.platform, 'gc', '--addresses');
    assert.is(code, 0, stdout);
    assert.match(stdout, 'released: 10.0.2.9');
    expectCheck(node, 'subnets', 'ok');
  }
});

test('an address whose file is empty is not nobody’s where a record has it', () => {
  const node = healthy();
  node.succeed('ADD', node.conf({ ipam: { type: 'host-local', subnet: '10.0.2.0/28' } }));
  const [address] = node.leases.values();
  place(node, { [`/var/lib/cni/networks/vf-net/${address}`]: '' });
  expectCheck(node, 'subnets', 'ok');
});

test('errors that verbs have told: of the last hour to look at, older ones no more', () => {
  const node = healthy();
  assert.is(checksOf(node).has('errors'), false);
  for (let times = 0; times < 17; times++) node.fail('ADD', conf, { env });
  node.platform.clock.nowMs += 3 * 60_000;
  expectCheck(node, 'errors', 'warning', '100 of ADD (17 times)', '3m ago', 'explain POD');
  node.platform.clock.nowMs += 58 * 60_000;
  expectCheck(node, 'errors', 'ok', 'none in the last hour', '100 of ADD', '61m ago');
  node.platform.owners.set('/var/lib/cni/dra-sriov/.failures', 1000);
  expectCheck(node, 'errors', 'note', 'user 1000');
});

test('what can’t be looked at is wrong, and the rest is looked at all the same', () => {
  const node = healthy();
  Object.assign(node.platform, {
    openNetlink: () => {
      throw new SystemError('open a route socket', 1);
    },
  });
  expectCheck(node, 'vfs', 'wrong', 'EPERM', 'root');
  expectCheck(node, 'kernel', 'ok');
});
