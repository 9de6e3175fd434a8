import { parse } from 'yaml';
import { CdiSpecs } from '../../../src/allocation/cdi-spec.ts';
import { Trace } from '../../../src/allocation/trace.ts';
import { isCniError } from '../../../src/cni/errors.ts';
import { createMemoryPlatform } from '../../support/memory-platform.ts';
import { assert, suite } from '../../support/suite.ts';
import {
  checkpoint,
  claimA,
  claimB,
  claimSpec,
  dashed,
  otherPodUid,
  platformOf,
  podSpec,
  podUid,
  refuses,
  resolve,
  specPath,
  vendors,
  vf1,
  vf2,
} from './fixture.ts';

const test = suite('allocation/cdi-spec');

const own = specPath(podUid);
const [vendor] = vendors;

test('broken files of others are skipped, even where they name the pod', () => {
  const junk = [
    `kind: [${podUid}`,
    `{${podUid}`,
    '',
    `sriovnetwork ${podUid}\n\t: x`,
    `kind: 7 # sriovnetwork ${podUid}`,
  ];
  const others = Object.fromEntries(
    junk.flatMap((text, n) => [
      [`/var/run/cdi/x${n}.yaml`, text],
      [`/etc/cdi/x${n}.json`, text],
      [`/etc/cdi/sriovnetwork-x${n}.yaml`, text],
    ]),
  );
  const path = '/var/run/cdi/zzz.yaml';
  assert.is(resolve(platformOf(others, podSpec([vf1], { path }))).pci, vf1);
  refuses(platformOf(others), {}, 'noVfForPod');
});

test('specs of other kinds are skipped, under whatever name', () => {
  const gpu = `kind: vendor.com/gpu # sriovnetwork\ndevices:\n  - name: ${podUid}\n    containerEdits:\n      env: [SRIOVNETWORK_PCI_ADDRESSES=${vf2}]\n`;
  refuses(platformOf({ '/var/run/cdi/vendor.yaml': gpu, [own]: gpu }), {}, 'noVfForPod');
});

test('a broken file of ours is an error that names it', () => {
  const device = (rest: string): string => `kind: ${vendor.kind}\ndevices:\n  - ${rest}\n`;
  const broken = [
    '',
    'just text',
    '- a list',
    'kind: [',
    'kind: 3',
    'devices: []',
    `kind: ${vendor.kind}\ndevices: {}`,
    `kind: ${vendor.kind}\ndevices: [7]`,
    device('containerEdits: {}'),
    device('name: 7'),
    device('{name: x, containerEdits: []}').replace('[]', '{env: {}}'),
    device('{name: x, containerEdits: 5}'),
    device('{name: x, containerEdits: {env: [5]}}'),
    device('{name: x, containerEdits: {env: [novalue]}}'),
    device('{name: x, containerEdits: {env: ["=x"]}}'),
    `${device('name: x')}---\nkind: second`,
    device('name: &a [*a]'),
  ];
  for (const text of broken) refuses(platformOf({ [own]: text }), {}, 'decode', own);
  for (const text of ['', '{', '[]', 'null', '{"kind":1}', '{"kind":"x"'.padEnd(99, '[')]) {
    const json = specPath(podUid, vendor, 'json');
    refuses(platformOf({ [json]: text }), {}, 'decode', json);
  }
});

test('a device without edits, or a spec without devices, holds no VF', () => {
  for (const rest of [
    '',
    `devices:\n  - name: ${podUid}`,
    `devices:\n  - {name: ${podUid}, containerEdits: {}}`,
    'devices: []',
  ]) {
    refuses(platformOf({ [own]: `kind: ${vendor.kind}\n${rest}\n` }), {}, 'noVfForPod');
  }
});

test('addresses that are none are an error that names file and value', () => {
  for (const bad of ['../../x', '0000:3b:02', 'eth0', 'a\u0000b', '0000:3b:02.1;0000:3b:02.3', '0000:3b:20.1']) {
    const files = platformOf(podSpec([vf1, bad], { extension: 'json' }));
    refuses(files, {}, 'decode', specPath(podUid, vendor, 'json'), 'SRIOVNETWORK_PCI_ADDRESSES');
  }
});

test('repeated addresses, spaces, empty items and upper case are one VF each', () => {
  const text = {
    [specPath(podUid, vendor, 'json')]: JSON.stringify({
      kind: vendor.kind,
      devices: [
        {
          name: podUid,
          containerEdits: { env: [`SRIOVNETWORK_PCI_ADDRESSES= ${vf2},${vf1.toUpperCase()},,${vf2}, ${vf1},`] },
        },
      ],
    }),
  };
  refuses(platformOf(text), { held: { [vf1]: 'net1', [vf2]: 'net2' } }, 'noVfForPod', '2 VFs', 'attachment 3');
  assert.is(resolve(platformOf(text)).pci, vf1);
});

