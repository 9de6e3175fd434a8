// doctor's advice works on real cards: each case makes a finding, carries out its remedy, literally where it is a
// command, and sees that doctor has no finding then. test/blackbox/remedies.test.ts has those of files and stand-ins.
import process from 'node:process';
import { assert, suite } from '../../support/suite.ts';
import type { VirtualFunction } from '../lab.ts';
import { type LabNode, nth, withLabNode } from '../lab-node.ts';
import { oldSriovCniExecutable, runSriovCni } from '../sriov-cni.ts';

const test = suite('lab/remedies');

interface Check {
  readonly id: string;
  readonly verdict: string;
  readonly found: string;
  readonly remedy: string | null;
}

interface Site {
  readonly node: LabNode;
  readonly vfs: readonly VirtualFunction[];
}

/** Runs a command that a person types on the node, with the plugins' directory in PATH. */
function type({ node }: Site, command: string): Promise<string> {
  return node.sh(`PATH=${node.pluginDir}:$PATH CNI_PATH=${node.pluginDir}; export PATH CNI_PATH; ${command}`);
}

async function checkOf(site: Site, id: string, before = ''): Promise<Check> {
  // 1: doctor has findings
  const text = await type(site, `${before} dra-sriov doctor --json || [ $? = 1 ]`);
  const { checks } = JSON.parse(text) as { checks: readonly Check[] };
  return checks.find((check) => check.id === id) ?? { id, verdict: 'ok', found: '', remedy: null };
}

interface Case {
  readonly id: string;
  readonly verdict: 'wrong' | 'warning' | 'note';
  readonly of: string;
  spoil(site: Site): Promise<unknown>;
  mend(site: Site, remedy: string): Promise<unknown>;
  /** Cleans up for the next case. */
  tidy?(site: Site): Promise<unknown>;
}

/** Types all commands of a remedy, which `command` matches, one after the other. */
const literally =
  (command: RegExp) =>
  async (site: Site, remedy: string): Promise<void> => {
    const found = remedy.match(command) ?? [];
    assert.ok(found.length > 0, `${command} in: ${remedy}`);
    for (const typed of found) await type(site, typed);
  };

const argsOf = (pod: string): string =>
  `IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=${pod};K8S_POD_UID=uid-${pod}`;

/** Attaches a VF of the list to `pod1`. */
function add({ node, vfs }: Site, conf: Readonly<Record<string, unknown>> = {}, index = 0): Promise<unknown> {
  const deviceID = nth(vfs, index).pciAddress;
  return node.succeed('ADD', node.conf({ deviceID, ...conf }), { ifname: `net${index + 1}`, args: argsOf('pod1') });
}

const del = ({ node }: Site, index = 0): Promise<unknown> =>
  node.succeed('DEL', node.conf(), { ifname: `net${index + 1}`, args: argsOf('pod1') });

const numVfs = (vf: VirtualFunction): string => `/sys/class/net/${vf.pf}/device/sriov_numvfs`;

const addressOf = (vf: VirtualFunction): string => `/sys/bus/pci/devices/${vf.pciAddress}`;

/** Carries out `echo N > FILE`, where the reader fills in a number that the card allows. */
async function makeVfs(site: Site, remedy: string): Promise<void> {
  const [, file = ''] = /(\/sys\/\S+\/sriov_numvfs)/.exec(remedy) ?? [];
  for (const number of [0, 3]) await type(site, `echo ${number} > ${file}`);
}

