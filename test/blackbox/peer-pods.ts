// Two equal pods of one node: ours is attached by the executable, theirs by containernetworking's host-device,
// everything else by the same plugins. What `ip` shows of the two, and the results, are compared field by field.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { clusterPodScript } from '../support/cluster-pod.ts';
import type { CniOutcome } from '../support/cni-node.ts';
import { type Difference, differences } from '../support/differences.ts';
import { type TestNetns, withNetns } from '../support/netns.ts';
import { peer } from '../support/peers.ts';
import { type StandInNode, withStandInNode } from '../support/stand-in-node.ts';

export type Json = Readonly<Record<string, unknown>>;

/** A network as an operator writes it: IPAM, and the plugins behind the first of the chain. */
export interface PeerNetwork {
  readonly cniVersion?: string;
  readonly ipam?: Json;
  readonly chain?: readonly Json[];
  /** More keys of the first plugin. */
  readonly keys?: Json;
}

/** MACs of the VFs, the same in each pod, so that link-local addresses are the same, too. */
const macOf = (index: number): string => `02:00:00:00:02:0${index}`;
const vfsOfPod = 4;

/** One of the two pods, with the plugin that attaches it. */
class PeerPod {
  readonly netns: TestNetns;
  readonly #node: StandInNode;
  readonly #isOurs: boolean;

  constructor(node: StandInNode, netns: TestNetns, isOurs: boolean) {
    this.#node = node;
    this.netns = netns;
    this.#isOurs = isOurs;
    const begin = isOurs ? 0 : vfsOfPod;
    for (let index = 0; index < vfsOfPod; index += 2) {
      node.host.run('ip', 'link', 'set', `vf${begin + index}`, 'address', macOf(index));
      node.host.run('ip', 'link', 'set', `vf${begin + index + 1}`, 'up');
    }
    netns.run('sh', '-c', clusterPodScript);
  }

  /** Runs all plugins of the chain; the outcome is that of the last, or of the first that fails. */
  add(network: PeerNetwork, attachment: number): CniOutcome {
    let outcome: CniOutcome | null = null;
    for (const conf of this.#chain(network, attachment)) {
      outcome = this.#run('ADD', conf, attachment, outcome?.json);
      if (outcome.status !== 0) break;
    }
    return outcome as CniOutcome;
  }

  /** The first failure, or the last's success. */
  check(network: PeerNetwork, attachment: number, result: unknown): CniOutcome {
    const outcomes = this.#chain(network, attachment).map((conf) => this.#run('CHECK', conf, attachment, result));
    return outcomes.find(({ status }) => status !== 0) ?? (outcomes[0] as CniOutcome);
  }

  del(network: PeerNetwork, attachment: number, result: unknown): CniOutcome {
    const confs = this.#chain(network, attachment).toReversed();
    const outcomes = confs.map((conf) => this.#run('DEL', conf, attachment, result));
    return outcomes.find(({ status }) => status !== 0) ?? (outcomes[0] as CniOutcome);
  }

  /** What `ip` shows: addresses, routes of all tables, rules. */
  picture(): Json {
    const [v4, v6] = (['-4', '-6'] as const).map((family) => {
      const [links = [], rules, routes = []] = this.#ipBatch(family, 'addr show', 'rule show', 'route show table all');
      return { links: (links as readonly Json[]).map(describeLink), rules, routes };
    });
    return { v4, v6 };
  }

  /** The JSON of each command, without the last one if it printed nothing. */
  #ipBatch(family: '-4' | '-6', ...commands: readonly string[]): readonly unknown[] {
    const args = ['-j', '-details', family, '-n', this.netns.name, '-batch', '-'];
    const output = execFileSync('ip', args, { input: `${commands.join('\n')}\n`, encoding: 'utf8' });
    return output.split('\n').flatMap((line) => (line.trim() === '' ? [] : [JSON.parse(line)]));
  }

  /** A result without what names the pod. */
  describe(outcome: CniOutcome): unknown {
    if (outcome.status !== 0) return 'failed';
    return JSON.parse(JSON.stringify(outcome.json).replaceAll(this.netns.path, 'POD'));
  }

