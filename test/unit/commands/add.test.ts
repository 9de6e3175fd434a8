import { SystemError } from '../../../src/lib/system-error.ts';
import { plainDriver } from '../../support/memory-links.ts';
import {
  igbvfDriver,
  MemoryNode,
  type MemoryNodeOptions,
  stateDir,
  stubbornDriver,
  vfPci,
} from '../../support/memory-node.ts';
import { assert, suite } from '../../support/suite.ts';
import { podSpec, podUid } from '../allocation/fixture.ts';

const test = suite('commands/add');

const [EPERM, EIO, EINVAL, EOPNOTSUPP, ENOSPC] = [1, 5, 22, 95, 28];
const ipam = { type: 'host-local' };
const mac = '02:00:00:00:00:01';
/** A config in which ADD has every kind of step. */
const full = { vlan: 100, vlanQoS: 5, spoofchk: 'off', trust: 'on', mac, mtu: 1400, ipam };

interface Result {
  readonly cniVersion: string;
  readonly interfaces: readonly Record<string, unknown>[];
  readonly ips: readonly Record<string, unknown>[];
  readonly routes?: readonly Record<string, unknown>[];
  readonly dns?: unknown;
}

function add(node: MemoryNode, keys: Readonly<Record<string, unknown>> = {}): Result {
  return node.attach(node.conf(keys)) as unknown as Result;
}

/** Asserts that ADD is refused, changes nothing, and leaves no file and no lock. Returns what it says. */
function refuses(node: MemoryNode, code: number, keys: Readonly<Record<string, unknown>>, call = {}): string {
  const before = node.picture();
  node.changes.length = 0;
  const error = node.fail('ADD', node.conf(keys), call);
  assert.is(error.code, code, error.msg);
  assert.equal(node.changes, [], error.msg);
  assert.equal(node.picture(), before);
  return error.msg;
}

test('a version in which no result can be given is refused before anything is changed: 1', () => {
  for (const cniVersion of ['0.5.0', '1.2.0', '9.0.0', 'x']) {
    assert.match(refuses(new MemoryNode(), 1, { cniVersion }), cniVersion);
  }
});

test('a container’s next network gets a VF that none of its others holds, one that was given up too', () => {
  const node = new MemoryNode({ vfs: 2 });
  const env = { CNI_ARGS: `K8S_POD_UID=${podUid}` };
  for (const [path, text] of Object.entries(podSpec([vfPci(0), vfPci(1)]))) node.platform.files.set(path, text);
  const conf = { cniVersion: '1.1.0', name: 'vf-net', type: 'dra-sriov', ipam };
  const nameOf = (index: number): string => node.link(index).name;
  node.succeed('ADD', conf, { env });
  node.succeed('ADD', conf, { env, ifname: 'net2' });
  assert.equal([nameOf(0), nameOf(1)], ['net1', 'net2']);
  assert.is(node.fail('ADD', conf, { env, ifname: 'net3' }).code, 100);
  node.platform.executables.delete('/opt/cni/bin/host-local');
  assert.is(node.fail('DEL', conf, { env }).code, 109);
  assert.is(node.readRecord()['vfGivenUp'], true);
  node.succeed('ADD', { ...conf, ipam: undefined }, { env, ifname: 'net3' });
  assert.is(nameOf(0), 'net3');
});

test('the record is on disk before the first change, and complete after the last', () => {
  const node = new MemoryNode({ driver: igbvfDriver });
  add(node, full);
  assert.equal(node.changes, [
    'record pending',
    'ipam ADD',
    `host: vf0 mac ${mac}`,
    'record pending',
    `host: pf0 vf 0 mac ${mac}, vlan 100 qos 5, spoofchk 0, trust 1`,
    'host: vf0 to pod1 as net1',
    'pod1: net1 mtu 1400',
    'pod1: net1 up',
    'pod1: net1 address 10.0.2.5/24',
    'pod1: net1 route 0.0.0.0/0 via 10.0.2.1 table 254',
    'pod1: net1 ask for 10.0.2.5',
    'pod1: net1 forget 10.0.2.5',
    'record attached',
  ]);
});