test('a list without end is refused, one of a thousand VFs is read', () => {
  const many = (count: number): string[] =>
    Array.from({ length: count }, (_, n) => `${n.toString(16).padStart(4, '0')}:3b:02.1`);
  assert.is(resolve(platformOf(podSpec(many(1000)))).pci, '0000:3b:02.1');
  refuses(platformOf(podSpec(many(4097))), {}, 'decode', '4097', own);
});

test('two specs of one pod that agree are one; two that differ are refused, naming both', () => {
  const json = specPath(podUid, vendor, 'json');
  assert.is(resolve(platformOf(podSpec([vf2, vf1]), podSpec([vf1, vf2], { extension: 'json' }))).pci, vf1);
  refuses(platformOf(podSpec([vf1]), podSpec([vf2], { extension: 'json' })), {}, 'contradictorySources', own, json);
  const [, older] = vendors;
  refuses(
    platformOf(podSpec([vf1]), podSpec([vf2], { vendor: older })),
    {},
    'contradictorySources',
    own,
    specPath(podUid, older),
  );
});

test('/var/run/cdi hides a file and a device of the same name in /etc/cdi', () => {
  const both = platformOf(podSpec([vf1]), podSpec([vf2], { dir: '/etc/cdi' }));
  assert.is(resolve(both).pci, vf1);
  const same = { path: '/var/run/cdi/pods.yaml' };
  const older = { path: '/etc/cdi/other.yaml' };
  assert.is(resolve(platformOf(podSpec([vf1], same), podSpec([vf2], older))).pci, vf1);
  assert.is(resolve(platformOf(podSpec([vf2], { dir: '/etc/cdi' }))).pci, vf2);
  const hidden = platformOf(
    { '/var/run/cdi/pods.yaml': 'kind: vendor.com/gpu' },
    podSpec([vf2], { path: '/etc/cdi/pods.yaml' }),
  );
  refuses(hidden, {}, 'noVfForPod');
});

test('a claim in /etc/cdi does not contradict the same claim in /var/run/cdi', () => {
  const stale = claimSpec(claimA, { [vf1]: 'old' }, { path: '/etc/cdi/stale.yaml' });
  const files = platformOf(podSpec([vf1]), claimSpec(claimA, { [vf1]: 'vf-test1' }), stale);
  assert.is(resolve(files).pci, vf1);
});

test('a device hides one of the same name although it tells no address', () => {
  const bare = `kind: ${vendor.kind}\ndevices:\n  - name: ${claimA}-${dashed(vf1)}\n`;
  const stale = claimSpec(claimA, { [vf1]: 'old' }, { path: '/etc/cdi/stale.yaml' });
  assert.is(resolve(platformOf(podSpec([vf1]), { [specPath(claimA)]: bare }, stale)).pci, vf1);
});

test('a claim that has left its spec behind does not count if the checkpoint tells which of a VF’s claims is the pod’s', () => {
  const specs = [podSpec([vf1]), claimSpec(claimA, { [vf1]: 'vf-test1' }), claimSpec(claimB, { [vf1]: 'old' })];
  const own = { claim: claimA, pci: vf1, nad: 'vf-test1' };
  assert.is(resolve(platformOf(...specs, checkpoint([own]))).pci, vf1);
  refuses(platformOf(...specs, checkpoint([own])), { network: 'old' }, 'noVfForPod');
  const both = checkpoint([own, { claim: claimB, pci: vf1, nad: 'old' }]);
  refuses(platformOf(...specs, both), {}, 'contradictorySources');
  refuses(platformOf(...specs, checkpoint([own], otherPodUid)), {}, 'contradictorySources');
  const unnamed = claimSpec(claimB, { [vf1]: '' });
  assert.is(
    resolve(platformOf(podSpec([vf1]), claimSpec(claimA, { [vf1]: 'vf-test1' }), unnamed, checkpoint([own]))).pci,
    vf1,
  );
});

test('where all of a VF’s specs were left behind, its network is the checkpoint’s', () => {
  const claims = [claimSpec(claimA, { [vf1]: 'old' }), claimSpec(claimB, { [vf1]: 'older' })];
  const files = platformOf(podSpec([vf1]), ...claims, checkpoint([{ claim: 'now', pci: vf1, nad: 'vf-test1' }]));
  assert.is(resolve(files).pci, vf1);
  for (const network of ['old', 'older']) refuses(files, { network }, 'noVfForPod', vf1);
});

