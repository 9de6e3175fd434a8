import type { CniOutcome } from '../support/cni-node.ts';
import { asRoot } from '../support/netns.ts';
import { type StandInNode, withStandInNode } from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('bad-input');
const root = asRoot(test);

const mebibyte = 1024 * 1024;

/** Runs a verb that has to fail with `code` and to leave the node as before. */
function refuse(
  node: StandInNode,
  verb: string,
  stdin: unknown,
  code: number,
  parts: readonly string[] = [],
): CniOutcome {
  const before = node.picture();
  const outcome = node.cni(verb, stdin);
  const { code: actual, msg } = outcome.json as { code: number; msg: string };
  const shown = typeof stdin === 'string' ? stdin.slice(0, 80) : JSON.stringify(stdin).slice(0, 200);
  assert.equal([actual, outcome.status], [code, 1], `${verb} of ${shown}: ${msg}`);
  for (const part of parts) assert.ok(msg.includes(part), `${verb} of ${shown}: ${part} is not in: ${msg}`);
  assert.ok(outcome.stdout.length < 5000, `an answer of ${outcome.stdout.length} bytes`);
  assert.equal(node.picture(), before);
  return outcome;
}

root('stdin that is no JSON object: code 6', () => {
  withStandInNode({ built: true }, (node) => {
    const texts = [
      '',
      ' \n',
      'hello',
      '{',
      '{"name":"n",}',
      '{"a":1}{"b":2}',
      '[]',
      'null',
      '7',
      '"text"',
      '\0',
      '\ufeff{}',
    ];
    for (const text of texts)
      for (const verb of ['ADD', 'DEL']) refuse(node, verb, text, 6, ['the network config on stdin']);
    for (const verb of ['CHECK', 'STATUS', 'GC']) refuse(node, verb, '{', 6);
  });
});

root('stdin that is deep or huge: refused, not a crash', () => {
  withStandInNode({ built: true }, (node) => {
    const conf = JSON.stringify(node.conf({ deviceID: node.vfPcis[0] }));
    const deep = (depth: number): string => `${conf.slice(0, -1)},"x":${'['.repeat(depth)}${']'.repeat(depth)}}`;
    refuse(node, 'ADD', deep(64), 6, ['deeper than 64']);
    refuse(node, 'ADD', deep(400_000), 6, ['deeper than 64']);
    refuse(node, 'ADD', '['.repeat(900_000), 6, ['deeper than 64']);
    refuse(node, 'ADD', `${conf}${' '.repeat(mebibyte)}`, 5, ['stdin']);
    refuse(node, 'DEL', 'x'.repeat(4 * mebibyte), 5, ['stdin']);
    // Quotes and line ends take twice their room in the attachment record.
    const longest = JSON.stringify(node.conf({ deviceID: node.vfPcis[0], ipam: node.ipam(), x: '"'.repeat(523_000) }));
    const before = node.picture();
    for (const text of [deep(63), `${longest}${'\n'.repeat(mebibyte - longest.length)}`]) {
      node.succeed('ADD', text);
      node.succeed('DEL', text);
      assert.equal(node.picture(), before);
    }
  });
});

root('a network name that is missing or malformed: code 7', () => {
  withStandInNode({ built: true }, (node) => {
    for (const name of [undefined, null, '']) refuse(node, 'ADD', node.conf({ name }), 7, ['name', 'missing']);
    const names = ['../etc', '-x', '.vfs', '.locks', 'a/b', 'a b', 'a\nb', 7, ['a'], { a: 1 }, 'x'.repeat(256)];
    for (const name of names) for (const verb of ['ADD', 'DEL']) refuse(node, verb, node.conf({ name }), 7, ['name']);
  });
});

root('a cniVersion that is no string: code 6', () => {
  withStandInNode({ built: true }, (node) => {
    for (const cniVersion of [1, {}, ['1.0.0'], true])
      refuse(node, 'ADD', node.conf({ cniVersion }), 6, ['cniVersion']);
  });
});

/** Each key with values that it must not have, and a word that the message needs about what is allowed. */
const badValues: readonly (readonly [key: string, allowed: string, ...values: readonly unknown[]])[] = [
  ['vlan', '0 to 4094', -1, 4095, 1.5, '5', true, [5], 1e99],
  ['mac', 'unicast', '01:00:00:00:00:01', '00:00:00:00:00:00', '02:00:00:00:00', '02:00:00:00:00:0g', 'x', 7, {}],
  ['mtu', '68', 67, 65536, -1, '1500', 1500.5],
  ['spoofchk', '"on"', 'yes', true, 1, 'ON', 'on '],
  ['trust', '"off"', 'true', false, 0, 'Off'],
  ['link_state', '"auto"', 'up', 'Auto', 1, {}],
  ['min_tx_rate', '4294967295', -1, 4294967296, '10', 0.5],
  ['max_tx_rate', '4294967295', -1, 4294967296, '10', []],
  ['deviceID', 'PCI address', 7, {}, 'a b', 'a\\b', 'x'.repeat(300)],
  ['pciBusID', 'PCI address', ['0000:3b:02.0'], 'a\nb'],
  ['resourceName', 'resource name', '../x', 'a b', 7, 'a..b'],
  ['vfSelector', 'object', [], 'pf0', 7],
  ['runtimeConfig', 'object', [], 'x', 7],
  ['args', 'object', [], 'x'],
  ['ipam', 'object', [], 'host-local', 7],
  ['prevResult', 'object', [], 'x', 7],
  ['type', 'file name', 7, '../x', 'a/b'],
];

