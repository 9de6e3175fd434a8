import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { parseAllDocuments } from 'yaml';
import { reviewConf } from '../../../src/config/parse.ts';
import type { VfSelector } from '../../../src/config/sriov-conf.ts';
import type { Platform } from '../../../src/platform/platform.ts';
import { type ApiObject, apiProblems } from '../../support/kubernetes-api.ts';
import { MemoryNode, vfPci } from '../../support/memory-node.ts';
import { assert, suite } from '../../support/suite.ts';
import { claimSpec, platformOf, podSpec, resolve } from '../allocation/fixture.ts';

const test = suite('conf-examples');

const directory = join(import.meta.dirname, '../../../conf-examples');
const driver = 'sriovnetwork.k8snetworkplumbingwg.io';

type Json = Readonly<Record<string, unknown>>;

/** The value at a path of keys, or undefined. */
function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((inner, key) => (inner as Json | undefined)?.[key], value);
}

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const examples = readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort();
const manifests = examples.filter((name) => name.endsWith('.yaml'));
const read = (name: string): string => readFileSync(join(directory, name), 'utf8');

function objectsIn(name: string): readonly Json[] {
  return parseAllDocuments(read(name)).map((document) => {
    assert.equal(
      [...document.errors, ...document.warnings].map((problem) => problem.message),
      [],
      name,
    );
    return document.toJS() as Json;
  });
}

const ofKind = (objects: readonly Json[], kind: string): readonly Json[] =>
  objects.filter((object) => object['kind'] === kind);
const nameOf = (object: unknown): string => String(at(object, 'metadata', 'name'));

const networkConfig = (nad: Json): Json => JSON.parse(String(at(nad, 'spec', 'config')));

/** Plugins whose networks are made of this plugin's interfaces. */
const upperTypes: readonly unknown[] = ['bond'];

/** The configs for this plugin in a config or in a list of them, with the name and version that libcni puts in. */
function ourConfigs(config: Json): readonly Json[] {
  const { plugins, name, cniVersion } = config;
  if (plugins === undefined) return [config];
  return list(plugins)
    .filter((plugin) => at(plugin, 'type') === 'sriov')
    .map((plugin) => ({ name, cniVersion, ...(plugin as Json) }));
}

interface Pod {
  readonly file: string;
  readonly name: string;
  readonly objects: readonly Json[];
  readonly template: Json;
}

const pods: readonly Pod[] = manifests.flatMap((file) => {
  const objects = objectsIn(file);
  const templates = [
    ...ofKind(objects, 'Pod'),
    ...ofKind(objects, 'Deployment').map((object) => at(object, 'spec', 'template') as Json),
  ];
  return templates.map((template, index) => ({ file, name: `${file} ${index}`, objects, template }));
});

/** The networks of its annotation that are this plugin's. */
function networksOf({ template, objects }: Pod): readonly string[] {
  const upper = ofKind(objects, 'NetworkAttachmentDefinition')
    .filter((nad) => upperTypes.includes(networkConfig(nad)['type']))
    .map(nameOf);
  const annotation = at(template, 'metadata', 'annotations', 'k8s.v1.cni.cncf.io/networks');
  if (annotation === undefined) return [];
  const text = String(annotation);
  const all = text.trim().startsWith('[')
    ? (JSON.parse(text) as Json[]).map((entry) => String(entry['name']))
    : text.split(',');
  return all.filter((name) => !upper.includes(name));
}

interface Request {
  readonly claim: string;
  readonly name: string;
  readonly count: number;
  readonly network: string;
  /** What a CEL selector asks for, or any. */
  readonly pfName: string;
}

function requestsOf({ template, objects, name }: Pod): readonly Request[] {
  return list(at(template, 'spec', 'resourceClaims')).flatMap((claim) => {
    const claimTemplate = ofKind(objects, 'ResourceClaimTemplate').find(
      (object) => nameOf(object) === at(claim, 'resourceClaimTemplateName'),
    );
    assert.ok(claimTemplate, `${name}: no template for claim ${at(claim, 'name')}`);
    const devices = at(claimTemplate, 'spec', 'spec', 'devices');
    return list(at(devices, 'requests')).map((request): Request => {
      assert.is(at(request, 'exactly', 'deviceClassName'), driver, name);
      const config = list(at(devices, 'config')).find((entry) =>
        list(at(entry, 'requests')).includes(at(request, 'name')),
      );
      if (config !== undefined) assert.is(at(config, 'opaque', 'driver'), driver, name);
      return {
        claim: String(at(claim, 'name')),
        name: String(at(request, 'name')),
        count: Number(at(request, 'exactly', 'count') ?? 1),
        network: String(at(config, 'opaque', 'parameters', 'netAttachDefName') ?? ''),
        pfName:
          /PFName == "([^"]+)"/.exec(
            JSON.stringify(at(request, 'exactly', 'selectors') ?? '').replaceAll('\\', ''),
          )?.[1] ?? 'any',
      };
    });
  });
}

