import { printable } from '../../lib/quote.ts';
import { isSystemError } from '../../lib/system-error.ts';
import type { Platform } from '../../platform/platform.ts';
import { findOrphans, type HostLocal, ipamOf, type Lease, listLeases, readHostLocal } from '../host-local.ts';
import type { KeptRecord } from '../node/records.ts';
import { commandName } from '../tool.ts';
import { type Check, type Examined, listSome, note, ok, warning, wrong } from './check.ts';

interface KnownIpam {
  readonly network: string;
  readonly type: string;
  readonly config: unknown;
  readonly pluginDirs: readonly string[];
}

/** Goes by the records, because network configs are in the cluster. */
function knownIpams(records: readonly KeptRecord[]): readonly KnownIpam[] {
  const byNetwork = new Map<string, KnownIpam>();
  for (const { key, record } of records) {
    if (record.ipam === null) continue;
    const { type, stdin, pluginDirs } = record.ipam;
    byNetwork.set(key.network, { network: key.network, type, config: ipamOf(stdin), pluginDirs });
  }
  return [...byNetwork.values()];
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

/** Addresses of a set's family in a network's store, and how many there can be. */
interface Usage {
  readonly network: string;
  readonly subnets: readonly string[];
  readonly used: number;
  readonly capacity: bigint;
}

function usagesOf(leases: readonly Lease[], network: string, ipam: HostLocal): readonly Usage[] {
  return ipam.sets.map(({ subnets, capacity }) => {
    const isIpv6 = subnets.some((subnet) => subnet.includes(':'));
    const used = leases.filter(({ address }) => address.includes(':') === isIpv6).length;
    return { network, subnets, used, capacity };
  });
}

const describeUsage = ({ network, subnets, used, capacity }: Usage): string =>
  `${printable(network)}: ${used} of ${capacity} of ${subnets.join(', ')}`;

interface Stores {
  readonly usages: readonly Usage[];
  readonly orphans: readonly Lease[];
}

/**
 * The use of host-local's subnets by networks on record. Throws SystemError if a store can't be read.
 */
export function readUsages(platform: Platform, records: readonly KeptRecord[]): readonly Usage[] {
  return knownIpams(records).flatMap(({ network, config }) => {
    const ipam = readHostLocal(config);
    return ipam === null ? [] : usagesOf(listLeases(platform, `${ipam.dataDir}/${network}`), network, ipam);
  });
}

function readStores({ platform }: Examined, records: readonly KeptRecord[]): Stores {
  return { usages: readUsages(platform, records), orphans: findOrphans(platform, records) };
}

function checkSubnets(examined: Examined, records: readonly KeptRecord[]): Check {
  let stores: Stores;
  try {
    stores = readStores(examined, records);
  } catch (thrown) {
    if (!isSystemError(thrown)) throw thrown;
    return note('subnets', `host-local’s store can’t be read: ${thrown.message}`);
  }
  const { usages, orphans } = stores;
  const full = usages.filter(({ used, capacity }) => BigInt(used) >= capacity);
  const leaked = `taken by containers that are gone, or by nobody: ${listSome(orphans.map(({ path }) => printable(path)))}`;
  const release = `${commandName(examined.platform)} gc --addresses`;
  if (full.length > 0) {
    const found = `exhausted: ${listSome(full.map(describeUsage))}`;
    return orphans.length > 0
      ? wrong('subnets', `${found}; ${leaked}`, release)
      : wrong('subnets', found, 'enlarge the subnet, or move pods to other nodes');
  }
  if (orphans.length > 0) return warning('subnets', leaked, release);
  const tight = usages.filter(({ used, capacity }) => BigInt(used) * 10n >= capacity * 9n);
  if (tight.length > 0)
    return warning('subnets', `nearly exhausted: ${listSome(tight.map(describeUsage))}`, 'enlarge the subnet');
  return ok('subnets', usages.length === 0 ? 'none of host-local in use here' : listSome(usages.map(describeUsage)));
}

/** Whether there are addresses, and who hands them out. */
export function checkIpam(examined: Examined, records: readonly KeptRecord[]): readonly Check[] {
  const known = knownIpams(records);
  return [checkPlugins(examined, known), checkSubnets(examined, records)];
}
