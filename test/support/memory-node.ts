// A node in memory: a PF with VFs in sysfs and in a memory kernel, pods, and an IPAM plugin that hands out addresses.
// Whole commands run on it through runMain. `changes` lists all changes of kernel, IPAM and records in order.
import { runMain } from '../../src/main.ts';
import type { Platform, ProcessRequest, ProcessResult } from '../../src/platform/platform.ts';
import { type CniCall, CniNode, type CniOutcome, cniVariables, outcomeOf } from './cni-node.ts';
import { MemoryKernel, type MemoryNamespace, type MemoryRdmaDevice } from './memory-kernel.ts';
import { igbvfDriver, type MemoryLink, plainDriver, stubbornDriver, type VfDriver } from './memory-links.ts';
import { createMemoryPlatform, MemoryExit, type MemoryPlatform } from './memory-platform.ts';
import { sourceParts } from './source-parts.ts';
import { type FakeVf, newFakeVf } from './vf-info.ts';

export const pfPci = '0000:3b:00.0';
const devices = '/sys/bus/pci/devices';
export const stateDir = '/var/lib/cni/dra-sriov';
export const vfPci = (index: number): string => `0000:3b:02.${index}`;

const hostId = { device: 4n, inode: 4026531840n };

export interface MemoryNodeOptions {
  readonly vfs?: number;
  /** How the VFs' driver treats MACs. */
  readonly driver?: (vf: FakeVf) => VfDriver;
  /** Numbers of VFs that are bound to vfio-pci and have no netdev. */
  readonly userspace?: readonly number[];
  /** The PF neither reports nor takes settings of its VFs. */
  readonly blindPf?: boolean;
  /** The kernel doesn't tell a netdev's PCI address (before 5.14, and stand-ins). */
  readonly withoutParents?: boolean;
}

export interface Pod {
  readonly containerId: string;
  readonly path: string;
  readonly namespace: MemoryNamespace;
}

export { igbvfDriver, stubbornDriver };

export class MemoryNode extends CniNode {
  readonly driverDirs = { cdi: '/var/run/cdi', devinfo: '/var/run/k8s.cni.cncf.io/devinfo' };
  readonly kernel = new MemoryKernel();
  readonly platform: MemoryPlatform;
  readonly host: MemoryNamespace;
  readonly pf: MemoryLink;
  readonly pod: Pod;
  /** The PF's records, even if the PF doesn't report them. */
  readonly vfs: FakeVf[];
  /** `container/ifname` -> address */
  readonly leases = new Map<string, string>();
  /** Answers in place of the IPAM plugin if it returns a result. */
  runIpam: (request: ProcessRequest) => Partial<ProcessResult> | undefined = () => undefined;
  /** The IPAM plugin's answer to ADD. */
  ipamResult: (address: string) => unknown = (address) => ({
    cniVersion: '1.0.0',
    ips: [{ address: `${address}/24`, gateway: '10.0.2.1' }],
    routes: [{ dst: '0.0.0.0/0' }],
  });
  readonly #environment: Record<string, string | undefined> = {};
  readonly #links = new Map<number, MemoryLink>();
  readonly #rdmaDevices = new Map<MemoryRdmaDevice, string>();
  readonly #options: MemoryNodeOptions;
  #stdin = '';
  #pods = 0;
  #addresses = 4;

