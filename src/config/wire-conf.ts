import * as v from 'valibot';
import { isJsonObject } from '../cni/json-text.ts';
import { quote, show } from '../lib/quote.ts';
import { type ConfKey, dependencies, entries, logKeys, schema, unsupportedKeys, type WireConf } from './schema.ts';
import { foldedKey } from './spelling.ts';
import { usualTypes } from './usual-types.ts';

/** One thing wrong with a config. `message` has the value and what is allowed; `path` is like `runtimeConfig.ips[0]`. */
export interface ConfProblem {
  readonly path: string;
  readonly message: string;
  /** The key is known, but not to this plugin. */
  readonly unsupported?: true;
}

export interface CheckedConf {
  /** All that is valid by itself; the values are complete only where there are no problems. */
  readonly values: Partial<WireConf>;
  readonly problems: readonly ConfProblem[];
  /** What is wrong with the log's settings. */
  readonly logProblems: readonly ConfProblem[];
}

type Json = Readonly<Record<string, unknown>>;

/** Where sriov-cni takes '' as absent (Go strings with omitempty), and generated configs have it. */
const emptyIsAbsent: ReadonlySet<string> = new Set([
  'cniVersion',
  'deviceID',
  'pciBusID',
  'mac',
  'spoofchk',
  'trust',
  'link_state',
  'logLevel',
  'logFile',
  'resourceName',
  'CNIDeviceInfoFile',
]);

/** Where no netdev can have 0, and programs that generate configs in Go write it for what nobody has set. */
const zeroIsAbsent: ReadonlySet<string> = new Set(['mtu']);

/** Null is absent, as in Go. */
function isAbsent(key: string, value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return (value === '' && emptyIsAbsent.has(key)) || (value === 0 && zeroIsAbsent.has(key));
}

function withoutAbsentKeys(value: unknown): unknown {
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([key, inner]) => !isAbsent(key, inner)));
}

/** `{}` and `{"type": ""}` both mean that there is no IPAM plugin. */
function cleanIpam(ipam: unknown): unknown {
  if (!isJsonObject(ipam)) return ipam;
  const asked = Object.entries(ipam).some(([key, value]) => key !== 'type' || (value !== '' && value !== null));
  return asked ? ipam : undefined;
}

function cleanArgs(args: unknown): unknown {
  const outer = withoutAbsentKeys(args);
  return isJsonObject(outer) && 'cni' in outer ? { ...outer, cni: withoutAbsentKeys(outer['cni']) } : outer;
}

const cleaners: Readonly<Partial<Record<string, (value: unknown) => unknown>>> = {
  ipam: cleanIpam,
  args: cleanArgs,
  runtimeConfig: withoutAbsentKeys,
  vfSelector: withoutAbsentKeys,
  logLevel: (value) => (typeof value === 'string' ? value.toLowerCase() : value),
};

/** Our keys alone, without what counts as absent. A key in another case is taken where ours is not there. */
function pickOurs(config: Json): Json {
  const picked: Record<string, unknown> = {};
  for (const key of Object.keys(config)) {
    const own = foldedKey(key);
    if (own !== undefined && !Object.hasOwn(config, own)) picked[own] = config[key];
  }
  for (const key of Object.keys(entries)) if (Object.hasOwn(config, key)) picked[key] = config[key];
  for (const [key, value] of Object.entries(picked)) {
    const clean = cleaners[key] ?? ((same: unknown) => same);
    picked[key] = isAbsent(key, value) ? undefined : clean(value);
  }
  return Object.fromEntries(Object.entries(picked).filter(([, value]) => value !== undefined));
}

function pathOf(issue: v.BaseIssue<unknown>): string {
  const keys = (issue.path ?? []).map(({ key }) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`));
  return keys.join('').replace(/^\./, '');
}

function toProblem(issue: v.BaseIssue<unknown>): ConfProblem {
  const missing = issue.input === undefined;
  const message = missing
    ? `missing; needed: ${issue.message}`
    : `${show(issue.input)} is not allowed; allowed: ${issue.message}`;
  return { path: pathOf(issue), message };
}

/** Rules over several keys: sriov-cni's (pkg/config/config.go), and min <= max of rtnl_set_vf_rate (net/core/rtnetlink.c). */
function checkTogether(values: Partial<WireConf>, given: Json): ConfProblem[] {
  const problems: ConfProblem[] = [];
  const refuse = (path: ConfKey, why: string): void => {
    problems.push({ path, message: `${show(given[path])} is not allowed ${why}` });
  };
  for (const { key, needs } of dependencies) {
    if (key in values && !(needs in given)) refuse(key, `without ${needs}; allowed: together with ${needs}`);
  }
  const { vlan, vlanQoS = 0, vlanProto = '802.1q', min_tx_rate: min = 0, max_tx_rate: max = 0 } = values;
  if (vlan === 0 && vlanQoS !== 0) refuse('vlanQoS', 'with vlan 0; allowed: 0, or a vlan from 1 to 4094');
  if (vlan === 0 && vlanProto.toLowerCase() === '802.1ad') {
    refuse('vlanProto', 'with vlan 0; allowed: "802.1q", or a vlan from 1 to 4094');
  }
  const { type, ipam } = values;
  if (ipam !== undefined && [type, ...usualTypes].includes(ipam.type)) {
    const message = `${quote(ipam.type)} is not allowed: that is this plugin; allowed: an IPAM plugin such as "host-local"`;
    problems.push({ path: 'ipam.type', message });
  }
  if (max !== 0 && min > max) {
    refuse('min_tx_rate', `with max_tx_rate ${max}; allowed: at most max_tx_rate, or max_tx_rate 0 (no limit)`);
  }
  return problems;
}

function findUnsupported(config: Json): ConfProblem[] {
  return Object.entries(unsupportedKeys).flatMap(([key, instead]) => {
    if (!Object.hasOwn(config, key) || config[key] === null || config[key] === '') return [];
    return [
      { path: key, message: `${show(config[key])} is not supported by this plugin: ${instead}`, unsupported: true },
    ];
  });
}

/** Checks every key of a config and the rules over several of them; finds all problems, throws nothing. Nothing is changed. */
export function checkConf(config: unknown): CheckedConf {
  if (!isJsonObject(config)) {
    const message = `${show(config)} is not allowed; allowed: a JSON object`;
    return { values: {}, problems: [{ path: '', message }], logProblems: [] };
  }
  const given = pickOurs(config);
  const outcome = v.safeParse(schema, given, { abortPipeEarly: true });
  const found = (outcome.issues ?? []).map(toProblem);
  const problems = found.filter(({ path }) => !logKeys.has(path));
  const logProblems = found.filter(({ path }) => logKeys.has(path));
  const wrong = new Set((outcome.issues ?? []).map((issue) => issue.path?.[0]?.key));
  const sound = Object.entries(given).filter(([key]) => !wrong.has(key));
  const values: Partial<WireConf> = outcome.success ? outcome.output : Object.fromEntries(sound);
  const all = [...problems, ...checkTogether(values, given), ...findUnsupported(config)];
  return { values, problems: all, logProblems };
}

/** Checks one text that does not come from the config, against the rule of a key in it. */
export function checkText(path: string, value: string, rule: v.GenericSchema<string>): ConfProblem[] {
  const outcome = v.safeParse(rule, value, { abortPipeEarly: true });
  if (outcome.success) return [];
  return [{ path, message: `${quote(value)} is not allowed; allowed: ${outcome.issues[0].message}` }];
}
