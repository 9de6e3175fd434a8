import { SystemError } from '../../../src/lib/system-error.ts';
import { MemoryNode, stateDir } from '../../support/memory-node.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('commands/status');

const [EROFS, EACCES] = [30, 13];
const ipam = { type: 'host-local' };

test('a node that can serve ADD: no output, nothing is left behind', () => {
  const node = new MemoryNode();
  const { status, stdout } = node.cni('STATUS');
  assert.is(status, 0);
  assert.is(stdout, '');
  assert.equal(node.stateFiles(), []);
  assert.equal(node.changes, []);
});

test('the config is checked: 7', () => {
  const node = new MemoryNode();
  assert.is(node.fail('STATUS', node.conf({ vlan: 5000 })).code, 7);
});

test('all that is missing comes at once, with code 50', () => {
  const node = new MemoryNode();
  for (const path of [...node.platform.files.keys()]) if (path.startsWith('/sys/')) node.platform.files.delete(path);
  for (const path of [...node.platform.links.keys()]) node.platform.links.delete(path);
  node.platform.failNext('writeFileAtomic', stateDir, EROFS);
  Object.assign(node.platform, {
    openNetlink: () => {
      throw new SystemError('open a route socket', EACCES);
    },
  });
  const error = node.fail('STATUS');
  assert.is(error.code, 50);
  for (const word of ['/sys/bus/pci/devices', 'EROFS', 'EACCES']) assert.match(error.msg, word);
});

test('the state directory is tried with a file for root alone, which nobody waits for', () => {
  const node = new MemoryNode();
  const { writeFileAtomic } = node.platform;
  const written: unknown[] = [];
  Object.assign(node.platform, {
    writeFileAtomic: (...args: Parameters<typeof writeFileAtomic>) => {
      written.push(args.slice(1));
      writeFileAtomic(...args);
    },
  });
  node.succeed('STATUS');
  assert.equal(written, [['', { mode: 0o600, durable: false }]]);
});

test('a bug is no answer about the node: 999', () => {
  const node = new MemoryNode();
  Object.assign(node.platform, {
    ownNetns: () => {
      throw new TypeError('not a function');
    },
  });
  const error = node.fail('STATUS');
  assert.is(error.code, 999);
  assert.match(error.msg, 'not a function');
});

test('IPAM is asked; one that knows no STATUS is taken for ready', () => {
  const node = new MemoryNode();
  node.succeed('STATUS', node.conf({ ipam }));
  assert.equal(node.changes, ['ipam STATUS']);
});

test('IPAM’s 50 and 51 are passed on, every other failure is 50', () => {
  for (const [code, expected] of [
    [50, 50],
    [51, 51],
    [11, 50],
    [7, 50],
    [999, 50],
  ]) {
    const node = new MemoryNode();
    node.runIpam = () => ({ status: 1, stdout: JSON.stringify({ code, msg: 'no server' }) });
    const error = node.fail('STATUS', node.conf({ ipam }));
    assert.is(error.code, expected);
    assert.match(error.msg, 'no server');
  }
});

test('an IPAM plugin that isn’t there: 50, naming it', () => {
  const node = new MemoryNode();
  const error = node.fail('STATUS', node.conf({ ipam: { type: 'dhcp' } }));
  assert.is(error.code, 50);
  assert.match(error.msg, 'dhcp');
});

test('STATUS is refused for versions that have none', () => {
  const node = new MemoryNode();
  assert.is(node.fail('STATUS', node.conf({ cniVersion: '1.0.0' })).code, 1);
});
