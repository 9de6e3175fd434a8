import type { CniError } from '../../../src/cni/errors.ts';
import type { CniRequest } from '../../../src/cni/request.ts';
import { readLogSettings } from '../../../src/config/log-settings.ts';
import { parseConf, parseDelConf, reviewConf } from '../../../src/config/parse.ts';
import type { SriovConf } from '../../../src/config/sriov-conf.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';

const test = suite('config/parse');

type Json = Readonly<Record<string, unknown>>;

function requestOf(config: Json, args: Readonly<Record<string, string>> = {}): CniRequest {
  return {
    command: 'ADD',
    containerId: 'c1',
    netns: '/run/netns/c1',
    ifname: 'net1',
    args,
    pluginDirs: ['/opt/cni/bin'],
    netnsOverride: false,
    stdin: '',
    config: { type: 'sriov', ...config },
    cniVersion: '1.0.0',
    network: 'vf-test1',
  };
}

const parse = (config: Json, args?: Readonly<Record<string, string>>): SriovConf => parseConf(requestOf(config, args));

/** A refusal of a config, or of CNI_ARGS with it, that names each of `tokens`. */
function refuses(
  config: Json | readonly [config: Json, args: Readonly<Record<string, string>>],
  ...tokens: readonly string[]
): CniError {
  const [ofConfig, args] = Array.isArray(config) ? config : [config];
  return throws(() => parse(ofConfig, args), 'invalidConfig', ...tokens);
}

/** Asserts findings, in order: the path of each, and what its message names. */
function tells(
  findings: readonly { readonly path: string; readonly message: string }[],
  expected: readonly (readonly [path: string, ...tokens: readonly string[]])[],
): void {
  assert.equal(
    findings.map(({ path }) => path),
    expected.map(([path]) => path),
  );
  for (const [at, [, ...tokens]] of expected.entries()) {
    for (const token of tokens) assert.match(findings[at]?.message ?? '', token);
  }
}

/** A value that JSON can hold, as its parser makes it. */
const json = (text: string): unknown => JSON.parse(text);

const nothing: SriovConf = {
  cniVersion: '1.0.0',
  network: 'vf-test1',
  type: 'sriov',
  deviceHints: [],
  settings: {},
  ipam: null,
  pod: null,
  warnings: [],
};

test('a config with nothing but its type changes nothing', () => {
  assert.equal(parse({}), nothing);
});

test('the config of the demo', () => {
  const demo = {
    cniVersion: '1.0.0',
    name: 'vf-test1',
    type: 'sriov',
    vlan: 0,
    spoofchk: 'on',
    trust: 'on',
    vlanQoS: 0,
    logLevel: 'info',
    ipam: { type: 'host-local', ranges: [[{ subnet: '10.0.2.0/24' }]] },
  };
  assert.equal(parse(demo), {
    ...nothing,
    settings: { vlan: 0, vlanQos: 0, vlanProtocol: '802.1q', spoofchk: 'on', trust: 'on' },
    ipam: { type: 'host-local' },
  });
});

test('the example of sriov-cni’s reference, and what its operator and others generate', () => {
  const reference = {
    deviceID: '0000:03:02.0',
    mac: 'CA:FE:C0:FF:EE:00',
    vlan: 1000,
    vlanQoS: 4,
    vlanProto: '802.1ad',
    min_tx_rate: 100,
    max_tx_rate: 200,
    spoofchk: 'off',
    trust: 'on',
    link_state: 'enable',
    logLevel: 'debug',
    logFile: '/tmp/sriov.log',
  };
  assert.equal(parse(reference), {
    ...nothing,
    deviceHints: [{ key: 'deviceID', value: '0000:03:02.0' }],
    settings: {
      vlan: 1000,
      vlanQos: 4,
      vlanProtocol: '802.1ad',
      mac: 'ca:fe:c0:ff:ee:00',
      spoofchk: 'off',
      trust: 'on',
      linkState: 'enable',
      minTxRateMbps: 100,
      maxTxRateMbps: 200,
    },
  });
  assert.equal(readLogSettings(reference), { logLevel: 'debug', logFile: '/tmp/sriov.log', problems: [] });
  const generated = { vlan: 0, vlanQoS: 0, vlanProto: '802.1q', logLevel: 'info', logFile: '', ipam: {}, spoofchk: '' };
  assert.equal(parse({ ...generated, capabilities: { mac: true }, kubernetes: {} }).settings, {
    vlan: 0,
    vlanQos: 0,
    vlanProtocol: '802.1q',
  });
});

