import { assert, suite } from '../../support/suite.ts';
import { nth, since11 } from '../lab-node.ts';
import { onSharedNode } from '../shared-node.ts';

const test = onSharedNode(suite('lab/settings'), { vfs: [2] });

interface Case {
  readonly what: string;
  /** Settings that an administrator gave the VF before, as `ip link set PF vf N` takes them. */
  readonly before: string;
  readonly conf: Readonly<Record<string, unknown>>;
  readonly wanted: { readonly spoofchk: boolean; readonly trust: boolean; readonly maxTx: number };
}

const asMade = 'spoofchk on trust off max_tx_rate 0';
const changed = 'spoofchk off trust on max_tx_rate 300';

const cases: readonly Case[] = [
  {
    what: 'all changed from what a new VF has',
    before: asMade,
    conf: { spoofchk: 'off', trust: 'on', max_tx_rate: 200 },
    wanted: { spoofchk: false, trust: true, maxTx: 200 },
  },
  {
    what: 'all changed from what the administrator set',
    before: changed,
    conf: { spoofchk: 'on', trust: 'off', min_tx_rate: 0, max_tx_rate: 0 },
    wanted: { spoofchk: true, trust: false, maxTx: 0 },
  },
  {
    what: 'absent keys leave what the administrator set',
    before: changed,
    conf: {},
    wanted: { spoofchk: false, trust: true, maxTx: 300 },
  },
  {
    what: 'one key leaves the others',
    before: changed,
    conf: { trust: 'off', mac: '02:00:00:00:05:01' },
    wanted: { spoofchk: false, trust: false, maxTx: 300 },
  },
];

test('spoofchk, trust and max_tx_rate: as asked while attached, as before after DEL', async (node, vfs) => {
  const vf = nth(vfs, 0);
  const set = (settings: string): Promise<string> => node.sh(`ip link set ${vf.pf} vf ${vf.index} ${settings}`);
  for (const { what, before, conf: keys, wanted } of cases) {
    await set(before);
    const picture = await node.picture();
    const conf = node.conf({ deviceID: vf.pciAddress, ...keys });
    await node.succeed('ADD', conf);
    const { spoofchk, trust, rate } = await node.vfInfo(vf);
    const { maxTx, ...flags } = wanted;
    assert.equal({ spoofchk, trust, rate }, { ...flags, rate: { max_tx: maxTx, min_tx: 0 } }, what);
    await node.succeed('DEL', conf);
    assert.equal(await node.picture(), picture, what);
  }
  await set(asMade);
});

test('mtu: frames of that size pass, and DEL gives back what the VF had, whatever the pod made of it', async (node, vfs) => {
  const [vf, peer] = [nth(vfs, 0), nth(vfs, 1)];
  // The PF resets for a new MTU, and its carrier comes back a little later.
  const setMtu = (ofPf: number, ofVf: number): Promise<string> =>
    node.sh(`set -e
      ip link set ${vf.pf} mtu ${ofPf} && ip link set ${vf.netdev} mtu ${ofVf}
      until [ "$(cat /sys/class/net/${vf.pf}/carrier)" = 1 ]; do sleep 0.02; done`);
  const conf = (deviceID: string, mtu?: number): Record<string, unknown> =>
    node.conf({ deviceID, ...(mtu === undefined ? {} : { mtu }), ipam: node.ipam() });
  await setMtu(9000, 1400);
  const before = await node.picture();

  const added = await node.attach(conf(vf.pciAddress, 4000));
  await node.succeed('ADD', conf(peer.pciAddress, 9000), { pod: 'pod2' });
  assert.is(added.interfaces[0]?.mtu, since11(4000));
  assert.is((await node.link('net1', 'pod1')).mtu, 4000);
  assert.is((await node.link('net1', 'pod2')).mtu, 9000, 'as much as the PF’s');
  const target = await node.address('pod2');
  // 28 bytes of IPv4 and ICMP headers; -M do: never in fragments.
  const ping = async (bytes: number): Promise<number> => {
    const script = `ip netns exec pod1 ping -c 1 -W 2 -M do -s ${bytes - 28} ${target}`;
    return (await node.lab.sh(script)).status;
  };
  assert.is(await ping(4000), 0, 'a frame as large as the MTU');
  assert.is.not(await ping(4001), 0, 'a larger one');
  await node.succeed('DEL', conf(vf.pciAddress, 4000));
  await node.succeed('DEL', conf(peer.pciAddress, 9000), { pod: 'pod2' });
  assert.equal(await node.picture(), before);

  await node.succeed('ADD', conf(vf.pciAddress));
  assert.is((await node.link('net1', 'pod1')).mtu, 1400, 'no mtu asked for: as it was');
  await node.sh('ip -n pod1 link set net1 mtu 1300');
  await node.succeed('DEL', conf(vf.pciAddress));
  assert.equal(await node.picture(), before);
  await setMtu(1500, 1500);
});
