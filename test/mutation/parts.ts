// What test files get in place of test/support/source-parts.ts while mutants are tried: the parts that verbs need are
// imported, because what Node has loaded by `require` it doesn't load again for the next generation.
import * as plugin from '../../src/commands/plugin.ts';
import * as yaml from '../../src/lib/yaml.ts';
import { type Parts, parts } from '../../src/parts.ts';
import * as failures from '../../src/state/failures.ts';
import * as sriovCniCache from '../../src/state/sriov-cni-cache.ts';
import '../support/source-parts.ts';

export const sourceParts: Parts = {
  ...parts,
  plugin: () => plugin,
  yaml: () => yaml,
  failures: () => failures,
  sriovCniCache: () => sriovCniCache,
};