/** Key -> values that are taken, and what they become in `settings`. */
const goodSettings: readonly (readonly [config: Json, settings: Json])[] = [
  [{ vlan: 0 }, { vlan: 0, vlanQos: 0, vlanProtocol: '802.1q' }],
  [{ vlan: 1 }, { vlan: 1, vlanQos: 0, vlanProtocol: '802.1q' }],
  [{ vlan: 4094 }, { vlan: 4094, vlanQos: 0, vlanProtocol: '802.1q' }],
  [
    { vlan: json('-0'), vlanQoS: json('-0') },
    { vlan: 0, vlanQos: 0, vlanProtocol: '802.1q' },
  ],
  [{ vlan: json('1e2') }, { vlan: 100, vlanQos: 0, vlanProtocol: '802.1q' }],
  [
    { vlan: 5, vlanQoS: 7 },
    { vlan: 5, vlanQos: 7, vlanProtocol: '802.1q' },
  ],
  [
    { vlan: 5, vlanProto: '802.1Q' },
    { vlan: 5, vlanQos: 0, vlanProtocol: '802.1q' },
  ],
  [
    { vlan: 5, vlanProto: '802.1AD' },
    { vlan: 5, vlanQos: 0, vlanProtocol: '802.1ad' },
  ],
  [
    { vlan: 5, vlanProto: '802.1aD' },
    { vlan: 5, vlanQos: 0, vlanProtocol: '802.1ad' },
  ],
  [
    { vlan: 0, vlanProto: '802.1Q' },
    { vlan: 0, vlanQos: 0, vlanProtocol: '802.1q' },
  ],
  [{ mac: '02:00:00:00:00:01' }, { mac: '02:00:00:00:00:01' }],
  [{ mac: 'FE-FF-FF-FF-FF-FF' }, { mac: 'fe:ff:ff:ff:ff:ff' }],
  [{ mac: '0200.5E10.00ab' }, { mac: '02:00:5e:10:00:ab' }],
  [{ mac: '00:00:00:00:00:01' }, { mac: '00:00:00:00:00:01' }],
  [{ mtu: 68 }, { mtu: 68 }],
  [{ mtu: 65535 }, { mtu: 65535 }],
  [
    { spoofchk: 'on', trust: 'off' },
    { spoofchk: 'on', trust: 'off' },
  ],
  [
    { spoofchk: 'off', trust: 'on' },
    { spoofchk: 'off', trust: 'on' },
  ],
  [{ link_state: 'auto' }, { linkState: 'auto' }],
  [{ link_state: 'enable' }, { linkState: 'enable' }],
  [{ link_state: 'disable' }, { linkState: 'disable' }],
  [
    { min_tx_rate: 5, max_tx_rate: 5 },
    { minTxRateMbps: 5, maxTxRateMbps: 5 },
  ],
  [{ min_tx_rate: 0 }, { minTxRateMbps: 0, maxTxRateMbps: 0 }],
  [{ min_tx_rate: 5 }, { minTxRateMbps: 5, maxTxRateMbps: 0 }],
  [
    { min_tx_rate: 5, max_tx_rate: 0 },
    { minTxRateMbps: 5, maxTxRateMbps: 0 },
  ],
  [{ max_tx_rate: 4294967295 }, { minTxRateMbps: 0, maxTxRateMbps: 4294967295 }],
  ...[
    'vlan',
    'vlanQoS',
    'vlanProto',
    'mac',
    'mtu',
    'spoofchk',
    'trust',
    'link_state',
    'min_tx_rate',
    'max_tx_rate',
  ].map((key) => [{ [key]: null }, {}] as const),
  [{ mtu: 0 }, {}],
  [{ mtu: json('-0') }, {}],
  ...['mac', 'spoofchk', 'trust', 'link_state'].map((key) => [{ [key]: '' }, {}] as const),
];

