import { coversAddress, formatAddress, networkOf, parseAddress, parseCidr } from '../../kernel/ip-text.ts';
import { isJsonObject, type Json } from '../../lib/json.ts';
import { quote, show } from '../../lib/quote.ts';
import { isSystemError } from '../../lib/system-error.ts';
import { error, type Finding, under } from './finding.ts';
import { checkKeys, meantBy } from './spelling.ts';

/** IPAM plugins of containernetworking and others that people use with SR-IOV. */
const plugins = ['host-local', 'static', 'dhcp', 'whereabouts', 'nv-ipam', 'calico-ipam', 'kube-ovn', 'spiderpool'];

const rangeKeys = ['subnet', 'rangeStart', 'rangeEnd', 'gateway'];
/** Keys of plugins/ipam/host-local/backend/allocator/config.go, without `name`, which is the network's. */
const hostLocalKeys = [...rangeKeys, 'type', 'ranges', 'routes', 'dataDir', 'resolvConf'];
/** plugins/ipam/static/main.go */
const staticKeys = ['type', 'addresses', 'routes', 'dns'];
const routeKeys = ['dst', 'gw', 'mtu', 'advmss', 'priority', 'table', 'scope'];

/** What is wrong with an address, or null. */
function problemWith(read: () => unknown): string | null {
  try {
    read();
    return null;
  } catch (thrown) {
    if (isSystemError(thrown)) return thrown.message;
    throw thrown;
  }
}

/** As Range.Canonicalize of host-local (backend/allocator/range.go), which refuses these at ADD. */
function checkRange(range: Json, keys: readonly string[]): Finding[] {
  const { subnet } = range;
  const findings = checkKeys(range, keys, 'host-local');
  if (typeof subnet !== 'string' || subnet === '') {
    // Its key may be misspelt, which is reported already.
    return findings.some(({ fix }) => fix === 'subnet')
      ? findings
      : [...findings, error('subnet', 'missing; a range needs one')];
  }
  const problem = problemWith(() => parseCidr(subnet));
  if (problem !== null) return [...findings, error('subnet', problem)];
  const cidr = parseCidr(subnet);
  const { prefixLength, bytes } = cidr;
  const network = `${formatAddress(networkOf(cidr).bytes)}/${prefixLength}`;
  if (prefixLength > bytes.length * 8 - 2)
    findings.push(error('subnet', `${quote(subnet)} is too small: host-local takes no /31, /32, /127 and /128`));
  else if (!networkOf(cidr).bytes.equals(bytes)) {
    findings.push(
      error('subnet', `${quote(subnet)} has host bits set, which host-local refuses; the network is ${network}`, {
        fix: network,
      }),
    );
  }
  for (const key of ['rangeStart', 'rangeEnd', 'gateway'] as const) {
    const address = range[key];
    if (address === undefined || address === '') continue;
    const wrong =
      typeof address === 'string' ? problemWith(() => parseAddress(address)) : `${show(address)} is no address`;
    if (wrong !== null) findings.push(error(key, wrong));
    else if (key !== 'gateway' && !coversAddress(subnet, String(address)))
      findings.push(error(key, `${quote(String(address))} is not in ${network}`));
  }
  return findings;
}

function checkRanges(ranges: unknown): Finding[] {
  const form = 'an array of arrays of ranges, such as [[{"subnet": "10.0.2.0/24"}]]';
  if (!Array.isArray(ranges)) return [error('ranges', `${show(ranges)} is not allowed; allowed: ${form}`)];
  return ranges.flatMap((set: unknown, at) => {
    if (!Array.isArray(set)) return [error(`ranges[${at}]`, `${show(set)} is not allowed; allowed: ${form}`)];
    if (set.length === 0) return [error(`ranges[${at}]`, 'is empty; a set of ranges needs one')];
    return set.flatMap((range: unknown, index) =>
      isJsonObject(range)
        ? under(`ranges[${at}][${index}]`, '.', checkRange(range, rangeKeys), ['ranges', at, index])
        : [error(`ranges[${at}][${index}]`, `${show(range)} is not allowed; allowed: an object with subnet`)],
    );
  });
}

