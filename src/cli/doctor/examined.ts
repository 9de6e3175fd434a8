import { type KnownPod, listKnownPods } from '../../allocation/known-pods.ts';
import { splitPluginPath } from '../../cni/environment.ts';
import { explain } from '../../cni/errors.ts';
import type { Platform } from '../../platform/platform.ts';
import { type Survey, surveyNode } from '../node/survey.ts';
import type { Tool } from '../tool.ts';

/** What the checks look at; each thing is read once. A text says why it could not be read. */
export interface Examined {
  readonly platform: Platform;
  readonly survey: Survey | string;
  /** Pods that the DRA driver knows. */
  readonly pods: readonly KnownPod[] | string;
  /** Where the runtime looks for plugins. */
  readonly pluginDirs: readonly string[];
}

/** Where it is with nearly every runtime. */
const usualPluginDir = '/opt/cni/bin';

function orReason<T>(read: () => T): T | string {
  try {
    return read();
  } catch (thrown) {
    return explain(thrown);
  }
}

export function examine({ platform, yaml }: Tool): Examined {
  const given = splitPluginPath(platform.environment['CNI_PATH'] ?? '');
  return {
    platform,
    survey: orReason(() => surveyNode(platform)),
    pods: orReason(() => listKnownPods({ platform, parseYaml: (text) => yaml().parseYaml(text) })),
    pluginDirs: given.length > 0 ? given : [usualPluginDir],
  };
}
