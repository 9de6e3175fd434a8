import { type Json, present } from '../lib/json.ts';
import { arrayOf, integer, lazily, object, optional, text, textThat, type ValueOf } from '../lib/json-schema.ts';
import { quote } from '../lib/quote.ts';
import { CniError } from './errors.ts';
import { readAs } from './json-text.ts';
import type { CniRequest } from './request.ts';
import type { CniDns, CniInterface, CniResult, CniRoute } from './result.ts';
import { atLeast, type CniVersion, checkVersion, isSupportedVersion, supportedVersions } from './versions.ts';

const familyOf = (address: string): '4' | '6' => (address.includes(':') ? '6' : '4');

const unlessEmpty = (key: string, value: object): Json => (Object.keys(value).length === 0 ? {} : { [key]: value });

/**
 * The result as JSON of `cniVersion` (SPEC.md, "ADD Success", of each version). 1.0.0 and older lose `mtu`,
 * `socketPath` and `pciID` of interfaces and all of a route but `dst` and `gw`; 0.3.0 to 0.4.0 have `version` in each
 * of `ips`; 0.1.0 and 0.2.0 have only the first address of each family, with the routes of that family.
 * Throws CniError incompatibleVersion.
 */
export function formatResult(result: CniResult, cniVersion: string): string {
  checkVersion('ADD', cniVersion);
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

/** Checks the shape only, because the kernel layer parses it. */
function isCidr(text: string): boolean {
  const prefix = Number(/^[0-9A-Fa-f.:]+\/(\d{1,3})$/.exec(text)?.[1] ?? Number.NaN);
  return prefix <= (text.includes(':') ? 128 : 32);
}

/** SPEC.md, "ADD Success". Go leaves an empty text out (omitempty). */
const schemas = lazily(() => {
  const word = optional(text(), '');
  const words = optional(arrayOf(text(), 'an array of strings'));
  const count = optional(integer(0, 0xffffffff));
  const cidr = textThat(isCidr, 'an address with its prefix length, such as "10.0.2.5/24"');
  const address = optional(text('an IP address', /^[0-9A-Fa-f.:]+$/), '');
  const route = { dst: cidr, gw: address, mtu: count, advmss: count, priority: count, table: count, scope: count };
  const routes = optional(arrayOf(object(route)));
  const family = optional(object({ ip: cidr, gateway: address, routes }));
  return {
    version: object({ cniVersion: word }),
    lists: object({
      interfaces: optional(
        arrayOf(object({ name: word, mac: word, mtu: count, sandbox: word, socketPath: word, pciID: word })),
      ),
      // `interface` may be -1 or lie outside of the list: an IPAM plugin has no interfaces, and may mean its caller's.
      ips: optional(arrayOf(object({ address: cidr, gateway: address, interface: optional(integer()) }))),
      routes,
    }),
    /** The addresses of results before 0.3.0. */
    families: object({ ip4: family, ip6: family }),
    dns: object({
      dns: optional(object({ nameservers: words, domain: word, search: words, options: words })),
    }),
  };
});

/**
 * Reads the result of another plugin (IPAM, or `prevResult`) of any version; `cniVersion` is the config's, which counts
 * where the result claims none; `what` names it in errors. Fields that CNI does not have are left out.
 * Throws CniError decode, naming the fields and their values.
 */
export function parseResult(json: unknown, cniVersion: string, what = 'result'): CniResult {
  const { version: claimed, lists, families } = schemas();
  const { cniVersion: version = cniVersion } = readAs(claimed, json, what);
  if (!isSupportedVersion(version)) {
    throw new CniError(
      'decode',
      `${what}.cniVersion: ${quote(version)} is not allowed; allowed: ${supportedVersions.join(', ')}`,
    );
  }
  const body = atLeast(version, '0.3.0')
    ? toLists(readAs(lists, json, what))
    : joinFamilies(readAs(families, json, what));
  return { ...body, dns: parseDns(json, what) };
}

type Schemas = ReturnType<typeof schemas>;

function toLists({ interfaces = [], ips = [], routes = [] }: ValueOf<Schemas['lists']>): Omit<CniResult, 'dns'> {
  return { interfaces: interfaces.map(({ name = '', ...rest }) => ({ name, ...rest })), ips, routes };
}

function joinFamilies({ ip4, ip6 }: ValueOf<Schemas['families']>): Omit<CniResult, 'dns'> {
  const families = [ip4, ip6].filter((family) => family !== undefined);
  return {
    interfaces: [],
    ips: families.map(({ ip, gateway }) => present({ address: ip, gateway })),
    routes: families.flatMap(({ routes = [] }) => routes),
  };
}

/**
 * The result of a chain so far: `prevResult` of the config, else one with the config's own `dns` only. Throws CniError
 * decode.
 */
export function resultSoFar(request: CniRequest): CniResult {
  const { config } = request;
  return parsePrevResult(request) ?? { interfaces: [], ips: [], routes: [], dns: parseDns(config, 'network config') };
}

/** `prevResult` of the config; null where it has none. Throws CniError decode. */
export function parsePrevResult({ config, cniVersion }: CniRequest): CniResult | null {
  const json = config['prevResult'] ?? null;
  return json === null ? null : parseResult(json, cniVersion, 'prevResult');
}

function parseDns(json: unknown, what: string): CniDns {
  const { nameservers = [], domain, search = [], options = [] } = readAs(schemas().dns, json, what).dns ?? {};
  const unlessNone = (texts: readonly string[]): readonly string[] | undefined =>
    texts.length === 0 ? undefined : texts;
  return present({
    nameservers: unlessNone(nameservers),
    domain,
    search: unlessNone(search),
    options: unlessNone(options),
  });
}
