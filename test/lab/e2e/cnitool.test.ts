// Container runtimes call plugins by libcni. cnitool has it, and its cache of results; here on real VFs.
import { join } from 'node:path';
import { hasGo } from '../../support/go.ts';
import { peer, peerDir } from '../../support/peers.ts';
import { assert, suite } from '../../support/suite.ts';
import type { CommandResult } from '../command.ts';
import { type LabNode, nth } from '../lab-node.ts';
import { type NodeBody, onSharedNode } from '../shared-node.ts';

const test = suite('lab/cnitool');
const onNode = onSharedNode(test, { vfs: [2] });
const cnitool = peer('cnitool');
const cache = '/var/lib/cni/results';

function withCnitool(name: string, body: NodeBody): void {
  if (cnitool !== null) onNode(name, body);
  else test.skip(name, 'there is no cnitool on this machine: it needs Go', { allowedInCi: !hasGo() });
}

/** Not /etc/cni/net.d: on a machine with real hardware that is the runtime's. */
const netconfDir = (node: LabNode): string => `${node.lab.share.guest}/net.d`;

/** The one configuration file that cnitool finds. */
async function writeNetwork(node: LabNode, file: string, network: unknown): Promise<void> {
  await node.sh(`rm -rf ${netconfDir(node)} && mkdir ${netconfDir(node)}`);
  await node.writeFile(`${netconfDir(node)}/${file}`, JSON.stringify(network));
}

function run(node: LabNode, verb: string, network: string): Promise<CommandResult> {
  return node.lab.run([cnitool ?? '', verb, network, '/run/netns/pod1'], {
    env: {
      ...node.environment('', {}),
      CNI_PATH: `${node.pluginDir}:${peerDir()}`,
      NETCONFPATH: netconfDir(node),
      CNI_IFNAME: 'net1',
    },
  });
}

async function succeed(node: LabNode, verb: string, network: string): Promise<string> {
  const { status, stdout, stderr } = await run(node, verb, network);
  assert.is(status, 0, `${verb}: ${stdout}\n${stderr}`);
  return stdout;
}

async function fail(node: LabNode, verb: string, network: string, part: string): Promise<void> {
  const { status, stdout, stderr } = await run(node, verb, network);
  assert.ok(status !== 0, `${verb} succeeded`);
  assert.match(`${stdout}${stderr}`, part);
}

withCnitool('a conf: CHECK compares VF and pod with the config and the cached result', async (node, vfs) => {
  const vf = nth(vfs, 1);
  const conf = { cniVersion: '1.0.0', deviceID: vf.pciAddress, vlan: 100, trust: 'on', ipam: node.ipam() };
  await writeNetwork(node, '10-vf.conf', node.conf(conf));
  await succeed(node, 'add', 'vf-test1');
  assert.is((await node.link('net1', 'pod1')).parentdev, vf.pciAddress);
  await succeed(node, 'check', 'vf-test1');
  await node.sh(`ip link set ${vf.pf} vf ${vf.index} trust off`);
  await fail(node, 'check', 'vf-test1', 'trust');
  await node.sh(`ip link set ${vf.pf} vf ${vf.index} trust on`);
  await succeed(node, 'check', 'vf-test1');
  // libcni passes on ADD's result as prevResult.
  await node.sh(`sed -i 's#${vf.mac}#02:00:00:00:00:99#' ${cache}/vf-test1-*-net1`);
  await fail(node, 'check', 'vf-test1', '02:00:00:00:00:99');
  for (let time = 0; time < 2; time++) await succeed(node, 'del', 'vf-test1');
});

