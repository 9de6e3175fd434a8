import type { ProbedPf, ProbeReport, TriedValue } from '../../../../src/cli/probe/report.ts';
import { igbvfDriver, MemoryNode } from '../../../support/memory-node.ts';
import { createMemoryPlatform } from '../../../support/memory-platform.ts';
import { operate } from '../../../support/operate.ts';
import { assert, suite } from '../../../support/suite.ts';

const test = suite('cli/validate/node');

const tried = (
  key: string,
  value: string,
  outcome: TriedValue['outcome'],
  errno: string | null = null,
): TriedValue => ({
  key,
  value,
  way: null,
  outcome,
  errno,
  message: null,
});

function pf(name: string, settings: readonly TriedValue[], mtu = 9000): ProbedPf {
  const facts = { pci: '0000:3b:00.0', name, driver: 'igb', firmware: null, up: true, mtu, vf: null, failure: null };
  return { ...facts, settings, rdma: [], vfio: null };
}

const igb = pf('pf0', [
  tried('vlan', '100', 'taken'),
  tried('vlanQoS', '5', 'taken'),
  tried('vlanProto', '802.1q', 'taken'),
  tried('vlanProto', '802.1ad', 'refused', 'EPROTONOSUPPORT'),
  tried('trust', 'on', 'ignored'),
  tried('trust', 'off', 'taken'),
  tried('link_state', 'enable', 'unreported'),
  tried('min_tx_rate', '50', 'refused', 'EINVAL'),
  tried('mtu', '1280', 'taken'),
]);

function reportOf(...pfs: readonly ProbedPf[]): ProbeReport {
  return { version: '1', kernel: null, dryRun: false, pfs };
}

interface PlacedFinding {
  readonly severity: string;
  readonly path: string;
  readonly message: string;
  readonly line: number;
  readonly column: number;
}

function findingsOf(report: unknown, text: string, ...argv: readonly string[]): readonly PlacedFinding[] {
  const files = { '/node.json': JSON.stringify(report), '/nad.yaml': text };
  const { json, stderr } = operate(createMemoryPlatform({ files }), 'validate', '--json', ...argv, '/nad.yaml');
  assert.is(stderr, '');
  return (json as { files: readonly [{ findings: readonly PlacedFinding[] }] }).files[0].findings;
}

const nad = (config: object): string => `apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata:
  name: a
spec:
  config: |
${JSON.stringify({ cniVersion: '1.1.0', type: 'dra-sriov', ...config }, null, 1).replaceAll(/^/gm, '    ')}
`;

test('warns of each thing that the node refuses, where it stands', () => {
  const config = {
    vlan: 7,
    vlanQoS: 3,
    vlanProto: '802.1AD',
    trust: 'on',
    link_state: 'enable',
    min_tx_rate: 10,
    mtu: 9100,
  };
  const text = nad(config);
  assert.equal(findingsOf(reportOf(igb), text), []);
  const findings = findingsOf(reportOf(igb), text, '--node', '/node.json');
  assert.equal(
    findings.map(({ severity, path }) => `${severity} ${path.split(': ').at(-1)}`),
    ['vlanProto', 'mtu', 'trust', 'link_state', 'min_tx_rate'].map((key) => `warning ${key}`),
  );
  const lines = text.split('\n');
  for (const { path, line, column } of findings) {
    const key = path.split(': ').at(-1) ?? '';
    assert.match(lines[line - 1] ?? '', `"${key}": `);
    assert.is(column, (lines[line - 1] ?? '').indexOf(': ') + 3, key);
  }
  const about = (key: string): string => findings.find(({ path }) => path.endsWith(key))?.message ?? '';
  assert.match(about('vlanProto'), /pf0 .*igb.*EPROTONOSUPPORT/);
  assert.match(about('min_tx_rate'), /50 .*EINVAL/);
  assert.match(about('mtu'), /9000/);
});

test('what asks for nothing, or for what is taken, is no finding', () => {
  const config = { vlan: 0, trust: 'off', spoofchk: '', min_tx_rate: 0, mtu: 1400 };
  assert.equal(findingsOf(reportOf(igb), nad(config), '--node', '/node.json'), []);
});

test('of a VLAN that is refused at all its priority is not said as well', () => {
  const none = pf('pf0', [tried('vlan', '100', 'refused', 'EPERM'), tried('vlanQoS', '5', 'refused', 'EPERM')]);
  const findings = findingsOf(reportOf(none), nad({ vlan: 7, vlanQoS: 3 }), '--node', '/node.json');
  assert.equal(
    findings.map(({ path }) => path.split(': ').at(-1)),
    ['vlan'],
  );
});

test('names the PFs that take it', () => {
  const other = pf('pf1', [tried('vlanProto', '802.1ad', 'taken')]);
  const config = nad({ vlan: 7, vlanProto: '802.1ad' });
  const [finding] = findingsOf(reportOf(igb, other), config, '--node', '/node.json');
  assert.match(finding?.message ?? '', /pf0 .*EPROTONOSUPPORT.*pf1/);
});

test('a conflist is compared, too', () => {
  const list = {
    cniVersion: '1.1.0',
    name: 'a',
    plugins: [
      { type: 'bridge', trust: 'on' },
      { type: 'sriov', trust: 'on' },
    ],
  };
  const findings = findingsOf(reportOf(igb), JSON.stringify(list), '--node', '/node.json');
  assert.equal(
    findings.map(({ path }) => path),
    ['plugins[1].trust'],
  );
});

test('reads what probe prints, with or without trying', () => {
  const node = new MemoryNode({ driver: igbvfDriver });
  node.kernel.refuse('proto 88a8', 93);
  for (const [argv, count] of [
    [['--json'], 1],
    [['--dry-run', '--json'], 0],
  ] as const) {
    const { json } = operate(node.platform, 'probe', ...argv);
    const findings = findingsOf(json, nad({ vlan: 7, vlanProto: '802.1ad' }), '--node', '/node.json');
    assert.is(findings.length, count, argv.join(' '));
  }
});

test('a file that is none is said, and nothing is checked', () => {
  const reports: Readonly<Record<string, string>> = {
    '/absent.json': '',
    '/text.json': 'x',
    '/other.json': '{"pfs": 3}',
    '/empty.json': JSON.stringify(reportOf({ ...pf('pf0', []), failure: 'all VFs are attached' })),
  };
  const { '/absent.json': _, ...there } = reports;
  const platform = createMemoryPlatform({ files: { ...there, '/nad.yaml': nad({}) } });
  for (const file of Object.keys(reports)) {
    const { code, stdout, stderr } = operate(platform, 'validate', '--node', file, '/nad.yaml');
    assert.equal([code, stdout], [1, ''], file);
    assert.match(stderr, file);
  }
  assert.match(operate(platform, 'validate', '--node', '/empty.json', '/nad.yaml').stderr, 'all VFs are attached');
});
