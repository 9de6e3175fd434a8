import process from 'node:process';
import { Ajv } from 'ajv';
import { createJsonSchema } from '../../../scripts/write-schema.ts';
import { reviewConf } from '../../../src/config/parse.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('config/schema');

/** All that there is to say about a config; of a log setting that is wrong the plugin only warns. */
function complaints(config: unknown): readonly unknown[] {
  const { problems, warnings } = reviewConf(config);
  return [...problems, ...warnings];
}

const validate = new Ajv({ strict: true, allErrors: true }).compile(createJsonSchema() as object);

/** Configs on which the JSON Schema and the plugin must agree. */
const cases: readonly (readonly [config: Readonly<Record<string, unknown>>, valid: boolean])[] = [
  [{}, true],
  [{ type: 5 }, false],
  [{ unknown: { a: [] }, $schema: './sriov-conf.schema.json' }, true],
  [
    { vlan: 0, vlanQoS: 0, spoofchk: 'on', trust: 'on', logLevel: 'info', ipam: { type: 'host-local', subnet: 'x' } },
    true,
  ],
  [{ vlan: 4094 }, true],
  [{ vlan: 4095 }, false],
  [{ vlan: '5' }, false],
  [{ vlan: 1.5 }, false],
  [{ vlanQoS: 3 }, false],
  [{ vlanQoS: 3, vlan: 5 }, true],
  [{ vlanQoS: 8, vlan: 5 }, false],
  [{ vlanProto: '802.1AD', vlan: 5 }, true],
  [{ vlanProto: '802.1ad' }, false],
  [{ vlanProto: '802.3', vlan: 5 }, false],
  [{ mac: '02:00:00:00:00:01' }, true],
  [{ mac: '0200.0000.0001' }, true],
  [{ mac: '01:00:00:00:00:01' }, false],
  [{ mac: '00:00:00:00:00:00' }, false],
  [{ mtu: 67 }, false],
  [{ mtu: -1 }, false],
  [{ mtu: 9000 }, true],
  [{ link_state: 'enable' }, true],
  [{ link_state: 'up' }, false],
  [{ min_tx_rate: -1 }, false],
  [{ max_tx_rate: 4294967295 }, true],
  [{ max_tx_rate: 4294967296 }, false],
  [{ ipam: [] }, false],
  [{ ipam: { type: '../x' } }, false],
  [{ logFile: '/var/log/x.log' }, true],
  [{ logFile: '/var/../x' }, false],
  [{ logFile: 'sriov.log' }, false],
  [{ logLevel: 'loud' }, false],
  [{ vfSelector: { pfNames: ['ens1f0'], linkType: 'ether' } }, true],
  [{ vfSelector: { pfNames: ['a/b'] } }, false],
  [{ vfSelector: { vendors: ['8086x'] } }, false],
  [{ vfSelector: [] }, false],
  [{ runtimeConfig: { ips: ['10.0.0.1/24', '2001:db8::1'], mac: '02:00:00:00:00:01' } }, true],
  [{ runtimeConfig: { ips: 'anything', mac: 'x' } }, false],
  [{ runtimeConfig: { ips: ['10.0.0.256'], portMappings: 5 } }, true],
  [{ args: { cni: { mac: 'x' } } }, false],
  [{ deviceID: '0000:3b:02.1' }, true],
  [{ deviceID: 'a b' }, false],
  [{ guid: '00:11' }, false],
];

test('the JSON Schema and the plugin agree', () => {
  for (const [config, valid] of cases) {
    const whole = { type: 'sriov', ...config };
    assert.is(complaints(whole).length === 0, valid, `plugin: ${JSON.stringify(config)}`);
    assert.is(validate(whole), valid, `schema: ${JSON.stringify(config)}`);
  }
  assert.not(validate({ vlan: 1 }));
});

test('every key has a description for editors', () => {
  const { properties = {} } = createJsonSchema();
  for (const [key, property] of Object.entries(properties)) {
    assert.ok(typeof property === 'object' && (property.description ?? '').length > 10, key);
  }
});

test('hostile text takes no time: patterns are linear', () => {
  const begin = process.cpuUsage();
  const texts = [
    '/'.repeat(1_000_000),
    '/..a'.repeat(250_000),
    `${':'.repeat(1_000_000)}g`,
    '1.'.repeat(500_000),
    `a${'-/.'.repeat(300_000)}`,
  ];
  for (const text of texts) {
    const config = { deviceID: text, resourceName: text, mac: text, logFile: text, type: text };
    const nested = { runtimeConfig: { CNIDeviceInfoFile: text }, vfSelector: { pfNames: [text] } };
    assert.ok(complaints({ ...config, ...nested }).length >= 7);
  }
  // It takes a tenth of a second. With a pattern that takes the square of the length it would be a quarter of an hour.
  assert.ok(process.cpuUsage(begin).user < 60_000_000);
});
