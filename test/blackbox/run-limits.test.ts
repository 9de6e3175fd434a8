import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { holdsNode } from '../support/executable-kind.ts';
import { asRoot } from '../support/netns.ts';
import { builtExecutable, type StandInNode, withStandInNode } from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';
import { expectEnded } from './ended.ts';
import { FakeIpam } from './fake-ipam.ts';

const test = suite('run-limits');
const root = asRoot(test);

/** Only the native executable limits itself. */
function native(name: string, body: () => void | Promise<void>): void {
  if (!holdsNode(builtExecutable)) root(name, body);
  else test.skip(name, 'this executable has no limits of its own', { allowedInCi: true });
}

/**
 * A caller that lets the kernel reap its children, and blocks a signal. The program that replaces it inherits both.
 */
const oddCaller = [
  'python3',
  '-c',
  `import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
os.execv(sys.argv[1], sys.argv[1:])`,
  builtExecutable,
];

function startAdd(node: StandInNode, conf: unknown, ipam: FakeIpam): ChildProcess {
  // Both programs of the command line replace themselves, so the process becomes the plugin.
  return node.spawn('ADD', conf, { program: oddCaller, env: ipam.env });
}

/** The process IDs that the IPAM plugin has written: its own and that of its child. */
async function pidsIn(path: string): Promise<readonly string[]> {
  for (const end = performance.now() + 60_000; performance.now() < end; await pause(10)) {
    const pids = existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
    if (pids.length === 2) return pids;
  }
  throw new Error('the IPAM plugin did not start within a minute');
}

native(
  'time is up (SIGALRM, of alarm(2)): error 11, no process left, and a record by which DEL gives all back',
  async () => {
    await withStandInNode({ built: true }, async (node) => {
      const path = join(node.directory, 'pids');
      const ipam = new FakeIpam(node, { ADD: `sleep 600 &\nprintf '%s\\n' $$ $! > '${path}'\nwait` });
      const conf = node.conf({ deviceID: node.vfPcis[0], ipam: { type: ipam.type } });
      const before = node.picture();
      const add = startAdd(node, conf, ipam);
      let stdout = '';
      add.stdout?.on('data', (chunk: Buffer) => {
        stdout += chunk.toString();
      });
      const pids = await pidsIn(path);
      add.kill('SIGALRM');
      const [status] = await once(add, 'close');
      assert.is(status, 1);
      const error = JSON.parse(stdout) as { readonly code: number; readonly msg: string };
      assert.is(error.code, 11);
      assert.match(error.msg, '110 s');
      await expectEnded(pids);
      assert.ok(node.stateFiles().includes('vf-test1/c1/net1.json'));
      node.succeed('DEL', conf, { env: ipam.env });
      assert.equal(node.picture(), before);
    });
  },
);

root('an IPAM plugin is waited for, though the caller ignored the ends of its own children', () => {
  withStandInNode({ built: true }, (node) => {
    const conf = node.conf({ deviceID: node.vfPcis[0], ipam: node.ipam() });
    const before = node.picture();
    node.succeed('ADD', conf, { program: oddCaller });
    assert.equal(node.leases(), ['10.0.2.2']);
    node.succeed('DEL', conf, { program: oddCaller });
    assert.equal(node.picture(), before);
  });
});
