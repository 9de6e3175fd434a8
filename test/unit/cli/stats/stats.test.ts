import { MemoryNode, vfPci } from '../../../support/memory-node.ts';
import { createMemoryPlatform } from '../../../support/memory-platform.ts';
import { operate } from '../../../support/operate.ts';
import { assert, suite } from '../../../support/suite.ts';

const test = suite('cli/stats');

const env = { CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=web;K8S_POD_UID=uid-0' };

interface VfJson {
  readonly pci: string;
  readonly holder: { readonly ifname: string; readonly pod: { readonly name: string } } | null;
  readonly countedBy: string | null;
  readonly counters: Readonly<Record<string, number | null>> | null;
  readonly perSecond: Readonly<Record<string, number>> | null;
}

function attached(): MemoryNode {
  const node = new MemoryNode();
  node.succeed('ADD', node.conf(), { env });
  return node;
}

/** Something happens between the two looks. */
function whileWatched(node: MemoryNode, happens: () => void, ...argv: readonly string[]): readonly VfJson[] {
  const { sleepMs } = node.platform;
  Object.assign(node.platform, {
    sleepMs: (ms: number) => {
      happens();
      sleepMs(ms);
    },
  });
  const { json, stderr } = operate(node.platform, 'stats', '--json', ...argv);
  assert.ok(json !== undefined, stderr);
  return (json as { vfs: readonly VfJson[] }).vfs;
}

test('by the PF’s counters: totals, and rates between two looks', () => {
  const node = attached();
  const [vf] = node.vfs;
  Object.assign(vf ?? {}, { counters: [10, 20, 3000, 4000, 1, 2, 0, 5, 6] });
  const pass = (): void => {
    Object.assign(vf ?? {}, { counters: [30, 20, 13000, 4000, 1, 2, 0, 5, 6] });
  };
  const [first, second] = whileWatched(node, pass, '--every', '2s');
  assert.equal([first?.pci, first?.holder?.ifname, first?.holder?.pod.name], [vfPci(0), 'net1', 'web']);
  assert.equal([first?.countedBy, first?.counters?.['rxBytes'], first?.counters?.['txDropped']], ['pf', 13000, 6]);
  assert.equal(first?.perSecond, { rxBytes: 5000, txBytes: 0, rxPackets: 10, txPackets: 0 });
  assert.equal([second?.holder, second?.countedBy, second?.counters?.['rxBytes']], [null, 'pf', 0]);
});

test('where the PF counts nothing, by the netdev in the pod', () => {
  const node = attached();
  node.link(0).counters = [1, 2, 300, 400, 5, 6, 7, 8, 9];
  const [first, second] = whileWatched(node, () => {
    node.link(0).counters = [1, 2, 1300, 400, 5, 6, 7, 8, 9];
  });
  assert.equal([first?.countedBy, first?.counters?.['rxErrors'], first?.perSecond?.['rxBytes']], ['netdev', 5, 1000]);
  assert.equal([second?.countedBy, second?.counters, second?.perSecond], [null, null, null]);
});

test('a counter that began anew gives no rate', () => {
  const node = attached();
  node.link(0).counters = [1, 2, 300, 400];
  const [first] = whileWatched(node, () => {
    node.link(0).counters = [0, 0, 0, 1];
  });
  assert.is(first?.perSecond, null);
});

test('a table that fits 80 columns; drops stand out', () => {
  const node = attached();
  Object.assign(node.vfs[0] ?? {}, { counters: [1, 2, 1_500_000, 2_000_000_000, 1, 2, 0, 5, 6] });
  const { code, stdout } = operate(node.platform, 'stats');
  assert.is(code, 0);
  assert.match(stdout, /^VF +HOLDER +RX\/s +TX\/s +RX +TX +DROPS +ERRORS$/m);
  assert.match(stdout, /0000:3b:02\.0 +net1 of ns\/web +0 +0 +1\.5M +2\.0G +11 +-/);
  for (const line of stdout.split('\n')) assert.ok(line.length <= 80, line);
});

test('--watch looks again and again, and clears a terminal only', () => {
  for (const terminal of [true, false]) {
    const node = attached();
    let looks = 0;
    const { sleepMs } = node.platform;
    Object.assign(node.platform, {
      isTerminal: () => terminal,
      sleepMs: (ms: number) => {
        looks++;
        if (looks === 3) throw new Error('a signal');
        sleepMs(ms);
      },
    });
    const before = node.platform.stdout.length;
    assert.throws(() => operate(node.platform, 'stats', '--watch'), 'a signal');
    const shown = node.platform.stdout.slice(before);
    assert.is(shown.split('HOLDER').length - 1, 2);
    assert.is(shown.includes('\u001b[2J'), terminal);
  }
});

test('--watch follows the width of the terminal', () => {
  const node = new MemoryNode();
  const pod = 'K8S_POD_NAMESPACE=telco-core;K8S_POD_NAME=upf-dataplane-7c9d9bdb5f-x2m4k';
  node.succeed('ADD', node.conf(), { env: { CNI_ARGS: `IgnoreUnknown=1;${pod}` } });
  const widths = [70, 120];
  const shown: string[] = [];
  const { sleepMs } = node.platform;
  Object.assign(node.platform, {
    isTerminal: () => true,
    terminalColumns: () => widths[0] ?? null,
    sleepMs: (ms: number) => {
      if (shown.length > 0) widths.shift();
      shown.push('');
      if (widths.length === 0) throw new Error('a signal');
      sleepMs(ms);
    },
  });
  const before = node.platform.stdout.length;
  assert.throws(() => operate(node.platform, 'stats', '--watch'), 'a signal');
  const [, narrow = '', wide = ''] = node.platform.stdout.slice(before).split('\u001b[2J');
  assert.match(narrow, '…');
  assert.match(wide, 'net1 of telco-core/upf-dataplane-7c9d9bdb5f-x2m4k');
});

test('a node without VFs, and command lines that can’t be', () => {
  const platform = createMemoryPlatform({ files: { '/sys/bus/pci/devices/0000:00:01.0/vendor': '0x8086\n' } });
  const { code: none, stdout } = operate(platform, 'stats');
  assert.equal([none, stdout.trimEnd().split('\n').length], [0, 1]);
  for (const every of ['0', 'x', '1.5s', '25h', '-1']) {
    const { code, stderr } = operate(platform, 'stats', `--every=${every}`);
    assert.is(code, 2, every);
    assert.match(stderr, '1s to 24h');
  }
  assert.is(operate(platform, 'stats', '--watch', '--json').code, 2);
});