  #chain({ cniVersion = '1.1.0', ipam, chain = [], keys = {} }: PeerNetwork, attachment: number): Json[] {
    const name = 'vf-test1';
    const vf = attachment * 2 + (this.#isOurs ? 0 : vfsOfPod);
    const dataDir = join(this.#node.directory, this.#isOurs ? 'ipam' : 'peer-ipam');
    const own = this.#isOurs
      ? { type: 'dra-sriov', deviceID: this.#node.vfPcis[vf] }
      : { type: 'host-device', device: `vf${vf}` };
    const addressing = ipam === undefined ? {} : { ipam: { ...ipam, dataDir } };
    const tuned = join(this.#node.directory, this.#isOurs ? 'tuning' : 'peer-tuning');
    return [{ ...own, ...keys, ...addressing }, ...chain.map((conf) => ({ dataDir: tuned, ...conf }))].map((conf) => ({
      cniVersion,
      name,
      ...conf,
    }));
  }

  #run(command: string, conf: Json, attachment: number, prevResult: unknown): CniOutcome {
    const type = conf['type'] as string;
    const whole = prevResult === undefined || prevResult === null ? conf : { ...conf, prevResult };
    return this.#node.cni(command, whole, {
      containerId: this.#isOurs ? 'ours' : 'theirs',
      ifname: `net${attachment + 1}`,
      netns: this.netns.path,
      ...(type === 'dra-sriov' ? {} : { program: [peer(type) ?? type] }),
    });
  }
}

function describeLink({ ifname, addr_info, mtu, address, master }: Json): Json {
  return { ifname, addr_info, mtu, address, master };
}

/** The outcome of one network in both pods. */
export interface Comparison {
  /** Both have attached it. */
  readonly attached: boolean;
  readonly differences: readonly Difference[];
}

/** Both pods of a node, for `body`. */
export class PeerPods {
  readonly #ours: PeerPod;
  readonly #theirs: PeerPod;
  readonly #before: readonly [Json, Json];

  constructor(node: StandInNode, theirs: TestNetns) {
    this.#ours = new PeerPod(node, node.pod, true);
    this.#theirs = new PeerPod(node, theirs, false);
    this.#before = this.#pictures();
  }

  /**
   * ADD, CHECK and DEL of one network in both pods, attached that many times. Returns the differences after each, and
   * the leftovers.
   */
  compare(network: PeerNetwork, attachments = 1): Comparison {
    const found: Difference[] = [];
    const added = Array.from({ length: attachments }, (_, index) => this.#both((pod) => pod.add(network, index)));
    const attached = added.flat().every(({ status }) => status === 0);
    for (const [index, pair] of added.entries()) found.push(...this.#compareOutcomes(pair, `ADD ${index + 1}`));
    if (attached) found.push(...this.#comparePods(), ...this.#compareChecks(network, added));
    for (const [index, pair] of added.entries()) {
      const ended = this.#both((pod, side) => pod.del(network, index, resultOf(pair[side])));
      found.push(...this.#compareOutcomes(ended, `DEL ${index + 1}`));
      if (attached && index + 1 < attachments) found.push(...this.#comparePods(`after DEL ${index + 1}: `));
    }
    found.push(...differences(this.#pictures(), this.#before, 'left over'));
    return { attached, differences: found };
  }

  #both<T>(run: (pod: PeerPod, side: 0 | 1) => T): [T, T] {
    return [run(this.#ours, 0), run(this.#theirs, 1)];
  }

  #pictures(): [Json, Json] {
    return this.#both((pod) => pod.picture());
  }

  #compareOutcomes([ours, theirs]: readonly [CniOutcome, CniOutcome], where: string): Difference[] {
    const words = ({ status, stdout }: CniOutcome): string => (status === 0 ? 'succeeded' : stdout);
    if ((ours.status === 0) !== (theirs.status === 0)) return [{ where, ours: words(ours), theirs: words(theirs) }];
    return differences(this.#ours.describe(ours), this.#theirs.describe(theirs), where);
  }

  #compareChecks(network: PeerNetwork, added: readonly (readonly [CniOutcome, CniOutcome])[]): Difference[] {
    return added.flatMap((pair, index) => {
      const checked = this.#both((pod, side) => pod.check(network, index, pair[side].json));
      return this.#compareOutcomes(checked, `CHECK ${index + 1}`);
    });
  }

  /** IPv6 addresses get their local routes a moment after they are added. */
  #comparePods(prefix = ''): Difference[] {
    for (let tries = 1; ; tries++) {
      const found = differences(...this.#pictures());
      if (found.length === 0 || tries === 40)
        return found.map((each) => ({ ...each, where: `${prefix}${each.where}` }));
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    }
  }
}

function resultOf(outcome: CniOutcome): unknown {
  return outcome.status === 0 ? outcome.json : undefined;
}

export function withPeerPods(body: (pods: PeerPods) => void): void {
  withStandInNode({ built: true, vfs: 2 * vfsOfPod }, (node) => {
    withNetns((theirs) => body(new PeerPods(node, theirs)));
  });
}
