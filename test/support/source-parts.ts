// Every part at once, for tests that run the plugin from source: nothing has to start fast there.
import * as cli from '../../src/cli/cli.ts';
import * as operator from '../../src/cli/operator.ts';
import * as plugin from '../../src/commands/plugin.ts';
import * as yaml from '../../src/lib/yaml.ts';
import type { Parts } from '../../src/parts.ts';
import * as sriovCniCache from '../../src/state/sriov-cni-cache.ts';

export const sourceParts: Parts = {
  cli: () => cli,
  operator: () => operator,
  plugin: () => plugin,
  yaml: () => yaml,
  sriovCniCache: () => sriovCniCache,
};