test('there are examples, and the index names each of them', () => {
  assert.ok(manifests.length >= 10, String(manifests.length));
  const index = read('README.md');
  for (const name of [...manifests, 'sriov-conf.schema.json', 'cnitool/']) assert.ok(index.includes(`(${name}`), name);
  for (const [, target] of index.matchAll(/\]\(([^)]+\.yaml)\)/g))
    assert.ok(manifests.includes(String(target)), target);
});

test('every manifest begins with a comment and parses without warnings', () => {
  for (const name of manifests) {
    assert.match(read(name), /^# \S/, name);
    for (const object of objectsIn(name)) {
      assert.type(object['apiVersion'], 'string', name);
      assert.type(object['kind'], 'string', name);
      assert.type(at(object, 'metadata', 'name'), 'string', name);
    }
  }
});

test('Kubernetes knows every field of every object, and misses none', async () => {
  const objects = manifests.flatMap(objectsIn).map((object) => object as Json & ApiObject);
  const own = objects.filter(({ apiVersion }) => !/^(k8s\.cni\.cncf\.io|sriovnetwork\.)/.test(apiVersion));
  for (const kind of ['Namespace', 'Deployment', 'ResourceClaimTemplate'])
    assert.ok(ofKind(own, kind).length > 0, kind);
  assert.equal(await apiProblems(own), []);
});

/** All network configs for this plugin, each with the file that it is in. */
const configs = (
  [
    ...manifests.flatMap((name) =>
      ofKind(objectsIn(name), 'NetworkAttachmentDefinition').map((nad) => [name, networkConfig(nad)] as const),
    ),
    ...examples
      .filter((name) => /\.(conf|conflist)$/.test(name))
      .map((name) => [name, JSON.parse(read(name)) as Json] as const),
  ] as const
).filter(([, { type }]) => !upperTypes.includes(type));

test('every network config attaches a VF of a network driver and of vfio-pci, passes CHECK, and gives all back', () => {
  for (const [name, config] of configs) {
    for (const conf of ourConfigs(config)) {
      for (const userspace of [[], [0]]) {
        const node = new MemoryNode({ userspace });
        const before = node.picture();
        // vfSelector names the example's card, which is not in this node.
        const { vfSelector: _, ...own } = conf;
        const whole = { ...own, deviceID: vfPci(0) };
        const prevResult = node.attach(whole);
        node.succeed('CHECK', { ...whole, prevResult });
        node.succeed('DEL', { ...whole, prevResult });
        assert.equal(node.picture(), before, name);
      }
    }
  }
});

test('every network config fits the JSON Schema and is valid', () => {
  const conforms = new Ajv({ allErrors: true, strict: false }).compile(JSON.parse(read('sriov-conf.schema.json')));
  assert.not.ok(conforms({ type: 'sriov', vlan: 4095 }), 'the schema refuses nothing');
  assert.ok(configs.length >= 14, String(configs.length));
  for (const [name, config] of configs) {
    const ours = ourConfigs(config);
    assert.ok(ours.length > 0, `${name} holds no config for this plugin`);
    for (const conf of ours) {
      assert.ok(conforms(conf), `${name}: ${JSON.stringify(conforms.errors)}`);
      assert.equal(reviewConf(conf), { problems: [], warnings: [] }, name);
    }
  }
});

test('a network config has the name of its NetworkAttachmentDefinition', () => {
  for (const file of manifests) {
    for (const nad of ofKind(objectsIn(file), 'NetworkAttachmentDefinition'))
      assert.is(networkConfig(nad)['name'], nameOf(nad), file);
  }
});

test('all objects of a manifest are in its own namespace, and the driver’s in that of its chart', () => {
  for (const file of manifests) {
    const objects = objectsIn(file);
    const made = ofKind(objects, 'Namespace').map(nameOf);
    const [namespace, ...others] = ofKind(objects, 'SriovResourcePolicy').length > 0 ? ['dra-driver-sriov'] : made;
    assert.equal(others, [], file);
    for (const object of objects) {
      if (object['kind'] !== 'Namespace')
        assert.is(at(object, 'metadata', 'namespace'), namespace, `${file} ${nameOf(object)}`);
    }
  }
});

test('as many VFs in the claims as networks in the annotation; without an annotation each claim names its network', () => {
  for (const pod of pods) {
    const requests = requestsOf(pod);
    const networks = networksOf(pod);
    const count = requests.reduce((sum, request) => sum + request.count, 0);
    if (networks.length > 0) assert.is(count, networks.length, pod.name);
    else for (const request of requests) assert.is.not(request.network, '', pod.name);
  }
});

test('every network and every claim that is named is there', () => {
  for (const pod of pods) {
    const nads = ofKind(pod.objects, 'NetworkAttachmentDefinition').map(nameOf);
    const named = requestsOf(pod)
      .map((request) => request.network)
      .filter((network) => network !== '');
    for (const network of [...networksOf(pod), ...named]) assert.ok(nads.includes(network), `${pod.name}: ${network}`);
    const claims = list(at(pod.template, 'spec', 'resourceClaims')).map((claim) => at(claim, 'name'));
    const used = list(at(pod.template, 'spec', 'containers')).flatMap((container) =>
      list(at(container, 'resources', 'claims')),
    );
    assert.equal(used.map((claim) => at(claim, 'name')).sort(), claims.sort(), pod.name);
  }
});

const pciOf = (n: number): string => `0000:3b:0${9 - n}.1`;
const devices = '/sys/bus/pci/devices';

/** A node on which the driver has prepared the pod: one VF for each asked for, the first on the highest address. */
function prepare(vfs: readonly Request[]): Platform {
  const claims = new Map<string, Record<string, string>>();
  vfs.forEach((request, n) => {
    claims.set(request.claim, { ...claims.get(request.claim), [pciOf(n)]: request.network });
  });
  const specs = [...claims].map(([claim, networks]) => claimSpec(`${claim}-claim`, networks));
  const platform = platformOf(podSpec(vfs.map((_, n) => pciOf(n))), ...specs);
  vfs.forEach(({ pfName }, n) => {
    platform.links.set(`${devices}/${pciOf(n)}/physfn`, `../0000:4${n}:00.0`);
    platform.files.set(`${devices}/0000:4${n}:00.0/net/${pfName}/type`, '1');
  });
  return platform;
}

test('each attachment of the Multus examples gets a VF of its own, the one that its claim is for', () => {
  for (const pod of pods) {
    const vfs = requestsOf(pod).flatMap((request) => Array.from({ length: request.count }, () => request));
    const platform = prepare(vfs);
    const selectors = new Map(
      ofKind(pod.objects, 'NetworkAttachmentDefinition').map((nad) => [nameOf(nad), networkConfig(nad)['vfSelector']]),
    );
    for (const order of [networksOf(pod), [...networksOf(pod)].reverse()]) {
      const held: Record<string, string> = {};
      for (const network of order) {
        const vfSelector = selectors.get(network) as VfSelector | undefined;
        const { pci } = resolve(platform, {
          network,
          held: { ...held },
          ...(vfSelector === undefined ? {} : { vfSelector }),
        });
        held[pci] = network;
        const request = vfs.find((_, n) => pciOf(n) === pci);
        assert.ok(['', network].includes(request?.network ?? 'none'), `${pod.name}: ${network} got ${pci}`);
        assert.ok((vfSelector?.pfNames ?? [request?.pfName]).includes(request?.pfName ?? ''), `${pod.name}: ${pci}`);
      }
      assert.is(Object.keys(held).length, order.length, pod.name);
    }
  }
});

test("the demo's two-VF Deployment", () => {
  const demo = pods.find((pod) => pod.file === 'multus-multiple-vf.yaml');
  assert.ok(demo);
  if (demo === undefined) return;
  assert.equal(networksOf(demo), ['vf-test1', 'vf-test1']);
  assert.equal(requestsOf(demo), [{ claim: 'sriov', name: 'vf', count: 2, network: '', pfName: 'any' }]);
  const [nad] = ofKind(demo.objects, 'NetworkAttachmentDefinition');
  assert.is(at(nad, 'metadata', 'namespace'), 'vf-test8');
  assert.equal(networkConfig(nad ?? {}), {
    cniVersion: '1.0.0',
    name: 'vf-test1',
    type: 'sriov',
    vlan: 0,
    vlanQoS: 0,
    spoofchk: 'on',
    trust: 'on',
    logLevel: 'info',
    ipam: { type: 'host-local', ranges: [[{ subnet: '10.0.2.0/24' }]] },
  });
});
