import process from 'node:process';
import type { KnipConfig } from 'knip';
import { parts } from './scripts/build/parts.ts';

/** What scripts and tests start or load by path. */
const started = [
  'scripts/build/{native,node}.ts',
  'scripts/mutate.ts',
  'test/bench/bench.ts',
  'test/bench/lab/lab-bench.ts',
  'test/bench/many-vfs/{boot,build}.ts',
  'test/cluster/{cli,registry}.ts',
  'test/lab/cli/holder.ts',
  'test/lab/demo/demo.ts',
  'test/lab/hold-lab.ts',
  'test/mutation/{parts,runner}.ts',
  'test/soak/soak.ts',
  'test/support/{fake-pf-plugin,next-build}.ts',
  'test/unit/platform/node/{lock-counter,lock-holder,stream-user}.ts',
];

// `knip` finds what nobody imports. `knip --production` goes by what is marked with `!` alone, and finds what only tests
// and scripts import; there a function that its own file uses may be exported for its test.
// biome-ignore lint/style/noDefaultExport: knip wants it so
export default {
  entry: [
    'bin/dra-sriov.ts!',
    'src/hosts/*.ts!',
    ...Object.values(parts).map(({ entry }) => `${entry}!`),
    // The texts in src/settings are for it alone, and no part of the executable has them.
    'scripts/key-reference.ts!',
    'src/platform/native/{*.d,node-modules/*}.ts!',
    'test/**/*.test.ts',
    ...started,
  ],
  project: ['bin/*.ts!', 'src/**/*.ts!', 'scripts/**/*.ts', 'test/**/*.ts'],
  exclude: ['binaries'],
  ignoreExportsUsedInFile: process.argv.includes('--production'),
} satisfies KnipConfig;