test('only what differs is touched', () => {
  const node = new MemoryNode();
  add(node, { vlan: 0, spoofchk: 'on', trust: 'off', link_state: 'auto', max_tx_rate: 0, mtu: 1500 });
  assert.equal(node.changes, ['record pending', 'host: vf0 to pod1 as net1', 'pod1: net1 up', 'record attached']);
});

test('the result names interface, MAC, MTU, sandbox and PCI address, and joins addresses to it', () => {
  const node = new MemoryNode();
  const result = add(node, full);
  assert.is(result.cniVersion, '1.1.0');
  assert.equal(result.interfaces, [
    { name: 'net1', mac, mtu: 1400, sandbox: '/run/netns/pod1', pciID: '0000:3b:02.0' },
  ]);
  assert.equal(result.ips, [{ address: '10.0.2.5/24', gateway: '10.0.2.1', interface: 0 }]);
  assert.equal(result.routes, [{ dst: '0.0.0.0/0' }]);
  const { ips, routes } = add(new MemoryNode());
  assert.equal([ips ?? [], routes ?? []], [[], []]);
});

test('the log tells which VF was found, and by what', () => {
  const node = new MemoryNode();
  const { stderr } = node.cni('ADD', node.conf({ logLevel: 'info' }));
  assert.match(
    stderr,
    /^time=\S+ level=info .*command=ADD container=c1 ifname=net1 network=vf-net pci=0000:3b:02\.0 source=deviceID/m,
  );
});

test('a key that the plugin doesn’t know is named in the log, and so is an MTU that a VF of vfio-pci can’t have', () => {
  const node = new MemoryNode({ userspace: [0] });
  const { stderr } = node.cni('ADD', node.conf({ vlna: 5, mtu: 1400 }));
  const warnings = stderr.split('\n').filter((line) => line.includes('level=warning'));
  assert.is(warnings.length, 2, stderr);
  assert.match(warnings[0] ?? '', /key=vlna problem=/);
  assert.match(warnings[1] ?? '', /pci=0000:3b:02\.0 driver=vfio-pci/);
  for (const [options, keys] of [
    [{}, { mtu: 1400 }],
    [{ userspace: [0] }, {}],
  ] as const) {
    const plain = new MemoryNode(options);
    assert.not.match(plain.cni('ADD', plain.conf(keys)).stderr, / (key|driver)=/);
  }
});

test('with a carrier nothing is warned of', () => {
  const node = new MemoryNode();
  assert.not.match(node.cni('ADD', node.conf({ ipam })).stderr, 'waitedMs');
});

test('a plugin that uses the interface is started when that has its carrier, and without one for a VF of vfio-pci', () => {
  for (const [options, expected] of [
    [{}, true],
    [{ userspace: [0] }, false],
  ] as const) {
    const node = new MemoryNode(options);
    node.platform.executables.add('/opt/cni/bin/dhcp');
    if (expected) node.link(0).cable = false;
    let begunMs = 0;
    node.runIpam = ({ env }) => {
      if (env['CNI_COMMAND'] === 'ADD') begunMs = node.platform.clock.nowMs;
      return undefined;
    };
    node.succeed('ADD', node.conf({ ipam: { type: 'dhcp' } }));
    assert.is(begunMs >= 100, expected, `${begunMs}`);
  }
});

/** Calls `happen` as soon as the record is on disk. */
function meanwhile(node: MemoryNode, happen: () => void): void {
  const { writeFileAtomic } = node.platform;
  let isDone = false;
  Object.assign(node.platform, {
    writeFileAtomic: (...args: Parameters<typeof writeFileAtomic>) => {
      writeFileAtomic(...args);
      if (isDone || args[0] !== node.recordPath()) return;
      isDone = true;
      happen();
    },
  });
}

