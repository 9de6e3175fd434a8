// A control plane of Kubernetes on the command line: node test/cluster/cli.ts --help
import { spawn } from 'node:child_process';
import process from 'node:process';
import { buffer } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { LabError } from '../lab/lab-error.ts';
import { elapsed, reportToStderr } from '../lab/progress.ts';
import { type Cluster, withCluster } from './cluster.ts';
import { askCluster, serveCluster } from './remote.ts';
import { scenarios } from './scenarios.ts';

const help = `Usage: npm run cluster [-- [OPTIONS] [COMMAND]]

Kubernetes' control plane in a network namespace of this machine, with a DRA driver and a node that
is played. See docs/cluster.md.

Commands:
  (none)               tries what there is to try on a cluster of its own, and ends it
  shell                a shell with kubectl; the cluster ends with it
  kubectl ARGUMENT...  kubectl, where another command of this checkout has a cluster

Options:
  --only TEXT          tries what has that text in its name
`;

/** A shell in the network namespace of the control plane. */
async function openShell({ controlPlane }: Cluster): Promise<void> {
  const { programs, kubeconfig, network } = controlPlane;
  const path = `${programs}:${process.env['PATH']}`;
  const env = { ...process.env, PATH: path, KUBECONFIG: kubeconfig, PS1: '[cluster] \\w# ' };
  const shell = spawn('nsenter', [`--net=${network.netns}`, '--', 'bash', '--norc', '-i'], { stdio: 'inherit', env });
  await new Promise((resolve) => shell.on('exit', resolve));
}

async function tryAll(cluster: Cluster, only: string): Promise<void> {
  let [passed, failed] = [0, 0];
  for (const { name, run } of scenarios.filter((scenario) => scenario.name.includes(only))) {
    const begin = performance.now();
    try {
      await run(cluster);
      passed++;
      reportToStderr(`ok, ${elapsed(begin)}: ${name}`);
    } catch (thrown) {
      failed++;
      const why = thrown instanceof Error ? thrown.stack : String(thrown);
      reportToStderr(`FAILED after ${elapsed(begin)}: ${name}\n${why}`);
    }
  }
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  if (failed > 0 || passed === 0) process.exitCode = 1;
}

async function serve(body: (cluster: Cluster) => Promise<void>): Promise<void> {
  await withCluster(reportToStderr, async (cluster) => {
    const server = await serveCluster(cluster.controlPlane);
    try {
      await body(cluster);
    } finally {
      server.close();
    }
  });
}

async function ask(argv: readonly string[]): Promise<void> {
  const stdin = argv.includes('-') ? (await buffer(process.stdin)).toString() : '';
  const { status, stdout, stderr } = await askCluster({ argv, stdin });
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  process.exitCode = status;
}

async function main(args: readonly string[]): Promise<void> {
  const [first, ...rest] = args;
  if (first === 'kubectl') return ask(rest);
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { only: { type: 'string', default: '' }, help: { type: 'boolean', default: false } },
  });
  const [command] = positionals;
  if (values.help) process.stdout.write(help);
  else if (command === undefined) await serve((cluster) => tryAll(cluster, values.only));
  else if (command === 'shell') await serve(openShell);
  else throw new LabError('command', `there is no command ${command}; see --help`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`cluster: ${error instanceof LabError ? error.message : (error as Error).stack}\n`);
  process.exitCode = 1;
}
