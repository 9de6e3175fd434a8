import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import { createMemoryPlatform } from '../../../support/memory-platform.ts';
import { operate } from '../../../support/operate.ts';
import { assert, suite } from '../../../support/suite.ts';

const test = suite('cli/manifests');

type Json = Record<string, unknown>;

interface Outcome {
  readonly code: number;
  /** `error: Deployment ns/web: …` */
  readonly findings: readonly string[];
}

/** Validates files of these objects together; findings without the files' names. */
function validate(...files: readonly (readonly Json[])[]): Outcome {
  const texts = files.map((objects, at) => [`/f${at}.yaml`, objects.map((object) => stringify(object)).join('---\n')]);
  const platform = createMemoryPlatform({ files: Object.fromEntries(texts) });
  const paths = texts.map(([path]) => path ?? '');
  const { code, stdout } = operate(platform, 'validate', ...paths);
  const findings = stdout.split('\n').filter((line) => /^(error|warning): /.test(line));
  return { code, findings: findings.map((line) => line.replace(/\/f\d\.yaml(:\d+:\d+)?: /, '')) };
}

const ns = 'vf-test8';

function network(name: string, config: Json = {}, { namespace = ns, annotations = {} } = {}): Json {
  const ipam = { type: 'host-local', subnet: '10.0.2.0/24' };
  return {
    apiVersion: 'k8s.cni.cncf.io/v1',
    kind: 'NetworkAttachmentDefinition',
    metadata: { name, namespace, annotations },
    spec: { config: JSON.stringify({ cniVersion: '1.0.0', name, type: 'sriov', ipam, ...config }) },
  };
}

function template(
  name: string,
  requests: readonly Json[],
  { namespace = ns, config = [] as readonly Json[] } = {},
): Json {
  return {
    apiVersion: 'resource.k8s.io/v1',
    kind: 'ResourceClaimTemplate',
    metadata: { name, namespace },
    spec: { spec: { devices: { requests, config } } },
  };
}

const request = (name: string, keys: Json = {}): Json => ({
  name,
  exactly: { deviceClassName: 'sriovnetwork.k8snetworkplumbingwg.io', ...keys },
});

function deployment(
  annotation: string | null,
  { replicas = 1, spec = {} as Json, claims = ['two'], namespace = ns } = {},
): Json {
  const annotations = annotation === null ? {} : { 'k8s.v1.cni.cncf.io/networks': annotation };
  const resourceClaims = claims.map((claim) => ({ name: claim, resourceClaimTemplateName: claim }));
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace },
    spec: { replicas, template: { metadata: { annotations }, spec: { containers: [], resourceClaims, ...spec } } },
  };
}

const two = template('two', [request('vf', { count: 2 })]);
const path = 'Deployment vf-test8/web: k8s.v1.cni.cncf.io/networks';

/** Asserts that the objects are refused with a finding that holds the words. */
function refuses(objects: readonly Json[], ...words: readonly string[]): void {
  const { code, findings } = validate(objects);
  assert.is(code, 1, findings.join('\n'));
  for (const word of words)
    assert.ok(findings.join('\n').includes(word), `${word} is missing in:\n${findings.join('\n')}`);
}

function warns(objects: readonly Json[], ...words: readonly string[]): void {
  const { code, findings } = validate(objects);
  assert.is(code, 0, findings.join('\n'));
  for (const word of words) assert.match(findings.join('\n'), word);
}

test('what fits together, in one file or in several', () => {
  const objects = [network('lan'), two, deployment('lan,lan')];
  assert.equal(validate(objects), { code: 0, findings: [] });
  assert.equal(validate(...objects.map((object) => [object])), { code: 0, findings: [] });
});