const cases: readonly Case[] = [
  {
    id: 'namespace',
    verdict: 'wrong',
    of: 'a shell in a pod’s network namespace',
    spoil: () => Promise.resolve(),
    async mend(site, remedy) {
      const [typed = ''] = /nsenter .*/.exec(remedy) ?? [];
      const text = await type(site, `ip netns exec pod1 ${typed} --json || [ $? = 1 ]`);
      const { checks } = JSON.parse(text) as { checks: readonly Check[] };
      assert.is(checks.find(({ id }) => id === 'namespace')?.verdict, 'ok');
    },
  },
  {
    id: 'pfs',
    verdict: 'wrong',
    of: 'a PF that is down',
    spoil: ({ node, vfs }) => node.sh(`ip link set ${nth(vfs, 0).pf} down`),
    mend: async (site, remedy) => {
      await literally(/ip link set \S+ up/g)(site, remedy);
      await site.node.sh(`until [ "$(cat /sys/class/net/${nth(site.vfs, 0).pf}/carrier)" = 1 ]; do sleep 0.1; done`);
    },
  },
  {
    id: 'pfs',
    verdict: 'wrong',
    of: 'a PF that is in a pod',
    spoil: ({ node, vfs }) => node.sh(`ip link set ${nth(vfs, 0).pf} netns pod2`),
    async mend({ node, vfs }) {
      const { pf } = nth(vfs, 0);
      await node.sh(`
        ip -n pod2 link set ${pf} netns 1 && ip link set ${pf} up
        until [ "$(cat /sys/class/net/${pf}/carrier)" = 1 ]; do sleep 0.1; done`);
    },
  },
  {
    id: 'drivers',
    verdict: 'wrong',
    of: 'a VF without a driver',
    spoil: ({ node, vfs }) => node.sh(`echo ${nth(vfs, 0).pciAddress} > ${addressOf(nth(vfs, 0))}/driver/unbind`),
    mend: literally(/echo \S+ > \/sys\/bus\/pci\/drivers_probe/g),
  },
  {
    id: 'records',
    verdict: 'warning',
    of: 'a pod that is gone without a DEL',
    async spoil(site) {
      await add(site);
      await site.node.removePod('pod1');
    },
    mend: literally(/dra-sriov gc( --dry-run)?/g),
    tidy: ({ node }) => node.addPod('pod1'),
  },
  {
    id: 'subnets',
    verdict: 'warning',
    of: 'an address that no container has',
    spoil: ({ node }) =>
      node.sh(`
        mkdir -p ${node.paths.ipam}/lost
        printf '%s\\r\\nnet1' ${'ab'.repeat(32)} > ${node.paths.ipam}/lost/10.0.9.7`),
    mend: literally(/dra-sriov gc --addresses/g),
    tidy: ({ node }) => node.sh(`rm -rf ${node.paths.ipam}/lost`),
  },
  {
    id: 'agreement',
    verdict: 'wrong',
    of: 'a setting that was changed on the PF',
    async spoil(site) {
      await add(site, { vlan: 100 });
      const { pf, index } = nth(site.vfs, 0);
      await site.node.sh(`ip link set ${pf} vf ${index} vlan 200`);
    },
    async mend(site, remedy) {
      await literally(/dra-sriov inspect [0-9a-f:.]+/g)(site, remedy);
      // The pod restarts.
      await del(site);
      await add(site, { vlan: 100 });
    },
    tidy: (site) => del(site),
  },
  {
    id: 'offloads',
    verdict: 'note',
    of: 'offloads that somebody switched off in the pod',
    async spoil(site) {
      await add(site);
      await site.node.sh('ip netns exec pod1 ethtool -K net1 tso off tx off');
    },
    mend: literally(/nsenter --net=\S+ ethtool -[kK] net1( \w+ on)*/g),
    tidy: (site) => del(site),
  },
  {
    id: 'vfs',
    verdict: 'warning',
    of: 'no VF that is free, and more to be had',
    async spoil(site) {
      await add(site);
      await add(site, {}, 1);
    },
    async mend(site, remedy) {
      // The pods have to end first, for no VF may be in use.
      await del(site);
      await del(site, 1);
      await makeVfs(site, remedy);
    },
    tidy: (site) => recreate(site),
  },
  {
    id: 'records',
    verdict: 'warning',
    of: 'VFs that were made anew under a pod',
    async spoil(site) {
      await add(site);
      await site.node.sh(`echo 0 > ${numVfs(nth(site.vfs, 0))}`);
    },
    // A restart of the pod begins with a DEL.
    mend: (site) => del(site),
    tidy: (site) => recreate(site),
  },
  {
    id: 'vfs',
    verdict: 'wrong',
    of: 'a card without VFs',
    spoil: ({ node, vfs }) => node.sh(`echo 0 > ${numVfs(nth(vfs, 0))}`),
    mend: makeVfs,
    tidy: (site) => recreate(site),
  },
];

