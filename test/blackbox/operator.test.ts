import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { holdsNode } from '../support/executable-kind.ts';
import { asRoot } from '../support/netns.ts';
import { peerDir } from '../support/peers.ts';
import { builtExecutable, pfPci, type StandInNode, withStandInNode } from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';
import { withTemporaryDirectory } from '../support/temporary-directory.ts';

const test = suite('operator');
const root = asRoot(test);

const podUid = '6f2d8a0c-11aa-4c57-9d5e-3f1b0a7c9e01';
const args = `IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=web;K8S_POD_UID=${podUid}`;

interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command of the executable in the host's namespace of the node. */
function operate(node: StandInNode, ...argv: readonly string[]): Run {
  const command = ['netns', 'exec', node.host.name, builtExecutable, ...argv];
  return spawnSync('ip', command, { env: { ...node.environment, CNI_PATH: peerDir() }, encoding: 'utf8' });
}

function json<T>(node: StandInNode, ...argv: readonly string[]): T {
  const { stdout, stderr } = operate(node, ...argv, '--json');
  assert.is(stderr, '', argv.join(' '));
  return JSON.parse(stdout) as T;
}

interface Vf {
  readonly pci: string;
  readonly place: string;
  readonly netdev: { readonly name: string; readonly mac: string } | null;
  readonly holder: { readonly ifname: string; readonly podState: string } | null;
}

const vfsOf = (node: StandInNode): readonly Vf[] =>
  json<{ pfs: readonly { vfs: readonly Vf[] }[] }>(node, 'inspect').pfs.flatMap(({ vfs }) => vfs);

root(
  'resolve tells the VF that ADD takes; inspect and attachments who has it; gc gives it back when the pod is dead',
  () => {
    withStandInNode({ built: true }, (node) => {
      node.writePodSpec(podUid);
      const before = node.picture();
      const [plan] = json<{ plans: readonly { vf: string }[] }>(
        node,
        'resolve',
        '--pod-uid',
        podUid,
        '--network',
        'vf-test1',
      ).plans;
      node.succeed('ADD', node.conf({ ipam: node.ipam() }), { args });
      const [first, second] = vfsOf(node);
      assert.equal(
        [first?.pci, first?.place, first?.netdev?.name, first?.holder?.ifname],
        [plan?.vf, 'pod', 'net1', 'net1'],
      );
      const [link] = node.pod.ip('link', 'show', 'net1') as [{ address: string }];
      assert.is(first?.netdev?.mac, link.address);
      assert.equal([second?.place, second?.netdev?.name, second?.holder], ['host', 'vf1', null]);
      assert.match(operate(node, 'inspect').stdout, 'net1 of ns/web, network vf-test1');
      assert.match(operate(node, 'inspect', 'net1').stdout, /addresses +10\.0\.2\.2\/24/);
      assert.match(operate(node, 'attachments').stdout, /ns\/web +net1 +vf-test1 +0000:3b:02\.0 .* alive/);

      // The record is of another boot, so its pod is certainly dead.
      const path = join(node.directory, 'state/vf-test1/c1/net1.json');
      const record = spawnSync('sed', [
        '-i',
        's/"bootId":"[^"]*"/"bootId":"another"/',
        path,
        join(node.directory, 'state/.vfs', first?.pci ?? ''),
      ]);
      assert.is(record.status, 0);
      assert.match(operate(node, 'gc', '--dry-run').stdout, 'would reclaim: VF 0000:3b:02.0, net1 of ns/web');
      assert.equal(node.leases(), ['10.0.2.2']);
      const { status, stdout, stderr } = operate(node, 'gc', '--here');
      assert.equal([status, stderr], [0, ''], stdout);
      assert.match(stdout, 'reclaimed: VF 0000:3b:02.0');
      assert.equal(node.leases(), []);
      assert.match(operate(node, 'attachments').stdout, 'No attachments');
      assert.equal((before as { state: unknown }).state, node.stateFiles());
    });
  },
);

root('doctor names what is wrong, and exits with 1; an unknown device lists what there is', () => {
  withStandInNode({ built: true }, (node) => {
    writeFileSync(join(node.directory, 'cdi/sriovnetwork.k8snetworkplumbingwg.io-vf_x.yaml'), 'kind: [');
    const { status, stdout } = operate(node, 'doctor');
    assert.is(status, 1, stdout);
    assert.match(stdout, /wrong +plugin +not in/);
    assert.match(stdout, /ok +vfs +2 VFs on 1 PF: 2 free/);
    for (const line of stdout.split('\n')) assert.ok([...line].length <= 80 || !line.includes(' -> '), line);
    const unknown = operate(node, 'inspect', '0000:00:00.0');
    assert.equal([unknown.status, unknown.stdout], [1, '']);
    assert.match(unknown.stderr, `${pfPci} (pf0): 0000:3b:02.0 0000:3b:02.1`);
  });
});