test('takes every setting at its bounds; null, and for texts "", is absent', () => {
  for (const [config, settings] of goodSettings) assert.equal(parse(config).settings, settings, JSON.stringify(config));
  const zero = json('-0');
  const { settings } = parse({ vlan: zero, vlanQoS: zero, min_tx_rate: zero, max_tx_rate: zero });
  for (const value of [settings.vlan, settings.vlanQos, settings.minTxRateMbps, settings.maxTxRateMbps]) {
    assert.ok(Object.is(value, 0), 'no -0, which JSON would write and netlink can’t');
  }
});

const path = 'absolute path';
const device = 'PCI address';
const pluginName = 'file name';

/** Key -> values that are refused -> what is said to be allowed. */
const bad: readonly (readonly [key: string, values: readonly unknown[], allowed: string])[] = [
  ['type', [5, '', 'a/b', '..', '.x', '-x', 'a b', 'a\u0000'], pluginName],
  ['vlan', [-1, 4095, 1.5, '5', '0', true, [], {}, json('1e400'), 'NaN'], '0 to 4094'],
  ['vlanQoS', [-1, 8, 0.5, '3', false, json('-1e400')], '0 to 7'],
  ['vlanProto', ['', '802.1', '802.1q ', '8021q', 5, '802.1x'], '"802.1q", "802.1Q", "802.1ad"'],
  ['mtu', [1, 67, 65536, 1500.5, '1500', '0', -1, json('1e400')], '68 to 65535'],
  ['spoofchk', ['yes', 'On', 'true', true, 1, 'on ', 'on\u0000'], '"on" or "off"'],
  ['trust', ['no', 'OFF', false, 0, {}], '"on" or "off"'],
  ['link_state', ['up', 'Auto', 1, 'enabled'], '"auto", "enable" or "disable"'],
  ['min_tx_rate', [-1, 1.5, '5', 4294967296], '0 to 4294967295'],
  ['max_tx_rate', [-1, 1.5, '5', 4294967296], '0 to 4294967295'],
  [
    'mac',
    [
      '01:00:5e:00:00:01',
      'ff:ff:ff:ff:ff:ff',
      '00:00:00:00:00:00',
      '00-00-00-00-00-00',
      '0000.0000.0000',
      '02:00:00:00:00',
      '02:00:00:00:00:01:02',
      '02:00:00:00:00:0g',
      '020000000001',
      '02:00.0000:0001',
      5,
      '02:00:00:00:00:01\n',
    ],
    'unicast MAC',
  ],
  ['deviceID', ['a b', 'a;b', 'ä', 'a\u0000', '\u202eabc', 'x'.repeat(254), 5, {}], device],
  ['pciBusID', ['a b', '$(x)', 'x'.repeat(65536), 5], device],
  ['resourceName', ['/a', 'a/', 'a..b', 'a b', 5, 'x'.repeat(254), 'ä'], 'resource name'],
  ['ipam', ['host-local', 5, [], [{ type: 'x' }], true], 'type'],
  ['vfSelector', ['x', [], 5], 'pfNames'],
  ['runtimeConfig', ['x', [], 5], 'an object'],
  ['args', ['x', [], 5], 'an object'],
  ['prevResult', ['x', [], 5], 'an object'],
  ['cniVersion', ['1.1', 5, '9.9.9'], '"0.1.0"'],
  ['name', ['a/b', '..', 5, 'x'.repeat(256)], '255'],
];

/** How a message begins to show a value; of long or unprintable text only the quote. */
function shown(value: unknown): string {
  if (typeof value === 'number') return String(value);
  const text = JSON.stringify(value);
  return /^[ -~]{1,60}$/.test(text) ? text : '"';
}

for (const [key, values, allowed] of bad) {
  test(`${key}: refuses what is out of bounds, naming key, value and what is allowed`, () => {
    for (const value of values) {
      const { message } = refuses({ vlan: 1, [key]: value }, `"vf-test1": ${key}: ${shown(value)}`, allowed);
      assert.ok(message.length < 700, `${message.length}`);
    }
  });
}

test('a missing type is named', () => {
  for (const type of [undefined, null]) refuses({ type }, 'type: ', pluginName);
});

