import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { FakeIpam, printing } from '../blackbox/fake-ipam.ts';
import { asRoot, withNetns } from '../support/netns.ts';
import { withStandInNode } from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';

const test = asRoot(suite('crash/lock-wait'));

/** Longer than a wait for a lock and the start of all that wait. */
const holdSeconds = 50;
const beginLimitMs = 60_000;

test('who waits too long for a container or a VF ends with 11, which names the holder; then all goes on', async () => {
  await withStandInNode({ built: true, vfs: 2 }, (node) =>
    withNetns(async (otherPod) => {
      const begun = join(node.directory, 'ipam-begun');
      const answer = printing({ cniVersion: '1.0.0', ips: [{ address: '10.0.2.7/24' }] });
      const slow = new FakeIpam(node, { ADD: `touch '${begun}'\nsleep ${holdSeconds}\n${answer}` });
      const before = node.picture();
      const slowConf = node.conf({ deviceID: node.vfPcis[0], ipam: { type: slow.type } });
      const holder = node.start('ADD', slowConf, { containerId: 'c1', env: slow.env });
      for (const deadline = performance.now() + beginLimitMs; !existsSync(begun); await pause(20)) {
        if (performance.now() > deadline) throw new Error('the IPAM plugin was not started');
      }

      const other = { containerId: 'c2', netns: otherPod.path };
      const conf = (at: number): Record<string, unknown> => node.conf({ deviceID: node.vfPcis[at] });
      const waiting = await Promise.all([
        node.start('ADD', conf(1), { containerId: 'c1', ifname: 'net2' }),
        node.start('DEL', slowConf, { containerId: 'c1', env: slow.env }),
        node.start('ADD', conf(0), other),
      ]);
      const locks = ['container-c1', 'container-c1', `vf-${node.vfPcis[0]}`];
      for (const [at, outcome] of waiting.entries()) {
        const { code, msg } = outcome.json as { readonly code: number; readonly msg: string };
        assert.is(code, 11, outcome.stdout);
        assert.match(
          msg,
          new RegExp(`^the lock ${locks[at]} is held by process \\d+ \\(ADD of net1.*\\) for more than 30000 ms$`),
        );
      }

      assert.is((await holder).status, 0, 'nobody who waited has disturbed it');
      node.succeed('DEL', slowConf, { containerId: 'c1', env: slow.env });
      node.succeed('ADD', conf(0), other);
      node.succeed('DEL', conf(0), other);
      assert.equal(node.picture(), before);
    }),
  );
});
