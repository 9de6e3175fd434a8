import { isJsonObject, type Json } from '../lib/json.ts';
import { type JsonProblem, normalize, problemsIn, type Schema } from '../lib/json-schema.ts';
import { quote, show } from '../lib/quote.ts';
import { settings } from '../settings/settings.ts';
import { foldLevel, logKeys } from './log-settings.ts';
import { schema, unsupportedKeys, type WireConf } from './schema.ts';
import { foldedKey } from './spelling.ts';
import { usualTypes } from './sriov-conf.ts';

/** One fault of a config. */
export interface ConfProblem extends JsonProblem {
  /** The key is one of other plugins. */
  readonly unsupported?: true;
}

export interface CheckedConf {
  /** All that is valid by itself; complete only if there are no problems. */
  readonly values: Partial<WireConf>;
  readonly problems: readonly ConfProblem[];
  /** What is wrong with the log's settings. */
  readonly logProblems: readonly ConfProblem[];
}

/** `{}` and `{"type": ""}` both mean that there is no IPAM plugin. */
function isNoIpam(ipam: unknown): boolean {
  if (!isJsonObject(ipam)) return false;
  return Object.entries(ipam).every(([key, value]) => key === 'type' && (value === '' || value === null));
}

/** Our keys alone, without values that count as absent. A key in another case counts if ours is absent. */
function pickOurs(config: Json): Json {
  const own: Record<string, unknown> = { ...config };
  for (const key of Object.keys(config)) {
    const folded = foldedKey(key);
    if (folded !== undefined && !Object.hasOwn(config, folded)) own[folded] = config[key];
  }
  if (isNoIpam(own['ipam'])) delete own['ipam'];
  if (Object.hasOwn(own, 'logLevel')) own['logLevel'] = foldLevel(own['logLevel']);
  return normalize(schema, own);
}

/** Rules over several keys. */
function checkTogether(values: Partial<WireConf>, given: Json): ConfProblem[] {
  const problems: ConfProblem[] = [];
  const refuse = (path: string, why: string): void => {
    problems.push({ path, message: `${show(given[path])} is not allowed ${why}` });
  };
  for (const setting of settings) {
    for (const [key, needed] of Object.entries(setting.needs ?? {})) {
      if (key in values && !(needed in given)) refuse(key, `without ${needed}; allowed: together with ${needed}`);
    }
    for (const [key, conflict] of Object.entries(setting.conflicts?.(values) ?? {}))
      if (conflict) refuse(key, conflict);
  }
  const { type, ipam } = values;
  if (ipam !== undefined && [type, ...usualTypes].includes(ipam.type)) {
    const message = `${quote(ipam.type)} is not allowed: that is this plugin; allowed: an IPAM plugin such as "host-local"`;
    problems.push({ path: 'ipam.type', message });
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

/**
 * Checks every key of a config and the rules over several of them. Finds all problems; throws and changes nothing.
 */
export function checkConf(config: unknown): CheckedConf {
  if (!isJsonObject(config)) return { values: {}, problems: problemsIn(schema, config), logProblems: [] };
  const given = pickOurs(config);
  const found = problemsIn(schema, given);
  const problems = found.filter(({ path }) => !(path in logKeys));
  const logProblems = found.filter(({ path }) => path in logKeys);
  const wrong = new Set(found.map(({ path }) => path.split(/[.[]/, 1)[0]));
  const values: Partial<WireConf> = Object.fromEntries(Object.entries(given).filter(([key]) => !wrong.has(key)));
  const all = [...problems, ...checkTogether(values, given), ...findUnsupported(config)];
  return { values, problems: all, logProblems };
}

/** Checks one text that does not come from the config, against the schema of a key in it. */
export function checkText(path: string, value: string, rule: Schema): ConfProblem[] {
  return problemsIn(rule, value).map(({ message }) => ({ path, message }));
}
