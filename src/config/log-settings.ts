// The two keys of a config that are about the log. Every verb reads them before all else, however wrong the rest of the
// config is.
import { type Json, present } from '../lib/json.ts';
import { normalize, object, oneOf, optional, problemsIn, text, type ValueOf } from '../lib/json-schema.ts';
import type { LogLevel } from './sriov-conf.ts';
import type { ConfProblem } from './wire-conf.ts';

/** Where events go; known even if the rest of the config is wrong. */
export interface LogSettings {
  readonly logLevel: LogLevel;
  readonly logFile?: string;
  /** What is wrong with them. */
  readonly problems: readonly ConfProblem[];
}

export const absolutePath = text(
  'an absolute path without ".." and control characters',
  /^(?!(.*\/)?\.\.(\/.*)?$)\/[ -~\u00a1-\uffff]{1,4095}$/,
);

/** A wrong value is a warning and counts as absent, because a log keeps no pod from its network. */
export const logKeys = {
  logLevel: optional(oneOf('panic', 'error', 'warning', 'info', 'debug', 'verbose'), ''),
  logFile: optional(absolutePath, ''),
};

const schema = object(logKeys);

/**
 * `panic` and `verbose` are levels of sriov-cni (cni-log). Nothing here panics or is more verbose than debug.
 */
function toLogLevel(level: ValueOf<typeof schema>['logLevel']): LogLevel {
  if (level === 'panic') return 'error';
  return level === 'verbose' ? 'debug' : (level ?? 'info');
}

/** The log level of a config, which may be in any case. */
export function foldLevel(level: unknown): unknown {
  return typeof level === 'string' ? level.toLowerCase() : level;
}

/** The value of a key; of the key in another case if ours is absent. */
function given(config: Json, key: string): unknown {
  if (Object.hasOwn(config, key)) return config[key];
  const lower = key.toLowerCase();
  const other = Object.keys(config).findLast((each) => each.toLowerCase() === lower);
  return other === undefined ? undefined : config[other];
}

/** The log settings of a config, or the default (`info`, stderr) for each that is absent or wrong. Throws nothing. */
export function readLogSettings(config: Json): LogSettings {
  const logLevel = foldLevel(given(config, 'logLevel'));
  const own = normalize(schema, { logLevel, logFile: given(config, 'logFile') });
  const problems = problemsIn(schema, own);
  const isWrong = (key: string): boolean => problems.some(({ path }) => path === key);
  const right = Object.fromEntries(Object.entries(own).filter(([key]) => !isWrong(key))) as ValueOf<typeof schema>;
  return present({ logLevel: toLogLevel(right.logLevel), logFile: right.logFile, problems });
}