for (const [key, allowed, ...values] of badValues) {
  root(`bad values of ${key} are named, with what is allowed`, () => {
    withStandInNode({ built: true }, (node) => {
      for (const value of values) {
        const shown = JSON.stringify(value).slice(0, 100).replace(/"$/, '');
        refuse(node, 'ADD', node.conf({ deviceID: node.vfPcis[0], [key]: value }), 7, [key, shown, 'allowed', allowed]);
      }
    });
  });
}

root('bad values inside of objects are named with their path', () => {
  withStandInNode({ built: true }, (node) => {
    const cases: readonly (readonly [Record<string, unknown>, ...string[]])[] = [
      [{ runtimeConfig: { mac: 'x' } }, 'runtimeConfig.mac', '"x"'],
      [{ runtimeConfig: { deviceID: 'a b' } }, 'runtimeConfig.deviceID', '"a b"'],
      [{ runtimeConfig: { CNIDeviceInfoFile: 'x' } }, 'runtimeConfig.CNIDeviceInfoFile', 'absolute'],
      [{ args: { cni: { mac: '01:00:00:00:00:00' } } }, 'args.cni.mac'],
      [{ ipam: { type: '../host-local' } }, 'ipam.type', '../host-local'],
      [{ ipam: { subnet: '10.0.2.0/24' } }, 'ipam.type', 'missing'],
      [{ vfSelector: { pfNames: 'pf0' } }, 'vfSelector.pfNames', '"pf0"'],
      [{ vfSelector: { vendors: ['0x8086'] } }, 'vfSelector.vendors[0]', '0x8086'],
      [{ vfSelector: { pfPciAddresses: ['pf0'] } }, 'vfSelector.pfPciAddresses[0]'],
      [{ vfSelector: { linkType: 'eth' } }, 'vfSelector.linkType', '"ether"'],
    ];
    for (const [keys, ...parts] of cases) refuse(node, 'ADD', node.conf(keys), 7, parts);
  });
});

root('keys that do not go together, and several problems at once', () => {
  withStandInNode({ built: true }, (node) => {
    const deviceID = node.vfPcis[0];
    const cases: readonly (readonly [Record<string, unknown>, ...string[]])[] = [
      [{ vlanQoS: 3 }, 'vlanQoS', '3', 'vlan'],
      [{ vlanProto: '802.1ad' }, 'vlanProto', 'vlan'],
      [{ vlan: 0, vlanQoS: 3 }, 'vlanQoS', '3', 'vlan 0'],
      [{ vlan: 0, vlanProto: '802.1AD' }, 'vlanProto', 'vlan 0'],
      [{ vlan: 5, vlanQoS: 8 }, 'vlanQoS', '8', '0 to 7'],
      [{ vlan: 5, vlanProto: '802.1x' }, 'vlanProto', '802.1x', '802.1ad'],
      [{ min_tx_rate: 200, max_tx_rate: 100 }, 'min_tx_rate', '200', '100'],
      [{ vlan: 5000, trust: 'maybe', mtu: 3 }, 'vlan', '5000', 'trust', 'maybe', 'mtu', '3'],
      [{ mtu: 9001 }, 'mtu', '9001', '9000', 'pf0'],
    ];
    for (const [keys, ...parts] of cases) refuse(node, 'ADD', node.conf({ deviceID, ...keys }), 7, parts);
  });
});

root('keys of plugins for InfiniBand or trunks: code 2', () => {
  withStandInNode({ built: true }, (node) => {
    const deviceID = node.vfPcis[0];
    refuse(node, 'ADD', node.conf({ deviceID, vlan_trunk: '1-4' }), 2, ['vlan_trunk', '1-4']);
    refuse(node, 'ADD', node.conf({ deviceID, guid: '02:00' }), 2, ['guid', '02:00', 'ib-sriov-cni']);
    refuse(node, 'ADD', node.conf({ deviceID, guid: '02:00', vlan: -1 }), 7, ['guid', 'vlan']);
  });
});

root('a prevResult that is none: code 6, naming the field', () => {
  withStandInNode({ built: true }, (node) => {
    const deviceID = node.vfPcis[0];
    const cases: readonly (readonly [unknown, string])[] = [
      [{ interfaces: {} }, 'prevResult.interfaces'],
      [{ interfaces: [{ name: 7 }] }, 'prevResult.interfaces[0].name'],
      [{ ips: [{ address: '10.0.0.1' }] }, 'prevResult.ips[0].address'],
      [{ ips: [{ address: '10.0.0.1/8', interface: 'a' }] }, 'prevResult.ips[0].interface'],
      [{ routes: [{ dst: '10.0.0.0/33' }] }, 'prevResult.routes[0].dst'],
      [{ cniVersion: '9.9.9' }, 'prevResult.cniVersion'],
      [{ dns: [] }, 'prevResult.dns'],
    ];
    for (const [prevResult, path] of cases) refuse(node, 'ADD', node.conf({ deviceID, prevResult }), 6, [path]);
    refuse(node, 'CHECK', node.conf({ deviceID }), 7, ['prevResult', 'missing']);
  });
});

root('a bad value does not keep DEL from its work', () => {
  withStandInNode({ built: true }, (node) => {
    const conf = node.conf({ deviceID: node.vfPcis[0], ipam: node.ipam() });
    const before = node.picture();
    node.succeed('ADD', conf);
    node.succeed('DEL', {
      ...conf,
      vlan: 'x',
      trust: 7,
      prevResult: 'gone',
      logFile: 3,
      logLevel: {},
      runtimeConfig: [],
    });
    assert.equal(node.picture(), before);
  });
});
