import type { VirtualFunction } from '../../lab/lab.ts';
import { type LabNode, nth } from '../../lab/lab-node.ts';
import { parseSample, type Sample } from '../measure.ts';
import type { Contestant } from './contestants.ts';

/** In the guest, on a file system in memory. */
const directory = '/run/bench';
export const measureProgram = `${directory}/measure`;

export const verbs = ['ADD', 'DEL'] as const;
export type Verb = (typeof verbs)[number];

/** How many attachments begin at the same time, of how many pods. */
export interface Case {
  readonly title: string;
  readonly attachments: number;
  readonly keys: Readonly<Record<string, unknown>>;
  readonly needsSettings: boolean;
  /** The aims: at most this multiple of sriov-cni's. */
  readonly most: Readonly<Partial<Record<Verb, Readonly<Partial<Sample>>>>>;
}

/** One contestant's calls in one case. They are scripts in the guest, because a call from outside takes longer. */
export class Rounds {
  readonly #node: LabNode;
  readonly #case: Case;
  readonly #contestant: Contestant;
  readonly #base: string;

  constructor(node: LabNode, which: Case, contestant: Contestant) {
    this.#node = node;
    this.#case = which;
    this.#contestant = contestant;
    this.#base = `${directory}/${contestant.name}`;
  }

  async prepare(vfs: readonly VirtualFunction[]): Promise<void> {
    const { attachments, keys } = this.#case;
    await this.#node.sh(`rm -rf ${this.#base} && mkdir -p ${this.#base}`);
    for (let number = 1; number <= attachments; number++) {
      const ofVf = this.#contestant.vfKeys(nth(vfs, number - 1));
      const conf = { cniVersion: '0.3.1', name: 'bench', ...ofVf, ...keys };
      await this.#node.writeFile(`${this.#base}/conf${number}`, JSON.stringify(conf));
    }
    for (const verb of verbs) await this.#node.writeFile(`${this.#base}/${verb}.sh`, this.#script(verb));
  }

  /** Wall time of all attachments together, sum of their CPU times, largest of their peaks. */
  async run(verb: Verb): Promise<Sample> {
    const base = this.#base;
    const text = await this.#node.sh(`
      cd ${base} && rm -f took* failed && ${measureProgram} ${base}/took sh ${base}/${verb}.sh
      if [ -e failed ]; then cat failed >&2; cat out* err* >&2; exit 1; fi
      cat took took?*`);
    const [whole, ...each] = text.trim().split('\n').map(parseSample);
    const [only] = each;
    if (whole === undefined || only === undefined || each.length !== this.#case.attachments) {
      throw new Error(`${verb} of ${this.#contestant.name}: ${text}`);
    }
    return {
      wallMs: each.length === 1 ? only.wallMs : whole.wallMs,
      cpuMs: each.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
      peakMb: Math.max(...each.map(({ peakMb }) => peakMb)),
    };
  }

  /** Runs the verb for the first attachment under strace with these options; returns what it wrote. */
  async trace(verb: Verb, options: string): Promise<string> {
    const { program } = this.#contestant;
    return this.#node.sh(`
      cd ${this.#base} && ${this.#exports(verb)}
      export CNI_CONTAINERID=pod1 CNI_NETNS=/run/netns/pod1
      strace -f -qq -o trace ${options} ${program} <conf1 >out1 || { cat out1 >&2; exit 1; }
      cat trace`);
  }

  #exports(verb: Verb): string {
    const shared = { CNI_COMMAND: verb, CNI_IFNAME: 'net1', CNI_PATH: this.#node.pluginDir };
    const words = Object.entries(shared).map(([name, value]) => `${name}=${value}`);
    return `export ${words.join(' ')}`;
  }

  #script(verb: Verb): string {
    const { program } = this.#contestant;
    const numbers = Array.from({ length: this.#case.attachments }, (_, at) => at + 1).join(' ');
    return `cd ${this.#base}
${this.#exports(verb)}
for n in ${numbers}; do
  CNI_CONTAINERID=pod$n CNI_NETNS=/run/netns/pod$n ${measureProgram} took$n ${program} <conf$n >out$n 2>err$n || echo pod$n >>failed &
done
wait
`;
  }
}
