// A process in a mount or PID namespace of its own, as in a debug shell or a container, doesn't see a living pod's
// namespace at its path.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { asRoot } from '../../support/netns.ts';
import { type StandInNode, sourceProgram, withStandInNode } from '../../support/stand-in-node.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('plugin/liveness');
const root = asRoot(test);

/** Runs the plugin with nothing in /run/netns. */
const hiding = ['sh', '-c', 'mount -t tmpfs none /run/netns && exec "$@"', 'sh', ...sourceProgram];
const debugShell = ['unshare', '--mount', ...hiding];
const container = ['unshare', '--mount', '--pid', '--fork', '--mount-proc', ...hiding];

/** A process that lives in a namespace, in a mount namespace of its own. */
async function livingIn(name: string, body: () => void): Promise<void> {
  const child: ChildProcess = spawn('ip', ['netns', 'exec', name, 'sh', '-c', 'echo up; exec sleep 300'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  if (child.stdout !== null) await once(child.stdout, 'data');
  try {
    body();
  } finally {
    child.kill('SIGKILL');
    await once(child, 'close');
  }
}

/** A DEL of nothing, which looks at all records. */
function sweepFrom(node: StandInNode, program: readonly string[]): void {
  node.forgetSweep();
  node.succeed('DEL', node.conf(), { containerId: 'c9', netns: '', program });
}

root('a living pod keeps its VF, whoever looks from where its namespace isn’t to be seen', async () => {
  await withStandInNode({ fakePf: true }, async (node) => {
    const conf = node.conf({ deviceID: node.vfPcis[0], vlan: 9, ipam: node.ipam() });
    node.succeed('ADD', conf);
    const during = node.picture();
    const look = (what: string): void => {
      for (const program of [debugShell, container]) {
        sweepFrom(node, program);
        assert.equal(node.picture(), during, `${what}, ${program.slice(0, 3).join(' ')}`);
      }
    };
    look('only bound to its file');
    await livingIn(node.pod.name, () => look('a process lives in it'));
    node.succeed('DEL', conf);
  });
});