/** Not on a machine with real hardware, where it would write to that machine's /var/lib/cni. */
const old = process.env['LAB'] === 'hardware' ? null : oldSriovCniExecutable();

/** A VF of which no DEL can restore everything. */
function ofOldSriovCni(executable: string): Case {
  return {
    id: 'sriov-cni',
    verdict: 'wrong',
    of: 'a pod that sriov-cni 2.1.0 has attached',
    async spoil({ node, vfs }) {
      const { pciAddress } = nth(vfs, 0);
      await runSriovCni(node, executable, 'ADD', node.conf({ cniVersion: '0.3.1', deviceID: pciAddress, vlan: 100 }));
    },
    async mend(site, remedy) {
      const { node, vfs } = site;
      const vf = nth(vfs, 0);
      const netdevs = `ls /sys/bus/pci/devices/${vf.pciAddress}/net`;
      await node.removePod('pod1');
      await node.sh(`until [ -n "$(${netdevs} 2>/dev/null)" ]; do sleep 0.1; done`);
      await literally(/ip link set \S+ vf \d+ vlan 0|(?<=: )rm \S+$/g)(site, remedy);
      const [, name] = /the name ([\w.-]+)/.exec(remedy) ?? [];
      assert.is(name, vf.netdev);
      await node.sh(`ip link set "$(${netdevs})" name ${name}`);
    },
    tidy: ({ node }) => node.addPod('pod1'),
  };
}

async function recreate({ node, vfs }: Site): Promise<void> {
  await node.lab.createVfs(nth(vfs, 0).pf, vfs.length);
}

/** igbvf has no queues to set: ethtool has to understand the commands, and the driver refuses them. */
async function readCommandsOfEthtool({ node, vfs }: Site): Promise<void> {
  const { pf } = nth(vfs, 0);
  const said = (words: string): Promise<string> => node.sh(`ethtool ${words} 2>&1 || true`);
  const misread = /bad command line|unknown|usage/i;
  for (const words of [`-L ${pf} combined 4`, `-G ${pf} rx 512`, `-g ${pf}`, `-S ${pf}`])
    assert.not.match(await said(words), misread, words);
  assert.match(await said(`-L ${pf} jumbled 4`), misread);
}

const isFine = ({ verdict }: Check): boolean => verdict === 'ok' || verdict === 'note';

test('each remedy helps', async () => {
  await withLabNode({ vfs: [2] }, async (node, vfs) => {
    const site = { node, vfs };
    for (const { id, verdict, of, spoil, mend, tidy } of old === null ? cases : [ofOldSriovCni(old), ...cases]) {
      const name = `${id}: ${of}`;
      const before = await checkOf(site, id);
      assert.ok(isFine(before), `${name}, before: ${before.found}`);
      await spoil(site);
      const { remedy, ...check } = await checkOf(site, id, id === 'namespace' ? 'ip netns exec pod1' : '');
      assert.is(check.verdict, verdict, `${name}: ${check.found}`);
      await mend(site, remedy ?? '');
      const after = await checkOf(site, id);
      assert.ok(isFine(after), `${name}, after: ${after.found}`);
      assert.is.not(after.found, check.found, name);
      await tidy?.(site);
    }
    await readCommandsOfEthtool(site);
  });
});