test('the VF vanishes while it is attached: 104, and nothing is left', () => {
  const node = new MemoryNode();
  meanwhile(node, () => node.removeVf(0));
  const error = node.fail('ADD', node.conf({ vlan: 5, ipam }));
  assert.is(error.code, 104);
  assert.match(error.msg, /vf0 .*0000:3b:02\.0/);
  assert.equal([node.recordPaths(), [...node.leases]], [[], []]);
});

test('the result is in the config’s version', () => {
  for (const cniVersion of ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0']) {
    const node = new MemoryNode();
    const result = node.attach(node.conf({ cniVersion, ipam }));
    assert.is(result.cniVersion, cniVersion);
    assert.is('ip4' in result, cniVersion < '0.3.0', cniVersion);
  }
});

test('stdout holds the result alone, on one line', () => {
  const node = new MemoryNode();
  const { stdout } = node.cni('ADD', node.conf({ ipam, logLevel: 'debug' }));
  assert.is(stdout.indexOf('\n'), stdout.length - 1);
});

test('the addresses are announced from the pod, with the MAC that the VF has there', () => {
  const node = new MemoryNode();
  node.ipamResult = () => ({ cniVersion: '1.0.0', ips: [{ address: '10.0.2.7/24' }, { address: 'fd00:2::7/64' }] });
  add(node, full);
  const asked = node.kernel.changes.filter((change) => /ask for|forget/.test(change));
  assert.equal(asked, ['pod1: net1 ask for 10.0.2.7', 'pod1: net1 forget 10.0.2.7']);
  assert.is(node.platform.frames.length, 1);
  for (const { netns, frame, ifindex } of node.platform.frames) {
    assert.is(netns.inode, node.pod.namespace.inode);
    assert.is(ifindex, node.link(0).ifindex);
    assert.is(frame.subarray(6, 12).toString('hex'), mac.replaceAll(':', ''));
  }
});

test('no carrier: ADD waits a little for it, announces nothing, warns of it and succeeds', () => {
  const node = new MemoryNode();
  node.link(0).cable = false;
  const { status, stderr } = node.cni('ADD', node.conf({ ipam }));
  assert.is(status, 0);
  assert.match(stderr, /level=warning msg=".*\bcarrier\b.*".* waitedMs=200/);
  assert.not(node.kernel.changes.some((change) => change.includes('ask for')));
  assert.ok(node.platform.clock.nowMs >= 100 && node.platform.clock.nowMs <= 300, `${node.platform.clock.nowMs}`);
});

test('a failed announcement never fails ADD', () => {
  const node = new MemoryNode();
  node.kernel.refuse('ask for', 105);
  Object.assign(node.platform, {
    sendFrames: () => {
      throw new SystemError('send frames', 105);
    },
  });
  const { status, stderr } = node.cni('ADD', node.conf({ ipam }));
  assert.is(status, 0);
  assert.match(stderr, 'ENOBUFS');
});

test('the sysctls are those of the pod’s interface', () => {
  const node = new MemoryNode();
  const keys = ['ipv4/conf/net1/arp_notify', 'ipv6/conf/net1/ndisc_notify', 'ipv6/conf/net1/optimistic_dad'];
  for (const key of keys) node.platform.files.set(`/proc/sys/net/${key}`, '0');
  add(node);
  assert.equal(
    node.platform.systemWrites.map(({ netns, path, content }) => [netns?.inode, path, content]),
    keys.map((key) => [node.pod.namespace.inode, `/proc/sys/net/${key}`, '1']),
  );
});

