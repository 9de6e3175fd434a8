import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { asRoot } from '../support/netns.ts';
import { withStandInNode } from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';
import { expectEnded } from './ended.ts';
import { FakeIpam } from './fake-ipam.ts';

const test = suite('ipam-time-limit');
const root = asRoot(test);

root('an IPAM plugin that hangs is ended after a minute with all that it started; ADD is undone', async () => {
  await withStandInNode({ built: true }, async (node) => {
    const pids = join(node.directory, 'pids');
    const ipam = new FakeIpam(node, { ADD: `echo $$ > '${pids}'\nsleep 600 &\necho $! >> '${pids}'\nwait` });
    const conf = node.conf({ deviceID: node.vfPcis[0], ipam: { type: ipam.type } });
    const before = node.picture();
    const error = node.fail('ADD', conf, { env: ipam.env });
    assert.is(error.code, 111);
    assert.match(error.msg, /fake-ipam.*60000 ms/);
    assert.equal(node.picture(), before);
    assert.equal(ipam.verbs, ['ADD', 'DEL']);
    await expectEnded(readFileSync(pids, 'utf8').trim().split('\n'));
  });
});
