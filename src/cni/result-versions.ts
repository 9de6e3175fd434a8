import { type Json, present } from '../lib/json.ts';
import { quote } from '../lib/quote.ts';
import { CniError } from './errors.ts';
import { JsonFields } from './json-fields.ts';
import type { CniDns, CniInterface, CniIp, CniResult, CniRoute } from './result.ts';
import { atLeast, type CniVersion, checkVersion, isSupportedVersion, supportedVersions } from './versions.ts';

const familyOf = (address: string): '4' | '6' => (address.includes(':') ? '6' : '4');

const unlessEmpty = (key: string, value: object): Json => (Object.keys(value).length === 0 ? {} : { [key]: value });

/** Throws CniError incompatibleVersion where no result can be printed for `version`: to be asked before the first change. */
export function checkConvertible(version: string): asserts version is CniVersion {
  checkVersion('ADD', version);
}

/**
 * The result as JSON of `cniVersion` (SPEC.md, "ADD Success", of each version). 1.0.0 and older lose `mtu`,
 * `socketPath` and `pciID` of interfaces and all of a route but `dst` and `gw`; 0.3.0 to 0.4.0 have `version` in each
 * of `ips`; 0.1.0 and 0.2.0 have only the first address of each family, with the routes of that family.
 * Throws CniError incompatibleVersion.
 */
export function formatResult(result: CniResult, cniVersion: string): string {
  checkConvertible(cniVersion);
  const body = atLeast(cniVersion, '0.3.0') ? listsOf(result, cniVersion) : familiesOf(result);
  return JSON.stringify({ cniVersion, ...body, ...unlessEmpty('dns', result.dns) });
}

function listsOf({ interfaces, ips, routes }: CniResult, cniVersion: CniVersion): Json {
  const full = atLeast(cniVersion, '1.1.0');
  const withFamily = !atLeast(cniVersion, '1.0.0');
  return {
    ...unlessEmpty('interfaces', full ? interfaces : interfaces.map(oldInterface)),
    ...unlessEmpty('ips', withFamily ? ips.map((ip) => ({ version: familyOf(ip.address), ...ip })) : ips),
    ...unlessEmpty('routes', full ? routes : routes.map(oldRoute)),
  };
}

function oldInterface({ name, mac, sandbox }: CniInterface): CniInterface {
  return present({ name, mac, sandbox });
}

function oldRoute({ dst, gw }: CniRoute): CniRoute {
  return present({ dst, gw });
}

function familiesOf({ ips, routes }: CniResult): Json {
  const family = (version: '4' | '6'): Json => {
    const first = ips.find((ip) => familyOf(ip.address) === version);
    if (first === undefined) return {};
    const own = routes.filter((route) => familyOf(route.dst) === version).map(oldRoute);
    return {
      [`ip${version}`]: {
        ip: first.address,
        ...present({ gateway: first.gateway }),
        ...unlessEmpty('routes', own),
      },
    };
  };
  return { ...family('4'), ...family('6') };
}

/**
 * Reads the result of another plugin (IPAM, or `prevResult`) of any version; `cniVersion` is the config's, which counts
 * where the result claims none; `what` names it in errors. Fields that CNI does not have are left out.
 * Throws CniError decode, naming the field and its value.
 */
export function parseResult(json: unknown, cniVersion: string, what = 'result'): CniResult {
  const fields = new JsonFields(json, what);
  const version = fields.text('cniVersion') ?? cniVersion;
  if (!isSupportedVersion(version)) {
    throw new CniError(
      'decode',
      `${what}.cniVersion: ${quote(version)} is not allowed; allowed: ${supportedVersions.join(', ')}`,
    );
  }
  const body = atLeast(version, '0.3.0') ? readLists(fields) : readFamilies(fields);
  return { ...body, dns: readDns(fields.object('dns')) };
}

function readLists(fields: JsonFields): Omit<CniResult, 'dns'> {
  return {
    interfaces: fields.list('interfaces', readInterface),
    ips: fields.list('ips', readIp),
    routes: fields.list('routes', readRoute),
  };
}

function readInterface(value: unknown, path: string): CniInterface {
  const fields = new JsonFields(value, path);
  return present({
    name: fields.text('name') ?? '',
    mac: fields.text('mac'),
    mtu: fields.count('mtu'),
    sandbox: fields.text('sandbox'),
    socketPath: fields.text('socketPath'),
    pciID: fields.text('pciID'),
  });
}

/** `interface` may be -1 or name none of the list, as libcni's types have it: an IPAM plugin has no interfaces, and may mean its caller's. */
function readIp(value: unknown, path: string): CniIp {
  const fields = new JsonFields(value, path);
  const [address, gateway, index] = [fields.cidr('address'), fields.address('gateway'), fields.integer('interface')];
  return present({ address, gateway, interface: index });
}

function readRoute(value: unknown, path: string): CniRoute {
  const fields = new JsonFields(value, path);
  return present({
    dst: fields.cidr('dst'),
    gw: fields.address('gw'),
    mtu: fields.count('mtu'),
    advmss: fields.count('advmss'),
    priority: fields.count('priority'),
    table: fields.count('table'),
    scope: fields.count('scope'),
  });
}

function readFamilies(fields: JsonFields): Omit<CniResult, 'dns'> {
  const families = (['ip4', 'ip6'] as const).flatMap((key) => {
    const family = fields.object(key);
    if (family === undefined) return [];
    const ip: CniIp = present({ address: family.cidr('ip'), gateway: family.address('gateway') });
    return [{ ip, routes: family.list('routes', readRoute) }];
  });
  return {
    interfaces: [],
    ips: families.map(({ ip }) => ip),
    routes: families.flatMap(({ routes }) => routes),
  };
}

function readDns(fields: JsonFields | undefined): CniDns {
  if (fields === undefined) return {};
  return present({
    nameservers: fields.texts('nameservers'),
    domain: fields.text('domain'),
    search: fields.texts('search'),
    options: fields.texts('options'),
  });
}