withCnitool('a conflist with tuning behind: status, add, check, gc', async (node, vfs) => {
  const vf = nth(vfs, 0);
  const sriov = { type: 'sriov', deviceID: vf.pciAddress, spoofchk: 'off', ipam: node.ipam() };
  const plugins = [sriov, { type: 'tuning', mtu: 1400 }];
  await writeNetwork(node, '10-vf.conflist', { cniVersion: '1.1.0', name: 'vf-test1', plugins });
  await succeed(node, 'status', 'vf-test1');
  await succeed(node, 'add', 'vf-test1');
  const { parentdev, mtu } = await node.link('net1', 'pod1');
  assert.equal([parentdev, mtu], [vf.pciAddress, 1400]);
  await succeed(node, 'check', 'vf-test1');
  await succeed(node, 'gc', 'vf-test1');
  assert.is((await node.link(vf.netdev)).parentdev, vf.pciAddress, 'GC has brought the VF back');
});

withCnitool('a conflist: DEL after the pod’s namespace', async (node, vfs) => {
  const plugins = [{ type: 'sriov', deviceID: nth(vfs, 0).pciAddress, ipam: node.ipam() }];
  await writeNetwork(node, '10-vf.conflist', { cniVersion: '1.0.0', name: 'vf-test1', plugins });
  await succeed(node, 'add', 'vf-test1');
  await node.removePod('pod1');
  await succeed(node, 'del', 'vf-test1');
  await node.addPod('pod1');
});

/**
 * Makes a root file system as in the container of a driver that calls plugins itself: it has the programs and one
 * config, and of the host only network, /sys and namespaces.
 */
async function makeRoot(node: LabNode, root: string, network: unknown): Promise<void> {
  await node.sh(`
    set -e
    mkdir -p ${root}/opt/cni/bin ${root}/etc/cni/net.d ${root}/proc ${root}/sys ${root}/run/netns ${root}/tmp
    cp ${node.pluginDir}/dra-sriov ${node.pluginDir}/host-local ${cnitool} ${root}/opt/cni/bin/
    # The executable on Node needs its libraries, the native one none.
    ldd ${node.pluginDir}/dra-sriov | grep -o '/[^ ]*' | xargs -r cp -L --parents -t ${root}`);
  await node.writeFile(join(root, 'etc/cni/net.d/10-vf.conf'), JSON.stringify(network));
}

function runInRoot(node: LabNode, root: string, verb: string): Promise<string> {
  return node.sh(`
    unshare --mount sh -c '
      mount -t proc proc ${root}/proc && mount -t sysfs sys ${root}/sys && mount --rbind /run/netns ${root}/run/netns &&
      exec env -i CNI_PATH=/opt/cni/bin NETCONFPATH=/etc/cni/net.d CNI_IFNAME=vfnet0 \\
        CNI_ARGS="IgnoreUnknown=true;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=pod0;K8S_POD_INFRA_CONTAINER_ID=c;K8S_POD_UID=uid" \\
        "$(command -v chroot)" ${root} /opt/cni/bin/cnitool ${verb} vf-test1 /run/netns/pod1'`);
}

withCnitool('STANDALONE mode: deviceID alone, nothing on the node but plugin and host-local', async (node, vfs) => {
  const vf = nth(vfs, 1);
  const root = (await node.sh('mktemp -d')).trim();
  const ipam = { type: 'host-local', subnet: '10.0.2.0/24' };
  const conf = { cniVersion: '1.0.0', name: 'vf-test1', type: 'dra-sriov', deviceID: vf.pciAddress, vlan: 5, ipam };
  await makeRoot(node, root, conf);
  await runInRoot(node, root, 'add');
  const link = await node.link('vfnet0', 'pod1');
  assert.equal([link.parentdev, await node.address('pod1', 'vfnet0')], [vf.pciAddress, '10.0.2.2']);
  await runInRoot(node, root, 'check');
  await runInRoot(node, root, 'del');
  const left = await node.sh(
    `cd ${root}/var/lib/cni && find . -type f | grep -v -e lock -e last_reserved -e .swept -e .failures; true`,
  );
  assert.is(left, '');
  await node.sh(`rm -rf ${root}`);
});