test('sysctls are a courtesy: whatever keeps them from being set is a warning', () => {
  const keys = ['ipv4/conf/net1/arp_notify', 'ipv6/conf/net1/ndisc_notify', 'ipv6/conf/net1/optimistic_dad'];
  for (const errno of [EPERM, EINVAL, 13, 30]) {
    const node = new MemoryNode();
    for (const key of keys) {
      node.platform.files.set(`/proc/sys/net/${key}`, '0');
      node.platform.failNext('writeSystemFile', `/proc/sys/net/${key}`, errno);
    }
    const { status, stderr } = node.cni('ADD', node.conf({ ipam }));
    assert.is(status, 0);
    for (const key of keys) assert.match(stderr, new RegExp(`level=warning msg="a sysctl is not set".*net/${key} `));
  }
});

test('a chained result is extended: indexes go on, dns stays', () => {
  const node = new MemoryNode();
  const prevResult = {
    cniVersion: '1.1.0',
    interfaces: [{ name: 'eth0', sandbox: '/run/netns/pod1' }],
    ips: [{ address: '192.0.2.5/24', interface: 0 }],
    routes: [{ dst: '192.0.2.0/24' }],
    dns: { nameservers: ['192.0.2.53'] },
  };
  const result = add(node, { ipam, prevResult });
  assert.equal(
    result.interfaces.map((each) => each['name']),
    ['eth0', 'net1'],
  );
  assert.equal(
    result.ips.map((each) => each['interface']),
    [0, 1],
  );
  assert.is(result.routes?.length, 2);
  assert.equal(result.dns, prevResult.dns);
});

test('our interface takes the place of nameless ones, of IPAM and in prevResult; those of others stay as they are', () => {
  const node = new MemoryNode();
  const prevResult = {
    cniVersion: '1.1.0',
    interfaces: [{ name: '' }, { name: 'eth0' }],
    ips: [
      { address: '192.0.2.5/24', interface: -1 },
      { address: '192.0.2.6/24', interface: 9 },
    ],
  };
  node.ipamResult = (address) => ({
    interfaces: [{}, { name: 'bridge0' }],
    ips: [
      { address: `${address}/24`, interface: -1 },
      { address: 'fd00::5/64', interface: 1 },
    ],
  });
  const result = add(node, { ipam, prevResult });
  assert.equal(
    result.interfaces.map(({ name }) => name),
    ['', 'eth0', 'net1'],
  );
  assert.equal(
    result.ips.map((each) => each['interface']),
    [-1, 9, 2, 2],
  );
  node.succeed('CHECK', node.conf({ ipam, prevResult: result }));
});

test('dns of IPAM goes before that of the config, which is there without a chain', () => {
  const dns = { nameservers: ['192.0.2.1'] };
  const plain = new MemoryNode();
  assert.equal(add(plain, { dns, ipam }).dns, dns);
  const node = new MemoryNode();
  node.ipamResult = (address) => ({ ips: [{ address: `${address}/24` }], dns: { domain: 'pods.example' } });
  assert.equal(add(node, { dns, ipam }).dns, { domain: 'pods.example' });
});

test('a VF of a user-space driver: PF settings and IPAM, and no interface is claimed to be in the pod', () => {
  const node = new MemoryNode({ userspace: [0] });
  const result = add(node, { vlan: 7, mac, ipam });
  assert.equal(result.interfaces, [{ name: 'net1', mac, sandbox: node.pod.path, pciID: '0000:3b:02.0' }]);
  assert.equal(result.ips, [{ address: '10.0.2.5/24', gateway: '10.0.2.1', interface: 0 }]);
  assert.equal(node.changes, [
    'record pending',
    'ipam ADD',
    `host: pf0 vf 0 mac ${mac}, vlan 7 qos 0`,
    'record attached',
  ]);
  assert.equal(node.platform.frames, []);
  node.succeed('CHECK', node.conf({ vlan: 7, mac, ipam, prevResult: result }));
  node.succeed('DEL', node.conf({ vlan: 7, mac, ipam }));
  assert.is(node.vfs[0]?.vlan, 0);
});

test('a version that no result can be printed in is refused first', () => {
  const node = new MemoryNode();
  refuses(node, 1, { cniVersion: '2.0.0' });
});

