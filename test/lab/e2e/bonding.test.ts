// Two VFs of different PFs in one active-backup bond (conf-examples/bonded-*.yaml), and one PF that loses its link. The
// environment variable BOND_CNI names an executable of bond-cni, of which there is no Go module that could be built.
import { copyFileSync, cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { assert, suite } from '../../support/suite.ts';
import { must } from '../command.ts';
import { type LabCall, type LabNode, nth } from '../lab-node.ts';
import { reportToStderr } from '../progress.ts';
import { kitPath } from '../setup/kit.ts';
import { provision } from '../setup/provision.ts';
import { onSharedNode } from '../shared-node.ts';

const bonding = suite('lab/bonding');
const test = onSharedNode(bonding, { vfs: [1, 2] });

const address = '10.0.2.10/24';
const peerAddress = '10.0.2.20';

/** Who makes the bond in the pod, and what it undoes before the VFs' DELs. */
interface Maker {
  readonly who: string;
  /** Keys of the VFs' configs. */
  readonly settings: Readonly<Record<string, unknown>>;
  make(node: LabNode): Promise<void>;
  unmake(node: LabNode): Promise<void>;
}

/** An application with NET_ADMIN, which leaves its bond when it ends; `ip` plays it. */
function application(failOverMac: 'active' | 'none', settings: Maker['settings']): Maker {
  return {
    who: `the application, fail_over_mac ${failOverMac}`,
    settings,
    make: (node) => makeBond(node, failOverMac, ''),
    unmake: async () => undefined,
  };
}

const byItself = application('active', {});
/** This bond changes the second VF's MAC. VFs of the same PF then can't reach it, so no traffic is tried. */
const withOneMac = application('none', { trust: 'on' });

/** The steps of bond-cni, whose DEL the runtime runs before those of the VFs, as it was attached last. */
const plugin: Maker = {
  who: 'the steps of bond-cni',
  settings: {},
  make: (node) => makeBond(node, 'active', 'ip -n pod1 link set $each up'),
  async unmake(node) {
    await node.sh(`
      set -e
      ip -n pod1 link set bond0 down
      for each in net1 net2; do
        ip -n pod1 link set $each down
        ip -n pod1 link set $each nomaster
        ip -n pod1 link set $each up
      done
      ip -n pod1 link del bond0`);
  },
};

/** The config of the example, with the addresses of these tests. */
function exampleConf(node: LabNode): Record<string, unknown> {
  const path = join(import.meta.dirname, '../../../conf-examples/bonded-by-bond-cni.yaml');
  const configs = [...readFileSync(path, 'utf8').matchAll(/^ {4}\{\n(?: {6}.*\n)+ {4}\}$/gm)].map(([text]) =>
    JSON.parse(text),
  );
  const conf = configs.find(({ type }) => type === 'bond');
  const [own = ''] = address.split('/');
  return { ...conf, ipam: node.ipam('10.0.2.0/24', { rangeStart: own, rangeEnd: own }) };
}

/** Puts bond-cni into the guest. Its library needs sockets of XFRM and netfilter, which hosts usually have. */
async function install(node: LabNode, executable: string): Promise<void> {
  const { host, guest } = node.lab.share;
  const kit = await provision(reportToStderr);
  copyFileSync(executable, join(host, 'bond'));
  copyFileSync(kitPath.busybox(kit), join(host, 'busybox'));
  cpSync(kitPath.modulesOnDemand(kit), join(host, 'modules'), { recursive: true });
  await node.sh(`
    cp ${guest}/bond ${node.pluginDir}/
    for each in xfrm_algo xfrm_user nfnetlink; do
      [ ! -e ${guest}/modules/$each.ko ] || ${guest}/busybox insmod ${guest}/modules/$each.ko
    done`);
}

function bondCni(executable: string): Maker {
  const call = (node: LabNode): LabCall => ({ ifname: 'bond0', program: `${node.pluginDir}/bond` });
  return {
    who: 'bond-cni',
    settings: {},
    async make(node) {
      await install(node, executable);
      await node.succeed('ADD', exampleConf(node), call(node));
    },
    unmake: async (node) => void (await node.succeed('DEL', exampleConf(node), call(node))),
  };
}

async function makeBond(node: LabNode, failOverMac: string, then: string): Promise<void> {
  await node.sh(`
    set -e
    ip -n pod1 link add bond0 type bond mode active-backup miimon 100 fail_over_mac ${failOverMac}
    for each in net1 net2; do
      ip -n pod1 link set $each down
      ip -n pod1 link set $each master bond0
      ${then}
    done
    ip -n pod1 link set bond0 up
    ip -n pod1 addr add ${address} dev bond0`);
}

/** Waits until both VFs have a link, and makes the bond use the first, not the one that was up earlier. */
async function useFirst(node: LabNode): Promise<void> {
  const script = `until [ "$(grep -c '^MII Status: up' /proc/net/bonding/bond0)" = 3 ]; do sleep 0.1; done`;
  await must(node.lab, ['ip', 'netns', 'exec', 'pod1', 'timeout', '120', 'sh', '-c', script], { timeoutMs: 150_000 });
  await node.sh('ip -n pod1 link set bond0 type bond active_slave net1');
}

async function awaitActive(node: LabNode, slave: string): Promise<void> {
  const script = 'until [ "$(cat /sys/class/net/bond0/bonding/active_slave)" = "$0" ]; do sleep 0.1; done';
  const inPod = ['ip', 'netns', 'exec', 'pod1', 'timeout', '120', 'sh', '-c', script, slave];
  await must(node.lab, inPod, { timeoutMs: 150_000 });
}

const executable = process.env['BOND_CNI'];
const makers = [byItself, plugin, ...(executable === undefined ? [] : [bondCni(executable)])];
if (executable === undefined) bonding.skip('a bond by bond-cni', 'BOND_CNI is not set', { allowedInCi: true });

for (const maker of makers) {
  test(`a bond of two VFs by ${maker.who}: traffic goes on when a PF loses its link, and both VFs come back`, async (node, vfs) => {
    const [first, second, other] = [nth(vfs, 0), nth(vfs, 1), nth(vfs, 2)];
    const confs = [first, second].map((vf, at) => [
      node.conf({ deviceID: vf.pciAddress, ...maker.settings }),
      { ifname: `net${at + 1}` },
    ]) as [Record<string, unknown>, { ifname: string }][];
    const ofPeer = node.conf({ deviceID: other.pciAddress });
    const peerCall = { pod: 'pod2' };
    for (const [conf, call] of confs) await node.succeed('ADD', conf, call);
    await node.succeed('ADD', ofPeer, peerCall);
    await node.sh(`ip -n pod2 addr add ${peerAddress}/24 dev net1`);
    await maker.make(node);

    await useFirst(node);
    assert.ok(await node.reaches('pod1', peerAddress), 'before');
    await node.sh(`ip link set ${first.pf} down`);
    await awaitActive(node, 'net2');
    assert.ok(await node.reaches('pod1', peerAddress), 'while the first PF has no link');
    assert.ok(await node.reaches('pod2', address.replace('/24', '')), 'from the other side, too');
    await node.sh(`
      ip link set ${first.pf} up
      until [ "$(cat /sys/class/net/${first.pf}/carrier)" = 1 ]; do sleep 0.05; done`);
    assert.ok(await node.reaches('pod1', peerAddress), 'afterwards');

    await maker.unmake(node);
    for (const [conf, call] of [...confs].reverse()) await node.succeed('DEL', conf, call);
    await node.succeed('DEL', ofPeer, peerCall);
    const left = await node.ip<readonly { ifname: string }[]>('-n', 'pod1', 'link', 'show');
    assert.not.ok(left.some(({ ifname }) => ifname.startsWith('net')));
    if (left.some(({ ifname }) => ifname === 'bond0')) await node.sh('ip -n pod1 link del bond0');
  });
}

test('a pod that ends with its bond: both VFs are as before', async (node, vfs) => {
  const before = await node.picture();
  for (const [at, vf] of [nth(vfs, 0), nth(vfs, 1)].entries()) {
    const conf = node.conf({ deviceID: vf.pciAddress, ...withOneMac.settings });
    await node.succeed('ADD', conf, { ifname: `net${at + 1}` });
  }
  await withOneMac.make(node);
  await useFirst(node);
  await node.removePod('pod1');
  const collected = await node.operate('gc');
  assert.is(collected.status, 0, collected.stdout + collected.stderr);
  assert.equal(await node.picture(), before);
  await node.addPod('pod1');
});
