import { isJsonObject } from '../../lib/json.ts';
import { printable } from '../../lib/quote.ts';
import { isSystemError } from '../../lib/system-error.ts';
import type { Platform } from '../../platform/platform.ts';
import { type HostLocal, readHostLocal } from '../host-local.ts';
import type { KeptRecord } from '../node/records.ts';
import { type Check, count, type Examined, listSome, note, ok, warning, wrong } from './check.ts';

interface KnownIpam {
  readonly network: string;
  readonly type: string;
  readonly config: unknown;
  readonly pluginDirs: readonly string[];
}

/** Network configs are in the cluster; what was attached with them is on the node. */
function knownIpams(records: readonly KeptRecord[]): readonly KnownIpam[] {
  const byNetwork = new Map<string, KnownIpam>();
  for (const { key, record } of records) {
    if (record.ipam === null) continue;
    const { type, stdin, pluginDirs } = record.ipam;
    byNetwork.set(key.network, { network: key.network, type, config: ipamOf(stdin), pluginDirs });
  }
  return [...byNetwork.values()];
}

function ipamOf(stdin: string): unknown {
  try {
    const config: unknown = JSON.parse(stdin);
    return isJsonObject(config) ? config['ipam'] : null;
  } catch {
    return null;
  }
}

function checkPlugins({ platform, pluginDirs }: Examined, known: readonly KnownIpam[]): Check {
  const isThere = (type: string, directories: readonly string[]): boolean =>
    [...pluginDirs, ...directories].some((directory) => platform.isExecutable(`${directory}/${type}`));
  const where = pluginDirs.join(' or ');
  const missing = known.filter(({ type, pluginDirs: recorded }) => !isThere(type, recorded));
  if (missing.length > 0) {
    const names = [...new Set(missing.map(({ type }) => type))];
    return wrong(
      'ipam',
      `not in ${where}: ${listSome(names)}`,
      `install it there; networks ${listSome(missing.map(({ network }) => network))} need it`,
    );
  }
  if (known.length > 0) return ok('ipam', `there: ${listSome([...new Set(known.map(({ type }) => type))])}`);
  if (isThere('host-local', [])) return ok('ipam', `host-local is in ${where}; no attachment here needs one yet`);
  return warning(
    'ipam',
    `no host-local in ${where}`,
    'install containernetworking’s plugins there, or set CNI_PATH for this command',
  );
}

/** What a network's store holds of a set's family, and what it could. */
interface Usage {
  readonly network: string;
  readonly subnets: readonly string[];
  readonly used: number;
  readonly capacity: bigint;
  /** Addresses of containers that no record knows. */
  readonly orphans: number;
}

function readLeases(
  platform: Platform,
  directory: string,
): readonly { readonly address: string; readonly containerId: string }[] {
  const names = (platform.readDir(directory) ?? []).filter((name) => /^[0-9a-f.:]+$/.test(name));
  return names.map((address) => {
    const text = platform.readFile(`${directory}/${address}`, { followLinks: false })?.toString('utf8') ?? '';
    return { address, containerId: text.split(/\s/)[0] ?? '' };
  });
}

function usagesOf(
  platform: Platform,
  network: string,
  ipam: HostLocal,
  containers: ReadonlySet<string>,
): readonly Usage[] {
  const leases = readLeases(platform, `${ipam.dataDir}/${network}`);
  return ipam.sets.map(({ subnets, capacity }) => {
    const isIpv6 = subnets.some((subnet) => subnet.includes(':'));
    const own = leases.filter(({ address }) => address.includes(':') === isIpv6);
    const orphans = own.filter(({ containerId }) => !containers.has(containerId)).length;
    return { network, subnets, used: own.length, capacity, orphans };
  });
}

const describeUsage = ({ network, subnets, used, capacity }: Usage): string =>
  `${printable(network)}: ${used} of ${capacity} of ${subnets.join(', ')}`;

function readUsages(
  { platform }: Examined,
  known: readonly KnownIpam[],
  records: readonly KeptRecord[],
): readonly Usage[] {
  const containers = new Set(records.map(({ key }) => key.containerId));
  return known.flatMap(({ network, config }) => {
    const ipam = readHostLocal(config);
    return ipam === null ? [] : usagesOf(platform, network, ipam, containers);
  });
}

function checkSubnets(examined: Examined, known: readonly KnownIpam[], records: readonly KeptRecord[]): Check {
  let usages: readonly Usage[];
  try {
    usages = readUsages(examined, known, records);
  } catch (thrown) {
    if (!isSystemError(thrown)) throw thrown;
    return note('subnets', `host-local’s store can’t be read: ${thrown.message}`);
  }
  const full = usages.filter(({ used, capacity }) => BigInt(used) >= capacity);
  const orphaned = usages.filter(({ orphans }) => orphans > 0);
  const leaked = orphaned.map(
    ({ network, orphans }) => `${printable(network)}: ${count(orphans, 'address', 'addresses')}`,
  );
  const release =
    'remove their files from host-local’s store (/var/lib/cni/networks/NETWORK) when those containers are gone';
  if (full.length > 0) {
    const remedy =
      orphaned.length > 0 ? `${release}: ${listSome(leaked)}` : 'enlarge the subnet, or move pods to other nodes';
    return wrong('subnets', `exhausted: ${listSome(full.map(describeUsage))}`, remedy);
  }
  if (orphaned.length > 0) return warning('subnets', `held by no attachment on record: ${listSome(leaked)}`, release);
  const tight = usages.filter(({ used, capacity }) => BigInt(used) * 10n >= capacity * 9n);
  if (tight.length > 0)
    return warning('subnets', `nearly exhausted: ${listSome(tight.map(describeUsage))}`, 'enlarge the subnet');
  return ok('subnets', usages.length === 0 ? 'none of host-local in use here' : listSome(usages.map(describeUsage)));
}

/** Whether there are addresses, and who hands them out. */
export function checkIpam(examined: Examined, records: readonly KeptRecord[]): readonly Check[] {
  const known = knownIpams(records);
  return [checkPlugins(examined, known), checkSubnets(examined, known, records)];
}
