import { assert, suite } from '../../support/suite.ts';
import type { VirtualFunction } from '../lab.ts';
import { type LabNode, nth } from '../lab-node.ts';
import { onSharedNode } from '../shared-node.ts';

const test = onSharedNode(suite('lab/probe'), { vfs: [2] });

interface Tried {
  readonly key: string;
  readonly value: string;
  readonly way: string | null;
  readonly outcome: string;
  readonly errno: string | null;
}

interface ProbedPf {
  readonly driver: string;
  readonly firmware: string | null;
  readonly vf: { readonly pci: string } | null;
  readonly failure: string | null;
  readonly settings: readonly Tried[];
}

interface Report {
  readonly kernel: string;
  readonly pfs: readonly ProbedPf[];
}

const spell = ({ key, value, outcome, errno }: Tried): string =>
  [key, value, outcome, ...(errno === null ? [] : [errno])].join(' ');

async function probe(node: LabNode, ...argv: readonly string[]): Promise<ProbedPf> {
  const { stdout, stderr } = await node.operate('probe', '--json', ...argv);
  assert.is(stderr, '');
  const [pf] = (JSON.parse(stdout) as Report).pfs;
  if (pf === undefined) throw new Error(stdout);
  return pf;
}

/** `ip -d link show PF`, but for what changes by itself. */
async function recordOf(node: LabNode, vf: VirtualFunction): Promise<unknown> {
  const [{ operstate, ...pf }] = await node.ip<[Record<string, unknown>]>('link', 'show', vf.pf);
  return pf;
}

test('what igb takes and refuses is told, and ip shows the PF as it was', async (node, vfs) => {
  const vf = nth(vfs, 0);
  const before = await recordOf(node, vf);
  const pf = await probe(node);
  assert.equal(await recordOf(node, vf), before);
  assert.equal([pf.driver, pf.vf?.pci, pf.failure], ['igb', vf.pciAddress, null]);
  assert.match(pf.firmware ?? '', /\d/);
  const given = pf.settings.filter(({ way }) => way === null).map(spell);
  assert.equal(
    given.map((line) => line.replace(/^mac \S+/, 'mac MAC')),
    [
      'vlan 100 taken',
      'vlanQoS 5 taken',
      'vlanProto 802.1q taken',
      'vlanProto 802.1ad refused EPROTONOSUPPORT',
      'mtu 1280 taken',
      'spoofchk off taken',
      'spoofchk on taken',
      'trust on taken',
      'trust off taken',
      'link_state auto refused EOPNOTSUPP',
      'link_state enable refused EOPNOTSUPP',
      'link_state disable refused EOPNOTSUPP',
      'min_tx_rate 50 refused EINVAL',
      'max_tx_rate 100 taken',
      'mac MAC taken',
    ],
  );
  assert.equal(
    pf.settings.filter(({ way }) => way !== null).map(({ way, outcome }) => `${way}: ${outcome}`),
    [
      'the VF alone: taken',
      'the PF alone: ignored',
      'the PF, then the VF: refused',
      'the PF, then the VF goes up: taken',
    ],
  );
});

test('validate warns of a definition by what was tried on the node', async (node) => {
  const config = node.conf({ vlan: 100, vlanProto: '802.1ad', link_state: 'enable', trust: 'on' });
  await node.writeFile('/tmp/net.conf', JSON.stringify(config, null, 2));
  await node.writeFile('/tmp/node.json', (await node.operate('probe', '--json')).stdout);
  const { status, stdout } = await node.operate('validate', '--node', '/tmp/node.json', '--json', '/tmp/net.conf');
  assert.is(status, 0);
  const { files } = JSON.parse(stdout) as {
    files: readonly [{ findings: readonly { path: string; message: string }[] }];
  };
  assert.equal(
    files[0].findings.map(({ path }) => path),
    ['vlanProto', 'link_state'],
  );
  assert.match(files[0].findings[0]?.message ?? '', 'EPROTONOSUPPORT');
});

test('a VF that a pod has is left alone', async (node, vfs) => {
  const vf = nth(vfs, 0);
  const conf = node.conf({ deviceID: vf.pciAddress, vlan: 7 });
  await node.succeed('ADD', conf);
  const before = await node.picture();
  const refused = await probe(node, vf.pciAddress);
  assert.equal([refused.settings, await node.picture()], [[], before]);
  assert.match(refused.failure ?? '', 'is attached');
  assert.is((await probe(node)).vf?.pci, nth(vfs, 1).pciAddress);
  await node.succeed('DEL', conf);
});

test('killed at any time, it is undone by gc, by the next ADD, and by the next probe', async (node, vfs) => {
  const vf = nth(vfs, 0);
  const before = await node.picture();
  const conf = node.conf({ deviceID: vf.pciAddress });
  const recoveries: readonly (() => Promise<unknown>)[] = [
    () => node.operate('gc'),
    async () => {
      await node.succeed('ADD', conf);
      await node.succeed('DEL', conf);
    },
    () => probe(node, vf.pciAddress),
  ];
  let halves = 0;
  for (let at = 0; at < 9; at++) {
    const limit = `${(at + 2) / 10}`;
    await node.lab.run(['timeout', '-s', 'KILL', limit, `${node.pluginDir}/dra-sriov`, 'probe', vf.pciAddress]);
    if ((await node.sh(`ls ${node.paths.state}`)).includes('probe')) halves++;
    await recoveries[at % recoveries.length]?.();
    assert.equal(await node.picture(), before, `killed after ${limit} s`);
  }
  assert.ok(halves >= 3, `${halves} of 9 kills left something to undo`);
});

test('a signal ends it when the VF is as it was', async (node, vfs) => {
  const before = await node.picture();
  const { stdout } = await node.lab.run([
    'timeout',
    '--preserve-status',
    '--signal=TERM',
    '0.5',
    `${node.pluginDir}/dra-sriov`,
    'probe',
    '--json',
    nth(vfs, 0).pciAddress,
  ]);
  assert.equal(await node.picture(), before);
  const [pf] = (JSON.parse(stdout) as Report).pfs;
  assert.match(pf?.failure ?? 'it came to its end', 'signal');
});
