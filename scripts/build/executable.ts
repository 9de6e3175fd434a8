import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import pkgSea from '@yao-pkg/pkg/lib-es5/sea.js';

/**
 * Strips Node's symbol table, which is a fifth of its size and of no use here. Without strip(1) it stays.
 */
function stripped(node: string, workDirectory: string): string {
  const output = join(workDirectory, 'node');
  const { status, error } = spawnSync('strip', ['-o', output, node], { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status === 0) return output;
  process.stderr.write(`build: strip failed, the executable gets larger by 30 MB: ${error?.message ?? status}\n`);
  return node;
}

/**
 * Makes one executable of a Node and a bundle, by pkg's SEA mode: the bundle and its code cache lie in the file itself
 * and nothing is unpacked at run time. pkg's command line can't be given a Node binary nor a code cache, hence its
 * module.
 */
export async function packageExecutable(bundle: string, output: string, node: string, workDirectory: string) {
  const arch = process.arch;
  if (arch !== 'x64' && arch !== 'arm64') throw new Error(`no executable for CPU ${arch}: x64 and arm64 are supported`);
  const seaConfig = {
    disableExperimentalSEAWarning: true,
    useSnapshot: false,
    // The code cache saves 16 ms of every start.
    useCodeCache: true,
    execArgv: ['--disable-warning=ExperimentalWarning'],
    // NODE_OPTIONS of a container runtime is not meant for this program.
    execArgvExtension: 'none',
  };
  await pkgSea.default(bundle, {
    nodePath: stripped(node, workDirectory),
    targets: [{ nodeRange: 'node26', platform: 'linux', arch, output }],
    seaConfig,
  });
}
