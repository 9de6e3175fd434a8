import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { hasGo } from '../support/go.ts';
import { asRoot } from '../support/netns.ts';
import { peer } from '../support/peers.ts';
import { builtExecutable, type StandInNode, withStandInNode } from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('metrics');
const root = asRoot(test);

const args = 'IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=web;K8S_POD_UID=6f2d8a0c-11aa-4c57-9d5e-3f1b0a7c9e01';

function attach(node: StandInNode): void {
  node.succeed('ADD', node.conf({ deviceID: node.vfPcis[0], ipam: node.ipam() }), { args });
  // The VF receives what the other end of the veth sends.
  node.host.run('ip', 'link', 'set', 'vf1', 'up');
  node.host.run('ip', 'address', 'add', '10.0.2.77/24', 'dev', 'vf1');
  for (let tries = 0; packetsOf(node) < 2; tries++) {
    assert.ok(tries < 600, 'nothing arrives');
    node.host.run('bash', '-c', 'echo > /dev/udp/10.0.2.2/9; sleep 0.1');
  }
}

/** What the VF in the pod has received. */
function packetsOf(node: StandInNode): number {
  const [link] = node.pod.ip('-s', 'link', 'show', 'net1') as [{ stats64: { rx: { packets: number } } }];
  return link.stats64.rx.packets;
}

function measure(node: StandInNode, ...argv: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('ip', ['netns', 'exec', node.host.name, builtExecutable, ...argv], {
    env: node.environment,
    encoding: 'utf8',
  });
  assert.equal([status, stderr], [0, ''], stdout);
  return stdout;
}

function startMeasuring(node: StandInNode, file: string): ChildProcess {
  const command = [builtExecutable, 'metrics', '--textfile', file, '--every', '1s'];
  return spawn('ip', ['netns', 'exec', node.host.name, ...command], { env: node.environment, stdio: 'ignore' });
}

async function until(what: () => boolean): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!what()) {
    assert.ok(Date.now() < deadline, 'it took longer than a minute');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const reader = peer('openmetrics', 'openmetrics');
const readable = 'node_exporter’s parser and Prometheus’ own read it, and the counters are those of ip';

if (reader === null) test.skip(readable, 'needs Go, to build the parsers', { allowedInCi: !hasGo() });
else {
  root(readable, () => {
    withStandInNode({ built: true }, (node) => {
      attach(node);
      const text = measure(node, 'metrics');
      const { status, stdout, stderr } = spawnSync(reader, { input: text, encoding: 'utf8' });
      assert.equal([status, stderr], [0, ''], text);
      const shown = packetsOf(node);
      const labels = /sriov_vf_rx_packets", numa_node="0", pciAddr="0000:3b:02.0", pf="pf0", vf="0"} (\d+)/;
      const packets = Number(labels.exec(stdout)?.[1] ?? labels.exec(stdout.replaceAll('__name__="', '"'))?.[1]);
      assert.ok(packets > 0 && packets <= shown, `${stdout}\n${shown}`);
      assert.match(stdout, /sriov_kubepoddevice.*namespace="ns".*pod="web"/);
    });
  });
}

root('stats shows what the VF in the pod has moved', () => {
  withStandInNode({ built: true }, (node) => {
    attach(node);
    const { vfs } = JSON.parse(measure(node, 'stats', '--json')) as {
      vfs: readonly { countedBy: string; counters: { rxPackets: number }; holder: { ifname: string } | null }[];
    };
    assert.equal([vfs[0]?.countedBy, vfs[0]?.holder?.ifname], ['netdev', 'net1']);
    assert.ok((vfs[0]?.counters.rxPackets ?? 0) >= 2, JSON.stringify(vfs[0]));
  });
});

root('--every writes a file that all may read, whole each time, until a signal ends it', () =>
  withStandInNode({ built: true }, async (node) => {
    const directory = join(node.directory, 'textfile');
    mkdirSync(directory);
    const file = join(directory, 'sriov.prom');
    const child = startMeasuring(node, file);
    try {
      await until(() => existsSync(file));
      const { mode, ino } = statSync(file);
      assert.is(mode & 0o777, 0o644);
      await until(() => statSync(file).ino !== ino);
      assert.match(readFileSync(file, 'utf8'), /# EOF\n$/);
      // A failure meanwhile is tried again.
      renameSync(directory, join(node.directory, 'away'));
      mkdirSync(directory);
      await until(() => existsSync(file));
      await until(() => readdirSync(directory).join() === 'sriov.prom');
    } finally {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      assert.equal(await ended, [null, 'SIGTERM']);
    }
    assert.equal(readdirSync(directory), ['sriov.prom']);
  }),
);
