import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { asRoot, withNetns } from '../support/netns.ts';
import { builtExecutable, type StandInNode, withStandInNode } from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';
import { linkNames } from './pod-view.ts';

const test = suite('concurrent');
const root = asRoot(test);

/** ADDs that run at once, as a kubelet that starts several pods: ends with each one's exit code and answer. */
async function addAtOnce(
  node: StandInNode,
  calls: readonly Record<string, string>[],
  conf: unknown,
): Promise<{ status: number; stdout: string }[]> {
  return await Promise.all(
    calls.map(async (variables) => {
      const env = { ...node.environment, CNI_COMMAND: 'ADD', CNI_PATH: '/nonexistent', ...variables };
      const child = spawn('ip', ['netns', 'exec', node.host.name, builtExecutable], { env });
      let stdout = '';
      child.stdout.on('data', (chunk: Buffer) => {
        stdout += chunk.toString();
      });
      child.stdin.end(JSON.stringify(conf));
      const [status] = (await once(child, 'close')) as [number];
      return { status, stdout };
    }),
  );
}

root('two attachments of one pod at once get two VFs', async () => {
  await withStandInNode({ built: true }, async (node) => {
    node.writePodSpec('uid-1');
    const shared = { CNI_CONTAINERID: 'c1', CNI_NETNS: node.pod.path, CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_UID=uid-1' };
    const calls = ['net1', 'net2', 'net3'].map((ifname) => ({ ...shared, CNI_IFNAME: ifname }));
    const outcomes = await addAtOnce(node, calls, node.conf());
    assert.equal(outcomes.map(({ status }) => status).sort(), [0, 0, 1]);
    const refused = outcomes.find(({ status }) => status === 1);
    assert.is((JSON.parse(refused?.stdout ?? '') as { code: number }).code, 100);
    assert.is(linkNames(node.pod).length, 3);
    for (const { CNI_IFNAME: ifname } of calls) node.succeed('DEL', node.conf(), { ifname });
    assert.equal(node.stateFiles(), []);
  });
});

root('of two pods that ask for one VF at once one gets it', async () => {
  await withStandInNode({ built: true }, async (node) => {
    await withNetns(async (other) => {
      const calls = [node.pod.path, other.path].map((netns, at) => ({
        CNI_CONTAINERID: `c${at}`,
        CNI_NETNS: netns,
        CNI_IFNAME: 'net1',
      }));
      const conf = node.conf({ deviceID: node.vfPcis[0] });
      const outcomes = await addAtOnce(node, calls, conf);
      assert.equal(outcomes.map(({ status }) => status).sort(), [0, 1]);
      const refused = outcomes.find(({ status }) => status === 1);
      assert.is((JSON.parse(refused?.stdout ?? '') as { code: number }).code, 102);
      for (const { CNI_CONTAINERID: containerId, CNI_NETNS: netns } of calls)
        node.succeed('DEL', conf, { containerId, netns });
      assert.equal(
        linkNames(node.host)
          .filter((name) => name.startsWith('vf'))
          .sort(),
        ['vf0', 'vf1'],
      );
    });
  });
});