test('all examples fit together', () => {
  const directory = join(import.meta.dirname, '../../../../conf-examples');
  for (const file of readdirSync(directory).filter((name) => name.endsWith('.yaml'))) {
    const objects = parseAllDocuments(readFileSync(join(directory, file), 'utf8')).map((one) => one.toJS() as Json);
    const { code, findings } = validate(objects);
    // The bond over our interfaces belongs to another plugin.
    const own = findings.filter((finding) => !finding.includes('NetworkAttachmentDefinition vf-bond/bond: '));
    assert.equal([code, own], [0, []], file);
  }
});

test('the demo’s own mistakes: a network too many, a VF too many', () => {
  const objects = [network('lan'), two];
  refuses([...objects, deployment('lan,lan,lan')], `error: ${path}: `, '3 attachments', '2 VFs', 'error 100');
  warns([...objects, deployment('lan')], '1 attachment', '2 VFs');
  warns([...objects, deployment(null)], '0 attachments', '2 VFs');
});

test('VFs of several requests and claims add up; other devices and other networks don’t count', () => {
  const gpu = request('gpu', { deviceClassName: 'gpu.example.com', count: 4 });
  const mixed = template('mixed', [request('a'), gpu]);
  const objects = [network('lan'), network('other', { type: 'macvlan' }), two, mixed];
  assert.equal(
    validate([...objects, deployment('lan,lan,lan,other', { claims: ['two', 'mixed'] })]).findings.filter((line) =>
      line.startsWith('error'),
    ),
    [],
  );
  refuses([...objects, deployment('lan,lan,lan,lan', { claims: ['two', 'mixed'] })], '4 attachments', '3 VFs');
});

test('requests of which nobody knows how many VFs they get are not counted', () => {
  for (const open of [
    { name: 'vf', firstAvailable: [{ name: 'a', deviceClassName: 'sriovnetwork.k8snetworkplumbingwg.io', count: 1 }] },
    request('vf', { allocationMode: 'All' }),
  ]) {
    assert.equal(validate([network('lan'), template('two', [open]), deployment('lan,lan,lan')]).code, 0);
  }
});

test('the older API has in the request what the newer has in `exactly`', () => {
  const older = template('two', [{ name: 'vf', deviceClassName: 'sriovnetwork.openshift.io', count: 1 }]);
  refuses([network('lan'), older, deployment('lan,lan')], '2 attachments', '1 VF');
});

test('interface names: twice the same, one that Multus numbers, one that the kernel refuses', () => {
  const named = (...names: readonly (string | null)[]): string =>
    JSON.stringify(names.map((name) => ({ name: 'lan', ...(name === null ? {} : { interface: name }) })));
  const objects = [network('lan'), two];
  assert.equal(validate([...objects, deployment(named('data0', 'data1'))]).findings, []);
  refuses([...objects, deployment(named('data0', 'data0'))], `error: ${path}: `, '1 and 2', '"data0"');
  refuses([...objects, deployment(named('net2', null))], `error: ${path}: `, '1 and 2', '"net2"');
  refuses([...objects, deployment('lan@eth0,lan')], `error: ${path}: `, '"eth0"');
  refuses([...objects, deployment(named('sixteen-letters-', 'x'))], `error: ${path}: `, '"sixteen-letters-"');
});

test('an annotation that Multus can’t read', () => {
  refuses([network('lan'), two, deployment('lan,,Lan_')], '"Lan_"', 'allowed: <namespace>/<name>@<interface>');
  refuses([network('lan'), two, deployment('[{"name":"lan"')], `error: ${path}: `, 'JSON');
  refuses([network('lan'), two, deployment('[{"interface":"x"}]')], `error: ${path}`, 'object', 'name');
  refuses([network('lan'), two, deployment('{"name":"lan"}')], `error: ${path}: `, 'array');
});