root('every answer in JSON is one JSON text and nothing else', () => {
  withStandInNode({ built: true }, (node) => {
    node.writePodSpec(podUid);
    for (const argv of [
      ['inspect'],
      ['inspect', 'pf0'],
      ['attachments'],
      ['gc', '--here'],
      ['gc', '--dry-run'],
      ['doctor'],
      ['resolve', '--pod-uid', podUid],
      ['resolve', '--pod-uid', 'nope'],
    ]) {
      const { stdout, stderr } = operate(node, ...argv, '--json');
      assert.is(stderr, '', argv.join(' '));
      assert.is(typeof JSON.parse(stdout), 'object', argv.join(' '));
    }
  });
});

/** As Multus saves its delegates of a container: the cluster's own network, and those that the annotation names. */
function writeMultusCache(node: StandInNode, containerId: string, networks: readonly object[]): void {
  const clusters = { name: 'pod-network', type: 'ptp' };
  // Go writes bytes in JSON as base64.
  const delegates = [clusters, ...networks].map((each) => ({
    Conf: each,
    Bytes: Buffer.from(JSON.stringify(each, null, 2)).toString('base64'),
  }));
  mkdirSync(join(node.directory, 'multus'), { recursive: true });
  writeFileSync(join(node.directory, 'multus', containerId), JSON.stringify(delegates));
}

root('explain follows a pod to its interface, and marks the first link that somebody has broken', () => {
  withStandInNode({ built: true }, (node) => {
    node.writePodSpec(podUid, [node.vfPcis[0] ?? '']);
    mkdirSync(join(node.directory, `pods/ns_web_${podUid}`), { recursive: true });
    for (const peer of ['pf0peer', 'vf1']) node.host.run('ip', 'link', 'set', peer, 'up');
    const before = operate(node, 'explain', 'ns/web');
    assert.is(before.status, 1, before.stderr);
    assert.match(before.stdout, /BROKEN {2}record +none\b/);
    const conf = node.conf({ ipam: node.ipam() });
    node.succeed('ADD', conf, { args });
    writeMultusCache(node, 'c1', [conf]);
    const { status, stdout } = operate(node, 'explain', 'web');
    assert.is(status, 0, stdout);
    assert.match(stdout, /ok +annotation +1 network: net1: vf-test1/);
    assert.match(stdout, /ok +interface +net1 in .*, up/);
    assert.match(stdout, /ok +addresses +10\.0\.2\.2\/24/);
    node.pod.run('ip', 'addr', 'flush', 'dev', 'net1');
    const flushed = json<{ broken: string; next: string }>(node, 'explain', podUid);
    assert.equal([flushed.broken, /^nsenter --net=/.test(flushed.next)], ['addresses', true]);
    assert.match(operate(node, 'explain', 'nope').stderr, `ns/web (UID ${podUid})`);
  });
});

/** Runs a command on a node that has nothing, as a newcomer's machine. */
function onBareNode(...argv: readonly string[]): Run {
  return withTemporaryDirectory((directory) => {
    mkdirSync(join(directory, 'sys/bus/pci/devices'), { recursive: true });
    const env = {
      DRA_SRIOV_SYSFS: join(directory, 'sys'),
      DRA_SRIOV_STATE_DIR: join(directory, 'state'),
      DRA_SRIOV_CDI_DIRS: join(directory, 'cdi'),
      DRA_SRIOV_KUBELET_DIR: join(directory, 'kubelet'),
    };
    const outcome = spawnSync(builtExecutable, argv, { env, encoding: 'utf8' });
    rmSync(join(directory, 'sys'), { recursive: true });
    return outcome;
  });
}

root('a node without a card and without attachments says so', () => {
  assert.match(onBareNode('inspect').stdout, 'SR-IOV');
  assert.equal(JSON.parse(onBareNode('attachments', '--json').stdout).attachments, []);
  assert.match(onBareNode('gc', '--dry-run').stdout, 'Nothing to reclaim');
  const { status, stdout } = onBareNode('doctor');
  assert.equal([status, /wrong +vfs/.test(stdout)], [1, true], stdout);
});

test('as somebody else than root: said, not crashed', () => {
  withTemporaryDirectory((directory) => {
    // The checkout may lie where only root comes.
    chmodSync(directory, 0o755);
    const executable = join(directory, 'dra-sriov');
    copyFileSync(builtExecutable, executable);
    const toNobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];
    const [program = '', ...args] = [...(process.getuid?.() === 0 ? toNobody : []), executable];
    for (const command of [['inspect'], ['attachments'], ['doctor'], ['gc', '--dry-run']]) {
      const { status, stdout, stderr } = spawnSync(program, [...args, ...command], { env: {}, encoding: 'utf8' });
      assert.ok(status === 0 || status === 1, `${command}: ${status} ${stdout}${stderr}`);
      assert.not.match(stdout + stderr, /at .*\.js|undefined|\[object/);
    }
  });
});