test('two claims that give one VF to different networks are refused, naming both files', () => {
  const files = platformOf(
    podSpec([vf1]),
    claimSpec(claimA, { [vf1]: 'vf-test1' }),
    claimSpec(claimB, { [vf1]: 'other' }),
  );
  refuses(files, {}, 'contradictorySources', vf1, specPath(claimA), specPath(claimB));
  refuses(files, { network: 'third' }, 'noVfForPod', specPath(claimA));
});

test('a claim whose device name and address differ is refused', () => {
  const text = `kind: ${vendor.kind}\ndevices:\n  - name: ${claimA}-${dashed(vf2)}\n    containerEdits: {env: [SRIOVNETWORK_VF_DEVICE_x=${vf1}]}\n`;
  refuses(
    platformOf(podSpec([vf1]), { [specPath(claimA)]: text }),
    {},
    'contradictorySources',
    specPath(claimA),
    vf1,
    dashed(vf2),
  );
});

test("a broken claim matters where it may be the VF's own, and only there", () => {
  const broken = { [specPath(claimB)]: `kind: [ ${vf1}` };
  refuses(platformOf(podSpec([vf1]), broken), {}, 'decode', specPath(claimB));
  assert.is(resolve(platformOf(podSpec([vf1]), claimSpec(claimA, { [vf1]: '' }), broken)).pci, vf1);
  assert.is(resolve(platformOf(podSpec([vf1]), { [specPath(claimB)]: `kind: [ ${vf2}` })).pci, vf1);
  const wrong =
    claimSpec(claimA, { [vf1]: '' })[specPath(claimA)]?.replace(`=${vf1}`, `=x\n            - NOTE=${vf1}`) ?? '';
  refuses(platformOf(podSpec([vf1]), { [specPath(claimA)]: wrong }), {}, 'decode', specPath(claimA), '"x"');
});

test('links, directories, big and unreadable files are broken ones', () => {
  const linked = createMemoryPlatform({ links: { [own]: '/tmp/elsewhere' }, files: { '/tmp/elsewhere': '' } });
  refuses(linked, {}, 'decode', own, 'ELOOP');
  refuses(createMemoryPlatform({ files: { [`${own}/x`]: '' } }), {}, 'decode', own, 'EINVAL');
  refuses(platformOf({ [own]: '#'.repeat(1024 * 1024 + 1) }), {}, 'decode', own, 'EOVERFLOW');
  const denied = platformOf(podSpec([vf1]));
  denied.failNext('readFile', own, 13);
  refuses(denied, {}, 'decode', own, 'EACCES');
  const foreign = createMemoryPlatform({ links: { '/var/run/cdi/a.yaml': 'a.yaml' }, files: podSpec([vf1]) });
  assert.is(resolve(foreign).pci, vf1);
});

test('a directory that can’t be listed, or holds more than 4096 specs, is an error that names it', () => {
  const denied = platformOf(podSpec([vf1]));
  denied.failNext('readDir', '/var/run/cdi', 13);
  refuses(denied, {}, 'io', '/var/run/cdi', 'EACCES');
  const crowd = Object.fromEntries(Array.from({ length: 4097 }, (_, n) => [`/etc/cdi/${n}.json`, '{}']));
  refuses(platformOf(podSpec([vf1]), crowd), {}, 'io', '/etc/cdi', 'more than 4096');
  delete crowd['/etc/cdi/0.json'];
  assert.is(resolve(platformOf(podSpec([vf1]), crowd)).pci, vf1);
  const notes = Object.fromEntries(Array.from({ length: 4097 }, (_, n) => [`/etc/cdi/${n}.txt`, '{}']));
  assert.is(resolve(platformOf(podSpec([vf1]), notes)).pci, vf1);
});

test('aliases are followed within reason, and a bomb of them is a broken file', () => {
  const aliased = `kind: ${vendor.kind}\nx: &env [SRIOVNETWORK_PCI_ADDRESSES=${vf1}]\ndevices:\n  - name: ${podUid}\n    containerEdits: {env: *env}\n`;
  assert.is(resolve(platformOf({ [own]: aliased })).pci, vf1);
  const levels = Array.from({ length: 12 }, (_, n) => `l${n + 1}: &l${n + 1} [${Array(9).fill(`*l${n}`).join(',')}]`);
  refuses(platformOf({ [own]: `kind: ${vendor.kind}\nl0: &l0 [x]\n${levels.join('\n')}\n` }), {}, 'decode', own);
  refuses(platformOf({ [own]: '['.repeat(5000) }), {}, 'decode', own);
  refuses(platformOf({ [specPath(podUid, vendor, 'json')]: '['.repeat(200_000) }), {}, 'decode');
});

