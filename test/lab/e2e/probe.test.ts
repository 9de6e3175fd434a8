import { outcomesOfIgb } from '../../support/igb-outcomes.ts';
import { assert, suite } from '../../support/suite.ts';
import type { VirtualFunction } from '../lab.ts';
import { type LabNode, nth, withLabNode } from '../lab-node.ts';

const test = suite('lab/probe');

const withNode = (body: (node: LabNode, vfs: readonly VirtualFunction[]) => Promise<void>): Promise<void> =>
  withLabNode({ vfs: [2] }, body);

/**
 * The node's picture without queueing disciplines, which a netdev gets when it first goes up and loses on its way
 * through a pod, and without lock files of killed processes, which a DEL or a sweep removes.
 */
async function pictureOf(node: LabNode): Promise<unknown> {
  const { links, files } = (await node.picture()) as { links: readonly Record<string, unknown>[]; files: string };
  return {
    links: links.map(({ qdisc, ...link }) => link),
    files: files.split('\n').filter((path) => !path.includes('/.locks/')),
  };
}

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

/** `ip -d link show PF` without what changes by itself. */
async function recordOf(node: LabNode, vf: VirtualFunction): Promise<unknown> {
  const [{ operstate, ...pf }] = await node.ip<[Record<string, unknown>]>('link', 'show', vf.pf);
  return pf;
}

async function tellsWhatIgbTakes(node: LabNode, vfs: readonly VirtualFunction[]): Promise<void> {
  const vf = nth(vfs, 0);
  const before = await recordOf(node, vf);
  const pf = await probe(node);
  assert.equal(await recordOf(node, vf), before);
  assert.equal([pf.driver, pf.vf?.pci, pf.failure], ['igb', vf.pciAddress, null]);
  assert.match(pf.firmware ?? '', /\d/);
  const given = pf.settings.filter(({ way }) => way === null).map(spell);
  assert.equal(
    given.map((line) => line.replace(/^mac \S+/, 'mac MAC')),
    outcomesOfIgb(1280, 'MAC'),
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
}

async function validateWarnsByIt(node: LabNode): Promise<void> {
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
}

async function leavesPodsAlone(node: LabNode, vfs: readonly VirtualFunction[]): Promise<void> {
  const vf = nth(vfs, 0);
  const conf = node.conf({ deviceID: vf.pciAddress, vlan: 7 });
  await node.succeed('ADD', conf);
  const before = await pictureOf(node);
  const refused = await probe(node, vf.pciAddress);
  assert.equal([refused.settings, await pictureOf(node)], [[], before]);
  assert.match(refused.failure ?? '', 'is attached');
  assert.is((await probe(node)).vf?.pci, nth(vfs, 1).pciAddress);
  await node.succeed('DEL', conf);
}

async function isUndoneWhereKilled(node: LabNode, vfs: readonly VirtualFunction[]): Promise<void> {
  const vf = nth(vfs, 0);
  const before = await pictureOf(node);
  const conf = node.conf({ deviceID: vf.pciAddress });
  const recoveries: readonly (() => Promise<unknown>)[] = [
    () => node.operate('gc'),
    async () => {
      await node.succeed('ADD', conf);
      await node.succeed('DEL', conf);
    },
    () => probe(node, vf.pciAddress),
  ];
  const milliseconds = async (): Promise<number> => Number(await node.sh('date +%s%3N'));
  const begin = await milliseconds();
  await probe(node, vf.pciAddress);
  const wholeMs = (await milliseconds()) - begin;
  let halves = 0;
  for (let at = 0; at < 9; at++) {
    const limit = ((wholeMs / 1000) * ((at + 1) / 10)).toFixed(3);
    await node.lab.run(['timeout', '-s', 'KILL', limit, `${node.pluginDir}/dra-sriov`, 'probe', vf.pciAddress]);
    if ((await node.sh(`ls ${node.paths.state}`)).includes('probe')) halves++;
    await recoveries[at % recoveries.length]?.();
    assert.equal(await pictureOf(node), before, `killed after ${limit} s`);
  }
  assert.ok(halves >= 1, `${halves} of 9 kills left something to undo`);
}

async function waitsWithSignals(node: LabNode, vfs: readonly VirtualFunction[]): Promise<void> {
  const before = await pictureOf(node);
  const stdout = await node.sh(`
    ${node.pluginDir}/dra-sriov probe --json ${nth(vfs, 0).pciAddress} >/tmp/probe.json &
    until [ -e ${node.paths.state}/dra-sriov-probe ] || [ ! -e /proc/$!/exe ]; do :; done
    kill -TERM $!
    wait $! || true
    cat /tmp/probe.json`);
  assert.equal(await pictureOf(node), before);
  const [pf] = (JSON.parse(stdout) as Report).pfs;
  // The executable on Node doesn't hear of signals.
  assert.match(pf?.failure ?? 'signal', 'signal');
}

test('probe tells what igb takes, validate warns by it, and the PF is as before', () =>
  withNode(async (node, vfs) => {
    await tellsWhatIgbTakes(node, vfs);
    await validateWarnsByIt(node);
    await leavesPodsAlone(node, vfs);
  }));

test('killed at any time: gc, ADD and probe undo it; other signals wait', () =>
  withNode(async (node, vfs) => {
    await isUndoneWhereKilled(node, vfs);
    await waitsWithSignals(node, vfs);
  }));