function checkRoutes(routes: unknown): Finding[] {
  if (!Array.isArray(routes)) return [error('routes', `${show(routes)} is not allowed; allowed: an array of routes`)];
  return routes.flatMap((route: unknown, at) => {
    const path = `routes[${at}]`;
    if (!isJsonObject(route)) return [error(path, `${show(route)} is not allowed; allowed: an object with dst`)];
    const { dst, gw } = route;
    const findings = checkKeys(route, routeKeys, 'a route');
    if (typeof dst === 'string') {
      const wrong = problemWith(() => parseCidr(dst));
      const whole = dst.includes(':') ? `${dst}/128` : `${dst}/32`;
      const isBare = wrong !== null && problemWith(() => parseAddress(dst)) === null;
      if (wrong !== null) findings.push(error('dst', wrong, isBare ? { fix: whole } : {}));
    } else if (!findings.some(({ fix }) => fix === 'dst')) findings.push(error('dst', 'missing; a route needs one'));
    const wrong = typeof gw === 'string' && gw !== '' ? problemWith(() => parseAddress(gw)) : null;
    if (wrong !== null) findings.push(error('gw', wrong));
    return under(path, '.', findings, ['routes', at]);
  });
}

function checkHostLocal(ipam: Json): Finding[] {
  const { ranges, routes, subnet } = ipam;
  const isOld = subnet !== undefined || ranges === undefined;
  return [
    ...(isOld ? checkRange(ipam, hostLocalKeys) : checkKeys(ipam, hostLocalKeys, 'host-local')),
    ...(ranges === undefined ? [] : checkRanges(ranges)),
    ...(routes === undefined ? [] : checkRoutes(routes)),
  ];
}

function checkStatic(ipam: Json): Finding[] {
  const { addresses = [], routes } = ipam;
  const form = 'an array of objects with address, such as [{"address": "10.0.2.7/24"}]';
  if (!Array.isArray(addresses)) return [error('addresses', `${show(addresses)} is not allowed; allowed: ${form}`)];
  const findings = addresses.flatMap((entry: unknown, at) => {
    const address = isJsonObject(entry) ? entry['address'] : undefined;
    const path = `addresses[${at}]`;
    if (!isJsonObject(entry)) return [error(path, `${show(entry)} is not allowed; allowed: ${form}`)];
    const keys = under(path, '.', checkKeys(entry, ['address', 'gateway'], 'static'), ['addresses', at]);
    if (typeof address !== 'string') return keys.length > 0 ? keys : [error(`${path}.address`, 'missing')];
    const wrong = problemWith(() => parseCidr(address));
    return wrong === null ? keys : [...keys, error(`${path}.address`, wrong)];
  });
  return [...checkKeys(ipam, staticKeys, 'static'), ...findings, ...(routes === undefined ? [] : checkRoutes(routes))];
}

/** Finds what the IPAM plugin would refuse at ADD, or not read. Only containernetworking's plugins are fully known. */
export function checkIpam(ipam: unknown): Finding[] {
  if (!isJsonObject(ipam)) return [];
  const { type } = ipam;
  if (type === undefined) return checkKeys(ipam, hostLocalKeys, 'an IPAM plugin').filter(({ fix }) => fix === 'type');
  if (typeof type !== 'string') return [];
  if (type === 'host-local') return checkHostLocal(ipam);
  if (type === 'static') return checkStatic(ipam);
  const meant = plugins.includes(type) ? null : meantBy(type, plugins);
  return meant === null
    ? []
    : [error('type', `no IPAM plugin is called ${quote(type)}; did you mean ${quote(meant)}?`, { fix: meant })];
}
