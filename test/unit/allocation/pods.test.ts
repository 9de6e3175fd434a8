import { assert, suite } from '../../support/suite.ts';
import {
  type AskOptions,
  checkpoint,
  claimA,
  claimSpec,
  dashed,
  deviceInfo,
  explain,
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

const test = suite('allocation/pods');

const info = '/var/run/k8s.cni.cncf.io/devinfo/cni/ns-nad-c1_net1';
const infoFile = { [info]: JSON.stringify({ type: 'pci', version: '1.1.0', pci: { 'pci-address': vf1 } }) };

/** The ways in which a network config can name a VF. */
const namings: readonly AskOptions[] = [
  { deviceID: vf1 },
  { deviceID: vf1.toUpperCase() },
  { deviceHints: [{ key: 'pciBusID', value: vf1 }] },
  { deviceHints: [{ key: 'runtimeConfig.deviceID', value: vf1 }] },
  { deviceInfoFile: info },
];

test('a VF that another pod’s CDI spec lists is refused to a pod without a spec, however it is named', () => {
  for (const vendor of vendors) {
    for (const extension of ['yaml', 'json'] as const) {
      const files = platformOf(podSpec([vf2, vf1], { uid: otherPodUid, vendor, extension }), infoFile);
      const path = specPath(otherPodUid, vendor, extension);
      for (const naming of namings) refuses(files, naming, 'contradictorySources', vf1, path, otherPodUid, podUid);
    }
  }
});

test('the same under a file name that no driver gives, and for a caller that tells no pod', () => {
  const files = platformOf(podSpec([vf1], { uid: otherPodUid, path: '/var/run/cdi/by-hand.yaml' }));
  refuses(files, { deviceID: vf1 }, 'contradictorySources', '/var/run/cdi/by-hand.yaml', otherPodUid);
  refuses(files, { deviceID: vf1, pod: null }, 'contradictorySources', otherPodUid, 'this pod');
});

test('a VF of a claim that nothing gives to this pod is refused, by its address and by its CDI name', () => {
  const files = platformOf(claimSpec(claimA, { [vf1]: '' }), infoFile);
  const name = `${claimA}-${dashed(vf1)}`;
  for (const naming of [...namings, { deviceID: name }, { deviceID: `${vendors[0].kind}=${name}` }]) {
    refuses(files, naming, 'contradictorySources', vf1, specPath(claimA), name);
  }
});

test('a VF of a claim is taken if the driver’s checkpoint says that it was prepared for this pod', () => {
  const claims = claimSpec(claimA, { [vf1]: '' });
  const mine = platformOf(claims, checkpoint([{ claim: claimA, pci: vf1 }]));
  const { pci, trace } = resolve(mine, { deviceID: vf1 });
  assert.is(pci, vf1);
  assert.match(trace.at(-1)?.verdict ?? '', 'checkpoint');
  const others = platformOf(claims, checkpoint([{ claim: claimA, pci: vf1 }], otherPodUid));
  refuses(others, { deviceID: vf1 }, 'contradictorySources', claimA);
  const another = platformOf(claims, checkpoint([{ claim: claimA, pci: vf2 }]));
  refuses(another, { deviceID: vf1 }, 'contradictorySources', claimA);
  const listed = platformOf(podSpec([vf1], { uid: otherPodUid }), checkpoint([{ claim: claimA, pci: vf1 }]));
  refuses(listed, { deviceID: vf1 }, 'contradictorySources', otherPodUid);
});

test('a VF that the pod’s own spec lists is taken, also where that has another file name', () => {
  const others = podSpec([vf2], { uid: otherPodUid });
  for (const path of ['', '/var/run/cdi/by-hand.yaml']) {
    const { trace } = resolve(platformOf(podSpec([vf1], { path }), others), { deviceID: vf1 });
    assert.match(trace.at(-1)?.verdict ?? '', /taken.*per-pod CDI spec/);
  }
});

test('a VF in no CDI spec is a device plugin’s: taken, and the verdict says so', () => {
  const files = platformOf(podSpec([vf2], { uid: otherPodUid }), claimSpec(claimA, { [vf2]: '' }), infoFile);
  for (const naming of namings) {
    const { pci, trace } = resolve(files, naming);
    assert.is(pci, vf1);
    assert.match(trace.at(-1)?.verdict ?? '', /taken.*\bCDI\b/);
  }
});

const kubeletFile = '/var/lib/kubelet/device-plugins/kubelet_internal_checkpoint';

/** The kubelet's checkpoint, with the owners of devices. */
function deviceCheckpoint(...entries: readonly [uid: string, ids: unknown][]): Record<string, string> {
  const PodDeviceEntries = entries.map(([PodUID, DeviceIDs]) => {
    return { PodUID, ContainerName: 'c', ResourceName: 'intel.com/sriov', DeviceIDs, AllocResp: 'CgA=' };
  });
  return { [kubeletFile]: JSON.stringify({ Data: { PodDeviceEntries, RegisteredDevices: {} }, Checksum: 7 }) };
}

test('a VF that the kubelet gave to another pod by a device plugin is refused, however it is named', () => {
  for (const ids of [{ '-1': [vf2], 0: [vf1] }, [vf1], [vf1.toUpperCase()]]) {
    const files = platformOf(deviceCheckpoint(['another', [vf2]], [otherPodUid, ids]), infoFile);
    for (const naming of namings) {
      refuses(files, naming, 'contradictorySources', vf1, kubeletFile, otherPodUid, 'intel.com/sriov', podUid);
    }
    refuses(files, { deviceID: vf1, pod: null }, 'contradictorySources', otherPodUid, 'this pod');
  }
});

test('a VF that the kubelet gave to this pod is taken, though an ended pod still has it in the books, and so is a VF of nobody', () => {
  const mine = platformOf(deviceCheckpoint([otherPodUid, { 0: [vf1] }], [podUid, { 0: [vf1] }]));
  assert.match(resolve(mine, { deviceID: vf1 }).trace.at(-1)?.verdict ?? '', kubeletFile);
  for (const others of [deviceCheckpoint([otherPodUid, [vf2]]), { [kubeletFile]: '{"Data":{"PodDeviceEntries":7}}' }]) {
    assert.match(resolve(platformOf(others), { deviceID: vf1 }).trace.at(-1)?.verdict ?? '', /taken.*\bCDI\b/);
  }
});

test('the kubelet’s books are read only where no CDI spec has the VF; broken ones that mention it are refused', () => {
  const broken = { [kubeletFile]: `{ ${vf1}` };
  assert.is(resolve(platformOf(podSpec([vf1]), broken), { deviceID: vf1 }).pci, vf1);
  refuses(platformOf(broken), { deviceID: vf1 }, 'decode', kubeletFile);
  assert.is(resolve(platformOf({ [kubeletFile]: '{' }), { deviceID: vf1 }).pci, vf1);
});

test('a link in place of the kubelet’s books is not followed: it could be anybody’s', () => {
  const platform = platformOf({ '/tmp/books': deviceCheckpoint([podUid, [vf1]])[kubeletFile] ?? '' });
  platform.links.set(kubeletFile, '/tmp/books');
  refuses(platform, { deviceID: vf1 }, 'decode', kubeletFile, 'ELOOP');
});

test('entries of the kubelet’s books that are of another shape give nobody anything', () => {
  const entries = [7, null, { PodUID: otherPodUid, DeviceIDs: [vf1] }, { ResourceName: 'r', DeviceIDs: [vf1] }];
  const odd = [...entries, { PodUID: otherPodUid, ResourceName: 'r', DeviceIDs: { 0: [7, null], 1: 'x' } }];
  const files = { [kubeletFile]: JSON.stringify({ Data: { PodDeviceEntries: odd } }) };
  assert.is(resolve(platformOf(files), { deviceID: vf1 }).pci, vf1);
});

test('a broken spec that mentions the VF may give it to somebody: refused', () => {
  const path = specPath(otherPodUid);
  refuses(platformOf({ [path]: `kind: [ ${vf1}` }), { deviceID: vf1 }, 'decode', path);
  assert.is(resolve(platformOf({ [path]: `kind: [ ${vf2}` }), { deviceID: vf1 }).pci, vf1);
});

test('a device-info file elsewhere than where Multus and the drivers put them is not looked at', () => {
  const files = platformOf(podSpec([vf1]), infoFile);
  for (const deviceInfoFile of [
    '/etc/shadow',
    '/var/run/k8s.cni.cncf.io/devinfo',
    '/var/run/k8s.cni.cncf.io/devinfox/a',
  ]) {
    refuses(files, { deviceInfoFile }, 'invalidConfig', deviceInfoFile, '/var/run/k8s.cni.cncf.io/devinfo');
    refuses(files, { deviceInfoFile, deviceID: vf1 }, 'invalidConfig', deviceInfoFile);
  }
  for (const alias of ['/run', '//var//run']) {
    assert.is(resolve(files, { deviceInfoFile: info.replace('/var/run', alias) }).pci, vf1);
  }
  refuses(files, { deviceInfoFile: `/x${info}` }, 'invalidConfig', '/x/var/run');
});

test('a device without a PF is taken where a device plugin publishes it, or where it isn’t there at all', () => {
  const files = { [`/sys/bus/pci/devices/${vf1}/vendor`]: '0x8086\n' };
  const directory = '/var/run/k8s.cni.cncf.io/devinfo/dp';
  for (const naming of namings) {
    refuses(platformOf(files, infoFile), naming, 'vfMissing', vf1, directory, `device info in ${directory}`);
    assert.is(resolve(platformOf(files, infoFile, deviceInfo('example.com/vfs', vf1)), naming).pci, vf1);
    assert.is(resolve(platformOf(infoFile), naming).pci, vf1);
  }
  const withPf = platformOf(files);
  withPf.links.set(`/sys/bus/pci/devices/${vf1}/physfn`, '../0000:3b:00.0');
  assert.is(resolve(withPf, { deviceID: vf1 }).pci, vf1);
});

test('a claim’s device gives the VF to somebody by its name or by its variable, in any case', () => {
  const spec = (name: string, address: string): Record<string, string> => ({
    [specPath(claimA, vendors[0], 'json')]: JSON.stringify({
      kind: vendors[0].kind,
      devices: [
        { name: 'other', containerEdits: { env: [`NOTE=${vf1}-x`] } },
        { name, containerEdits: { env: [`SRIOVNETWORK_VF_DEVICE_x=${address}`] } },
      ],
    }),
  });
  const held = 'contradictorySources';
  refuses(platformOf(spec('port7', vf1.toUpperCase())), { deviceID: vf1.toUpperCase() }, held, 'claim device port7');
  refuses(platformOf(spec(dashed(vf1), vf2)), { deviceID: vf1 }, held, `claim device ${dashed(vf1)}`);
  assert.is(resolve(platformOf(spec('port7', vf2)), { deviceID: vf1 }).pci, vf1);
});

test('the details of a refusal tell who has the VF', () => {
  for (const [files, holder] of [
    [podSpec([vf1], { uid: otherPodUid }), `pod ${otherPodUid}`],
    [claimSpec(claimA, { [vf1]: '' }), `claim device ${claimA}-${dashed(vf1)}`],
    [checkpoint([{ claim: claimA, pci: vf1 }], otherPodUid), `pod ${otherPodUid}`],
    [deviceCheckpoint([otherPodUid, [vf1]]), `pod ${otherPodUid}, as intel.com/sriov`],
  ] as const) {
    const { failure, trace } = explain(platformOf(files), { deviceID: vf1 });
    const last = trace.at(-1);
    assert.equal([last?.source.endsWith(Object.keys(files)[0] ?? '?'), last?.held], [true, [vf1]]);
    assert.ok(last?.verdict.endsWith(holder), last?.verdict);
    assert.ok(failure?.details?.endsWith(holder), failure?.details);
  }
});

test('a pod is named by what CNI_ARGS tell of it', () => {
  const uid = podUid;
  for (const [pod, named] of [
    [{ uid }, `this pod (UID ${uid})`],
    [{ uid, name: 'web' }, `pod web (UID ${uid})`],
    [{ uid, name: 'web', namespace: 'ns' }, `pod ns/web (UID ${uid})`],
    [{ uid, namespace: 'ns' }, `this pod (UID ${uid})`],
  ] as const) {
    refuses(platformOf(), { pod }, 'noVfForPod', ` of ${named}: `);
  }
});
