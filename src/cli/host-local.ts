import { type Cidr, lastAddressOf, networkOf, parseAddress, parseCidr } from '../kernel/ip-text.ts';
import { isJsonObject, type Json } from '../lib/json.ts';

/** What host-local (containernetworking/plugins) is asked for in a network config. */
export interface HostLocal {
  /** Its store; a directory for each network below. */
  readonly dataDir: string;
  /** Of each set an attachment gets one address: IPv4 and IPv6, usually. */
  readonly sets: readonly RangeSet[];
}

interface RangeSet {
  /** `10.0.2.0/24`, as written. */
  readonly subnets: readonly string[];
  /** Addresses that can be handed out, the gateways not among them. */
  readonly capacity: bigint;
}

const defaultDataDir = '/var/lib/cni/networks';

function toNumber(bytes: Uint8Array): bigint {
  return bytes.reduce((number, byte) => (number << 8n) | BigInt(byte), 0n);
}

const addressOr = (text: unknown, otherwise: bigint): bigint =>
  typeof text === 'string' && text !== '' ? toNumber(parseAddress(text).bytes) : otherwise;

/** Of the subnet the first usable address is the gateway, unless the range names another; network and broadcast are nobody's. */
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

/** Reads the `ipam` of a network config; null where it isn't host-local's. Throws SystemError EINVAL for what is no address. */
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