test('a network that is missing, misspelt, or in another namespace', () => {
  refuses([network('lan'), two, deployment('lan,lam')], 'network 2, "lam": ', 'NetworkAttachmentDefinition', ': lan');
  refuses(
    [network('lan', {}, { namespace: 'other' }), two, deployment('lan,lan')],
    'namespace other',
    'vf-test8',
    'other/lan',
  );
  assert.equal(
    validate([network('lan', {}, { namespace: 'other' }), two, deployment('other/lan,other/lan')]).findings,
    [],
  );
  // That is only a warning, because the cluster may have them already.
  warns([two, deployment('lan,lan')], 'warning: ', 'NetworkAttachmentDefinition');
});

test('a claim that is missing, in another namespace, or not declared', () => {
  refuses([network('lan'), two, deployment('lan,lan', { claims: ['tow'] })], 'ResourceClaimTemplate "tow"', ': two');
  const elsewhere = template('two', [request('vf', { count: 2 })], { namespace: 'other' });
  refuses([network('lan'), elsewhere, deployment('lan,lan')], 'namespace other', 'vf-test8');
  warns([network('lan'), deployment('lan,lan')], 'warning: ', 'ResourceClaimTemplate "two"');
  const containers = [{ name: 'a', resources: { claims: [{ name: 'two' }, { name: 'three' }] } }];
  refuses([network('lan'), two, deployment('lan,lan', { spec: { containers } })], '"three"');
});

test('a ResourceClaim by itself, for a Pod', () => {
  const claim = { ...two, kind: 'ResourceClaim', spec: { devices: { requests: [request('vf')] } } };
  const pod = (annotation: string): Json => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: ns, annotations: { 'k8s.v1.cni.cncf.io/networks': annotation } },
    spec: { containers: [], resourceClaims: [{ name: 'c', resourceClaimName: 'two' }] },
  });
  assert.equal(validate([network('lan'), claim, pod('lan')]).findings, []);
  refuses([network('lan'), claim, pod('lan,lan')], 'Pod vf-test8/p', '2 attachments');
});

test('claims that name their networks: each needs as many VFs as attachments', () => {
  const naming = (requests: readonly string[], netAttachDefName: string): Json => ({
    requests,
    opaque: { driver: 'sriovnetwork.k8snetworkplumbingwg.io', parameters: { kind: 'VfConfig', netAttachDefName } },
  });
  const mapped = template('two', [request('a'), request('b')], {
    config: [naming(['a'], 'left'), naming(['b'], 'right')],
  });
  const objects = [network('left'), network('right'), mapped];
  assert.equal(validate([...objects, deployment('right,left')]).findings, []);
  refuses([...objects, deployment('left,left')], '2 attachments', '"left"', 'netAttachDefName', '1 VF');
  refuses([network('left'), mapped, deployment('left')], 'netAttachDefName "right": ', 'NetworkAttachmentDefinition');
});

test('without an annotation a claim that names its network is for a driver in STANDALONE mode', () => {
  const config = [{ opaque: { parameters: { netAttachDefName: 'lan' } } }];
  assert.equal(validate([network('lan'), template('two', [request('vf')], { config }), deployment(null)]).findings, []);
});

test('resourceName: a <claim>/<request> of the pod, or what DeviceAttributes say', () => {
  const called = (name: string): Json =>
    network('lan', {}, { annotations: { 'k8s.v1.cni.cncf.io/resourceName': name } });
  const attributes = (name: string): Json => ({
    apiVersion: 'sriovnetwork.k8snetworkplumbingwg.io/v1alpha1',
    kind: 'DeviceAttributes',
    metadata: { name: 'nics', namespace: 'dra' },
    spec: { attributes: { 'k8s.cni.cncf.io/resourceName': { string: name } } },
  });
  assert.equal(validate([called('two/vf'), two, deployment('lan,lan')]).findings, []);
  assert.equal(
    validate([called('eth0_resource'), two, attributes('eth0_resource'), deployment('lan,lan')]).findings,
    [],
  );
  warns([called('two/vg'), two, deployment('lan,lan')], 'resourceName "two/vg"', 'there are: "two/vf"');
  refuses(
    [called('eth1_resource'), two, attributes('eth0_resource'), deployment('lan,lan')],
    'resourceName "eth1_resource"',
    '"eth0_resource"',
  );
});