test('no colours but on a terminal', () => {
  const ask = (environment: string): string =>
    spawnSync('script', ['-qec', `env ${environment} ${builtExecutable} doctor`, '/dev/null'], { encoding: 'utf8' })
      .stdout;
  assert.match(ask('TERM=xterm'), '\u001b[31m');
  for (const environment of ['TERM=dumb', 'NO_COLOR=1']) assert.not.match(ask(environment), '\u001b[31m');
  assert.not.match(onBareNode('doctor').stdout, '\u001b');
});

test('as wide as the terminal, or as COLUMNS says', () => {
  const widest = (stty: string, environment = ''): number => {
    const command = `stty ${stty}; env NO_COLOR=1 ${environment} ${builtExecutable} doctor`;
    const { stdout } = spawnSync('script', ['-qec', command, '/dev/null'], { encoding: 'utf8' });
    return Math.max(...stdout.split(/\r?\n/).map((line) => line.length));
  };
  const narrow = widest('cols 80');
  const wide = widest('cols 120');
  assert.ok(narrow <= 80 && wide > 80 && wide <= 120, `${narrow} ${wide}`);
  assert.is(widest('cols 80', 'COLUMNS=120'), wide);
});

/** Fields with times, which differ between two moments. */
const timeless = (text: string): string => text.replace(/"ageSeconds": \d+|\b\d+[smh]\b/g, 'then');

root('sysdump: away from the node, as nobody and without a look at the machine, each command says the same', () => {
  withStandInNode({ built: true, vfs: 4 }, (node) => {
    const [one = '', two = ''] = node.vfPcis;
    node.writePodSpec(podUid, [one, two]);
    mkdirSync(join(node.directory, `pods/ns_web_${podUid}`), { recursive: true });
    const conf = node.conf({ ipam: node.ipam() });
    node.succeed('ADD', conf, { args });
    node.succeed('ADD', { ...conf, deviceID: node.vfPcis[2] }, { containerId: 'c2', ifname: 'net2' });
    writeMultusCache(node, 'c1', [conf]);
    node.pod.run('ip', 'addr', 'flush', 'dev', 'net1');
    writeFileSync(join(node.directory, 'state/vf-test1/c2/net2.json'), '{');
    const commands = [
      ['inspect', '--json'],
      ['attachments', '--json'],
      ['doctor', '--json'],
      ['explain', 'ns/web', '--json'],
      ['resolve', '--pod-uid', podUid, '--network', 'vf-test1,vf-test1', '--json'],
      ['inspect', one],
    ];
    const live = commands.map((argv) => operate(node, ...argv));
    withTemporaryDirectory((directory) => {
      chmodSync(directory, 0o755);
      const archive = join(directory, 'node.tar');
      const packed = operate(node, 'sysdump', '--with-addresses', '--output', archive);
      assert.equal([packed.status, packed.stderr], [0, '']);
      assert.is(statSync(archive).mode & 0o777, 0o600);
      assert.is(operate(node, 'sysdump', '--output', archive).status, 1);
      assert.is(spawnSync('tar', ['-tf', archive]).status, 0);
      chmodSync(archive, 0o644);
      const executable = join(directory, 'dra-sriov');
      copyFileSync(builtExecutable, executable);
      const log = join(directory, 'calls');
      const traced = ['strace', '-f', '-e', 'trace=open,openat,socket,setns,readlink,execve', '-o', log];
      const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', executable];
      for (const [at, argv] of commands.entries()) {
        const [program = '', ...before] = [...traced, ...nobody];
        const env = { PATH: process.env['PATH'] };
        const run = spawnSync(program, [...before, ...argv, '--from', archive], { env, encoding: 'utf8' });
        const told = [run.status, timeless(run.stdout)];
        assert.equal(told, [live[at]?.status, timeless(live[at]?.stdout ?? '')], argv.join(' '));
        assert.match(run.stderr, 'as it was at');
        // Node itself also reads files of the machine.
        if (holdsNode(builtExecutable)) continue;
        const [, calls = ''] = readFileSync(log, 'utf8').split('node.tar');
        assert.not.match(calls, /AF_NETLINK|setns|"\/(sys|proc|var|run|etc)\//, argv.join(' '));
      }
      const hidden = operate(node, 'sysdump', '--output', '-');
      assert.not.match(hidden.stdout, /10\.0\.2\.2(?!\d)/);
      writeFileSync(archive, `${hidden.stdout.slice(0, 5000)}`);
      assert.match(operate(node, 'inspect', '--from', archive).stderr, 'cut short');
    });
  });
});

test('completion for bash is read by bash', () => {
  const ask = `source <(${builtExecutable} completion bash); complete -p dra-sriov`;
  const { status, stdout, stderr } = spawnSync('bash', ['-c', ask], { encoding: 'utf8' });
  assert.equal([status, stdout, stderr], [0, 'complete -o filenames -F _dra_sriov dra-sriov\n', '']);
});
