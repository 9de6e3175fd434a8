import { parse } from 'yaml';
import { CdiSpecs } from '../../../src/allocation/cdi-spec.ts';
import {
  type ClaimVf,
  isLeftOver,
  listPodSpecs,
  nadName,
  readClaimDevice,
  readClaimsOf,
  readPodSpec,
} from '../../../src/allocation/driver-specs.ts';
import { Trace } from '../../../src/allocation/trace.ts';
import type { MemoryPlatform } from '../../support/memory-platform.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';
import {
  claimA,
  claimSpec,
  otherPodUid,
  platformOf,
  podSpec,
  podUid,
  refuses,
  specPath,
  vendors,
  vf1,
  vf2,
  vf3,
} from './fixture.ts';

const test = suite('allocation/driver-specs');

const specsOf = (platform: MemoryPlatform): CdiSpecs => new CdiSpecs(platform, parse, new Trace());

/** A spec with one device of a claim; `variable` tells which VF it is. */
const deviceSpec = (name: string, variable: string, path: string, kind: string = vendors[0].kind) => ({
  [path]: JSON.stringify({ cdiVersion: '0.5.0', kind, devices: [{ name, containerEdits: { env: [variable] } }] }),
});

test('only the pod’s own device counts, in the file with its name and in any other that mentions it', () => {
  const foreign = platformOf(podSpec([vf1], { uid: otherPodUid, path: specPath(podUid) }));
  for (const search of [false, true]) {
    assert.is(readPodSpec(specsOf(foreign), podUid, new Trace(), { search }), null);
  }
  const mentioned = platformOf(
    podSpec([vf2], { path: '/etc/cdi/sriovnetwork-x.yaml' }),
    podSpec([vf1], { uid: otherPodUid }),
  );
  mentioned.files.set(specPath(otherPodUid), `${mentioned.files.get(specPath(otherPodUid))}# ${podUid}\n`);
  assert.is(readPodSpec(specsOf(mentioned), podUid, new Trace(), { search: false }), null);
  assert.equal(readPodSpec(specsOf(mentioned), podUid, new Trace(), { search: true })?.addresses, [vf2]);
});

test('all pods that have a spec', () => {
  const platform = platformOf(
    podSpec([vf1]),
    podSpec([vf3, vf2], { uid: otherPodUid }),
    claimSpec(claimA, { [vf1]: '' }),
  );
  assert.equal(
    listPodSpecs(specsOf(platform), new Trace()).map((pod) => [pod.podUid, pod.source, pod.addresses]),
    [
      [podUid, specPath(podUid), [vf1]],
      [otherPodUid, specPath(otherPodUid), [vf2, vf3]],
    ],
  );
});

test('of a claim’s spec only the VFs that are asked for', () => {
  const platform = platformOf(claimSpec(claimA, { [vf1]: 'a', [vf2]: 'b' }));
  const { vfs, broken } = readClaimsOf(specsOf(platform), [vf1], new Trace());
  assert.equal(
    vfs.map(({ pci, claimUid, networkName, file }) => [pci, claimUid, networkName, file]),
    [[vf1, claimA, 'a', specPath(claimA)]],
  );
  assert.equal(broken, []);
});

test('only a variable of the driver’s tells the VF', () => {
  const name = `${claimA}-port7`;
  for (const [variable, expected] of [
    ['SRIOVNETWORK_VF_DEVICE_X', vf1],
    ['VF_DEVICE_X', vf1],
    ['MY_VF_DEVICE_X', undefined],
    ['X_SRIOVNETWORK_VF_DEVICE_', undefined],
  ] as const) {
    const platform = platformOf(deviceSpec(name, `${variable}=${vf1}`, specPath(claimA, vendors[0], 'json')));
    assert.is(readClaimDevice(specsOf(platform), name, new Trace())?.pci, expected, variable);
  }
});

test('two specs give a CDI device the same VF, or it is refused, naming both', () => {
  const name = `${claimA}-port7`;
  const [one, other] = [specPath(claimA, vendors[0], 'json'), specPath(claimA, vendors[1], 'json')];
  const both = (pci: string): MemoryPlatform =>
    platformOf(
      deviceSpec(name, `VF_DEVICE_X=${vf1}`, one),
      deviceSpec(name, `VF_DEVICE_X=${pci}`, other, vendors[1].kind),
    );
  assert.is(readClaimDevice(specsOf(both(vf1)), name, new Trace())?.pci, vf1);
  throws(() => readClaimDevice(specsOf(both(vf2)), name, new Trace()), 'contradictorySources', one, other, vf1, vf2);
  refuses(both(vf2), { deviceID: name }, 'contradictorySources', one, other);
});

test('a broken spec of the claim is refused where no other has the device', () => {
  const name = `${claimA}-port7`;
  const [broken, whole] = [specPath(claimA), specPath(claimA, vendors[1], 'json')];
  const files = { [broken]: 'kind: [' };
  throws(() => readClaimDevice(specsOf(platformOf(files)), name, new Trace()), 'decode', broken);
  const both = platformOf(files, deviceSpec(name, `VF_DEVICE_X=${vf1}`, whole, vendors[1].kind));
  assert.is(readClaimDevice(specsOf(both), name, new Trace())?.pci, vf1);
});

test('a claim’s device is found in a file of another name, and under a name of another form', () => {
  const path = '/var/run/cdi/by-hand.json';
  for (const [name, claimUid] of [
    [`${claimA}-port7`, claimA],
    ['port7', null],
  ] as const) {
    const specs = (): CdiSpecs => specsOf(platformOf(deviceSpec(name, `VF_DEVICE_X=${vf1}`, path)));
    const found = readClaimDevice(specs(), name, new Trace());
    assert.equal([found?.pci, found?.claimUid, found?.file], [vf1, claimUid, path]);
    assert.is(readClaimsOf(specs(), [vf1], new Trace()).vfs.length, 1);
    assert.is(readClaimDevice(specs(), `${claimA}-port8`, new Trace()), null);
  }
});

test('the name of a NAD is what follows its namespace, without spaces around it', () => {
  assert.equal(['ns/net', ' ns/net ', 'net', 'ns/', ' ', undefined].map(nadName), [
    'net',
    'net',
    'net',
    null,
    null,
    null,
  ]);
});

test('a pod’s spec may list 4096 VFs', () => {
  const list = (count: number): readonly string[] =>
    Array.from({ length: count }, (_, at) => `${at.toString(16).padStart(4, '0')}:00:00.0`);
  const read = (count: number): number | undefined =>
    readPodSpec(specsOf(platformOf(podSpec(list(count)))), podUid, new Trace(), { search: false })?.addresses.length;
  assert.is(read(4096), 4096);
  throws(() => read(4097), 'decode', '4097', specPath(podUid));
});

test('a claim’s spec is left over where the checkpoint has its VF, and for other claims alone', () => {
  const of = (claimUid: string | null, pci = vf1): ClaimVf => ({ pci, claimUid, networkName: null, file: 'a.json' });
  const spec = of('gone');
  assert.is(isLeftOver(spec, [of('new')]), true);
  assert.is(isLeftOver(spec, [of('new'), of('gone')]), false, 'it is prepared, too');
  assert.is(isLeftOver(spec, [of('new', vf2)]), false, 'another VF');
  assert.is(isLeftOver(spec, []), false);
  assert.is(isLeftOver(of(null), [of('new')]), false, 'its name tells no claim');
});
