import { MemoryNode } from '../../support/memory-node.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('commands/check');

const keys = {
  vlan: 100,
  vlanQoS: 5,
  spoofchk: 'off',
  trust: 'on',
  mac: '02:00:00:00:00:01',
  mtu: 1400,
  ipam: { type: 'host-local' },
};

interface Checked {
  readonly node: MemoryNode;
  readonly conf: Record<string, unknown>;
}

interface Result {
  readonly interfaces: readonly Record<string, unknown>[];
  readonly ips: readonly Record<string, unknown>[];
  readonly routes: readonly Record<string, unknown>[];
}

function attached(more: Readonly<Record<string, unknown>> = {}): Checked {
  const node = new MemoryNode();
  node.ipamResult = (address) => ({
    ips: [
      { address: `${address}/24`, gateway: '10.0.2.1' },
      { address: 'FD00:0::5/64', gateway: 'FD00::0:1' },
    ],
    routes: [{ dst: '0.0.0.0/0' }, { dst: 'FD09::7/16' }],
  });
  const added = node.conf({ ...keys, ...more });
  const prevResult = node.attach(added);
  node.changes.length = 0;
  return { node, conf: { ...added, prevResult } };
}

function differences(change: (node: MemoryNode) => void, more: Readonly<Record<string, unknown>> = {}): string {
  const { node, conf } = attached(more);
  node.edit(() => change(node));
  const error = node.fail('CHECK', conf);
  assert.is(error.code, 110, error.msg);
  assert.not(node.changes.includes('ipam CHECK'));
  return error.msg;
}

test('as ADD left it: no output, nothing is changed, and IPAM is asked', () => {
  const { node, conf } = attached();
  assert.is(node.cni('CHECK', conf).stdout, '');
  assert.equal(node.changes, ['ipam CHECK']);
  assert.is(node.platform.startedProcesses.at(-1)?.stdin, JSON.stringify(conf));
});

test('every version that has CHECK: its result is compared in its own form', () => {
  for (const cniVersion of ['0.4.0', '1.0.0', '1.1.0']) {
    const { node, conf } = attached({ cniVersion });
    node.succeed('CHECK', conf);
  }
  const { node, conf } = attached({ cniVersion: '0.3.1' });
  assert.is(node.fail('CHECK', conf).code, 1);
});

test('every difference is found', () => {
  const cases: [string, (node: MemoryNode) => void, RegExp][] = [
    ['link down', (node) => Object.assign(node.link(0), { up: false }), /link .*down.*up/],
    ['MAC', (node) => Object.assign(node.link(0), { mac: '02:00:00:00:00:09' }), /MAC .*:09.*:01/],
    ['MTU', (node) => Object.assign(node.link(0), { mtu: 1500 }), /MTU .*1500.*1400/],
    ['name', (node) => Object.assign(node.link(0), { name: 'eth9' }), /name .*eth9.*net1/],
    ['VLAN', (node) => Object.assign(node.vfs[0] ?? {}, { vlan: 0 }), /vlan .*\b0\b.*\b100\b/],
    ['trust', (node) => Object.assign(node.vfs[0] ?? {}, { trust: 0 }), /trust .*off.*on/],
    ['address', (node) => node.link(0).addresses.shift(), /address 10\.0\.2\.5\/24 /],
    ['IPv6 address', (node) => node.link(0).addresses.pop(), /address FD00:0::5\/64 /],
    [
      'duplicate',
      (node) => Object.assign(node.link(0).addresses[1] ?? {}, { flags: 0x48 }),
      /address FD00:0::5\/64 .*: /,
    ],
    ['route', (node) => node.pod.namespace.routes.shift(), /route 0\.0\.0\.0\/0 via 10\.0\.2\.1 /],
    ['IPv6 route', (node) => node.pod.namespace.routes.pop(), /route FD09::7\/16 via FD00::0:1 /],
    ['PF gone', (node) => node.host.links.splice(node.host.links.indexOf(node.pf), 1), /\bPF pf0\b/],
    ['VF gone', (node) => node.pod.namespace.links.splice(1), /VF 0000:3b:02\.0/],
  ];
  for (const [what, change, expected] of cases) assert.match(differences(change), expected, what);
});

test('all differences come at once, with the attachment that they are of', () => {
  const message = differences((node) => {
    Object.assign(node.link(0), { up: false, mtu: 1300 });
    Object.assign(node.vfs[0] ?? {}, { vlan: 1, spoofchk: 1 });
    node.editRecord({ pod: { namespace: 'ns', name: 'web', uid: 'u1' } });
  });
  const told = ['net1', 'ns/web', /\bvlan .*\b1\b/, /\bspoofchk .*\bon\b/, /\blink .*\bdown\b/, /\bMTU .*\b1300\b/];
  for (const one of told) assert.match(message, one);
});

test('another device under the VF’s name is told', () => {
  const message = differences((node) => {
    const { links } = node.pod.namespace;
    links.splice(links.indexOf(node.link(0)), 1);
    node.kernel.addLink(node.pod.namespace, 'net1', { parent: '0000:3b:02.1' });
  });
  assert.match(message, /net1 .*device/);
  assert.not.match(
    differences((node) => node.pod.namespace.links.splice(1)),
    /device/,
  );
});