test('keys that JavaScript gives a meaning are plain keys', () => {
  const text = `{"__proto__":{"kind":"x"},"kind":"${vendor.kind}","devices":[{"name":"${podUid}","containerEdits":{"env":["__proto__=x","SRIOVNETWORK_PCI_ADDRESSES=${vf1}"]}}]}`;
  assert.is(resolve(platformOf({ [specPath(podUid, vendor, 'json')]: text })).pci, vf1);
  for (const uid of ['__proto__', 'constructor', 'toString']) {
    refuses(
      platformOf({ '/var/lib/kubelet/plugins/x-sriov/checkpoint.json': '{"v1":{"preparedClaimsByPodUID":{}}}' }),
      { pod: { uid } },
      'noVfForPod',
    );
  }
});

/** The same in another form, which the CDI library of Go never writes. */
function commented(files: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([path, text]) => [path, `# by hand\n${text}`]));
}

test('the YAML library is for what the CDI library of Go doesn’t write', () => {
  const files = [podSpec([vf1]), claimSpec(claimA, { [vf1]: '' })];
  const specs = new CdiSpecs(platformOf(...files), () => assert.unreachable('used the library'), new Trace());
  assert.is(specs.mentioning([vf1]).devices.length, 2);
});

test('YAML is parsed only where a YAML file matters, and each file once', () => {
  let parsed = 0;
  const parseYaml = (text: string): unknown => {
    parsed++;
    return parse(text);
  };
  const others = Array.from({ length: 220 }, (_, n) =>
    podSpec([`0001:00:${(n % 32).toString(16).padStart(2, '0')}.0`], { uid: `${otherPodUid}${n}` }),
  );
  const files = [...others, podSpec([vf1]), claimSpec(claimA, { [vf1]: '' })];
  const platform = platformOf(...files.map(commented));
  const specs = new CdiSpecs(platform, parseYaml, new Trace());
  assert.is(specs.namedAfter(podUid).devices.length, 1);
  assert.is(specs.mentioning([vf1]).devices.length, 2);
  assert.is(specs.mentioning([vf1]).devices.length, 2);
  assert.is(parsed, 2);
  const onlyJson = platformOf(podSpec([vf1], { extension: 'json' }));
  const ofJson = new CdiSpecs(onlyJson, () => assert.unreachable('parsed YAML'), new Trace());
  assert.is(ofJson.mentioning([vf1]).devices.length, 1);
});

test('files are in the order of their names, whoever has named them', () => {
  const platform = platformOf(
    podSpec([vf1], { path: '/etc/cdi/a.yaml' }),
    podSpec([vf1], { uid: otherPodUid, dir: '/etc/cdi' }),
    claimSpec(claimA, { [vf1]: '' }, { path: '/etc/cdi/z.yaml' }),
  );
  assert.equal(
    new CdiSpecs(platform, parse, new Trace()).mentioning([vf1]).devices.map(({ file }) => file),
    ['/etc/cdi/a.yaml', specPath(otherPodUid, vendor, 'yaml', '/etc/cdi'), '/etc/cdi/z.yaml'],
  );
});

test('a spec that is removed after its directory was listed holds nothing, and is no broken one', () => {
  const platform = platformOf(podSpec([vf1]));
  const specs = new CdiSpecs({ ...platform, readFile: () => null }, parse, new Trace());
  assert.equal(specs.mentioning([vf1]), { devices: [], broken: [] });
});

test('what a parser throws is never thrown on', () => {
  const specs = new CdiSpecs(
    platformOf(commented(podSpec([vf1]))),
    () => {
      throw new RangeError('Maximum call stack size exceeded');
    },
    new Trace(),
  );
  assert.equal(specs.namedAfter(podUid), {
    devices: [],
    broken: [{ file: own, reason: 'Maximum call stack size exceeded' }],
  });
});

test('errors of the CDI files carry the trace that led there', () => {
  const files = platformOf(podSpec([vf1]), { [specPath(claimB)]: `kind: [ ${vf1}` });
  try {
    resolve(files);
    assert.unreachable('resolved');
  } catch (thrown) {
    assert.ok(isCniError(thrown, 'decode'));
    if (isCniError(thrown)) assert.is(thrown.details, '(1) per-claim CDI specs: hold 0 of 1 VFs');
  }
});