/** ARPHRD_INFINIBAND, and an address of INFINIBAND_ALEN bytes. */
const infiniband = { type: 32, mac: '00:00:10:49:fe:80:00:00:00:00:00:00:24:8a:07:03:00:a3:8d:f6' };

test('refused before any change, naming what is wrong', () => {
  const cases: [string, number, Record<string, unknown>, RegExp, (node: MemoryNode) => void, MemoryNodeOptions?][] = [
    ['bad value', 7, { vlan: 4095 }, /vlan.*4095/, () => undefined],
    ['MTU over the PF’s', 7, { mtu: 9001 }, /9001.*pf0.*9000/, () => undefined],
    ['no IPAM plugin', 111, { ipam: { type: 'dhcp' } }, /"dhcp".*\/opt\/cni\/bin/, () => undefined],
    ['damaged prevResult', 6, { prevResult: { ips: 5 } }, /prevResult/, () => undefined],
    ['damaged dns', 6, { dns: 'x' }, /dns/, () => undefined],
    ['no such VF', 103, { deviceID: '0000:99:00.1' }, /0000:99:00\.1/, () => undefined],
    ['the PF itself', 103, { deviceID: '0000:3b:00.0' }, /0000:3b:00\.0/, () => undefined],
    ['name taken', 107, {}, /net1/, (node) => void node.kernel.addLink(node.pod.namespace, 'net1')],
    [
      'name taken by an altname',
      107,
      {},
      /altname.*eth0/,
      (node) => void node.kernel.addLink(node.pod.namespace, 'eth0', { altnames: ['net1'] }),
    ],
    [
      'enslaved on the host',
      102,
      {},
      /bond0/,
      (node) => {
        node.link(0).master = node.kernel.addLink(node.host, 'bond0').ifindex;
      },
    ],
    [
      'no driver',
      104,
      {},
      /driver/,
      (node) => void node.platform.links.delete(`/sys/bus/pci/devices/${vfPci(0)}/driver`),
    ],
    ['InfiniBand', 117, {}, /vf0 .*InfiniBand.*ib-sriov-cni/, (node) => void Object.assign(node.link(0), infiniband)],
    ['a PF of InfiniBand', 117, {}, /PF pf0 .*InfiniBand/, (node) => void Object.assign(node.pf, infiniband)],
    [
      'a VF of vfio-pci whose PF is of InfiniBand',
      117,
      {},
      /PF pf0 .*InfiniBand/,
      (node) => void Object.assign(node.pf, infiniband),
      { userspace: [0] },
    ],
    ['a tunnel', 117, {}, /778/, (node) => void Object.assign(node.link(0), { type: 778, mac: '0a:00:00:01' })],
    ['settings of a blind PF', 106, { trust: 'on' }, /trust.*pf0/, () => undefined, { blindPf: true }],
  ];
  for (const [what, code, keys, message, prepare, options] of cases) {
    const node = new MemoryNode(options);
    node.edit(() => prepare(node));
    assert.match(refuses(node, code, keys), message, what);
  }
});

test('the host’s own namespace is refused, unless the runtime insists', () => {
  const call = { netns: '/proc/self/ns/net' };
  const refusing = new MemoryNode();
  assert.match(refuses(refusing, 8, {}, call), '/proc/self/ns/net');
  assert.is(refusing.platform.openNamespaces.size, 0);
  for (const value of ['1', 'true', 'TRUE']) {
    const node = new MemoryNode();
    const outcome = node.cni('ADD', node.conf(), { ...call, env: { CNI_NETNS_OVERRIDE: value } });
    assert.is(outcome.status, 0, outcome.stdout);
  }
  refuses(new MemoryNode(), 8, {}, { ...call, env: { CNI_NETNS_OVERRIDE: '0' } });
});

test('a namespace that is gone or none is 8, with its path', () => {
  assert.match(refuses(new MemoryNode(), 8, {}, { netns: '/run/netns/none' }), '/run/netns/none');
  const node = new MemoryNode();
  node.platform.files.set('/run/netns/file', '');
  assert.match(refuses(node, 8, {}, { netns: '/run/netns/file' }), /\/run\/netns\/file .*EINVAL/);
});

