import { version } from '../../../../src/version.ts';
import { MemoryNode, vfPci } from '../../../support/memory-node.ts';
import { createMemoryPlatform } from '../../../support/memory-platform.ts';
import { operate } from '../../../support/operate.ts';
import { assert, suite } from '../../../support/suite.ts';
import { switchedFromSriovCni } from '../sriov-cni-node.ts';

const test = suite('cli/metrics');

const env = { CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=web;K8S_POD_UID=uid-0' };
const file = '/var/lib/node_exporter/sriov.prom';

function attached(): MemoryNode {
  const node = new MemoryNode();
  node.succeed('ADD', { ...node.conf(), ipam: { type: 'host-local', subnet: '10.0.2.0/29' } }, { env });
  node.platform.files.set('/var/lib/cni/networks/vf-net/10.0.2.2', 'c1');
  node.platform.files.set('/var/lib/node_exporter/other.prom', '');
  return node;
}

const linesOf = (node: MemoryNode): readonly string[] => operate(node.platform, 'metrics').stdout.trimEnd().split('\n');

function expectLines(node: MemoryNode, ...wanted: readonly string[]): void {
  const lines = linesOf(node);
  for (const line of wanted) assert.ok(lines.includes(line), `${line}\nis not in\n${lines.join('\n')}`);
}

test('VFs by the names and labels of sriov-network-metrics-exporter', () => {
  const node = attached();
  Object.assign(node.vfs[0] ?? {}, { counters: [10, 20, 3000, 4000, 1, 2, 0, 5, 6] });
  node.platform.files.set('/sys/bus/pci/devices/0000:3b:00.0/numa_node', '1\n');
  const labels = `pf="pf0",vf="0",pciAddr="${vfPci(0)}",numa_node="1"`;
  expectLines(
    node,
    `sriov_vf_rx_bytes{${labels}} 3000`,
    `sriov_vf_tx_bytes{${labels}} 4000`,
    `sriov_vf_rx_packets{${labels}} 10`,
    `sriov_vf_tx_packets{${labels}} 20`,
    `sriov_vf_rx_broadcast{${labels}} 1`,
    `sriov_vf_rx_multicast{${labels}} 2`,
    `sriov_vf_rx_dropped{${labels}} 5`,
    `sriov_vf_tx_dropped{${labels}} 6`,
    `sriov_kubepoddevice{pciAddr="${vfPci(0)}",namespace="ns",pod="web",network="vf-net",ifname="net1",dev_type="vf-net",container=""} 1`,
  );
});

test('attachments by state, their beginning, VFs by use, addresses, version', () => {
  const node = attached();
  expectLines(
    node,
    'dra_sriov_attachments{state="attached"} 1',
    'dra_sriov_attachments{state="dead"} 0',
    'dra_sriov_vfs{pf="pf0",pciAddr="0000:3b:00.0",use="attached"} 1',
    'dra_sriov_vfs{pf="pf0",pciAddr="0000:3b:00.0",use="free"} 1',
    'dra_sriov_subnet_addresses_used{network="vf-net",subnet="10.0.2.0/29"} 1',
    'dra_sriov_subnet_addresses_free{network="vf-net",subnet="10.0.2.0/29"} 4',
    `dra_sriov_build_info{version="${version}"} 1`,
    '# EOF',
  );
  assert.ok(
    linesOf(node).some((line) => /^dra_sriov_attachment_created_timestamp_seconds\{.*\} 17672\d+(\.\d+)?$/.test(line)),
  );
  node.endPod(node.pod);
  expectLines(node, 'dra_sriov_attachments{state="attached"} 0', 'dra_sriov_attachments{state="dead"} 1');
  assert.not.ok(linesOf(node).some((line) => line.startsWith('sriov_kubepoddevice')));
});

test('labels are escaped, and hold nothing that a terminal acts on', () => {
  const node = attached();
  node.editRecord({ pod: { namespace: 'n"s\\', name: 'a\nb\u001b', uid: 'u' } });
  assert.match(linesOf(node).join('\n'), 'namespace="n\\"s\\\\",pod="a\\\\nb\\\\u001b"');
});

test('to a file, whole and to be read by all; what can’t be written is said', () => {
  const node = attached();
  const written: { readonly path: string; readonly mode: number }[] = [];
  const { writeFileAtomic } = node.platform;
  Object.assign(node.platform, {
    writeFileAtomic: (path: string, content: string, options: { mode: number; durable: boolean }) => {
      written.push({ path, mode: options.mode });
      writeFileAtomic(path, content, options);
    },
  });
  assert.is(operate(node.platform, 'metrics', '--textfile', file).code, 0);
  assert.equal(written, [{ path: file, mode: 0o644 }]);
  assert.match(node.platform.files.get(file) ?? '', /# EOF\n$/);
  node.platform.failNext('writeFileAtomic', file, 28);
  const { code, stdout, stderr } = operate(node.platform, 'metrics', '--textfile', file);
  assert.equal([code, stdout], [1, '']);
  assert.match(stderr, `error: ${file}: `);
});

test('--every writes it anew each time, also after a failure', () => {
  const node = attached();
  let writes = 0;
  const { writeFileAtomic } = node.platform;
  const begunMs = node.platform.clock.nowMs;
  Object.assign(node.platform, {
    writeFileAtomic: (path: string, content: string, options: { mode: number; durable: boolean }) => {
      writes++;
      if (writes === 2) node.platform.failNext('writeFileAtomic', file, 28);
      if (writes === 4) throw new Error('a signal');
      writeFileAtomic(path, content, options);
    },
  });
  assert.throws(() => operate(node.platform, 'metrics', '--textfile', file, '--every', '15s'), 'a signal');
  assert.is(node.platform.clock.nowMs - begunMs, 45_000);
  assert.is(node.platform.stderr.split('error: ').length - 1, 1);
});

test('command lines that can’t be, and a node without a card', () => {
  const platform = createMemoryPlatform({ files: { '/sys/bus/pci/devices/0000:00:01.0/vendor': '0x8086\n' } });
  assert.match(operate(platform, 'metrics', '--every', '15s').stderr, /--every.*--textfile/);
  assert.match(operate(platform, 'metrics', '--textfile', '/tmp/x').stderr, '.prom');
  for (const argv of [
    ['--every', '15s'],
    ['--textfile', '/tmp/x'],
    ['--textfile', '/a.prom', '--every', '0s'],
  ]) {
    assert.is(operate(platform, 'metrics', ...argv).code, 2, argv.join(' '));
  }
  assert.equal(operate(platform, 'metrics').code, 0);
});

test('a VF that sriov-cni has given to a pod is not free, whatever driver serves it there', () => {
  const node = switchedFromSriovCni();
  expectLines(node, 'dra_sriov_vfs{pf="pf0",pciAddr="0000:3b:00.0",use="in_pod"} 1');
  node.platform.links.set(`/sys/bus/pci/devices/${vfPci(0)}/driver`, '../../../drivers/vfio-pci');
  node.edit(() => node.pod.namespace.links.splice(0));
  expectLines(node, 'dra_sriov_vfs{pf="pf0",pciAddr="0000:3b:00.0",use="in_pod"} 1');
  assert.match(operate(node.platform, 'stats').stdout, 'net1 of container ccccccccccccc');
});

test('errors by verb and code: how many in the last hour, and when the last was', () => {
  const node = attached();
  const first = node.platform.epochMs() / 1000;
  node.fail('ADD', node.conf({ vlan: 5000 }), { ifname: 'net2' });
  node.platform.clock.nowMs += 61 * 60_000;
  for (let times = 0; times < 2; times++) node.fail('ADD', node.conf(), node.of(node.addPod()));
  const now = node.platform.epochMs() / 1000;
  node.platform.clock.nowMs += 1000;
  node.fail('GC', '{}');
  expectLines(
    node,
    'dra_sriov_errors_last_hour{command="ADD",code="7"} 0',
    'dra_sriov_errors_last_hour{command="ADD",code="102"} 2',
    'dra_sriov_errors_last_hour{command="GC",code="7"} 1',
    `dra_sriov_last_error_timestamp_seconds{command="ADD",code="7"} ${first}`,
    `dra_sriov_last_error_timestamp_seconds{command="ADD",code="102"} ${now}`,
  );
  const { stdout } = operate(node.platform, 'stats');
  assert.match(stdout, 'Errors in the last hour: 7 of GC, 102 of ADD (2 times).');
  const { errors } = operate(node.platform, 'stats', '--json').json as { errors: readonly Record<string, unknown>[] };
  assert.equal(
    errors.map(({ command, code, lastHour }) => [command, code, lastHour]),
    [
      ['GC', 7, 1],
      ['ADD', 102, 2],
      ['ADD', 7, 0],
    ],
  );
});
