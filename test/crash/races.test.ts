import { linkNames } from '../blackbox/pod-view.ts';
import type { CniCall, CniOutcome } from '../support/cni-node.ts';
import { asRoot, type TestNetns, withNetns } from '../support/netns.ts';
import { type StandInNode, withStandInNode } from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';
import { isFull } from './extent.ts';

const test = suite('crash/races');
const root = asRoot(test);

const rounds = isFull ? 100 : 4;

interface Result {
  readonly interfaces: readonly { readonly name: string; readonly pciID: string }[];
  readonly ips: readonly { readonly address: string }[];
}

async function withPods<T>(count: number, body: (pods: readonly TestNetns[]) => Promise<T>): Promise<T> {
  return count === 0 ? body([]) : withNetns((pod) => withPods(count - 1, (others) => body([...others, pod])));
}

function expectSuccess(what: string, { status, stdout, stderr }: CniOutcome): void {
  if (status !== 0) throw new Error(`${what} ended with ${status}: ${stdout}\n${stderr}`);
}

function codeOf(outcome: CniOutcome): number {
  return outcome.status === 0 ? 0 : (outcome.json as { code: number }).code;
}

/** A pod whose claim has two VFs. It is attached and detached again and again, both interfaces at the same time. */
class BusyPod {
  readonly #node: StandInNode;
  readonly #calls: readonly CniCall[];
  readonly #claim: readonly string[];
  readonly #conf: Record<string, unknown>;
  readonly #addresses: Set<string>;

  constructor(node: StandInNode, netns: TestNetns, index: number, addresses: Set<string>) {
    const [containerId, uid] = [`c${index}`, `uid-${index}`];
    this.#node = node;
    this.#claim = node.vfPcis.slice(2 * index, 2 * index + 2);
    node.writePodSpec(uid, this.#claim);
    const args = `IgnoreUnknown=1;K8S_POD_UID=${uid}`;
    this.#calls = ['net1', 'net2'].map((ifname) => ({ containerId, ifname, args, netns: netns.path }));
    this.#conf = node.conf({ cniVersion: '1.1.0', mtu: 1400, ipam: node.ipam() });
    this.#addresses = addresses;
  }

  async round(): Promise<void> {
    const added = await this.#all('ADD', () => this.#conf);
    const results = added.map(({ json }) => json as Result);
    const given = results.map((result) => result.interfaces[0]?.pciID ?? '');
    assert.equal([...given].sort(), this.#claim, 'each interface has a VF of the claim of its own');
    const addresses = results.map((result) => result.ips[0]?.address ?? '');
    for (const address of addresses) {
      assert.not(this.#addresses.has(address), `${address} is somebody else's`);
      this.#addresses.add(address);
    }
    await this.#all('CHECK', (at) => ({ ...this.#conf, prevResult: results[at] }));
    for (const address of addresses) this.#addresses.delete(address);
    await this.#all('DEL', (at) => ({ ...this.#conf, prevResult: results[at] }));
  }

  get attachments(): readonly unknown[] {
    return this.#calls.map(({ containerId, ifname }) => ({ containerID: containerId, ifname }));
  }

  async #all(command: string, conf: (at: number) => unknown): Promise<readonly CniOutcome[]> {
    const outcomes = await Promise.all(this.#calls.map((call, at) => this.#node.start(command, conf(at), call)));
    for (const [at, outcome] of outcomes.entries()) {
      expectSuccess(`${command} of ${this.#calls[at]?.containerId} ${this.#calls[at]?.ifname}`, outcome);
    }
    return outcomes;
  }
}

root(`14 VFs, ${rounds} rounds of ADD, CHECK and DEL at the same time, and GC beside them`, async () => {
  await withStandInNode({ built: true, vfs: 14 }, (node) =>
    withPods(7, async (namespaces) => {
      const addresses = new Set<string>();
      const pods = namespaces.map((netns, index) => new BusyPod(node, netns, index, addresses));
      const before = node.picture();
      let busy = true;
      let collections = 0;
      const collect = async (): Promise<void> => {
        const valid = pods.flatMap((pod) => pod.attachments);
        for (; busy; collections++) {
          const list = collections % 2 === 0 ? { 'cni.dev/valid-attachments': valid } : {};
          expectSuccess('GC', await node.start('GC', node.conf({ cniVersion: '1.1.0', ipam: node.ipam(), ...list })));
        }
      };
      const collecting = collect();
      const attach = async (pod: BusyPod): Promise<void> => {
        // As long as GC takes for as many of its own.
        for (let round = 0; round < rounds || collections < rounds; round++) await pod.round();
      };
      try {
        await Promise.all(pods.map(attach));
      } finally {
        busy = false;
      }
      await collecting;
      assert.equal(node.picture(), before);
    }),
  );
});

root(`a new pod's ADD while the old one's DEL runs on the same VF, ${rounds} times`, async () => {
  await withStandInNode({ built: true }, (node) =>
    withPods(2, async (pods) => {
      const conf = node.conf({ deviceID: node.vfPcis[0], mac: '02:00:00:00:00:01', mtu: 1400, ipam: node.ipam() });
      const podOf = (at: number): TestNetns => pods[at] ?? node.pod;
      const callOf = (at: number): CniCall => ({ containerId: `c${at}`, netns: podOf(at).path });
      const before = node.picture();
      node.succeed('ADD', conf, callOf(0));
      for (let round = 0; round < rounds; round++) {
        const [old, next] = [round % 2, 1 - (round % 2)];
        const [deleted, added] = await Promise.all([
          node.start('DEL', conf, callOf(old)),
          node.start('ADD', conf, callOf(next)),
        ]);
        expectSuccess('DEL', deleted);
        assert.ok([0, 102].includes(codeOf(added)), added.stdout);
        if (added.status !== 0) node.succeed('ADD', conf, callOf(next));
        assert.ok(linkNames(podOf(next)).includes('net1'));
        assert.is(node.leases().length, 1);
      }
      node.succeed('DEL', conf, callOf(rounds % 2));
      assert.equal(node.picture(), before);
    }),
  );
});

root(`one ADD and one DEL, each twice at the same time, ${rounds} times`, async () => {
  await withStandInNode({ built: true }, async (node) => {
    const conf = node.conf({ deviceID: node.vfPcis[0], mac: '02:00:00:00:00:01', ipam: node.ipam() });
    const before = node.picture();
    const twice = (command: string): Promise<readonly CniOutcome[]> =>
      Promise.all([node.start(command, conf), node.start(command, conf)]);
    for (let round = 0; round < rounds; round++) {
      assert.equal((await twice('ADD')).map(codeOf).sort(), [0, 112]);
      assert.is(node.leases().length, 1);
      for (const outcome of await twice('DEL')) expectSuccess('DEL', outcome);
      assert.equal(node.picture(), before);
    }
  });
});
