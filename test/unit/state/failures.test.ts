import { CniError } from '../../../src/cni/errors.ts';
import { readFailures, recordFailure } from '../../../src/state/failures.ts';
import { MemoryNode } from '../../support/memory-node.ts';
import { createMemoryPlatform } from '../../support/memory-platform.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';

const test = suite('state/failures');

const path = '/var/lib/cni/dra-sriov/.failures';
const busy = (message = 'taken'): CniError => new CniError('vfBusy', message);

test('a verb that fails leaves code and message, one that succeeds nothing', () => {
  const node = new MemoryNode();
  node.succeed('ADD', node.conf());
  assert.equal([readFailures(node.platform), node.platform.files.has(path)], [[], false]);
  const { code, msg } = node.fail('ADD', node.conf(), node.of(node.addPod()));
  node.fail('ADD', '{"cniVersion":"1.1.0","name":"x","type":"dra-sriov","vlan":5000}', { ifname: 'net2' });
  const [first, second, ...more] = readFailures(node.platform);
  assert.equal([first?.command, first?.code, first?.message], ['ADD', code, msg.slice(0, 200)]);
  assert.equal([second?.code, more.length], [7, 0]);
  assert.is(first?.atMs, node.platform.epochMs());
});

test('STATUS, which is asked again and again, and what is no verb are not kept', () => {
  const platform = createMemoryPlatform({});
  for (const command of ['STATUS', 'VERSION', 'BOGUS', undefined]) recordFailure(platform, command, busy());
  assert.equal(readFailures(platform), []);
  for (const command of ['ADD', 'DEL', 'CHECK', 'GC']) recordFailure(platform, command, busy());
  assert.is(readFailures(platform).length, 4);
});

test('two files of bounded size, and the last failures are in them', () => {
  const platform = createMemoryPlatform({});
  for (let number = 0; number < 2000; number++) recordFailure(platform, 'ADD', busy(`${number} ${'x'.repeat(500)}`));
  const sizes = [path, `${path}.1`].map((each) => platform.files.get(each)?.length ?? 0);
  for (const size of sizes) assert.ok(size > 0 && size < 34 * 1024, String(sizes));
  const all = readFailures(platform);
  assert.is(all.at(-1)?.message.split(' ')[0], '1999');
  assert.ok(all.length > 100);
  assert.ok(all.every(({ message }) => message.length <= 200));
});

test('while another moves the full file away, nobody waits and nothing is lost', () => {
  const full = `${JSON.stringify({ atMs: 1, command: 'ADD', code: 100, message: 'old' })}\n`.repeat(700);
  const platform = createMemoryPlatform({ files: { [path]: full } });
  platform.heldLocks.set(path, 'another');
  recordFailure(platform, 'ADD', busy());
  assert.is(platform.files.has(`${path}.1`), false);
  assert.is(readFailures(platform).length, 701);
});

test('a full file that another has moved just before isn’t lost to the one that has begun since', () => {
  const line = `${JSON.stringify({ atMs: 1, command: 'ADD', code: 100, message: 'old' })}\n`;
  const platform = createMemoryPlatform({ files: { [path]: line.repeat(700) } });
  const { lock } = platform;
  const late: typeof lock = (...args) => {
    platform.files.set(`${path}.1`, line.repeat(700));
    platform.files.set(path, line);
    return lock(...args);
  };
  Object.assign(platform, { lock: late });
  recordFailure(platform, 'ADD', busy());
  assert.is(readFailures(platform).length, 702);
});

test('lines that are cut short or not ours are passed over, and a file that isn’t root’s is not read', () => {
  const line = JSON.stringify({ atMs: 1, command: 'ADD', code: 100, message: 'm' });
  const platform = createMemoryPlatform({ files: { [path]: `${line}\n{"atMs":2\n[]\n{"atMs":"x"}\n${line}\n` } });
  assert.is(readFailures(platform).length, 2);
  const good = { atMs: 1, command: 'ADD', code: 100, message: 'm' };
  const odd = [
    { ...good, atMs: '1' },
    { ...good, command: 1 },
    { ...good, code: '100' },
    { ...good, message: null },
    null,
  ];
  platform.files.set(path, [...odd, good].map((each) => JSON.stringify(each)).join('\n'));
  assert.equal(readFailures(platform), [good]);
  platform.owners.set(path, 1000);
  throws(() => readFailures(platform), 'Error', 'user 1000');
});

test('no verb fails for it', () => {
  const node = new MemoryNode();
  const { appendFile } = node.platform;
  Object.assign(node.platform, {
    appendFile: () => {
      throw new Error('the disk is full');
    },
  });
  assert.is(node.fail('ADD', node.conf({ vlan: 5000 })).code, 7);
  Object.assign(node.platform, { appendFile });
  node.platform.owners.set('/var/lib/cni/dra-sriov', 1000);
  assert.is(node.fail('ADD', node.conf({ vlan: 5000 })).code, 7);
});