  constructor(options: MemoryNodeOptions = {}) {
    super();
    this.#options = options;
    const count = options.vfs ?? 2;
    this.vfs = Array.from({ length: count }, () => ({ ...newFakeVf }));
    this.platform = this.#makePlatform();
    this.kernel.clock = this.platform.clock;
    this.kernel.currentNetns = () => this.platform.currentNetns ?? hostId;
    this.kernel.descriptor = (fd) =>
      [this.platform.ownNetns(), ...this.platform.openNamespaces].find((netns) => netns.fd === fd);
    this.host = this.kernel.addNamespace('host', hostId);
    this.pf = this.kernel.addLink(this.host, 'pf0', {
      up: true,
      mtu: 9000,
      vfs: options.blindPf === true ? null : this.vfs,
      parent: options.withoutParents === true ? null : pfPci,
    });
    for (let index = 0; index < count; index++) this.#makeVf(index);
    this.kernel.vfIndexOf = (link) => [...this.#links].find(([, each]) => each === link)?.[0] ?? -1;
    this.kernel.onLinksChanged = () => this.#showLinks();
    this.#showLinks();
    this.pod = this.addPod();
  }

  get changes(): string[] {
    return this.kernel.changes;
  }

  /** Changes a link's name or removes it, without the plugin. */
  edit(change: () => void): void {
    change();
    this.#showLinks();
  }

  /** A VF's netdev, wherever it is. */
  link(index: number): MemoryLink {
    const link = this.#links.get(index);
    if (link === undefined) throw new Error(`VF ${index} has no netdev`);
    return link;
  }

  /** A VF gets an RDMA device, on the host. */
  addRdmaDevice(index: number, name: string): MemoryRdmaDevice {
    const device = this.kernel.addRdmaDevice(this.host, name);
    this.#rdmaDevices.set(device, vfPci(index));
    this.#showLinks();
    return device;
  }

  addPod(): Pod {
    const number = ++this.#pods;
    const path = `/run/netns/pod${number}`;
    const id = { device: 4n, inode: 4026532000n + BigInt(number) };
    this.platform.netnsPaths.set(path, id);
    return { containerId: `c${number}`, path, namespace: this.kernel.addNamespace(`pod${number}`, id) };
  }

  /** The pod's sandbox ends: its path is gone, and its devices return. */
  endPod(pod: Pod): void {
    this.platform.netnsPaths.delete(pod.path);
    this.kernel.endNamespace(pod.namespace, this.host);
  }

  /**
   * As in a virtual machine that VFs were passed through to: sysfs tells of no PF, and a device plugin publishes them.
   */
  hidePf(): void {
    const { files, links } = this.platform;
    for (const path of links.keys()) if (/\/(physfn|virtfn\d+)$/.test(path)) links.delete(path);
    for (const path of files.keys()) if (path.startsWith(`${devices}/${pfPci}/`)) files.delete(path);
    links.delete(`${devices}/${pfPci}/driver`);
    for (const index of this.vfs.keys()) this.writeDeviceInfo('example.com/vfs', vfPci(index));
  }

  /** The VF's PCI device and netdev are gone, as after `echo 0 > sriov_numvfs`. */
  removeVf(index: number): void {
    const link = this.#links.get(index);
    this.#links.delete(index);
    for (const { links } of this.kernel.namespaces) {
      if (link !== undefined && links.includes(link)) links.splice(links.indexOf(link), 1);
    }
    this.#removeDevice(vfPci(index));
    this.platform.links.delete(`${devices}/${pfPci}/virtfn${index}`);
  }

  /** The PF's PCI device and netdev are gone; its VFs stay. */
  removePf(): void {
    this.host.links.splice(this.host.links.indexOf(this.pf), 1);
    this.#showLinks();
    this.#removeDevice(pfPci);
  }

  #removeDevice(pci: string): void {
    const { files, links } = this.platform;
    const gone = `${devices}/${pci}/`;
    for (const path of files.keys()) if (path.startsWith(gone)) files.delete(path);
    for (const path of links.keys()) if (path.startsWith(gone)) links.delete(path);
  }

  conf(keys: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
    return { cniVersion: '1.1.0', name: 'vf-net', type: 'dra-sriov', deviceID: vfPci(0), ...keys };
  }

  ipam(subnet = '10.0.2.0/24', extra: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
    return { type: 'host-local', subnet, ...extra };
  }

