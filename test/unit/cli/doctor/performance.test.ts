import { MemoryNode } from '../../../support/memory-node.ts';
import { operate } from '../../../support/operate.ts';
import { assert, suite } from '../../../support/suite.ts';

const test = suite('cli/doctor/performance');

const pf = '/sys/bus/pci/devices/0000:3b:00.0';
const env = { CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=web;K8S_POD_UID=uid-0' };

interface Check {
  readonly id: string;
  readonly verdict: string;
  readonly found: string;
  readonly remedy: string | null;
}

const ids = ['performance', 'pcie', 'cpus', 'queues', 'drops', 'mtu', 'offloads'];

function attached(files: Readonly<Record<string, string>> = {}): MemoryNode {
  const node = new MemoryNode();
  node.succeed('ADD', node.conf(), { env });
  node.platform.files.set('/sys/devices/system/cpu/online', '0-7\n');
  for (const [path, text] of Object.entries(files)) node.platform.files.set(path, text);
  return node;
}

function checksOf(node: MemoryNode): readonly Check[] {
  const { json, stderr } = operate(node.platform, 'doctor', '--json');
  assert.ok(json !== undefined, stderr);
  return (json as { checks: readonly Check[] }).checks.filter(({ id }) => ids.includes(id));
}

function expectFound(node: MemoryNode, id: string, verdict: 'warning' | 'note', ...texts: readonly string[]): void {
  const found = checksOf(node);
  assert.equal(
    found.map((check) => `${check.id} ${check.verdict}`),
    [`${id} ${verdict}`],
  );
  for (const text of texts) assert.match(found[0]?.found ?? '', text);
  assert.ok((found[0]?.remedy ?? '') !== '');
}

const expectWarning = (node: MemoryNode, id: string, ...texts: readonly string[]): void =>
  expectFound(node, id, 'warning', ...texts);

const expectFine = (node: MemoryNode): void =>
  assert.equal(
    checksOf(node).map(({ id, verdict }) => `${id} ${verdict}`),
    ['performance ok'],
  );

const link = (speed: string, width: string): Readonly<Record<string, string>> => ({
  [`${pf}/current_link_speed`]: speed,
  [`${pf}/current_link_width`]: width,
  [`${pf}/max_link_speed`]: '16.0 GT/s PCIe\n',
  [`${pf}/max_link_width`]: '16\n',
});

test('a PCIe link that is slower or narrower than the card can; one of which sysfs doesn’t tell', () => {
  expectWarning(attached(link('8.0 GT/s PCIe\n', '16\n')), 'pcie', 'pf0 (8 GT/s x16, can 16 GT/s x16)');
  expectWarning(attached(link('16.0 GT/s PCIe\n', '8\n')), 'pcie', 'x8');
  expectFine(attached(link('16.0 GT/s PCIe\n', '16\n')));
  expectFine(attached(link('Unknown\n', '0\n')));
});

function withProcess(cpus: string): MemoryNode {
  const node = attached({
    '/sys/devices/system/node/node0/cpulist': '0-3\n',
    '/proc/77/status': `Name:\tapp\nCpus_allowed_list:\t${cpus}\n`,
  });
  node.platform.links.set('/proc/77/ns/net', `net:[${node.pod.namespace.inode}]`);
  return node;
}

test('a process held to CPUs of another NUMA node than the VF’s', () => {
  expectWarning(withProcess('4-5,7'), 'cpus', 'net1 of ns/web (NUMA node 0)');
  for (const cpus of ['2,6', '0-7', '3']) expectFine(withProcess(cpus));
});

function withChannels(most: number, are: number): MemoryNode {
  const node = attached();
  const channels = Buffer.alloc(36);
  channels.writeUInt32LE(0x3c, 0);
  channels.writeUInt32LE(most, 16);
  channels.writeUInt32LE(are, 32);
  node.link(0).ethtool.set(0x3c, channels);
  return node;
}

test('fewer queues than the VF can have, and CPUs can serve', () => {
  expectWarning(withChannels(4, 1), 'queues', 'net1 of ns/web (1 of 4)');
  for (const [most, are] of [
    [4, 4],
    [16, 8],
    [0, 0],
  ] as const)
    expectFine(withChannels(most, are));
});

test('drops and errors, where they are many', () => {
  const node = attached();
  node.link(0).counters = [1000, 1000, 1, 1, 1, 0, 2, 0];
  expectWarning(node, 'drops', 'net1 of ns/web (3)');
  node.link(0).counters = [1_000_000, 1_000_000, 1, 1, 0, 0, 2, 0];
  expectFine(node);
});

test('a name that the pod chose is one word in the command to type', () => {
  const node = withChannels(4, 1);
  Object.assign(node.link(0), { name: `a;b'c` });
  const [check] = checksOf(node);
  assert.match(check?.remedy ?? '', `nsenter --net=${node.pod.path} ethtool -L 'a;b'\\''c' combined 4`);
});

test('an MTU above the PF’s', () => {
  const node = attached();
  node.edit(() => Object.assign(node.pf, { mtu: 1400 }));
  expectWarning(node, 'mtu', 'net1 of ns/web (1500, PF pf0 1400)');
});

test('offloads that are off', () => {
  const node = attached();
  const answer = (command: number, value: number): void => {
    const bytes = Buffer.alloc(8);
    bytes.writeUInt32LE(command, 0);
    bytes.writeUInt32LE(value, 4);
    node.link(0).ethtool.set(command, bytes);
  };
  for (const command of [0x14, 0x16, 0x18, 0x1e]) answer(command, 1);
  expectFine(node);
  answer(0x1e, 0);
  answer(0x16, 0);
  expectFound(node, 'offloads', 'note', 'net1 of ns/web (tx-checksumming, tso)');
});