/** Nested keys: config, path in the message, what is allowed. */
const badNested: readonly (readonly [Json, string, string])[] = [
  [{ ipam: { subnet: '10.0.0.0/24' } }, 'ipam.type: ', pluginName],
  [{ ipam: { type: '../evil' } }, 'ipam.type: "../evil"', pluginName],
  [{ ipam: { type: '', subnet: 'x' } }, 'ipam.type: ""', pluginName],
  [{ ipam: { type: 5 } }, 'ipam.type: 5', pluginName],
  [{ ipam: { type: 'sriov' } }, 'ipam.type: "sriov"', '"host-local"'],
  [{ ipam: { type: 'dra-sriov' } }, 'ipam.type: "dra-sriov"', '"host-local"'],
  [{ type: 'my-sriov', ipam: { type: 'my-sriov' } }, 'ipam.type: "my-sriov"', '"host-local"'],
  [{ runtimeConfig: { deviceID: 'a b' } }, 'runtimeConfig.deviceID: "a b"', device],
  [{ runtimeConfig: { CNIDeviceInfoFile: 'x' } }, 'runtimeConfig.CNIDeviceInfoFile: "x"', path],
  [{ runtimeConfig: { CNIDeviceInfoFile: '/run/../etc/shadow' } }, 'runtimeConfig.CNIDeviceInfoFile', path],
  [{ runtimeConfig: { mac: '01:00:00:00:00:00' } }, 'runtimeConfig.mac: "01:', 'unicast MAC'],
  [{ args: { cni: [] } }, 'args.cni: []', 'an object'],
  [{ args: { cni: { mac: 'x' } } }, 'args.cni.mac: "x"', 'unicast MAC'],
  [{ vfSelector: { pfNames: 'ens1f0' } }, 'vfSelector.pfNames: "ens1f0"', 'interface names'],
  [{ vfSelector: { pfNames: ['a/b'] } }, 'vfSelector.pfNames[0]: "a/b"', 'network interface'],
  [{ vfSelector: { pfNames: ['x'.repeat(16)] } }, 'vfSelector.pfNames[0]', 'network interface'],
  [{ vfSelector: { pfPciAddresses: ['3b:00.0'] } }, 'vfSelector.pfPciAddresses[0]: "3b:00.0"', device],
  [{ vfSelector: { vendors: ['0x8086'] } }, 'vfSelector.vendors[0]: "0x8086"', 'hex digits'],
  [{ vfSelector: { devices: [8086] } }, 'vfSelector.devices[0]: 8086', 'hex digits'],
  [{ vfSelector: { drivers: ['../x'] } }, 'vfSelector.drivers[0]: "../x"', 'driver'],
  [{ vfSelector: { linkType: 'eth' } }, 'vfSelector.linkType: "eth"', '"ether" or "infiniband"'],
];

test('names nested keys with their whole path', () => {
  for (const [config, where, allowed] of badNested) {
    refuses(config, where, allowed);
  }
});

/** Rules over two keys: sriov-cni’s, and the kernel’s for rates. */
const badTogether: readonly (readonly [config: Json, shown: string, other: string])[] = [
  [{ vlanQoS: 3 }, 'vlanQoS: 3 ', 'vlan'],
  [{ vlanQoS: 0 }, 'vlanQoS: 0 ', 'vlan'],
  [{ vlanQoS: 3, vlan: null }, 'vlanQoS: 3 ', 'vlan'],
  [{ vlanProto: '802.1q' }, 'vlanProto: "802.1q" ', 'vlan'],
  [{ vlanQoS: 3, vlan: 0 }, 'vlanQoS: 3 ', 'vlan 0'],
  [{ vlanProto: '802.1AD', vlan: 0 }, 'vlanProto: "802.1AD" ', 'vlan 0'],
  [{ min_tx_rate: 6, max_tx_rate: 5 }, 'min_tx_rate: 6 ', 'max_tx_rate 5'],
];

test('refuses combinations that make no sense', () => {
  for (const [config, shownKey, other] of badTogether) refuses(config, shownKey, other, 'allowed: ');
});

test('an invalid vlan is not reported as missing as well', () => {
  const { message } = refuses({ vlan: '5', vlanQoS: 3 }, 'vlan: "5"');
  assert.not.match(message, 'vlanQoS');
});

test('reports all problems in one message', () => {
  const config = {
    type: null,
    vlan: -1,
    mtu: 1,
    trust: 'yes',
    runtimeConfig: { mac: 'x' },
    min_tx_rate: 2,
    max_tx_rate: 1,
    guid: 'x',
  };
  const parts = [
    'type: ',
    'vlan: ',
    'mtu: ',
    'trust: ',
    'runtimeConfig.mac: ',
    'min_tx_rate: ',
    'guid: ',
    'CNI_ARGS MAC: "y"',
    'CNI_ARGS K8S_POD_UID: "../z"',
  ];
  refuses([config, { MAC: 'y', K8S_POD_UID: '../z' }], ...parts);
});