  cni(command: string | undefined, conf: unknown = this.conf(), call: CniCall = {}): CniOutcome {
    for (const key of Object.keys(this.#environment)) delete this.#environment[key];
    const variables = cniVariables(command, { netns: this.pod.path, ...call }, '/opt/cni/bin');
    Object.assign(this.#environment, { PATH: '/usr/bin' }, variables);
    this.#stdin = typeof conf === 'string' ? conf : JSON.stringify(conf);
    const [stdoutBefore, stderrBefore] = [this.platform.stdout.length, this.platform.stderr.length];
    const status = this.#runMain();
    return outcomeOf(status, this.platform.stdout.slice(stdoutBefore), this.platform.stderr.slice(stderrBefore));
  }

  writeFile(path: string, text: string): void {
    this.platform.files.set(path, text);
  }

  /** Arguments of calls for another pod. */
  of(pod: Pod, ifname = 'net1'): CniCall {
    return { containerId: pod.containerId, netns: pod.path, ifname };
  }

  /** What ADD may change and DEL must give back. */
  picture(): unknown {
    const describe = ({ driver, addresses, cable, vfs, settings, ethtool, lower, ...link }: MemoryLink): unknown => {
      const set = [...settings].sort(([one], [other]) => one - other);
      return { ...link, settings: set, ethtool: [...ethtool], hears: driver?.hears ?? true };
    };
    return structuredClone({
      host: this.host.links
        .map(describe)
        .sort((one, other) => JSON.stringify(one).localeCompare(JSON.stringify(other))),
      vfs: this.vfs,
      leases: [...this.leases],
      records: this.recordPaths(),
      owners: this.stateFiles('.vfs/'),
      locks: [...this.platform.heldLocks.keys()],
    });
  }

  /** Paths of files in the state directory that begin with `prefix`, without that directory. */
  stateFiles(prefix = ''): string[] {
    const paths = [...this.platform.files.keys()].filter((path) => path.startsWith(`${stateDir}/${prefix}`));
    return paths.map((path) => path.slice(stateDir.length + 1)).sort();
  }

  recordPaths(): string[] {
    return this.stateFiles().filter((path) => !path.startsWith('.'));
  }

  recordPath(pod: Pod = this.pod, ifname = 'net1', network = 'vf-net'): string {
    return `${stateDir}/${network}/${pod.containerId}/${ifname}.json`;
  }

  readRecord(path: string = this.recordPath()): Record<string, unknown> {
    return JSON.parse(this.platform.files.get(path) ?? 'null') as Record<string, unknown>;
  }

  editRecord(change: Readonly<Record<string, unknown>>, path: string = this.recordPath()): void {
    this.platform.files.set(path, JSON.stringify({ ...this.readRecord(path), ...change }));
  }

  /** Makes the next ADD look at all records. */
  forgetSweep(): void {
    this.platform.files.delete(`${stateDir}/.swept`);
  }

  #runMain(): number {
    try {
      runMain(this.platform, sourceParts);
    } catch (thrown) {
      if (thrown instanceof MemoryExit) return thrown.code;
      throw thrown;
    }
  }

  #makePlatform(): MemoryPlatform {
    const platform = createMemoryPlatform({
      executables: ['/opt/cni/bin/host-local'],
      environment: this.#environment,
      netlink: (netns, groups, protocol) => this.kernel.open(netns ?? hostId, groups, protocol),
      ownNetns: hostId,
      netnsPaths: { '/proc/self/ns/net': hostId },
      processes: (request) => this.#runIpam(request),
      ethtool: (netns, ifname, request) => this.kernel.ethtool(netns, ifname, request),
    });
    return this.#withNotes(platform);
  }

  /** Notes in `changes` what happens to records, and gives every command a stdin of its own. */
  #withNotes(platform: MemoryPlatform): MemoryPlatform {
    const isRecord = (path: string): boolean => path.startsWith(`${stateDir}/`) && path.endsWith('.json');
    const { writeFileAtomic, unlink } = platform;
    const noting: Pick<Platform, 'readStdin' | 'writeFileAtomic' | 'unlink'> = {
      readStdin: () => Buffer.from(this.#stdin),
      writeFileAtomic: (path, content, options) => {
        writeFileAtomic(path, content, options);
        if (isRecord(path)) this.changes.push(`record ${(JSON.parse(content) as { phase: string }).phase}`);
      },
      unlink: (path) => {
        const was = unlink(path);
        if (was && isRecord(path)) this.changes.push('record removed');
        return was;
      },
    };
    return Object.assign(platform, noting);
  }

  #makeVf(index: number): void {
    const userspace = this.#options.userspace?.includes(index) ?? false;
    const { files, links } = this.platform;
    const directory = `${devices}/${vfPci(index)}`;
    links.set(`${directory}/physfn`, `../${pfPci}`);
    links.set(`${devices}/${pfPci}/virtfn${index}`, `../${vfPci(index)}`);
    links.set(`${devices}/${pfPci}/driver`, '../../../drivers/igb');
    links.set(`${directory}/driver`, `../../../drivers/${userspace ? 'vfio-pci' : 'igbvf'}`);
    files.set(`${directory}/vendor`, '0x8086\n');
    files.set(`${directory}/numa_node`, '0\n');
    files.set(`${devices}/${pfPci}/sriov_numvfs`, `${this.vfs.length}\n`);
    files.set(`${devices}/${pfPci}/sriov_totalvfs`, '8\n');
    const vf = this.vfs[index];
    if (userspace || vf === undefined) return;
    const driver = (this.#options.driver ?? plainDriver)(vf);
    const parent = this.#options.withoutParents === true ? null : vfPci(index);
    this.#links.set(index, this.kernel.addLink(this.host, `vf${index}`, { parent, driver }));
  }

  /** sysfs shows the netdevs and RDMA devices of the host. */
  #showLinks(): void {
    const { files } = this.platform;
    for (const path of files.keys()) if (/\/(net|infiniband)\/[^/]+\/\w+$/.test(path)) files.delete(path);
    const show = (pci: string, link: MemoryLink): void => {
      if (this.host.links.includes(link)) files.set(`${devices}/${pci}/net/${link.name}/ifindex`, `${link.ifindex}\n`);
    };
    if (files.has(`${devices}/${pfPci}/sriov_totalvfs`)) show(pfPci, this.pf);
    for (const [index, link] of this.#links) show(vfPci(index), link);
    for (const [{ name, namespace }, pci] of this.#rdmaDevices) {
      if (namespace === this.host) files.set(`${devices}/${pci}/infiniband/${name}/node_type`, '1: CA\n');
    }
  }

  #runIpam(request: ProcessRequest): ProcessResult {
    const command = request.env['CNI_COMMAND'] ?? '';
    this.changes.push(`ipam ${command}`);
    const usual: ProcessResult = { status: 0, signal: null, timedOut: false, stdout: '', stderr: '' };
    const own = this.runIpam(request);
    if (own !== undefined) return { ...usual, ...own };
    const lease = `${request.env['CNI_CONTAINERID']}/${request.env['CNI_IFNAME']}`;
    if (command === 'DEL') this.leases.delete(lease);
    if (command === 'STATUS' || command === 'GC') {
      return { ...usual, status: 1, stdout: JSON.stringify({ code: 4, msg: `unknown CNI_COMMAND: ${command}` }) };
    }
    if (command !== 'ADD') return usual;
    const address = `10.0.2.${++this.#addresses}`;
    this.leases.set(lease, address);
    return { ...usual, stdout: JSON.stringify(this.ipamResult(address)) };
  }
}
