// Whole runs on a node in memory: whatever stdin holds, the answer is one JSON, a refusal changes nothing, and DEL
// gives all back.
import { isDeepStrictEqual } from 'node:util';
import { MemoryNode } from '../support/memory-node.ts';
import { spoiltJsonText } from './hostile-values.ts';
import { require, requirePrintable, type Target, target } from './target.ts';

const conf = {
  cniVersion: '1.1.0',
  name: 'vf-net',
  type: 'dra-sriov',
  deviceID: '0000:3b:02.0',
  vlan: 100,
  vlanQoS: 5,
  mac: '02:00:00:00:00:01',
  mtu: 1400,
  spoofchk: 'off',
  trust: 'on',
  min_tx_rate: 0,
  max_tx_rate: 100,
  ipam: { type: 'host-local' },
  runtimeConfig: {},
};

const ipamResult = {
  cniVersion: '1.0.0',
  ips: [{ address: '10.0.2.5/24', gateway: '10.0.2.1' }],
  routes: [{ dst: '0.0.0.0/0', gw: '10.0.2.1' }],
};

function addAndDel(node: MemoryNode, stdin: string): string {
  const before = node.picture();
  const added = node.cni('ADD', stdin);
  const { code } = (added.json ?? {}) as { code?: unknown };
  require(added.stdout.endsWith('\n') &&
    added.stdout.indexOf('\n') === added.stdout.length - 1, 'not one line on stdout');
  for (const line of added.stderr.split('\n')) requirePrintable(line, 'stderr');
  if (added.status !== 0) {
    require(typeof code === 'number' && code !== 999, `ADD failed with ${added.stdout}`);
    require(isDeepStrictEqual(node.picture(), before), `ADD failed with ${code} and left something behind`);
    return String(code);
  }
  const removed = node.cni('DEL', stdin);
  require(removed.status === 0, `DEL failed with ${removed.stdout}`);
  require(isDeepStrictEqual(node.picture(), before), 'ADD and DEL left something behind');
  return 'attached';
}

export const wholeRuns: readonly Target[] = [
  target('ADD and DEL of a config', spoiltJsonText(conf), (stdin) => addAndDel(new MemoryNode(), stdin)),
  target('ADD and DEL with an IPAM plugin’s answer', spoiltJsonText(ipamResult), (answer) => {
    const node = new MemoryNode();
    node.runIpam = ({ env }) => (env['CNI_COMMAND'] === 'ADD' ? { stdout: answer } : undefined);
    return addAndDel(node, JSON.stringify(conf));
  }),
];