test('keys of other plugins are code 2 when nothing else is wrong', () => {
  for (const key of ['guid', 'pkey', 'vlan_trunk']) {
    throws(() => parse({ [key]: 'value' }), 'unsupportedField', `"vf-test1": ${key}: "value"`);
    refuses({ [key]: 'value', vlan: -1 }, `${key}: "value"`, 'vlan: -1');
    assert.equal(parse({ [key]: null }).settings, {});
  }
});

test('MAC: runtimeConfig before args.cni before CNI_ARGS before the key', () => {
  const mac = (last: number): string => `02:00:00:00:00:0${last}`;
  const all = { mac: mac(1), args: { cni: { mac: mac(3) } }, runtimeConfig: { mac: mac(4) } };
  const args = { MAC: mac(2) };
  assert.is(parse(all, args).settings.mac, mac(4));
  assert.is(parse({ ...all, runtimeConfig: { mac: '' } }, args).settings.mac, mac(3));
  assert.is(parse({ ...all, runtimeConfig: {}, args: { cni: { mac: null } } }, args).settings.mac, mac(2));
  assert.is(parse({ mac: mac(1), args: { cni: null } }, args).settings.mac, mac(2));
  assert.is(parse({ mac: mac(1) }, { MAC: '' }).settings.mac, mac(1));
  refuses([all, { MAC: 'bad' }], 'CNI_ARGS MAC: "bad"');
});

test('device hints keep their keys and order, whatever their shape', () => {
  const hints = ['0000:3B:02.1', 'c7a0e1e0-1111-2222-3333-444455556666-0000-3b-02-1', 'vendor.example/vf=x_1.y@z'];
  const [first = '', second = '', third = ''] = hints;
  assert.equal(parse({ pciBusID: third, deviceID: second, runtimeConfig: { deviceID: first } }).deviceHints, [
    { key: 'runtimeConfig.deviceID', value: first },
    { key: 'deviceID', value: second },
    { key: 'pciBusID', value: third },
  ]);
  assert.equal(parse({ deviceID: '', pciBusID: null, runtimeConfig: { deviceID: '' } }).deviceHints, []);
  assert.is(parse({ deviceID: 'x'.repeat(253) }).deviceHints.length, 1);
});

test('runtimeConfig: the device information file, and addresses that are IPAM’s business', () => {
  const ips = ['10.0.0.1/0', '10.0.0.256', 5, 'host', null];
  const file = '/var/run/k8s.cni.cncf.io/devinfo/cni/ns-nad-c1_net1';
  const conf = parse({ runtimeConfig: { ips, CNIDeviceInfoFile: file, portMappings: [] } });
  assert.is(conf.deviceInfoFile, file);
  assert.is(parse({ runtimeConfig: { CNIDeviceInfoFile: '' } }).deviceInfoFile, undefined);
  for (const odd of ['10.0.0.1', { a: 1 }, 5]) assert.equal(parse({ runtimeConfig: { ips: odd } }), nothing);
});

test('the selector in the forms that sysfs has; an empty one is none', () => {
  const wire = {
    pfNames: ['ens1f0', 'ens1f1np1'],
    pfPciAddresses: ['0000:3B:00.0'],
    vendors: ['8086', '15B3'],
    devices: ['154C'],
    drivers: ['iavf', 'vfio-pci'],
    linkType: 'ether',
  };
  assert.equal(parse({ vfSelector: wire }).vfSelector, {
    pfNames: ['ens1f0', 'ens1f1np1'],
    pfPciAddresses: ['0000:3b:00.0'],
    vendors: ['8086', '15b3'],
    devices: ['154c'],
    drivers: ['iavf', 'vfio-pci'],
    linkType: 'ether',
  });
  for (const none of [{}, { pfNames: [] }, { vendors: null }])
    assert.is(parse({ vfSelector: none }).vfSelector, undefined);
  assert.is(parse({ resourceName: 'example.com/sriov_nic_1' }).resourceName, 'example.com/sriov_nic_1');
});

