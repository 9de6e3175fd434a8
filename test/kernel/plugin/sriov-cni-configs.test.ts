import { asRoot } from '../../support/netns.ts';
import { type StandInNode, withStandInNode } from '../../support/stand-in-node.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('plugin/sriov-cni-configs');
const root = asRoot(test);

type Keys = Readonly<Record<string, unknown>>;

const mac = 'CA:FE:C0:FF:EE:00';
const tagged = { vlan: 1000, vlanQoS: 4, vlanProto: '802.1ad' };
const everySetting = {
  ...tagged,
  min_tx_rate: 100,
  max_tx_rate: 200,
  spoofchk: 'off',
  trust: 'on',
  link_state: 'enable',
};
/** The config that the SR-IOV Network Operator writes for a network without settings. */
const ofOperator = { vlan: 0, vlanQoS: 0, vlanProto: '802.1q', link_state: 'auto', min_tx_rate: 0, max_tx_rate: 0 };

/**
 * Kinds of configs that sriov-cni documents, and what generates them; with the default route that is in the pod
 * already.
 */
const configs: readonly (readonly [what: string, keys: Keys, isVfio?: true])[] = [
  ['its README: a kernel driver, with a default route of its own', {}],
  ['its README: VLAN, spoofchk and trust', { vlan: 1000, spoofchk: 'off', trust: 'on' }],
  ['its README: a VF of vfio-pci', { vlan: 1000 }, true],
  ['its reference: every key', { ...everySetting, mac, logLevel: 'debug', logFile: '/tmp/sriov.log' }],
  ['its reference: every key, a VF of vfio-pci', { ...everySetting, mac }, true],
  ['its reference: a MAC from the runtime', { runtimeConfig: { mac } }],
  [
    'the operator, nothing asked',
    { ...ofOperator, capabilities: { mac: true, ips: true }, logLevel: 'info', logFile: '' },
  ],
  [
    'the operator, all asked',
    { ...everySetting, capabilities: { mac: true }, runtimeConfig: { mac, ips: ['10.56.217.2'] } },
  ],
  ['the operator, with mtu 0 and an unknown log level', { ...ofOperator, mtu: 0, logLevel: 'trace' }],
  ['Multus, through a device plugin', { pciBusID: '0000:3b:02.0', runtimeConfig: {}, dns: {}, name: 'sriov-net1' }],
];

/** The pod as the cluster's own network leaves it. */
function connectPod({ pod }: StandInNode): void {
  pod.run('ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'cluster');
  for (const name of ['eth0', 'cluster']) pod.run('ip', 'link', 'set', name, 'up');
  pod.run('ip', 'address', 'add', '10.244.0.5/24', 'dev', 'eth0');
  pod.run('ip', 'route', 'add', 'default', 'via', '10.244.0.1');
}

for (const [what, keys, isVfio] of configs) {
  root(`${what}: attached, and all is given back`, () => {
    withStandInNode({ fakePf: true }, (node) => {
      connectPod(node);
      if (isVfio === true) node.bindToVfio(0);
      const ipam = node.ipam('10.56.217.0/24', { routes: [{ dst: '0.0.0.0/0' }], gateway: '10.56.217.1' });
      const conf = node.conf({ cniVersion: '0.3.1', type: 'sriov', deviceID: node.vfPcis[0], ipam, ...keys });
      const before = node.picture();
      const { interfaces, ips } = node.succeed('ADD', conf).json as Record<'interfaces' | 'ips', readonly Keys[]>;
      assert.equal([interfaces[0]?.['name'], interfaces[0]?.['sandbox']], ['net1', node.pod.path]);
      if (JSON.stringify(keys).includes(mac)) assert.is(interfaces[0]?.['mac'], mac.toLowerCase());
      assert.equal(ips, [{ version: '4', interface: 0, address: '10.56.217.2/24', gateway: '10.56.217.1' }]);
      const [vf] = node.fakePf.vfs;
      assert.is(vf?.vlan, keys['vlan'] ?? 0);
      node.succeed('DEL', conf);
      assert.equal(node.picture(), before);
    });
  });
}
