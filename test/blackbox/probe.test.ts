import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { asRoot } from '../support/netns.ts';
import { builtExecutable, type StandInNode, withStandInNode } from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('probe');
const root = asRoot(test);

interface ProbedPf {
  readonly failure: string | null;
  readonly settings: readonly { readonly key: string; readonly way: string | null; readonly outcome: string }[];
}

/** Runs a script in the host's namespace, which is not that of process 1 of this machine; `$0` is the executable. */
function onHost(node: StandInNode, script: string): { status: number | null; stdout: string; stderr: string } {
  const command = ['netns', 'exec', node.host.name, 'sh', '-c', script, builtExecutable];
  return spawnSync('ip', command, { env: { ...node.environment, CNI_PATH: '/nowhere' }, encoding: 'utf8' });
}

function pfIn(json: string): ProbedPf {
  const [pf] = (JSON.parse(json) as { pfs: readonly ProbedPf[] }).pfs;
  if (pf === undefined) throw new Error(json);
  return pf;
}

root('a PF that reports nothing refuses what only it could set; the VF’s own is tried, and all is as before', () => {
  withStandInNode({ built: true }, (node) => {
    const before = node.picture();
    const { status, stdout, stderr } = onHost(node, '"$0" probe --here --json');
    assert.equal([status, stderr], [0, '']);
    const own = pfIn(stdout).settings.filter(({ way }) => way === null);
    const outcomes = new Map(own.map(({ key, outcome }) => [key, outcome]));
    assert.equal(
      ['vlan', 'trust', 'mac', 'mtu'].map((key) => outcomes.get(key)),
      ['refused', 'refused', 'taken', 'taken'],
    );
    assert.equal(node.picture(), before);
  });
});

root('SIGTERM, SIGINT and SIGHUP wait until all is put back; what SIGKILL leaves the next one does', () => {
  withStandInNode({ built: true }, (node) => {
    const before = node.picture();
    const record = `[ -e ${join(node.directory, 'state/dra-sriov-probe')} ]`;
    // On a busy machine the program may end before the shell looks.
    const ended = '[ ! -e /proc/$!/exe ]';
    const interrupt = (signal: string): { status: number | null; stdout: string } =>
      onHost(
        node,
        `"$0" probe --here --json 0000:3b:02.0 & until ${record} || ${ended}; do :; done; kill -${signal} $!; wait $!`,
      );
    for (const signal of ['TERM', 'INT', 'HUP']) {
      const { status, stdout } = interrupt(signal);
      assert.equal(node.picture(), before, signal);
      // The native executable ends early. The one on Node doesn't notice the signal, and ends when it is done.
      const { failure } = pfIn(stdout);
      assert.is(status, failure === null ? 0 : 1);
      assert.match(failure ?? 'signal', 'signal');
    }
    let tries = 1;
    while (interrupt('KILL').status !== 128 + 9) assert.ok(tries++ < 100, 'it always ends too soon');
    assert.is(onHost(node, '"$0" probe --here').status, 0);
    assert.equal(node.picture(), before);
  });
});
