// Pods that come and go all at once.
import process from 'node:process';
import type { Progress } from '../../lab/progress.ts';
import type { Cluster } from '../cluster.ts';
import { plugins } from '../disk.ts';
import { awaitPods, type Pod } from '../pods.ts';
import { demoManifest, demoNamespace, scale } from './demo.ts';
import { type Scenario, withManifest } from './scenario.ts';

const rounds = Number(process.env['CHURN_ROUNDS'] ?? 20);
const podsOfRound = 7;
const plugin = `${plugins}/sriov`;
const timesFile = '/node/log/plugin-times';

/** The script stands in the plugin's place, and notes how long each call of it takes. */
const stopwatch = `#!/run/lab/busybox sh
read -r begin _ </proc/uptime
${plugins}/dra-sriov "$@"
status=$?
read -r end _ </proc/uptime
echo "$CNI_COMMAND $begin $end" >>${timesFile}
exit $status
`;

function conditionTime(pod: Pod, type: string): number {
  const condition = pod.status.conditions?.find((each) => each.type === type);
  return Date.parse(condition?.lastTransitionTime ?? '');
}

/** The kubelet tells whole seconds. */
const secondsToReady = (pod: Pod): number => (conditionTime(pod, 'Ready') - conditionTime(pod, 'PodScheduled')) / 1000;

function describe(what: string, seconds: readonly number[]): string {
  const sorted = seconds.toSorted((one, other) => one - other);
  const [median = 0, longest = 0] = [sorted[Math.floor(sorted.length / 2)], sorted.at(-1)];
  return `${what}: median ${median.toFixed(2)} s, longest ${longest.toFixed(2)} s, of ${sorted.length}`;
}

async function pluginTimes(cluster: Cluster, verb: string): Promise<readonly number[]> {
  const lines = (await cluster.worker.sh(`cat ${timesFile}`)).split('\n').map((line) => line.split(' '));
  return lines.filter(([command]) => command === verb).map(([, begin, end]) => Number(end) - Number(begin));
}

async function churn(cluster: Cluster, progress: Progress): Promise<void> {
  const times: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    await scale(cluster, podsOfRound);
    const pods = await awaitPods(cluster, demoNamespace, podsOfRound);
    times.push(...pods.map(secondsToReady));
    await scale(cluster, 0);
    await awaitPods(cluster, demoNamespace, 0);
    progress(`round ${round} of ${rounds}`);
  }
  progress(describe('a pod, from scheduled to ready', times));
  for (const verb of ['ADD', 'DEL']) progress(describe(`of it the plugin's ${verb}`, await pluginTimes(cluster, verb)));
}

/** Calls of the plugin are timed while `body` runs. */
async function withStopwatch(cluster: Cluster, body: () => Promise<void>): Promise<void> {
  await cluster.worker.node.writeFile(`${plugin}.new`, stopwatch);
  await cluster.worker.sh(`rm -f ${timesFile}; chmod 755 ${plugin}.new; mv ${plugin}.new ${plugin}`);
  try {
    await body();
  } finally {
    await cluster.worker.putPlugin('dra-sriov');
  }
}

export const churnScenarios: readonly Scenario[] = [
  {
    name: `churn: ${rounds} rounds of ${podsOfRound} pods with two VFs each`,
    run: (cluster, progress) =>
      withManifest(cluster, demoManifest, async () => {
        await withStopwatch(cluster, () => churn(cluster, progress));
      }),
  },
];
