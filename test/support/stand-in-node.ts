// A node whose VFs are stand-ins: veth ends in a throwaway namespace that plays the host, a sysfs tree that says they
// are VFs, and the files that the DRA driver leaves. The plugin runs as a program in that namespace.
import { type ChildProcessWithoutNullStreams, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { text } from 'node:stream/consumers';
import { cleaningUp } from './clean-up.ts';
import { type CniCall, CniNode, type CniOutcome, cniVariables, outcomeOf } from './cni-node.ts';
import { type FakePfState, newFakeVf, readFakePf, writeFakePf } from './fake-pf.ts';
import { type TestNetns, withNetns } from './netns.ts';
import { peerDir } from './peers.ts';

export const pfPci = '0000:3b:00.0';
/** A PCI device has eight functions. */
const vfDirectory = (index: number): string => `0000:3b:0${2 + Math.floor(index / 8)}.${index % 8}`;

export interface StandInOptions {
  /** Number of VFs, even: neighbours (0 and 1, 2 and 3) are the two ends of a veth, so that they can talk. */
  readonly vfs?: number;
  /** Adds a PF whose VF settings are faked at message level; for the plugin from source. */
  readonly fakePf?: boolean;
  /** Runs the built executable instead of the source. */
  readonly built?: boolean;
}

/** A call, and its program, by default the one that fits the node. */
export interface StandInCall extends CniCall {
  readonly program?: readonly string[];
}

const root = join(import.meta.dirname, '../..');
/** dist/dra-sriov, or what DRA_SRIOV_EXECUTABLE names: the same tests run against the executable of every runtime. */
export const builtExecutable = process.env['DRA_SRIOV_EXECUTABLE'] ?? join(root, 'dist/dra-sriov');
const pinnedNode = process.execPath;
/** The plugin from source. */
export const sourceProgram = [
  pinnedNode,
  '--disable-warning=ExperimentalWarning',
  join(root, 'test/support/fake-pf-plugin.ts'),
] as const;

/** The call of the next build (next-build.ts). */
export function withNextBuild(change: 'version' | 'field', call: StandInCall = {}): StandInCall {
  const [node, ...rest] = sourceProgram;
  const program = [node, '--import', join(root, 'test/support/next-build.ts'), ...rest];
  return { ...call, program, env: { ...call.env, NEXT_BUILD: change } };
}

export class StandInNode extends CniNode<false, StandInCall> {
  readonly host: TestNetns;
  readonly pod: TestNetns;
  readonly directory: string;
  readonly vfPcis: readonly string[];
  readonly #fakePf: boolean;
  readonly program: readonly string[];

  constructor(host: TestNetns, pod: TestNetns, options: StandInOptions) {
    super();
    this.host = host;
    this.pod = pod;
    this.directory = mkdtempSync(join(tmpdir(), 'dra-sriov-test-'));
    this.#fakePf = options.fakePf ?? false;
    this.program = options.built === true ? [builtExecutable] : sourceProgram;
    const count = options.vfs ?? 2;
    this.vfPcis = Array.from({ length: count }, (_, index) => vfDirectory(index));
    this.#makeLinks(count);
    this.#makeSysfs(count);
    for (const name of ['state', 'cdi', 'devinfo/dp', 'devinfo/cni', 'kubelet', 'ipam']) {
      mkdirSync(join(this.directory, name), { recursive: true });
    }
    if (this.#fakePf) this.#makeFakePf(count);
  }

  get driverDirs(): { readonly cdi: string; readonly devinfo: string } {
    return { cdi: join(this.directory, 'cdi'), devinfo: join(this.directory, 'devinfo') };
  }

  /** Directory of sriov-cni's records on this node. */
  get sriovCniDir(): string {
    return join(this.directory, 'sriov');
  }

  get fakePfPath(): string {
    return join(this.directory, 'pf.json');
  }

  get fakePf(): FakePfState {
    return readFakePf(this.fakePfPath);
  }

  changeFakePf(change: (state: FakePfState) => void): void {
    const state = this.fakePf;
    change(state);
    writeFakePf(this.fakePfPath, state);
  }

  /** The plugin's environment on this node. */
  get environment(): Record<string, string> {
    const { NODE_COMPILE_CACHE: cache } = process.env;
    return {
      PATH: process.env['PATH'] ?? '',
      DRA_SRIOV_STATE_DIR: join(this.directory, 'state'),
      DRA_SRIOV_SYSFS: join(this.directory, 'sys'),
      DRA_SRIOV_CDI_DIRS: join(this.directory, 'cdi'),
      DRA_SRIOV_DEVINFO_DIR: join(this.directory, 'devinfo'),
      DRA_SRIOV_KUBELET_DIR: join(this.directory, 'kubelet'),
      DRA_SRIOV_SRIOV_CNI_DIR: this.sriovCniDir,
      DRA_SRIOV_LOG_DIR: this.directory,
      DRA_SRIOV_MULTUS_DIR: join(this.directory, 'multus'),
      DRA_SRIOV_POD_LOG_DIR: join(this.directory, 'pods'),
      ...(this.#fakePf ? { FAKE_PF: this.fakePfPath } : {}),
      ...(cache === undefined ? {} : { NODE_COMPILE_CACHE: cache }),
    };
  }

  ipam(subnet = '10.0.2.0/24', extra: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
    return { type: 'host-local', subnet, dataDir: join(this.directory, 'ipam'), ...extra };
  }

  conf(keys: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
    return { cniVersion: '1.0.0', name: 'vf-test1', type: 'dra-sriov', ...keys };
  }

  /** Runs one verb in the host's namespace. */
  cni(command: string | undefined, conf: unknown = this.conf(), call: StandInCall = {}): CniOutcome {
    const input = typeof conf === 'string' ? conf : JSON.stringify(conf);
    const { status, stdout, stderr } = spawnSync('ip', this.#args(call), {
      env: this.#environmentOf(command, call),
      input,
      encoding: 'utf8',
      timeout: 120_000,
    });
    return outcomeOf(status, stdout, stderr);
  }

  /** The process that runs one verb; `ip` becomes the program, so that the number is the program's. */
  spawn(command: string, conf: unknown, call: StandInCall = {}): ChildProcessWithoutNullStreams {
    const child = spawn('ip', this.#args(call), { env: this.#environmentOf(command, call), timeout: 120_000 });
    child.stdin.end(JSON.stringify(conf));
    return child;
  }

  /** As `cni`, but beside others. */
  async start(command: string, conf: unknown, call: StandInCall = {}): Promise<CniOutcome> {
    const child = this.spawn(command, conf, call);
    const [stdout, stderr, [status]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close') as Promise<[number | null]>,
    ]);
    return outcomeOf(status, stdout, stderr);
  }

  #args(call: StandInCall): string[] {
    return ['netns', 'exec', this.host.name, ...(call.program ?? this.program)];
  }

  #environmentOf(command: string | undefined, call: CniCall): NodeJS.ProcessEnv {
    return { ...this.environment, ...cniVariables(command, { netns: this.pod.path, ...call }, peerDir()) };
  }

  writeFile(path: string, text: string): void {
    writeFileSync(path, text);
  }

  /** The per-pod CDI spec as the DRA driver writes it, by default of all VFs. */
  override writePodSpec(podUid: string, pcis: readonly string[] = this.vfPcis): void {
    super.writePodSpec(podUid, pcis);
  }

  /** Addresses that host-local holds for a network. */
  leases(network = 'vf-test1'): string[] {
    const directory = join(this.directory, 'ipam', network);
    return filesBelow(directory).filter((name) => /^[0-9a-f.:]+$/.test(name));
  }

  /** Records and what belongs to them: all below the state directory but the sweep's stamp and the locks' files. */
  stateFiles(): string[] {
    const all = filesBelow(join(this.directory, 'state'));
    return all.filter((name) => name !== '.swept' && !/^\.(locks\/|failures)/.test(name));
  }

  /** All that ADD may change and DEL must give back, as other programs see it. */
  picture(): unknown {
    const links = this.host.ip('link', 'show') as Record<string, unknown>[];
    const volatile = new Set(['operstate', 'link_netnsid', 'link_index', 'link']);
    const steady = (link: Record<string, unknown>) =>
      Object.fromEntries(Object.entries(link).filter(([key]) => !volatile.has(key)));
    // The kernel notices a while later whether there is carrier.
    const flagsOf = (link: Record<string, unknown>) =>
      (link['flags'] as string[]).filter((flag) => flag !== 'NO-CARRIER' && flag !== 'LOWER_UP');
    return {
      host: links.map((link) => ({ ...steady(link), flags: flagsOf(link) })),
      pod: (this.pod.ip('link', 'show') as { ifname: string }[]).map((link) => link.ifname),
      pf: this.#fakePf ? this.fakePf.vfs : null,
      leases: readdirSync(join(this.directory, 'ipam')).flatMap((network) => this.leases(network)),
      state: this.stateFiles(),
    };
  }

  /** The VF is bound to vfio-pci: it has no netdev. */
  bindToVfio(index: number): void {
    const device = join(this.directory, 'sys/bus/pci/devices', vfDirectory(index));
    rmSync(join(device, 'driver'));
    rmSync(join(device, 'net'), { recursive: true });
    symlinkSync('../../drivers/vfio-pci', join(device, 'driver'));
  }

  /**
   * As in a virtual machine that VFs were passed through to: sysfs tells of no PF, and a device plugin publishes them.
   */
  hidePf(): void {
    const devices = join(this.directory, 'sys/bus/pci/devices');
    rmSync(join(devices, pfPci), { recursive: true });
    for (const pci of this.vfPcis) {
      rmSync(join(devices, pci, 'physfn'));
      this.writeDeviceInfo('example.com/vfs', pci);
    }
  }

  /** The VF's PCI device is gone, as after `echo 0 > sriov_numvfs`. */
  removeDevice(index: number): void {
    const devices = join(this.directory, 'sys/bus/pci/devices');
    rmSync(join(devices, vfDirectory(index)), { recursive: true });
    rmSync(join(devices, pfPci, `virtfn${index}`));
  }

  /** Makes the next ADD look at all records. */
  forgetSweep(): void {
    rmSync(join(this.directory, 'state/.swept'), { force: true });
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  vfName(index: number): string {
    return `vf${index}`;
  }

  #makeLinks(count: number): void {
    const host = this.host.name;
    const add = (one: string, other: string): void => {
      execFileSync('ip', ['-n', host, 'link', 'add', one, 'type', 'veth', 'peer', 'name', other]);
    };
    add('pf0', 'pf0peer');
    execFileSync('ip', ['-n', host, 'link', 'set', 'pf0', 'mtu', '9000', 'up']);
    for (let index = 0; index < count; index += 2) add(this.vfName(index), this.vfName(index + 1));
    execFileSync('ip', ['-n', host, 'link', 'set', 'lo', 'up']);
  }

  #makeSysfs(count: number): void {
    const devices = join(this.directory, 'sys/bus/pci/devices');
    const pf = join(devices, pfPci);
    mkdirSync(join(pf, 'net/pf0'), { recursive: true });
    writeFileSync(join(pf, 'sriov_numvfs'), `${count}\n`);
    writeFileSync(join(pf, 'sriov_totalvfs'), `${count}\n`);
    this.#describeDevice(pf, 'igb', '0x10c9');
    for (let index = 0; index < count; index++) {
      const vf = join(devices, vfDirectory(index));
      mkdirSync(join(vf, 'net', this.vfName(index)), { recursive: true });
      symlinkSync(`../${pfPci}`, join(vf, 'physfn'));
      symlinkSync(`../${vfDirectory(index)}`, join(pf, `virtfn${index}`));
      this.#describeDevice(vf, 'igbvf', '0x10ca');
    }
  }

  #describeDevice(directory: string, driver: string, device: string): void {
    const drivers = join(this.directory, 'sys/bus/pci/drivers', driver);
    mkdirSync(drivers, { recursive: true });
    symlinkSync(`../../drivers/${driver}`, join(directory, 'driver'));
    writeFileSync(join(directory, 'vendor'), '0x8086\n');
    writeFileSync(join(directory, 'device'), `${device}\n`);
    writeFileSync(join(directory, 'numa_node'), '0\n');
  }

  #makeFakePf(count: number): void {
    const [pf] = this.host.ip('link', 'show', 'pf0') as [{ ifindex: number }];
    writeFakePf(this.fakePfPath, {
      ifindex: pf.ifindex,
      vfs: Array.from({ length: count }, () => ({ ...newFakeVf })),
      refuse: {},
      log: [],
    });
  }
}

function filesBelow(directory: string): string[] {
  try {
    const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => !entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
      .sort();
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw thrown;
  }
}

/**
 * A node with a host, one pod's namespace and VFs, for `body`; all gone when it, or the promise it returns, is done.
 */
export function withStandInNode<T>(options: StandInOptions, body: (node: StandInNode) => T): T {
  return withNetns((host) => withNetns((pod) => withNodeIn(new StandInNode(host, pod, options), body)));
}

function withNodeIn<T>(node: StandInNode, body: (node: StandInNode) => T): T {
  return cleaningUp(
    () => body(node),
    () => node.remove(),
  );
}
