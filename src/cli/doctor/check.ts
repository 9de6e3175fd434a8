import type { BrokenSpec } from '../../allocation/cdi-spec.ts';
import { DriverFiles, type KnownPod } from '../../allocation/driver-files.ts';
import type { ClaimVf } from '../../allocation/driver-specs.ts';
import { splitPluginPath } from '../../cni/environment.ts';
import { explain } from '../../cni/errors.ts';
import type { Platform } from '../../platform/platform.ts';
import { allocationNode } from '../node/context.ts';
import { type Survey, surveyNode } from '../node/survey.ts';
import type { Tool } from '../tool.ts';

/** The outcome of a check. `note`: nothing is wrong, but it may help whoever looks for a fault. */
export type Verdict = 'ok' | 'note' | 'warning' | 'wrong';

/** The outcome of a look for one thing that commonly goes wrong. */
export interface Check {
  /** Stable, for programs. */
  readonly id: string;
  readonly verdict: Verdict;
  /** What was found, in one line. */
  readonly found: string;
  /** What to do about it; null where nothing is to be done. */
  readonly remedy: string | null;
}

const make =
  (verdict: Verdict) =>
  (id: string, found: string, remedy: string | null = null): Check => ({ id, verdict, found, remedy });

export const ok = make('ok');
export const note = make('note');
export const warning = make('warning');
export const wrong = make('wrong');

const maxNamed = 3;

/** `a, b, c and 4 more` */
export function listSome(names: readonly string[]): string {
  const more = names.length - maxNamed;
  return more <= 0 ? names.join(', ') : `${names.slice(0, maxNamed).join(', ')} and ${more} more`;
}

/** All that the checks look at, each thing read once. A text says why it could not be read. */
export interface Examined {
  readonly platform: Platform;
  readonly survey: Survey | string;
  /** Pods that the DRA driver knows. */
  readonly pods: readonly KnownPod[] | string;
  readonly brokenSpecs: readonly BrokenSpec[];
  /** Devices of claims that are gone. */
  readonly leftOver: readonly ClaimVf[];
  /** Directories in which the runtime looks for plugins. */
  readonly pluginDirs: readonly string[];
}

/** The directory of nearly every runtime. */
const usualPluginDir = '/opt/cni/bin';

function orReason<T>(read: () => T): T | string {
  try {
    return read();
  } catch (thrown) {
    return explain(thrown);
  }
}

export function examine(tool: Tool): Examined {
  const { platform } = tool;
  const driver = new DriverFiles(allocationNode(tool));
  const brokenSpecs = orReason(() => driver.listBroken());
  const leftOver = orReason(() => driver.listLeftOver());
  const given = splitPluginPath(platform.environment['CNI_PATH'] ?? '');
  return {
    platform,
    survey: orReason(() => surveyNode(tool)),
    pods: orReason(() => driver.listPods()),
    // An error that keeps all specs from being read is reported with the pods.
    brokenSpecs: typeof brokenSpecs === 'string' ? [] : brokenSpecs,
    leftOver: typeof leftOver === 'string' ? [] : leftOver,
    pluginDirs: given.length > 0 ? given : [usualPluginDir],
  };
}
