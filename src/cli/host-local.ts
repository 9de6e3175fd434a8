import { type Cidr, lastAddressOf, networkOf, parseAddress, parseCidr } from '../kernel/ip-text.ts';
import { seesAllProcesses } from '../kernel/namespace.ts';
import { isJsonObject, type Json } from '../lib/json.ts';
import { isSystemError } from '../lib/system-error.ts';
import type { Platform } from '../platform/platform.ts';
import { lockFileOfOthers } from '../state/locks.ts';
import type { KeptRecord } from './node/records.ts';

/** The host-local part (containernetworking/plugins) of a network config. */
export interface HostLocal {
  /** Its store; a directory for each network below. */
  readonly dataDir: string;
  /** An attachment gets one address of each set; usually there is one for IPv4 and one for IPv6. */
  readonly sets: readonly RangeSet[];
}

interface RangeSet {
  /** `10.0.2.0/24`, as written. */
  readonly subnets: readonly string[];
  /** Number of addresses that can be handed out, without gateways. */
  readonly capacity: bigint;
}

/** An address that is taken, by its file: `<containerID>\r\n<ifname>` (plugins/ipam/host-local/backend/disk). */
export interface Lease {
  readonly path: string;
  readonly address: string;
  /** '' if the file is empty, as a power cut leaves one that host-local has just written without fsync. */
  readonly containerId: string;
  /** '' in files of old releases of host-local, which don't keep it. */
  readonly ifname: string;
}

const defaultDataDir = '/var/lib/cni/networks';

/** The addresses of a network's store, `<dataDir>/<network>`. Throws SystemError. */
export function listLeases(platform: Platform, directory: string): readonly Lease[] {
  const names = (platform.readDir(directory) ?? []).filter((name) => /^[0-9a-f.:]+$/.test(name));
  return names.flatMap((address) => {
    const path = `${directory}/${address}`;
    const text = platform.readFile(path, { maxBytes: 4096, followLinks: false })?.toString('utf8');
    if (text === undefined) return [];
    const [containerId = '', ifname = ''] = text.replaceAll('\0', '').trim().split(/\s+/);
    return [{ path, address, containerId, ifname }];
  });
}

function toNumber(bytes: Uint8Array): bigint {
  return bytes.reduce((number, byte) => (number << 8n) | BigInt(byte), 0n);
}

const addressOr = (text: unknown, otherwise: bigint): bigint =>
  typeof text === 'string' && text !== '' ? toNumber(parseAddress(text).bytes) : otherwise;

/**
 * The first usable address of the subnet is the gateway, unless the range names another one. The addresses of network
 * and broadcast are nobody's.
 */
function capacityOf(range: Json, cidr: Cidr): bigint {
  const first = toNumber(networkOf(cidr).bytes);
  const last = toNumber(lastAddressOf(cidr)) - (cidr.family === 4 ? 1n : 0n);
  const begin = addressOr(range['rangeStart'], first + 1n);
  const end = addressOr(range['rangeEnd'], last);
  const gateway = addressOr(range['gateway'], first + 1n);
  const count = end >= begin ? end - begin + 1n : 0n;
  return gateway >= begin && gateway <= end && count > 0n ? count - 1n : count;
}

function readSet(ranges: readonly unknown[]): RangeSet {
  const subnets: string[] = [];
  let capacity = 0n;
  for (const range of ranges) {
    if (!isJsonObject(range) || typeof range['subnet'] !== 'string') continue;
    subnets.push(range['subnet']);
    capacity += capacityOf(range, parseCidr(range['subnet']));
  }
  return { subnets, capacity };
}

/**
 * Reads the `ipam` of a network config; null where it isn't host-local's. Throws SystemError EINVAL for what is no
 * address.
 */
export function readHostLocal(ipam: unknown): HostLocal | null {
  if (!isJsonObject(ipam) || ipam['type'] !== 'host-local') return null;
  const { dataDir, ranges, subnet } = ipam;
  const sets = (Array.isArray(ranges) ? ranges : []).filter((set): set is unknown[] => Array.isArray(set));
  const all = [...(typeof subnet === 'string' ? [[ipam]] : []), ...sets].map(readSet);
  return {
    dataDir: typeof dataDir === 'string' && dataDir !== '' ? dataDir : defaultDataDir,
    sets: all.filter(({ subnets }) => subnets.length > 0),
  };
}