test('an ipam object without content is none', () => {
  for (const ipam of [{}, { type: '' }, { type: null }, null]) assert.is(parse({ ipam }).ipam, null);
});

test('log levels of sriov-cni, in any case', () => {
  const levels = { panic: 'error', error: 'error', warning: 'warning', info: 'info', debug: 'debug', verbose: 'debug' };
  for (const [level, expected] of Object.entries(levels)) {
    for (const spelt of [level, level.toUpperCase()]) {
      assert.equal(readLogSettings({ logLevel: spelt }), { logLevel: expected, problems: [] });
    }
  }
  assert.equal(readLogSettings({ logLevel: '', logFile: '' }), { logLevel: 'info', problems: [] });
});

test('keys in another case are taken, as in Go, unless the key itself is there; both are told', () => {
  const conf = parse({ Trust: 'on', VLAN: 7, vlan: 5, SpoofChk: 'off', vlna: 9 });
  assert.equal(conf.settings, { vlan: 5, vlanQos: 0, vlanProtocol: '802.1q', spoofchk: 'off', trust: 'on' });
  tells(conf.warnings, [
    ['Trust', 'trust'],
    ['VLAN', 'vlan'],
    ['SpoofChk', 'spoofchk'],
    ['vlna', 'ignored', 'vlan'],
  ]);
  refuses({ TRUST: 'yes' }, 'trust: "yes"');
});

test('the pod of CNI_ARGS', () => {
  const args = { K8S_POD_NAMESPACE: 'ns', K8S_POD_NAME: 'pod.1', K8S_POD_UID: 'c7a0e1e0-1111-2222-3333-444455556666' };
  assert.equal(parse({}, args).pod, { namespace: 'ns', name: 'pod.1', uid: args.K8S_POD_UID });
  assert.equal(parse({}, { K8S_POD_UID: 'abc', K8S_POD_NAME: '' }).pod, { uid: 'abc' });
  assert.is(parse({}, { K8S_POD_UID: '' }).pod, null);
  assert.is(parse({}, { K8S_POD_UID: 'x'.repeat(64) }).pod?.uid?.length, 64);
  for (const uid of ['..', 'a/b', 'a.b', 'a_b', 'x'.repeat(65), 'a\u0000', '\u202ea', 'a\n']) {
    refuses([{}, { K8S_POD_UID: uid }], 'CNI_ARGS K8S_POD_UID: "');
  }
  for (const name of ['a/b', 'a b', 'x'.repeat(254)]) {
    refuses([{}, { K8S_POD_NAME: name }], 'CNI_ARGS K8S_POD_NAME: "');
    refuses([{}, { K8S_POD_NAMESPACE: name }], 'CNI_ARGS K8S_POD_NAMESPACE: "');
  }
});

test('nothing in the result can be changed, and nothing on stdin reaches what it should not', () => {
  const conf = parse(
    { vlan: 5, ipam: { type: 'x' }, deviceID: 'd', vfSelector: { pfNames: ['a'] }, vlna: 1 },
    { K8S_POD_UID: 'u' },
  );
  const parts = [
    conf,
    conf.settings,
    conf.ipam,
    conf.deviceHints,
    conf.deviceHints[0],
    conf.vfSelector,
    conf.vfSelector?.pfNames,
    conf.warnings,
    conf.warnings[0],
    conf.pod,
  ];
  for (const part of parts) assert.ok(typeof part === 'object' && Object.isFrozen(part));
  const hostile = json(
    '{"OrigVfState":{"Vlan":7},"identity":{},"snapshot":{},"settings":{"vlan":9},"pod":{"uid":"x"}}',
  ) as Json;
  assert.equal(parse(hostile), nothing);
});

test('hostile keys: prototypes stay as they are, long texts stay out of messages', () => {
  const hostile = json(
    '{"__proto__":{"vlan":7,"trust":"on"},"constructor":{"prototype":{"mtu":9000}},"toString":1}',
  ) as Json;
  assert.equal(parse(hostile).settings, {});
  const nested = json(
    '{"runtimeConfig":{"__proto__":{"mac":"02:00:00:00:00:01"}},"args":{"__proto__":{"cni":{"mac":"x"}}}}',
  ) as Json;
  assert.equal(parse(nested).settings, {});
  assert.is(({} as Json)['vlan'], undefined);
  const huge = 'x'.repeat(65536);
  assert.ok(refuses({ mac: huge, trust: huge, [huge]: 1, args: { cni: { mac: huge } } }).message.length < 2000);
  const { message } = refuses({ trust: 'on\u202e\u0000\u001b[31m\n' });
  for (const char of ['\u202e', '\u0000', '\u001b', '\n']) assert.not.match(message, char);
});

