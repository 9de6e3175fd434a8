// sbr, tuning and vrf change a pod with attachments on real VFs in the same way behind this plugin and behind
// host-device.
import { clusterPodScript } from '../../support/cluster-pod.ts';
import { differences } from '../../support/differences.ts';
import { hasGo } from '../../support/go.ts';
import { peer, peerSupports } from '../../support/peers.ts';
import { assert, suite } from '../../support/suite.ts';
import { must } from '../command.ts';
import type { VirtualFunction } from '../lab.ts';
import { type LabCall, type LabNode, nth } from '../lab-node.ts';
import { type NodeBody, onSharedNode } from '../shared-node.ts';

const test = suite('lab/chains');
const onNode = onSharedNode(test, { vfs: [2] });

type Json = Readonly<Record<string, unknown>>;

const pod = 'chained';

function withChain(name: string, body: NodeBody): void {
  if (peerSupports('sbr', '1.1.0')) onNode(name, body);
  else test.skip(name, 'there is no sbr on this machine that speaks CNI 1.1.0: it needs Go', { allowedInCi: !hasGo() });
}

/** One network, attached twice in one pod; `first` is the plugin of the VF. */
class Chain {
  readonly #node: LabNode;
  readonly #later: readonly Json[];
  readonly #first: (vf: VirtualFunction) => Json;
  readonly #side: string;
  readonly #results: unknown[] = [];

  constructor(node: LabNode, side: string, first: (vf: VirtualFunction) => Json, later: readonly Json[]) {
    this.#node = node;
    this.#side = side;
    this.#first = first;
    this.#later = later;
  }

  async attach(vfs: readonly VirtualFunction[]): Promise<void> {
    for (const [index, vf] of vfs.entries()) {
      let result: unknown;
      for (const conf of this.#confs(vf)) {
        result = await this.#node.attach({ ...conf, prevResult: result }, this.#call(conf, index));
      }
      this.#results.push(result);
    }
  }

  async check(vfs: readonly VirtualFunction[]): Promise<void> {
    for (const [index, vf] of vfs.entries()) {
      for (const conf of this.#confs(vf)) await this.#end('CHECK', conf, index);
    }
  }

  /** The message of the first plugin's CHECK of the first attachment, which has to fail. */
  async differences(vf: VirtualFunction): Promise<string> {
    const [conf = {}] = this.#confs(vf);
    const checked = { ...conf, prevResult: this.#results[0] };
    return (await this.#node.fail('CHECK', checked, this.#call(conf, 0))).msg;
  }

  async detach(vfs: readonly VirtualFunction[]): Promise<void> {
    for (const [index, vf] of vfs.entries()) {
      for (const conf of this.#confs(vf).toReversed()) await this.#end('DEL', conf, index);
    }
  }

  async #end(command: string, conf: Json, index: number): Promise<void> {
    await this.#node.succeed(command, { ...conf, prevResult: this.#results[index] }, this.#call(conf, index));
  }

  #confs(vf: VirtualFunction): readonly Json[] {
    const routes = [{ dst: '10.9.0.0/16' }, { dst: '0.0.0.0/0' }, { dst: 'fd00:9::/32' }];
    const ranges = [[{ subnet: '10.0.2.0/24' }], [{ subnet: 'fd00:2::/64' }]];
    // Each side has a store of its own, so that both begin with the same addresses.
    const dataDir = `${this.#node.paths.ipam}/${this.#side}`;
    const ipam = { type: 'host-local', dataDir, ranges, routes };
    const common = { cniVersion: '1.1.0', name: 'vf-test1' };
    return [{ ...this.#first(vf), ipam }, ...this.#later].map((conf) => ({ ...common, ...conf }));
  }

  #call({ type }: Json, index: number): LabCall {
    const program = type === 'sriov' ? {} : { program: peer(String(type)) ?? String(type) };
    return { pod, ifname: `net${index + 1}`, ...program };
  }
}

async function pictureOf(node: LabNode): Promise<Json> {
  const list = (...args: readonly string[]): Promise<readonly Json[]> => node.ip('-n', pod, ...args);
  const links = await list('addr', 'show');
  const routes = async (family: string): Promise<readonly string[]> =>
    (await list(family, 'route', 'show', 'table', 'all')).map((route) => JSON.stringify(route)).sort();
  return {
    links: links.map(({ ifname, addr_info, mtu, address, master }) => ({
      ifname,
      addr_info,
      mtu,
      // A VRF's address is random.
      address: String(ifname).startsWith('net') ? address : null,
      master,
    })),
    routes: await routes('-4'),
    routes6: await routes('-6'),
    rules: await list('-4', 'rule', 'show'),
    rules6: await list('-6', 'rule', 'show'),
  };
}

/**
 * ADD, CHECK and DEL of a chain with this plugin and with host-device: the pods are the same. host-device's CHECK looks
 * for the gateway in the main table alone, from which sbr and vrf take it.
 */
async function compare(
  node: LabNode,
  vfs: readonly VirtualFunction[],
  later: readonly Json[],
  check: (ours: Chain) => Promise<void>,
): Promise<void> {
  const ours = new Chain(node, 'ours', ({ pciAddress }) => ({ type: 'sriov', deviceID: pciAddress }), later);
  const theirs = new Chain(node, 'theirs', ({ netdev }) => ({ type: 'host-device', device: netdev }), later);
  const pictures: Json[] = [];
  for (const chain of [ours, theirs]) {
    await node.sh(`ip netns add ${pod}`);
    await must(node.lab, ['ip', 'netns', 'exec', pod, 'sh', '-c', clusterPodScript]);
    await chain.attach(vfs);
    pictures.push(await pictureOf(node));
    if (chain === ours) await check(ours);
    else assert.match(await theirs.differences(nth(vfs, 0)), 'Failed to find Gateway 10.0.2.1 for interface net1');
    await chain.detach(vfs);
    await node.removePod(pod);
  }
  const [one, other] = pictures;
  assert.equal(differences(one, other), []);
}

withChain('sbr behind two attachments: CHECK passes, and the pod is as behind host-device', async (node, vfs) => {
  await compare(node, vfs, [{ type: 'sbr' }], (ours) => ours.check(vfs));
});

withChain(
  'tuning and vrf behind an attachment: CHECK passes, and the pod is as behind host-device',
  async (node, vfs) => {
    const one = vfs.slice(0, 1);
    const later = [
      { type: 'tuning', mtu: 1400 },
      { type: 'vrf', vrfname: 'blue', table: 42 },
    ];
    await compare(node, one, later, (ours) => ours.check(one));
  },
);

withChain(
  'vrf behind two attachments replaces the first’s routes by the second’s: CHECK says so',
  async (node, vfs) => {
    await compare(node, vfs, [{ type: 'vrf', vrfname: 'blue' }], async (ours) => {
      assert.match(await ours.differences(nth(vfs, 0)), 'net1: route 10.9.0.0/16 via 10.0.2.1 ');
    });
  },
);