/** The `ipam` of a network config in text; null where that is no JSON object. */
export function ipamOf(stdin: string): unknown {
  try {
    const config: unknown = JSON.parse(stdin);
    return isJsonObject(config) ? config['ipam'] : null;
  } catch {
    return null;
  }
}

/** IDs that container runtimes for Kubernetes make. With another name it can't be told whether a container lives. */
const containerIdOfRuntime = /^[0-9a-f]{64}$/;

const withoutPrefix = (address: string): string => address.replace(/\/.*$/, '');

/**
 * Addresses whose containers are gone, in the stores of networks on record and in the usual one, where leaked addresses
 * lie even if no record is left. A container is gone if no record has it and no process belongs to it. An address whose
 * file names no container counts if no record has it. Other plugins may use the same store. Throws SystemError.
 */
export function findOrphans(platform: Platform, records: readonly KeptRecord[]): readonly Lease[] {
  const usual = (platform.readDir(defaultDataDir) ?? []).map((network) => `${defaultDataDir}/${network}`);
  const onRecord = records.flatMap(({ key, record }) => {
    const ipam = readHostLocal(ipamOf(record.ipam?.stdin ?? ''));
    return ipam === null ? [] : [`${ipam.dataDir}/${key.network}`];
  });
  const recorded = new Set(records.map(({ key }) => key.containerId));
  const addresses = new Set(records.flatMap(({ record }) => record.addresses.map(withoutPrefix)));
  const isRecorded = ({ containerId, address }: Lease): boolean =>
    containerId === '' ? addresses.has(address) : recorded.has(containerId);
  const unrecorded = [...new Set([...onRecord, ...usual])]
    .filter((directory) => platform.stat(directory)?.kind === 'directory')
    .flatMap((directory) => listLeases(platform, directory))
    .filter(({ containerId }) => containerId === '' || containerIdOfRuntime.test(containerId))
    .filter((lease) => !isRecorded(lease));
  if (unrecorded.length === 0) return [];
  const isLiving = findLivingContainers(platform);
  return unrecorded.filter(({ containerId }) => containerId === '' || !isLiving(containerId));
}

/**
 * Goes by cgroups, into whose names container runtimes put a container's ID. If not all processes are seen, all
 * containers count as living.
 */
function findLivingContainers(platform: Platform): (containerId: string) => boolean {
  if (!seesAllProcesses(platform)) return () => true;
  const { procfs } = platform.paths;
  const processes = (platform.readDir(procfs) ?? []).filter((name) => /^\d+$/.test(name));
  const cgroups = new Set(processes.map((process) => readCgroups(platform, `${procfs}/${process}/cgroup`)));
  return (containerId) => [...cgroups].some((text) => text.includes(containerId));
}

function readCgroups(platform: Platform, path: string): string {
  try {
    return platform.readFile(path)?.toString('utf8') ?? '';
  } catch (thrown) {
    // The process has ended.
    if (isSystemError(thrown, 'ESRCH')) return '';
    throw thrown;
  }
}

const lockLimitMs = 10_000;

/**
 * Gives an address back, under host-local's own lock (`<store>/lock`, flock(2)), unless somebody else has taken it
 * since.
 */
export function releaseLease(platform: Platform, { path, containerId }: Lease): boolean {
  const directory = path.slice(0, path.lastIndexOf('/'));
  const lock = lockFileOfOthers(platform, `${directory}/lock`, lockLimitMs);
  if (lock === null) throw new Error(`host-local holds ${directory}/lock for more than ${lockLimitMs} ms`);
  try {
    const isSame = listLeases(platform, directory).some(
      (lease) => lease.path === path && lease.containerId === containerId,
    );
    if (isSame) platform.unlink(path);
    return isSame;
  } finally {
    lock.unlock();
  }
}