test('DEL reads what it needs, whatever has become of the rest', () => {
  const edited = {
    type: 5,
    vlan: 'x',
    mtu: -1,
    guid: 'x',
    vfSelector: [],
    ipam: { type: 'host-local', a: 1 },
    logLevel: 'debug',
    logFile: 'rel',
  };
  assert.equal(parseDelConf(requestOf(edited, { MAC: 'bad', K8S_POD_UID: 'u' })), {
    cniVersion: '1.0.0',
    network: 'vf-test1',
    type: '',
    ipam: { type: 'host-local' },
    pod: { uid: 'u' },
  });
  for (const ipam of ['x', [], 5, { type: '../x' }, { type: 5 }, {}, null]) {
    assert.is(parseDelConf(requestOf({ ipam, logLevel: 'loud' }, { K8S_POD_UID: '../x' })).ipam, null);
  }
  assert.equal(parseDelConf(requestOf({ logFile: '/var/log/x' }, { K8S_POD_UID: '../x' })), {
    cniVersion: '1.0.0',
    network: 'vf-test1',
    type: 'sriov',
    ipam: null,
    pod: null,
  });
});

test('the log settings are known even of a bad config', () => {
  assert.equal(readLogSettings({ vlan: 'x', logLevel: 'warning', logFile: '/l' }), {
    logLevel: 'warning',
    logFile: '/l',
    problems: [],
  });
  assert.is(readLogSettings({ logFile: '/var/log/..dots../ä b.log' }).logFile, '/var/log/..dots../ä b.log');
});

test('bad log settings are told, not used, and refuse nothing', () => {
  const levels = ['loud', 5, 'info ', {}];
  const files = ['log', './log', '/', '/a/../b', '/..', '/a/..', '/a\u0000', '/a\nb', 5, `/${'x'.repeat(4096)}`];
  for (const logLevel of levels) {
    const { problems, ...used } = readLogSettings({ logLevel, logFile: '/l' });
    assert.equal(used, { logLevel: 'info', logFile: '/l' });
    assert.match(problems.map(({ path: at, message }) => `${at}: ${message}`).join(), 'allowed: "panic", "error"');
    assert.equal(parse({ logLevel }), nothing);
  }
  for (const logFile of files) {
    const { problems, ...used } = readLogSettings({ logLevel: 'debug', logFile });
    assert.equal(used, { logLevel: 'debug' });
    assert.match(problems.map(({ path: at, message }) => `${at}: ${message}`).join(), path);
    assert.equal(parse({ logFile }), nothing);
    assert.equal(reviewConf({ type: 'sriov', logFile }).problems, []);
    assert.is(reviewConf({ type: 'sriov', logFile }).warnings.length, 1);
  }
});

test('keys of other plugins’ kinds are warned about where they ask for something', () => {
  const config = { type: 'sriov', bridge: 'br1', trunk: [{ id: 5 }], master: '', isGateway: false, mode: null };
  const { problems, warnings } = reviewConf(config);
  assert.equal(problems, []);
  tells(warnings, [
    ['bridge', 'ignored', 'bridge', 'ovs-cni', 'accelerated-bridge-cni'],
    ['trunk', 'ignored', 'ovs-cni', 'accelerated-bridge-cni'],
  ]);
  assert.is(parse(config).warnings.length, 2);
});

test('reviewConf lists all problems with their paths', () => {
  assert.equal(reviewConf({ type: 'sriov' }), { problems: [], warnings: [] });
  tells(reviewConf({ type: 'sriov', vlan: 5000, vfSelector: { vendors: ['x'] } }).problems, [
    ['vfSelector.vendors[0]', '"x"', 'PCI ID', '"8086"'],
    ['vlan', '5000', '0', '4094'],
  ]);
  for (const config of [null, [], 'x', 5, undefined]) {
    assert.equal(
      reviewConf(config).problems.map(({ path: at }) => at),
      [''],
    );
  }
});
