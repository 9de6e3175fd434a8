// Tries doctor's advice: makes each finding, carries out its remedy, literally if it is a command, and then doctor is
// content. test/lab/e2e/remedies.test.ts has those that need a real card or the host's own namespace.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { asRoot } from '../support/netns.ts';
import { peer, peerDir } from '../support/peers.ts';
import {
  builtExecutable,
  pfPci,
  type StandInCall,
  type StandInNode,
  withNextBuild,
  withStandInNode,
} from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('remedies');
const root = asRoot(test);

const podUid = '6f2d8a0c-11aa-4c57-9d5e-3f1b0a7c9e01';
const driverName = 'sriovnetwork.k8snetworkplumbingwg.io';

interface Check {
  readonly id: string;
  readonly verdict: string;
  readonly found: string;
  readonly remedy: string | null;
}

/** A stand-in node with a CNI directory of its own; the tool is in PATH, as on a node where somebody types it. */
class Site {
  readonly node: StandInNode;
  readonly pluginDir: string;
  readonly #toolDir: string;
  readonly #processes: ChildProcess[] = [];

  constructor(node: StandInNode) {
    this.node = node;
    this.pluginDir = join(node.directory, 'bin');
    this.#toolDir = join(node.directory, 'tool');
    for (const directory of [this.pluginDir, this.#toolDir]) {
      mkdirSync(directory);
      copyFileSync(builtExecutable, join(directory, 'dra-sriov'));
    }
    symlinkSync(peer('host-local') ?? '', join(this.pluginDir, 'host-local'));
    for (const link of ['pf0peer', 'vf1']) node.host.run('ip', 'link', 'set', link, 'up');
  }

  path(name: string): string {
    return join(this.pluginDir, name);
  }

  /** A plugin that prints this when it is run by hand. */
  addPlugin(name: string, says: string): void {
    rmSync(this.path(name), { force: true });
    writeFileSync(this.path(name), `#!/bin/sh\necho '${says}' >&2\n`);
    chmodSync(this.path(name), 0o755);
  }

  /** The call of pod `ns/web`. */
  call(ifname = 'net1'): StandInCall {
    const args = `IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=web;K8S_POD_UID=${podUid}`;
    return { args, ifname, env: { CNI_PATH: this.pluginDir } };
  }

  add(conf: Readonly<Record<string, unknown>> = {}, ifname = 'net1'): void {
    const [deviceID] = this.node.vfPcis;
    this.node.succeed('ADD', this.node.conf({ deviceID, ...conf }), this.call(ifname));
  }

  /** The message of an ADD that fails. */
  refusal(conf: Readonly<Record<string, unknown>>, ifname: string): string {
    const [, deviceID] = this.node.vfPcis;
    return this.node.fail('ADD', this.node.conf({ deviceID, ...conf }), this.call(ifname)).msg;
  }

  /** Those of network vf-test1 in host-local's store. */
  addresses(): readonly string[] {
    return readdirSync(join(this.node.directory, 'ipam/vf-test1')).filter((name) => /^\d/.test(name));
  }

  del(conf: Readonly<Record<string, unknown>> = {}, ifname = 'net1'): void {
    this.node.succeed('DEL', this.node.conf(conf), this.call(ifname));
  }

  /** Runs what a person types on the node. */
  sh(command: string, environment: Readonly<Record<string, string>> = {}): { status: number | null; stdout: string } {
    const path = `${this.#toolDir}:${process.env['PATH'] ?? ''}`;
    const env = { ...this.node.environment, CNI_PATH: this.pluginDir, ...environment, PATH: path };
    return spawnSync('ip', ['netns', 'exec', this.node.host.name, 'sh', '-c', command], { env, encoding: 'utf8' });
  }

  do(command: string): void {
    const { status, stdout } = this.sh(command);
    assert.is(status, 0, `${command}: ${stdout}`);
  }

  check(id: string, doctor = 'dra-sriov doctor --json', environment: Readonly<Record<string, string>> = {}): Check {
    const { stdout } = this.sh(doctor, environment);
    const { checks } = JSON.parse(stdout) as { checks: readonly Check[] };
    const check = checks.find((each) => each.id === id);
    // Some checks are only there if something is found.
    return check ?? { id, verdict: 'ok', found: '', remedy: null };
  }

  /** Writes to the sysfs tree. */
  writeSys(path: string, text: string): void {
    const file = join(this.node.directory, 'sys', path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${text}\n`);
  }

  /** Of a VF, or the PF. */
  writeAttribute(pci: string | undefined, name: string, text: string): void {
    this.writeSys(`bus/pci/devices/${pci}/${name}`, text);
  }

  /** A process of the pod, until the test ends. */
  start(...argv: readonly string[]): void {
    this.#processes.push(spawn('ip', ['netns', 'exec', this.node.pod.name, ...argv], { stdio: 'ignore' }));
  }

  stop(): void {
    for (const child of this.#processes) child.kill();
  }

  /** Runs a script of bash whose descriptor 3 sends datagrams to 10.0.2.200; that nobody listens there is no matter. */
  sendFromPod(script: string): void {
    const send = `exec 3>/dev/udp/10.0.2.200/9; ${script}`;
    spawnSync('ip', ['netns', 'exec', this.node.pod.name, 'bash', '-c', send], { stdio: 'ignore' });
  }

  get checkpointPath(): string {
    return join(this.node.directory, 'kubelet/plugins', driverName, 'checkpoint.json');
  }

  writeCheckpoint(pods: Readonly<Record<string, unknown>>): void {
    mkdirSync(dirname(this.checkpointPath), { recursive: true });
    writeFileSync(this.checkpointPath, JSON.stringify({ v1: { preparedClaimsByPodUID: pods } }));
  }

  get specPath(): string {
    return join(this.node.directory, `cdi/${driverName}-vf_${podUid}.yaml`);
  }
}

interface Case {
  readonly id: string;
  /** Default 2. */
  readonly vfs?: number;
  readonly verdict: 'wrong' | 'warning';
  /** The finding, if the check has several. */
  readonly of: string;
  spoil(site: Site): void;
  /** Carries out the remedy; one that is a command is taken from the text. */
  mend(site: Site, remedy: string): void;
}

/** Types the command of a remedy, with `more` behind it. */
const literally =
  (command: RegExp, more = '') =>
  (site: Site, remedy: string): void => {
    const [typed] = command.exec(remedy) ?? [];
    if (typed === undefined) throw new Error(`no ${command} in: ${remedy}`);
    site.do(`${typed}${more}`);
  };

const install = literally(/dra-sriov install --to \S+?( --as [\w-]+)?(?=[,;]|$)/);

/** Where process 1's namespace can be seen, it isn't the stand-in's host, so the command needs `--here`. */
const releaseHere = literally(/dra-sriov gc --addresses/, ' --here');

const smallRange = { rangeStart: '10.0.2.2', rangeEnd: '10.0.2.2' };
const rangeOfTwo = { ...smallRange, rangeEnd: '10.0.2.3' };

const cases: readonly Case[] = [
  {
    id: 'state',
    verdict: 'wrong',
    of: 'a directory that others may write to',
    spoil(site) {
      site.add();
      chmodSync(join(site.node.directory, 'state'), 0o777);
    },
    mend: literally(/^.*$/),
  },
  {
    id: 'plugin',
    verdict: 'wrong',
    of: 'one that is not installed',
    spoil: (site) => rmSync(site.path('dra-sriov')),
    mend: install,
  },
  {
    id: 'plugin',
    verdict: 'warning',
    of: 'another one under the name of its predecessor',
    spoil: (site) => site.addPlugin('sriov', 'CNI sriov plugin v2.10.0'),
    mend: install,
  },
  {
    id: 'plugin',
    verdict: 'wrong',
    of: 'another one under the name of living attachments',
    spoil(site) {
      symlinkSync('dra-sriov', site.path('sriov'));
      site.add({ type: 'sriov' });
      site.addPlugin('sriov', 'CNI sriov plugin v2.10.0');
    },
    mend: install,
  },
  {
    id: 'plugin',
    verdict: 'wrong',
    of: 'a name of living attachments that is gone',
    spoil: (site) => site.add({ type: 'vf-plugin' }),
    mend: install,
  },
  {
    id: 'plugin',
    verdict: 'warning',
    of: 'another version',
    spoil: (site) => site.addPlugin('dra-sriov', 'CNI plugin dra-sriov v0.0.1'),
    mend: install,
  },
  {
    id: 'ipam',
    verdict: 'wrong',
    of: 'an IPAM plugin that attachments need and that is gone',
    spoil(site) {
      site.add({ ipam: site.node.ipam() });
      rmSync(site.path('host-local'));
    },
    mend: (site) => symlinkSync(peer('host-local') ?? '', site.path('host-local')),
  },
  {
    id: 'ipam',
    verdict: 'warning',
    of: 'no IPAM plugin before the first attachment',
    spoil: (site) => rmSync(site.path('host-local')),
    mend(site) {
      const elsewhere = { CNI_PATH: `${site.pluginDir}:${peerDir()}` };
      assert.is(site.check('ipam', 'dra-sriov doctor --json', elsewhere).verdict, 'ok', 'with CNI_PATH set');
      symlinkSync(peer('host-local') ?? '', site.path('host-local'));
    },
  },
  {
    id: 'subnets',
    verdict: 'wrong',
    of: 'a range that is exhausted, and enlarged',
    spoil: (site) => site.add({ ipam: site.node.ipam('10.0.2.0/24', smallRange) }),
    mend(site) {
      // The record keeps the config of the attachment, so the pod has to be attached anew.
      site.del({ ipam: site.node.ipam('10.0.2.0/24', smallRange) });
      site.add({ ipam: site.node.ipam() });
    },
  },
  {
    id: 'subnets',
    verdict: 'wrong',
    of: 'a range that is exhausted, and whose pod goes elsewhere',
    spoil: (site) => site.add({ ipam: site.node.ipam('10.0.2.0/24', smallRange) }),
    mend: (site) => site.del({ ipam: site.node.ipam('10.0.2.0/24', smallRange) }),
  },
  {
    id: 'subnets',
    verdict: 'wrong',
    of: 'a range that a power cut exhausted: host-local does not fsync, and left an empty file',
    spoil(site) {
      site.add({ ipam: site.node.ipam('10.0.2.0/24', rangeOfTwo) });
      const store = join(site.node.directory, 'ipam/vf-test1');
      for (const address of ['10.0.2.2', '10.0.2.3']) writeFileSync(join(store, address), '');
      assert.match(
        site.refusal({ ipam: site.node.ipam('10.0.2.0/24', rangeOfTwo) }, 'net2'),
        /no IP addresses available/,
      );
    },
    mend(site, remedy) {
      releaseHere(site, remedy);
      // The file of net1's address is empty, too, but a record knows the address.
      assert.equal(site.addresses(), ['10.0.2.2']);
      const widened = { ipam: site.node.ipam('10.0.2.0/24', { ...rangeOfTwo, rangeEnd: '10.0.2.4' }) };
      const [, deviceID] = site.node.vfPcis;
      site.add({ deviceID, ...widened }, 'net2');
      assert.equal(site.addresses(), ['10.0.2.2', '10.0.2.3']);
      // The first range stays in the record until the pod is gone. host-local's DEL doesn't find an address whose file
      // is empty.
      site.del({ ipam: site.node.ipam('10.0.2.0/24', rangeOfTwo) });
      releaseHere(site, remedy);
      assert.equal(site.addresses(), ['10.0.2.3']);
    },
  },
  {
    id: 'records',
    verdict: 'warning',
    of: 'one that is damaged',
    spoil(site) {
      site.add();
      writeFileSync(join(site.node.directory, 'state/vf-test1/c1/net1.json'), '{');
    },
    mend(site, remedy) {
      const [attachments = ''] = /dra-sriov attachments/.exec(remedy) ?? [];
      const named = /^Damaged: (\S+): /m.exec(site.sh(attachments).stdout)?.[1];
      site.node.host.run(
        'ip',
        '-n',
        site.node.pod.name,
        'link',
        'set',
        'net1',
        'netns',
        site.node.host.name,
        'name',
        'vf0',
      );
      site.do(`rm ${site.node.directory}/state/${named}.json`);
    },
  },
  {
    id: 'claims',
    verdict: 'wrong',
    of: 'a claim whose CDI spec is gone, as after a reboot',
    spoil(site) {
      const [PciAddress] = site.node.vfPcis;
      const cdiDeviceIds = [`${driverName}/vf=claim-0000-3b-02-0`];
      site.writeCheckpoint({ [podUid]: { claim: [{ Device: { PciAddress, cdiDeviceIds } }] } });
    },
    // When the pod is deleted, the kubelet lets the driver unprepare its claim.
    mend: (site) => site.writeCheckpoint({}),
  },
  {
    id: 'claims',
    verdict: 'wrong',
    of: 'a VF that is not on the node, claimed by a pod that is gone',
    spoil: (site) => site.node.writePodSpec(podUid, ['0000:3b:1f.0']),
    mend: (site) => rmSync(site.specPath),
  },
  {
    id: 'claims',
    verdict: 'wrong',
    of: 'a CDI spec that is broken',
    spoil: (site) => writeFileSync(site.specPath, 'kind: ['),
    // When the pod is deleted, the driver removes the spec.
    mend: (site) => rmSync(site.specPath),
  },
  {
    id: 'claims',
    verdict: 'wrong',
    of: 'a checkpoint of the driver that is broken',
    spoil(site) {
      site.writeCheckpoint({});
      writeFileSync(site.checkpointPath, '{');
    },
    // The driver's pod restarts.
    mend(site) {
      rmSync(site.checkpointPath);
      site.writeCheckpoint({});
    },
  },
  {
    id: 'annotation',
    verdict: 'warning',
    of: 'a network that is named once for two VFs',
    spoil(site) {
      site.node.writePodSpec(podUid, site.node.vfPcis);
      site.add();
    },
    mend: (site) => site.add({ deviceID: site.node.vfPcis[1] }, 'net2'),
  },
  {
    id: 'agreement',
    verdict: 'wrong',
    of: 'an interface that was renamed in the pod',
    spoil(site) {
      site.add();
      site.node.pod.run('ip', 'link', 'set', 'net1', 'down');
      site.node.pod.run('ip', 'link', 'set', 'net1', 'name', 'other');
    },
    mend(site, remedy) {
      literally(/^dra-sriov inspect \S+(?=;)/)(site, remedy);
      site.node.pod.run('ip', 'link', 'set', 'other', 'name', 'net1');
    },
  },
  {
    id: 'pfs',
    verdict: 'wrong',
    of: 'a PF that is down',
    spoil: (site) => void site.node.host.run('ip', 'link', 'set', 'pf0', 'down'),
    mend: literally(/^.*$/),
  },
  {
    id: 'mtu',
    verdict: 'warning',
    of: 'a PF whose MTU was lowered below its VF’s',
    spoil(site) {
      site.add({ mtu: 9000 });
      site.node.host.run('ip', 'link', 'set', 'pf0', 'mtu', '1500');
    },
    mend: literally(/^ip link set pf0 mtu 9000(?=,)/),
  },
  {
    id: 'pfs',
    verdict: 'warning',
    of: 'a PF whose cable is out',
    spoil: (site) => void site.node.host.run('ip', 'link', 'set', 'pf0peer', 'down'),
    mend: (site) => void site.node.host.run('ip', 'link', 'set', 'pf0peer', 'up'),
  },
  {
    id: 'vfs',
    verdict: 'warning',
    of: 'no VF that is free, and no more to be had',
    spoil(site) {
      site.add();
      site.add({ deviceID: site.node.vfPcis[1] }, 'net2');
    },
    // A pod ends.
    mend: (site) => site.del({}, 'net2'),
  },
  {
    id: 'vfs',
    verdict: 'wrong',
    of: 'no card, whose driver is loaded then',
    spoil: (site) => renameSync(join(site.node.directory, 'sys/bus'), join(site.node.directory, 'bus')),
    mend: (site) => renameSync(join(site.node.directory, 'bus'), join(site.node.directory, 'sys/bus')),
  },
  {
    id: 'records',
    verdict: 'warning',
    of: 'one of a newer version, which is installed again',
    spoil: (site) =>
      void site.node.succeed('ADD', site.node.conf({ deviceID: site.node.vfPcis[0] }), withNextBuild('version')),
    mend: (site) => void site.node.succeed('DEL', site.node.conf(), withNextBuild('version')),
  },
  {
    id: 'numa',
    verdict: 'warning',
    of: 'VFs of two NUMA nodes, claimed anew with the constraint',
    vfs: 4,
    spoil(site) {
      site.writeAttribute(site.node.vfPcis[1], 'numa_node', '1');
      site.node.writePodSpec(podUid, site.node.vfPcis.slice(0, 2));
    },
    mend(site, remedy) {
      const [constraint] = /(?<=in the claim: ).*$/.exec(remedy) ?? [''];
      site.do(`dra-sriov validate - <<'CLAIM'\n${claimOfTwo(constraint.replace('…', 'one, other'))}CLAIM`);
      // The scheduler chooses these VFs by the mended claim.
      site.node.writePodSpec(podUid, [site.node.vfPcis[0] ?? '', site.node.vfPcis[2] ?? '']);
    },
  },
  {
    id: 'pcie',
    verdict: 'warning',
    of: 'a card that moves to another slot',
    spoil(site) {
      const speeds = { current_link_speed: '8.0 GT/s PCIe', max_link_speed: '16.0 GT/s PCIe' };
      for (const [name, text] of Object.entries(speeds)) site.writeAttribute(pfPci, name, text);
      for (const name of ['current_link_width', 'max_link_width']) site.writeAttribute(pfPci, name, '16');
    },
    mend: (site) => site.writeAttribute(pfPci, 'current_link_speed', '16.0 GT/s PCIe'),
  },
  {
    id: 'cpus',
    verdict: 'warning',
    of: 'a process held to CPUs that are not its VF’s, which gets a VF of their NUMA node',
    spoil(site) {
      site.writeSys('devices/system/cpu/online', '0-3');
      site.writeSys('devices/system/node/node0/cpulist', '2-3');
      site.writeSys('devices/system/node/node1/cpulist', '0-1');
      site.add();
      site.start('taskset', '-c', '0', 'sleep', '600');
      const allowed = `for each in $(ip netns pids ${site.node.pod.name}); do grep -q 'list:.0$' /proc/$each/status && exit; done; exit 1`;
      site.do(`for tick in $(seq 600); do (${allowed}) && exit; sleep 0.1; done; exit 1`);
    },
    mend(site) {
      site.del();
      site.writeAttribute(site.node.vfPcis[1], 'numa_node', '1');
      site.add({ deviceID: site.node.vfPcis[1] });
    },
  },
  {
    id: 'drops',
    verdict: 'warning',
    of: 'packets that nobody took, and then many that somebody did',
    spoil(site) {
      site.add({ mtu: 9000, ipam: site.node.ipam() });
      for (const words of [
        ['link', 'set', 'vf1', 'mtu', '1000'],
        ['addr', 'add', '10.0.2.200/24', 'dev', 'vf1'],
      ])
        site.node.host.run('ip', ...words);
      site.sendFromPod('for each in 1 2 3; do head -c 4000 /dev/zero >&3; done');
    },
    mend(site) {
      site.do('dra-sriov stats');
      site.node.host.run('ip', 'link', 'set', 'vf1', 'mtu', '9000');
      site.sendFromPod('for each in $(seq 5000); do echo >&3; done');
    },
  },
];

/** A claim of two VFs with a line of advice. */
function claimOfTwo(line: string): string {
  return `apiVersion: resource.k8s.io/v1
kind: ResourceClaim
metadata: {name: two}
spec:
  devices:
    requests:
      - {name: one, exactly: {deviceClassName: sriovnetwork.k8snetworkplumbingwg.io}}
      - {name: other, exactly: {deviceClassName: sriovnetwork.k8snetworkplumbingwg.io}}
    ${line}
`;
}

const isFine = ({ verdict }: Check): boolean => verdict === 'ok' || verdict === 'note';

function carryOut(site: Site, { id, verdict, spoil, mend }: Case): void {
  assert.ok(isFine(site.check(id)), site.check(id).found);
  spoil(site);
  const { remedy, ...check } = site.check(id);
  assert.is(check.verdict, verdict, check.found);
  mend(site, remedy ?? '');
  const after = site.check(id);
  assert.ok(isFine(after), `${after.verdict}: ${after.found}`);
}

for (const one of cases) {
  const { id, of, vfs = 2 } = one;
  root(`${id}: ${of}`, () => {
    withStandInNode({ built: true, vfs }, (node) => {
      const site = new Site(node);
      try {
        carryOut(site, one);
      } finally {
        site.stop();
      }
    });
  });
}

root('capabilities: what is run as root finds all', () => {
  withStandInNode({ built: true }, (node) => {
    const site = new Site(node);
    const without = 'capsh --drop=cap_net_raw -- -c "dra-sriov doctor --json"';
    assert.is(site.check('capabilities', without).verdict, 'wrong');
    assert.is(site.check('capabilities').verdict, 'ok');
  });
});
