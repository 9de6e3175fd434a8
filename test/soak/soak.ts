// Runs the plugin many times, with good and bad input, and looks for crashes, growth, and what is left behind:
// scripts/soak.sh [COUNT].
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { Measure } from '../bench/measure.ts';
import { spreadOf } from '../bench/spread.ts';
import { FakeIpam, failing, printing } from '../blackbox/fake-ipam.ts';
import type { CniCall, CniOutcome } from '../support/cni-node.ts';
import { processesIn } from '../support/processes.ts';
import { builtExecutable, type StandInNode, withStandInNode } from '../support/stand-in-node.ts';
import { withTemporaryDirectory } from '../support/temporary-directory.ts';
import { createRandom, garble } from './garble.ts';

interface Kind {
  count: number;
  readonly codes: Map<number, number>;
  readonly peaksMb: number[];
}

class Soak {
  readonly #node: StandInNode;
  readonly #measure: Measure;
  readonly #random = createRandom(20_260_101);
  readonly #ipam: FakeIpam;
  readonly #childDescriptors: string;
  readonly kinds = new Map<string, Kind>();
  readonly problems: string[] = [];
  count = 0;

  constructor(node: StandInNode, measure: Measure) {
    this.#node = node;
    this.#measure = measure;
    this.#childDescriptors = join(node.directory, 'child-descriptors');
    const list = `ls -l /proc/self/fd > '${this.#childDescriptors}'`;
    this.#ipam = new FakeIpam(node, {
      ADD: `${list}\ncase $CNI_CONTAINERID in bad*) ${failing(7, 'no address for you')}\n;; esac\n${printing({ cniVersion: '1.0.0', ips: [{ address: '10.9.0.2/24' }, { address: 'fd00::2/64' }] })}`,
      DEL: list,
    });
  }

  /** One invocation, with descriptors open that are none of its business. */
  #run(kind: string, command: string, conf: unknown, call: CniCall = {}): CniOutcome {
    const inner = `exec 7</dev/null 9</etc/passwd; exec "$@"`;
    const program = this.#measure.around('sh', '-c', inner, 'sh', builtExecutable);
    const outcome = this.#node.cni(command, conf, { program, ...call, env: { ...this.#ipam.env, ...call.env } });
    this.count++;
    this.#judge(kind, outcome);
    return outcome;
  }

  #judge(kind: string, { status, stdout, json }: CniOutcome): void {
    const seen: Kind = this.kinds.get(kind) ?? { count: 0, codes: new Map(), peaksMb: [] };
    this.kinds.set(kind, seen);
    seen.count++;
    seen.peaksMb.push(this.#measure.read().peakMb);
    const { code = -1, msg = '' } = status === 0 ? { code: 0 } : ((json ?? {}) as { code?: number; msg?: string });
    seen.codes.set(code, (seen.codes.get(code) ?? 0) + 1);
    if (status !== 0 && status !== 1) this.problems.push(`${kind}: ended with ${status}: ${stdout}`);
    // host-local has a 999 of its own, which the plugin passes on.
    if (code === -1 || (code === 999 && !msg.startsWith('IPAM plugin')))
      this.problems.push(`${kind}: answered ${stdout}`);
  }

  #expect(kind: string, command: string, conf: unknown, call: CniCall, good: boolean): CniOutcome {
    const outcome = this.#run(kind, command, conf, call);
    if ((outcome.status === 0) !== good) this.problems.push(`${kind}: ${outcome.stdout} ${outcome.stderr}`);
    return outcome;
  }

  /** A child has its streams, the locks that it keeps until it ends, and the directory that ls reads: no more. */
  #checkChild(): void {
    const open = [...readFileSync(this.#childDescriptors, 'utf8').matchAll(/(\d+) -> (.*)/g)];
    const strange = open.filter(([, number, path = '']) => {
      return Number(number) > 2 && !path.includes('/state/.locks/') && !/^\/proc\/\d+\/fd$/.test(path);
    });
    if (open.length < 4) this.problems.push('the IPAM plugin could not list its descriptors');
    for (const [text] of strange) this.problems.push(`an IPAM plugin was started with the descriptor ${text}`);
  }

  #attachment(round: number): void {
    const node = this.#node;
    const ipam = [{}, { ipam: node.ipam() }, { ipam: { type: this.#ipam.type } }][round % 3];
    const conf = node.conf({ deviceID: node.vfPcis[round % 2], ...ipam });
    const call = { containerId: `c${round}`, ifname: `net${round % 5}` };
    const added = this.#expect('ADD', 'ADD', conf, call, true);
    this.#expect('CHECK', 'CHECK', { ...conf, prevResult: added.json }, call, true);
    this.#expect('second ADD', 'ADD', conf, { ...call, ifname: 'other' }, false);
    this.#expect('DEL', 'DEL', conf, call, true);
    this.#expect('second DEL', 'DEL', conf, call, true);
    if (round % 3 === 2) this.#checkChild();
  }

  #refusals(round: number): void {
    const node = this.#node;
    const conf = node.conf({ deviceID: node.vfPcis[0], ipam: { type: this.#ipam.type } });
    this.#expect('IPAM refuses', 'ADD', conf, { containerId: `bad${round}` }, false);
    this.#checkChild();
    this.#expect('no such netns', 'ADD', conf, { netns: '/run/netns/none' }, false);
    this.#expect('bad environment', 'ADD', conf, { containerId: `../${round}` }, false);
    this.#expect('no such verb', `VERB${round}`, conf, {}, false);
  }

  #damaged(): void {
    const node = this.#node;
    const text = garble(node.conf({ deviceID: node.vfPcis[0], vlan: 5, mtu: 1400, ipam: node.ipam() }), this.#random);
    const command = ['ADD', 'DEL', 'CHECK', 'GC', 'STATUS'][this.#random(5)] ?? 'ADD';
    const { status } = this.#run('damaged config', command, text);
    if (status === 0 && command === 'ADD') this.#expect('DEL after a damaged config', 'DEL', text, {}, true);
  }

  /** Some 15 invocations. */
  round(round: number): void {
    this.#attachment(round);
    this.#refusals(round);
    for (let each = 0; each < 4; each++) this.#damaged();
    this.#expect('VERSION', 'VERSION', '', {}, true);
    this.#expect('GC', 'GC', { ...this.#node.conf(), cniVersion: '1.1.0', 'cni.dev/valid-attachments': [] }, {}, true);
  }
}

/** Of a kind: the medians of the first and of the last tenth. */
function growthOf({ peaksMb }: Kind): readonly [number, number] {
  const tenth = Math.ceil(peaksMb.length / 10);
  return [spreadOf(peaksMb.slice(0, tenth)).median, spreadOf(peaksMb.slice(-tenth)).median];
}

const allowedGrowth = 1.05;

function report(soak: Soak, seconds: number): void {
  const lines = [`${soak.count} invocations in ${seconds.toFixed(0)} s`];
  for (const [name, kind] of soak.kinds) {
    const [first, last] = growthOf(kind);
    const codes = [...kind.codes].sort(([one], [other]) => one - other).map(([code, count]) => `${code}: ${count}`);
    lines.push(
      `  ${name.padEnd(28)}${String(kind.count).padStart(6)}  peak ${first.toFixed(1)} to ${last.toFixed(1)} MB  ${codes.join(', ')}`,
    );
    if (kind.count >= 100 && last > first * allowedGrowth) soak.problems.push(`${name} took more and more memory`);
  }
  lines.push(...soak.problems.slice(0, 20).map((problem) => `PROBLEM ${problem}`), `${soak.problems.length} problems`);
  process.stdout.write(`${lines.join('\n')}\n`);
}

function run(count: number): number {
  const begin = performance.now();
  const soak = withTemporaryDirectory((directory) =>
    withStandInNode({ built: true }, (node) => {
      // Without carrier each ADD would wait for it.
      for (const name of [0, 1].map((index) => node.vfName(index))) node.host.ip('link', 'set', name, 'up');
      const running = new Soak(node, new Measure(directory));
      // Carrier comes during this round.
      running.round(0);
      const before = JSON.stringify(node.picture());
      for (let round = 1; running.count < count; round++) running.round(round);
      const after = JSON.stringify(node.picture());
      if (after !== before) running.problems.push(`left behind: ${after} instead of ${before}`);
      const locks = readdirSync(join(node.directory, 'state/.locks'));
      if (locks.length > 0) running.problems.push(`locks left: ${locks}`);
      const processes = processesIn(node.host.path, node.pod.path);
      if (processes.length > 0) running.problems.push(`processes left: ${processes}`);
      return running;
    }),
  );
  report(soak, (performance.now() - begin) / 1e3);
  return soak.problems.length > 0 ? 1 : 0;
}

const count = Number(process.argv[2] ?? 10_000);
if (Number.isInteger(count) && count > 0) {
  process.exitCode = run(count);
} else {
  process.stderr.write('Usage: npm run soak:host -- [COUNT]\n');
  process.exitCode = 2;
}