test('a second ADD of the same attachment is 112; another one’s on the same VF is 102 and names the holder', () => {
  const node = new MemoryNode();
  add(node, { ipam });
  assert.match(refuses(node, 112, { ipam }), 'net1 of container c1');
  assert.match(refuses(node, 102, { ipam }, { ifname: 'net2' }), 'net1 of container c1');
  const other = node.addPod();
  assert.match(refuses(node, 102, { ipam }, node.of(other)), 'net1 of container c1');
});

test('a lock that stays taken is 11, naming the holder; nothing is left behind', () => {
  for (const name of ['container-c1', `vf-${vfPci(0)}`]) {
    const node = new MemoryNode();
    const path = `${stateDir}/.locks/${name}`;
    node.platform.heldLocks.set(path, 'x');
    node.platform.files.set(path, 'process 99 (ADD of net7)\n');
    assert.match(refuses(node, 11, {}), 'process 99 (ADD of net7)');
    assert.equal([...node.platform.heldLocks.keys()], [path]);
  }
});

test('a record that can’t be written: 5, and nothing has changed', () => {
  const node = new MemoryNode();
  for (const place of [`${stateDir}/vf-net`, `${stateDir}/.vfs`]) {
    node.platform.failNext('writeFileAtomic', place, ENOSPC);
    const before = node.picture();
    assert.match(node.fail('ADD').msg, 'ENOSPC');
    assert.equal(node.picture(), before);
    assert.equal(
      node.changes.filter((change) => !change.startsWith('record ')),
      [],
    );
  }
});

test('the first ADD of a node makes the state directory', () => {
  const node = new MemoryNode();
  assert.is(node.platform.stat(stateDir), null);
  add(node);
  assert.is(node.platform.stat(stateDir)?.mode, 0o700);
});

test('a sweep that fails is no reason to fail ADD', () => {
  const node = new MemoryNode();
  node.platform.failNext('writeFileAtomic', `${stateDir}/.swept`, ENOSPC);
  add(node);
});

test('a refused setting: 106 with key and driver’s errno, and all is as before', () => {
  const node = new MemoryNode();
  const before = node.picture();
  node.kernel.refuse('trust 1', EOPNOTSUPP, { extack: 'not on this device' });
  const error = node.fail('ADD', node.conf(full));
  assert.is(error.code, 106);
  for (const word of ['trust = on: ', 'pf0', 'driver igb: ', 'EOPNOTSUPP', 'not on this device'])
    assert.match(error.msg, word);
  assert.equal(node.picture(), before);
});

test('a refusal at any step undoes all before it: VF, address and files are as before', () => {
  const steps: [string, number][] = [
    ['host: pf0 vf 0', EINVAL],
    ['vlan 100', EIO],
    ['spoofchk 0', EIO],
    ['to pod1', EPERM],
    ['net1 mtu', EINVAL],
    ['net1 up', EINVAL],
    ['net1 address', EINVAL],
    ['net1 route', EINVAL],
  ];
  for (const driver of [undefined, igbvfDriver]) {
    for (const [step, errno] of steps) {
      const node = new MemoryNode(driver === undefined ? {} : { driver });
      Object.assign(node.link(0), { up: true, altnames: ['net1', 'ens1f0v0'] });
      const before = node.picture();
      node.kernel.refuse(step, errno, {
        times: /pf0| 0|100|to pod1/.test(step) ? 2 : 1,
      });
      const error = node.fail('ADD', node.conf(full));
      assert.ok([106, 113].includes(error.code), `${step}: ${JSON.stringify(error)}`);
      assert.equal(node.picture(), before, `${step}: ${error.msg}`);
      assert.is(node.changes.includes('ipam DEL'), true, step);
      assert.is(node.changes.at(-1), 'record removed');
    }
  }
});

