import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { reportMeasured } from '../crash/report.ts';
import { asRoot } from '../support/netns.ts';
import { withStandInNode } from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';
import { linkNames } from './pod-view.ts';

const test = asRoot(suite('blackbox/restless-pod'));

const pairs = 500;

test('a pod with a thousand interfaces, which makes and removes others all the time, has renamed its VF: DEL finds it', () => {
  withStandInNode({ built: true }, (node) => {
    const conf = node.conf({ deviceID: node.vfPcis[0], ipam: node.ipam() });
    const batch = join(node.directory, 'links');
    const lines = Array.from({ length: pairs }, (_, at) => `link add a${at} type veth peer name b${at}`);
    writeFileSync(batch, `${lines.join('\n')}\n`);
    node.pod.run('ip', '-batch', batch);
    const before = linkNames(node.host);
    node.succeed('ADD', conf);
    node.pod.run('ip', 'link', 'add', 'mv0', 'link', 'net1', 'type', 'macvlan');
    node.pod.run('ip', 'link', 'set', 'net1', 'down');
    node.pod.run('ip', 'link', 'set', 'net1', 'name', 'hidden');
    const script = 'while :; do ip link add busy type veth peer name busier; ip link del busy; done';
    const args = ['netns', 'exec', node.pod.name, 'sh', '-c', script];
    const restless = spawn('ip', args, { detached: true, stdio: 'ignore' });
    try {
      const begin = performance.now();
      node.succeed('DEL', conf);
      reportMeasured(
        `DEL of a renamed VF from a pod with ${2 * pairs} interfaces: ${Math.round(performance.now() - begin)} ms`,
      );
    } finally {
      if (restless.pid !== undefined) process.kill(-restless.pid, 'SIGKILL');
    }
    assert.not(linkNames(node.pod).includes('mv0'), 'what the pod has stacked on the VF goes, too');
    // Only names are compared, because the VF keeps the ifindex that it got in the other namespace.
    assert.equal(linkNames(node.host), before);
    assert.equal(node.leases(), []);
    assert.equal(node.stateFiles(), []);
  });
});