test('the interface of prevResult is the one of that name in a sandbox; its MAC may be spelled in upper case, or absent', () => {
  const { node, conf } = attached({ mac: '02:00:00:00:0a:0b' });
  const result = conf['prevResult'] as Result;
  const [own] = result.interfaces;
  const others = [
    { name: 'eth0', mac: '02:00:00:00:00:99', sandbox: node.pod.path },
    { name: 'net1', mac: '02:00:00:00:00:98' },
  ];
  for (const mac of [String(own?.['mac']).toUpperCase(), undefined]) {
    const interfaces = [...others, { ...own, mac }];
    node.succeed('CHECK', { ...conf, prevResult: { ...result, interfaces, ips: [], routes: [] } });
  }
});

test('no IPAM plugin is asked if there is none; one that only today’s config names is asked as the runtime says', () => {
  const { node, conf } = attached({ ipam: undefined });
  node.succeed('CHECK', conf);
  assert.equal(node.changes, []);
  node.succeed('CHECK', { ...conf, ipam: { type: 'host-local' } });
  assert.equal(node.changes, ['ipam CHECK']);
  assert.is(node.platform.startedProcesses.at(-1)?.env['CNI_NETNS'], node.pod.path);
});

test('a PF that has another name now is found by its PCI address', () => {
  const { node, conf } = attached();
  node.edit(() => Object.assign(node.pf, { name: 'eth7' }));
  node.succeed('CHECK', conf);
});

test('CHECK goes by what a later plugin of the chain has changed, and doesn’t miss what it took out of the result', () => {
  const { node, conf } = attached();
  const result = conf['prevResult'] as Result;
  Object.assign(node.link(0), { mac: '02:00:00:00:00:77', mtu: 1300 });
  node.link(0).addresses.shift();
  node.pod.namespace.routes.shift();
  const prevResult = {
    ...result,
    interfaces: [{ ...result.interfaces[0], mac: '02:00:00:00:00:77', mtu: 1300 }],
    ips: result.ips.slice(1),
    routes: result.routes.slice(1),
  };
  node.succeed('CHECK', { ...conf, prevResult });
});

test('addresses and routes that others added are not ours to judge', () => {
  const { node, conf } = attached();
  const result = conf['prevResult'] as Result;
  const ips = [...result.ips, { address: '203.0.113.9/32', interface: 0 }];
  node.succeed('CHECK', {
    ...conf,
    prevResult: { ...result, ips, routes: [...result.routes, { dst: '203.0.113.0/24' }] },
  });
});

test('an interface that isn’t in prevResult is a difference', () => {
  const { node, conf } = attached();
  const prevResult = { ...(conf['prevResult'] as Result), interfaces: [], ips: [], routes: [] };
  const error = node.fail('CHECK', { ...conf, prevResult });
  assert.is(error.code, 110);
  assert.match(error.msg, /net1 .*prevResult/);
});

test('without prevResult it is 7; with a damaged one 6', () => {
  const { node, conf } = attached();
  assert.is(node.fail('CHECK', { ...conf, prevResult: undefined }).code, 7);
  assert.is(node.fail('CHECK', { ...conf, prevResult: { ips: 'x' } }).code, 6);
});

test('without a record it is 110, and says so', () => {
  const { node, conf } = attached();
  const error = node.fail('CHECK', conf, { ifname: 'net9' });
  assert.is(error.code, 110);
  assert.match(error.msg, /net9 .*record/);
});

test('a namespace that is gone is 8', () => {
  const { node, conf } = attached();
  node.platform.netnsPaths.delete(node.pod.path);
  assert.is(node.fail('CHECK', conf).code, 8);
});

test('IPAM’s verdict is passed on with its own code', () => {
  const { node, conf } = attached();
  node.runIpam = () => ({ status: 1, stdout: JSON.stringify({ code: 102, msg: 'no lease' }) });
  const error = node.fail('CHECK', conf);
  assert.is(error.code, 102);
  assert.match(error.msg, 'no lease');
});

test('an IPAM plugin without CHECK has nothing to say', () => {
  const { node, conf } = attached();
  node.runIpam = () => ({
    status: 1,
    stdout: JSON.stringify({ code: 999, msg: 'CNI CHECK method is not implemented' }),
  });
  node.succeed('CHECK', conf);
});

test('the IPAM plugin that gave the address is asked, with the runtime’s config where that names it', () => {
  const { node, conf } = attached();
  for (const other of [{ type: 'static' }, null]) {
    node.succeed('CHECK', { ...conf, ipam: other });
    const { path, stdin } = node.platform.startedProcesses.at(-1) ?? {};
    assert.equal([path, JSON.parse(stdin ?? '').ipam], ['/opt/cni/bin/host-local', keys.ipam]);
  }
});

test('no descriptor of a namespace stays open', () => {
  const { node, conf } = attached();
  node.succeed('CHECK', conf);
  node.link(0).up = false;
  node.fail('CHECK', conf);
  assert.equal([node.platform.openNamespaces.size, node.pod.namespace.sockets], [0, 0]);
});

test('before CNI 1.1 a result has no MTU: the config’s is held to', () => {
  const change = (node: MemoryNode): void => {
    Object.assign(node.link(0), { mtu: 1300 });
  };
  assert.match(differences(change, { cniVersion: '1.0.0' }), 'MTU is 1300, should be 1400');
});

test('an MTU that the config doesn’t set is not ours to judge: tuning changes it, and not the result', () => {
  for (const cniVersion of ['1.0.0', '1.1.0']) {
    const { node, conf } = attached({ cniVersion, mtu: undefined });
    Object.assign(node.link(0), { mtu: 1400 });
    node.succeed('CHECK', conf);
  }
});