test('a subnet that is too small for replicas x VFs', () => {
  const lan = (subnet: string): Json => network('lan', { ipam: { type: 'host-local', subnet } });
  assert.equal(validate([lan('10.0.2.0/28'), two, deployment('lan,lan', { replicas: 6 })]).findings, []);
  refuses(
    [lan('10.0.2.0/28'), two, deployment('lan,lan', { replicas: 7 })],
    'NetworkAttachmentDefinition vf-test8/lan: spec.config: ipam: 10.0.2.0/28 ',
    '13 addresses',
    ' 14 ',
    '(Deployment vf-test8/web: 7 x 2)',
  );
  const spread = { affinity: { podAntiAffinity: {} } };
  warns([lan('10.0.2.0/28'), two, deployment('lan,lan', { replicas: 7, spec: spread })], '13 addresses', ' 14 ');
  refuses([lan('10.0.2.0/30'), two, deployment('lan,lan', { spec: spread })], '1 address', ' 2 ');
  refuses([lan('10.0.2.0/33'), two, deployment('lan,lan')], '10.0.2.0/33', 'prefix');
});

test('in a conflist the plugin’s own config counts', () => {
  const plugins = [{ type: 'sriov', ipam: { type: 'host-local', subnet: '10.0.2.0/30' } }, { type: 'tuning' }];
  refuses([network('lan', { plugins }), two, deployment('lan,lan')], '1 address');
});

test('no namespace is the one that all of it is applied in', () => {
  const bare = (object: Json): Json => ({
    ...object,
    metadata: { ...(object['metadata'] as Json), namespace: undefined },
  });
  assert.equal(validate([network('lan'), bare(two), bare(deployment('lan,lan'))]).findings, []);
});

test('the other kinds that make pods', () => {
  const pod = {
    metadata: { annotations: { 'k8s.v1.cni.cncf.io/networks': 'lan,lan,lan' } },
    spec: { containers: [], resourceClaims: [{ name: 'c', resourceClaimTemplateName: 'two' }] },
  };
  for (const [kind, spec] of [
    ['StatefulSet', { template: pod }],
    ['DaemonSet', { template: pod }],
    ['Job', { template: pod }],
    ['CronJob', { jobTemplate: { spec: { template: pod } } }],
  ] as const) {
    refuses(
      [network('lan'), two, { kind, metadata: { name: 'w', namespace: ns }, spec }],
      `${kind} vf-test8/w`,
      '3 attachments',
    );
  }
});

test('for programs: files with their findings', () => {
  const files = { '/a.yaml': stringify(network('lan')), '/b.yaml': stringify(deployment('lam,lan', { claims: [] })) };
  const { code, json } = operate(createMemoryPlatform({ files }), 'validate', '--json', '/a.yaml', '/b.yaml');
  const report = json as { valid: boolean; files: { file: string; valid: boolean; findings: Json[] }[] };
  assert.equal([code, report.valid, report.files.map(({ valid }) => valid)], [1, false, [true, false]]);
  assert.equal(Object.keys(report.files[1]?.findings[0] ?? {}), [
    'severity',
    'path',
    'message',
    'line',
    'column',
    'fix',
  ]);
});

test('hostile objects end in findings, not in a crash', () => {
  const hostile: readonly Json[] = [
    { kind: 'Deployment' },
    { kind: 'Pod', metadata: 'x', spec: [] },
    { kind: 'ResourceClaimTemplate', spec: { spec: { devices: { requests: 'x', config: [7] } } } },
    {
      kind: 'Pod',
      metadata: { annotations: { 'k8s.v1.cni.cncf.io/networks': 7 } },
      spec: { resourceClaims: [null, {}] },
    },
    { kind: 'DeviceAttributes', spec: null },
  ];
  for (const object of hostile) assert.ok(validate([object, two]).code <= 1, JSON.stringify(object));
});