test('a MAC that the driver won’t have is 106, and undone', () => {
  const node = new MemoryNode({ driver: stubbornDriver });
  const before = node.picture();
  assert.is(node.fail('ADD', node.conf({ mac })).code, 106);
  assert.equal(node.picture(), before);
});

test('IPAM fails: its own code, IPAM DEL is called, and only after the VF is out of the pod', () => {
  const node = new MemoryNode();
  const before = node.picture();
  const failure = { status: 1, stdout: JSON.stringify({ code: 11, msg: 'pool is empty' }) };
  let limitMs = 0;
  node.runIpam = ({ env, timeoutMs }) => {
    limitMs = timeoutMs;
    return env['CNI_COMMAND'] === 'ADD' ? failure : undefined;
  };
  const error = node.fail('ADD', node.conf({ ipam }));
  assert.is(error.code, 11);
  assert.match(error.msg, 'pool is empty');
  assert.equal(node.picture(), before);
  const [home, del] = [node.changes.indexOf('pod1: net1 to host as vf0'), node.changes.indexOf('ipam DEL')];
  assert.ok(home > 0 && del > home, node.changes.join('; '));
  assert.is(limitMs, 30_000, 'with its minute for ADD less than a run may take');
});

test('without IPAM a rollback asks no plugin and has nothing to warn of', () => {
  const node = new MemoryNode();
  node.kernel.refuse('net1 up', EIO);
  const { status, stderr } = node.cni('ADD');
  assert.is(status, 1);
  assert.not.match(stderr, / attachment=/);
  assert.not(node.changes.some((change) => change.startsWith('ipam')));
});

test('IPAM answers nonsense: 6, and its address is released', () => {
  const node = new MemoryNode();
  node.runIpam = ({ env }) => (env['CNI_COMMAND'] === 'ADD' ? { stdout: 'ok' } : undefined);
  assert.is(node.fail('ADD', node.conf({ ipam })).code, 6);
  assert.ok(node.changes.includes('ipam DEL'));
  assert.equal(node.recordPaths(), []);
});

