// A cluster on the command line: node test/cluster/cli.ts --help
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { buffer } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { LabError } from '../lab/lab-error.ts';
import { elapsed, reportToStderr } from '../lab/progress.ts';
import { Cluster } from './cluster.ts';
import { askCluster, refuseSecondCluster, serveCluster } from './remote.ts';
import { scenarios } from './scenarios/all.ts';
import { showDemo } from './show.ts';

const help = `Usage: npm run cluster [-- [OPTIONS] [COMMAND]]

Kubernetes with one node, whose two SR-IOV network cards (igb, 7 VFs each) are emulated: control
plane in a network namespace of this machine, node in a virtual machine. See docs/cluster.md.

Commands:
  (none)               tries what there is to try on a cluster of its own, and ends it
  demo                 plays the reference demo, with what is seen of it, and ends
  shell                a shell with kubectl, and on-node PROGRAM...; the cluster ends with it
  kubectl ARGUMENT...  kubectl, where another command of this checkout has a cluster
  on-node PROGRAM...   runs a program on that cluster's node, the same

Options:
  --only TEXT          what has that text in its name; more than once: any of them
  --iommu              with an IOMMU, for vfio-pci
  --keep               a shell after what failed
`;

interface Options {
  readonly only: readonly string[];
  readonly iommu: boolean;
  readonly keep: boolean;
}

/** A shell in the network namespace of the control plane. */
async function openShell(cluster: Cluster): Promise<void> {
  const { programs, kubeconfig, network } = cluster.controlPlane;
  const onNode = `#!/bin/sh\nexec '${process.execPath}' '${import.meta.filename}' on-node "$@"\n`;
  writeFileSync(join(programs, 'on-node'), onNode, { mode: 0o755 });
  const env = {
    ...process.env,
    PATH: `${programs}:${process.env['PATH']}`,
    KUBECONFIG: kubeconfig,
    PS1: '[cluster] \\w# ',
  };
  const argv = [`--net=${network.netns}`, '--', 'bash', '--norc', '-i'];
  const shell = spawn('nsenter', argv, { stdio: 'inherit', env });
  await new Promise((resolve) => shell.on('exit', resolve));
}

async function tryAll(cluster: Cluster, { only, iommu, keep }: Options): Promise<void> {
  let [passed, failed] = [0, 0];
  const isAsked = (name: string): boolean => only.length === 0 || only.some((text) => name.includes(text));
  const chosen = scenarios.filter(({ name, needsIommu }) => isAsked(name) && (iommu || needsIommu !== true));
  for (const { name, run } of chosen) {
    const begin = performance.now();
    reportToStderr(name);
    try {
      await cluster.telling(() => run(cluster, reportToStderr));
      passed++;
      reportToStderr(`ok, ${elapsed(begin)}`);
    } catch (thrown) {
      failed++;
      reportToStderr(`FAILED after ${elapsed(begin)}: ${String(thrown)}`);
      if (keep) await openShell(cluster);
    }
  }
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  if (failed > 0 || passed === 0) process.exitCode = 1;
}

async function withCluster(options: Options, body: (cluster: Cluster) => Promise<void>): Promise<void> {
  if (process.getuid?.() !== 0) throw new LabError('setup', 'a cluster needs root, for its network namespace');
  await refuseSecondCluster();
  const cluster = await Cluster.start({ progress: reportToStderr, iommu: options.iommu });
  const server = await serveCluster(cluster);
  try {
    await body(cluster);
  } finally {
    server.close();
    await cluster.stop();
  }
}

async function ask(kind: 'kubectl' | 'on-node', argv: readonly string[]): Promise<void> {
  const takesInput = kind === 'kubectl' && argv.includes('-');
  const stdin = takesInput ? (await buffer(process.stdin)).toString() : '';
  const { status, stdout, stderr } = await askCluster({ kind, argv, stdin });
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  process.exitCode = status;
}

async function main(args: readonly string[]): Promise<void> {
  const [first, ...rest] = args;
  if (first === 'kubectl' || first === 'on-node') return ask(first, rest);
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      only: { type: 'string', multiple: true, default: [] },
      iommu: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const [command] = positionals;
  if (values.help) process.stdout.write(help);
  else if (command === undefined) await withCluster(values, (cluster) => tryAll(cluster, values));
  else if (command === 'demo') await withCluster(values, showDemo);
  else if (command === 'shell') await withCluster(values, openShell);
  else throw new LabError('command', `there is no command ${command}; see --help`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`cluster: ${error instanceof LabError ? error.message : (error as Error).stack}\n`);
  process.exitCode = 1;
}
