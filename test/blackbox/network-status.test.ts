import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasGo } from '../support/go.ts';
import { asRoot } from '../support/netns.ts';
import { peer } from '../support/peers.ts';
import { type StandInNode, withStandInNode } from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';
import { linkOf } from './pod-view.ts';

const test = suite('network-status');
const root = asRoot(test);

const versions = ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const;
const adminMac = '02:00:00:00:00:aa';

/** The annotation that Multus' own library would write. KubeVirt finds VFs in it by `interface`. */
function statusOf(node: StandInNode, result: string): unknown {
  const program = peer('network-status', 'kubernetes');
  if (program === null) throw new Error('network-status was not built');
  const file = join(node.directory, 'devinfo/cni/vf-test8-vf-test1-c1_net1');
  writeFileSync(file, JSON.stringify(deviceInfoOf(node)));
  const args = ['-network', 'vf-test8/vf-test1', '-device-info', file];
  return JSON.parse(execFileSync(program, args, { input: result, encoding: 'utf8' }));
}

const deviceInfoOf = ({ vfPcis }: StandInNode): unknown => {
  return { type: 'pci', version: '1.1.0', pci: { 'pci-address': vfPcis[0] } };
};

interface Status {
  readonly mac: string;
  readonly mtu?: number;
}

/** Attaches with each version of CNI, and compares all that the library knows of the attachment. */
function compareVersions(node: StandInNode, { mac, mtu }: Status): void {
  const routes = [{ dst: '0.0.0.0/0', gw: '10.0.2.1' }];
  const ranges = [[{ subnet: '10.0.2.0/24' }], [{ subnet: 'fd00:2::/64' }]];
  const ipam = { type: 'host-local', dataDir: join(node.directory, 'ipam'), ranges, routes };
  for (const cniVersion of versions) {
    const conf = node.conf({ cniVersion, deviceID: node.vfPcis[0], ipam });
    const { stdout } = node.succeed('ADD', conf);
    const ips = node.leases();
    node.succeed('DEL', conf);
    // Older results have no MTU.
    const hasMtu = mtu !== undefined && cniVersion === '1.1.0';
    const status = { name: 'vf-test8/vf-test1', interface: 'net1', ips, mac, ...(hasMtu ? { mtu } : {}) };
    const others = { dns: {}, 'device-info': deviceInfoOf(node), gateway: ['10.0.2.1'] };
    assert.equal(statusOf(node, stdout), [{ ...status, ...others }], cniVersion);
  }
}

/** Registers a test that needs Multus's library. */
function withLibrary(name: string, run: () => void): void {
  if (peer('network-status', 'kubernetes') !== null) root(name, run);
  else test.skip(name, 'Multus’s library is not built here', { allowedInCi: !hasGo() });
}

withLibrary(
  'a kernel VF: Multus’s library finds name, MAC, MTU, addresses and gateway in the result of every version',
  () => {
    withStandInNode({ built: true }, (node) => {
      const { address, mtu } = linkOf(node.host, 'vf0');
      compareVersions(node, { mac: address, mtu });
    });
  },
);

withLibrary('a VF of vfio-pci: the same, with the MAC of the PF’s record and no MTU', () => {
  withStandInNode({ fakePf: true }, (node) => {
    node.bindToVfio(0);
    node.changeFakePf(({ vfs }) => Object.assign(vfs[0] ?? {}, { mac: adminMac }));
    compareVersions(node, { mac: adminMac });
  });
});