test('a rollback that fails is 108, with both reasons; the record is kept and DEL completes it', () => {
  const node = new MemoryNode();
  const before = node.picture();
  node.kernel.refuse('net1 up', EIO);
  node.kernel.refuse('to host', EPERM);
  const error = node.fail('ADD', node.conf(full));
  assert.is(error.code, 108);
  assert.match(error.msg, /EIO.*EPERM/);
  assert.not.match(error.msg, /\(code/);
  assert.equal(node.recordPaths(), ['vf-net/c1/net1.json']);
  assert.not(node.changes.includes('ipam DEL'));
  node.kernel.allowAll();
  node.succeed('DEL', node.conf(full));
  assert.equal(node.picture(), before);
});

test('a rollback that can’t remove its record says so, and keeps the first reason', () => {
  const node = new MemoryNode();
  node.kernel.refuse('net1 up', EPERM);
  node.platform.failNext('unlink', node.recordPath(), EIO);
  const error = node.fail('ADD', node.conf());
  assert.is(error.code, 108);
  assert.match(error.msg, /EPERM.*EIO/);
});

test('the record has what DEL, CHECK and GC need', () => {
  const node = new MemoryNode();
  const conf = node.conf(full);
  const args = 'IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=pod;K8S_POD_UID=uid-1';
  node.succeed('ADD', conf, { env: { CNI_ARGS: args } });
  const record = node.readRecord();
  const { inode, cookie } = node.pod.namespace;
  assert.is(record['phase'], 'attached');
  assert.equal(record['pod'], { namespace: 'ns', name: 'pod', uid: 'uid-1' });
  assert.equal(record['netns'], { path: '/run/netns/pod1', device: '4', inode: `${inode}`, cookie: `${cookie}` });
  assert.is(record['podIfindex'], node.link(0).ifindex);
  assert.equal(record['addresses'], ['10.0.2.5/24']);
  assert.equal(record['routes'], [{ dst: '0.0.0.0/0', gw: '10.0.2.1' }]);
  assert.is(record['config'], JSON.stringify(conf));
  assert.equal(record['ipam'], { ...ipam, stdin: JSON.stringify(conf), args, pluginDirs: ['/opt/cni/bin'] });
  assert.is(record['resolvedFrom'], 'deviceID');
  assert.is(record['cniArgs'], args);
  const without = new MemoryNode();
  without.succeed('ADD', conf);
  const { cniArgs, ipam: plugin } = without.readRecord() as { cniArgs: string; ipam: { args: string } };
  assert.equal([cniArgs, plugin.args], ['', '']);
});

test('the VF vanishes when it has been moved: 113, naming it, and nothing is left', () => {
  const node = new MemoryNode();
  const showLinks = node.kernel.onLinksChanged;
  node.kernel.onLinksChanged = () => {
    showLinks();
    if (node.pod.namespace.find('net1') !== undefined) node.removeVf(0);
  };
  const error = node.fail('ADD', node.conf({ ipam }));
  assert.is(error.code, 113);
  assert.match(error.msg, vfPci(0));
  assert.equal([node.recordPaths(), [...node.leases]], [[], []]);
});

test('the VF vanishes from the pod when it has come up: 113, naming it, and nothing is left', () => {
  let node: MemoryNode | null = null;
  node = new MemoryNode({ driver: () => ({ ...plainDriver(), goUp: () => node?.removeVf(0) }) });
  const error = node.fail('ADD', node.conf());
  assert.is(error.code, 113);
  assert.match(error.msg, vfPci(0));
  assert.equal(node.recordPaths(), []);
});

test('altnames that are the pod’s or the host’s name: ADD, DEL, ADD', () => {
  const node = new MemoryNode();
  node.link(0).altnames = ['net1', 'enp59s0f0v0'];
  const before = node.picture();
  for (let time = 0; time < 2; time++) {
    add(node);
    node.succeed('DEL');
    assert.equal(node.picture(), before);
  }
});

test('a VF that was left promiscuous is given plain; DEL gives the node its own back', () => {
  const node = new MemoryNode();
  node.link(0).flags = 0x382;
  const before = node.picture();
  node.succeed('ADD', node.conf());
  assert.is(node.link(0).flags, 0x1002);
  assert.ok(node.changes.indexOf('host: vf0 flags 1000') < node.changes.indexOf('host: vf0 to pod1 as net1'));
  node.succeed('DEL');
  assert.equal(node.picture(), before);
});

test('a busy driver is waited for', () => {
  const node = new MemoryNode();
  node.kernel.refuse('to pod1', 16, { times: 3 });
  add(node);
});

test('no descriptor of a namespace stays open', () => {
  const node = new MemoryNode();
  add(node, full);
  node.succeed('DEL', node.conf(full));
  node.cni('ADD', node.conf({ vlan: 1, mtu: 1 }));
  assert.equal([node.platform.openNamespaces.size, node.pod.namespace.sockets], [0, 0]);
});

test('an IPAM ADD that still runs when another step fails is joined before its address is released', () => {
  const node = new MemoryNode();
  const { startProcess } = node.platform;
  Object.assign(node.platform, {
    startProcess: (request: Parameters<typeof startProcess>[0]) => {
      const started = startProcess(request);
      const wait = (): ReturnType<typeof started.wait> => {
        node.changes.push(`joined ${request.env['CNI_COMMAND']}`);
        return started.wait();
      };
      return { wait };
    },
  });
  node.kernel.refuse('net1 up', EINVAL);
  node.fail('ADD', node.conf({ ipam }));
  assert.equal(
    node.changes.filter((change) => /ipam|joined/.test(change)),
    ['ipam ADD', 'joined ADD', 'ipam DEL', 'joined DEL'],
  );
  assert.equal([...node.leases], []);
});
