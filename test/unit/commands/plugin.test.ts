import { MemoryNode } from '../../support/memory-node.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('commands/plugin');

const ipam = { type: 'host-local' };

test('called as an IPAM plugin, because an ipam.type names it, the plugin refuses: it would start itself for ever', () => {
  const node = new MemoryNode();
  for (const command of ['ADD', 'CHECK', 'DEL', 'GC', 'STATUS']) {
    const error = node.fail(command, node.conf({ ipam }), { env: { DRA_SRIOV_DELEGATED: '1' } });
    assert.is(error.code, 7);
    assert.match(error.msg, /ipam\.type/);
  }
  assert.equal(node.changes, []);
});

test('a relative directory in CNI_PATH is named in the log, and not searched', () => {
  const node = new MemoryNode();
  const { status, stderr } = node.cni('ADD', node.conf({ ipam }), { env: { CNI_PATH: 'bin:/opt/cni/bin:./x' } });
  assert.is(status, 0);
  const named = [...stderr.matchAll(/level=warning .*directory=(\S+)$/gm)].map(([, directory]) => directory);
  assert.equal(named, ['bin', './x']);
  assert.not.match(node.cni('DEL', node.conf({ ipam })).stderr, 'directory=');
});

test('a failure is in the log, with the reason and what it is about', () => {
  const node = new MemoryNode();
  const { stderr } = node.cni('ADD', node.conf({ vlan: 5000 }));
  assert.match(stderr, /level=error .*command=ADD container=c1 ifname=net1 network=vf-net reason=.*vlan.*5000/);
});

test('the log goes where the config says', () => {
  const node = new MemoryNode();
  const path = '/var/log/dra-sriov/vf.log';
  node.platform.files.set('/var/log/syslog', '');
  const { status, stderr } = node.cni('ADD', node.conf({ logFile: path, logLevel: 'info' }));
  assert.equal([status, stderr], [0, '']);
  assert.match(node.platform.files.get(path) ?? '', /level=info .*container=c1/);
});

test('log settings that are no good are named in the log', () => {
  const node = new MemoryNode();
  const { status, stderr } = node.cni('ADD', node.conf({ logLevel: 'loud' }));
  assert.is(status, 0);
  assert.match(stderr, /level=warning .*key=logLevel problem=.*loud/);
});
