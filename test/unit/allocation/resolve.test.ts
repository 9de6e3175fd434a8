import { resolveVf } from '../../../src/allocation/resolve.ts';
import { isCniError } from '../../../src/cni/errors.ts';
import type { Platform } from '../../../src/platform/platform.ts';
import { createMemoryPlatform } from '../../support/memory-platform.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';
import {
  ask,
  attachAll,
  checkpoint,
  checkpointPath,
  claimA,
  claimB,
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
  vf3,
} from './fixture.ts';

const test = suite('allocation/resolve');

const cniInfo = '/var/run/k8s.cni.cncf.io/devinfo/cni/vf-test8-vf-test1-0123_net1';
const pciInfo = (pci: string): Record<string, string> => ({
  [cniInfo]: JSON.stringify({ type: 'pci', version: '1.1.0', pci: { 'pci-address': pci } }),
});

/** Counts what is read, to keep ADD cheap on a full node. */
function counting(platform: Platform): {
  readonly platform: Platform;
  readonly reads: string[];
  readonly lists: string[];
  readonly searches: string[];
} {
  const reads: string[] = [];
  const lists: string[] = [];
  const searches: string[] = [];
  const counted: Platform = {
    ...platform,
    readFile(path, options) {
      reads.push(path);
      return platform.readFile(path, options);
    },
    readDir(path) {
      lists.push(path);
      return platform.readDir(path);
    },
    searchFiles(directory, search) {
      searches.push(directory);
      return platform.searchFiles(directory, search);
    },
  };
  return { platform: counted, reads, lists, searches };
}

test('an address from the runtime is taken as it is, in any case', () => {
  const { pci, source, trace } = resolve(platformOf(), { deviceID: '0000:3B:02.1' });
  assert.equal([pci, source], [vf1, 'deviceID']);
  assert.equal(
    trace.map(({ verdict: _, ...rest }) => rest),
    [{ source: 'deviceID', held: [vf1] }],
  );
  assert.match(trace[0]?.verdict ?? '', /^0000:3b:02\.1 taken\b.*\bCDI\b/);
});

test('runtimeConfig.deviceID, then deviceID, then pciBusID; an address before a CDI name', () => {
  const hints = (runtime: string, device: string, bus: string) =>
    ({
      deviceHints: [
        { key: 'runtimeConfig.deviceID', value: runtime },
        { key: 'deviceID', value: device },
        { key: 'pciBusID', value: bus },
      ],
    }) as const;
  const files = platformOf();
  assert.equal(resolve(files, hints(vf1, vf2, vf3)).source, 'runtimeConfig.deviceID');
  assert.is(resolve(files, hints(vf1, vf2, vf3)).pci, vf1);
  assert.is(resolve(files, hints(podUid, vf2, vf3)).pci, vf2);
  assert.is(resolve(files, hints('mlx5_4', `${claimA}-${dashed(vf1)}`, vf3)).pci, vf3);
  const { trace } = resolve(files, hints(vf1, vf2, vf1));
  assert.match(trace[0]?.verdict ?? '', /^not used: runtimeConfig\.deviceID /);
});

test('an address that the pod does not have is refused, naming both sources', () => {
  const files = platformOf(podSpec([vf2, vf3]));
  refuses(files, { deviceID: vf1 }, 'contradictorySources', 'deviceID', vf1, specPath(podUid), vf2, vf3);
  assert.is(resolve(files, { deviceID: vf2 }).pci, vf2);
  refuses(platformOf(podSpec([])), { deviceID: vf1 }, 'contradictorySources', 'none');
});

test("a broken per-pod spec stops even an address, another pod's does not", () => {
  const broken = { [specPath(podUid)]: 'kind: [' };
  refuses(platformOf(broken), { deviceID: vf1 }, 'decode', specPath(podUid));
  assert.is(resolve(platformOf({ [specPath(otherPodUid)]: 'kind: [' }), { deviceID: vf1 }).pci, vf1);
});

test('an address held by the same pod is busy, with the holder', () => {
  refuses(
    platformOf(),
    { deviceID: vf1, held: { [vf1]: 'net1 of container c1' } },
    'vfBusy',
    vf1,
    'net1 of container c1',
  );
  const info = { deviceInfoFile: cniInfo, held: { [vf1]: 'net1' } };
  refuses(platformOf(pciInfo(vf1)), info, 'vfBusy', cniInfo, 'net1');
});

test('an address that the pod’s own spec lists is read up to that spec, and no directory is listed', () => {
  const { platform, reads, lists, searches } = counting(platformOf(podSpec([vf1])));
  resolve(platform, { deviceID: vf1 });
  assert.equal([reads.length, new Set(reads).size, lists.length, searches.length], [6, 6, 0, 0]);
});

test('an address of a pod without a spec searches each directory once, and reads no spec that does not mention it', () => {
  const uids = Array.from({ length: 250 }, (_, index) => `${otherPodUid.slice(0, -3)}${100 + index}`);
  const specs = uids.map((uid) => podSpec([vf2, vf3], { uid }));
  const { platform, reads, searches } = counting(platformOf(...specs));
  const parseYaml = (): never => {
    throw new Error('a spec was parsed');
  };
  const { pci } = resolveVf({ platform, parseYaml }, ask({ deviceID: vf1 }));
  assert.equal([pci, reads.length, new Set(reads).size], [vf1, 13, 13]);
  assert.equal(searches, ['/var/run/cdi', '/etc/cdi']);
});

test('device IDs that are neither address nor CDI device are refused', () => {
  for (const deviceID of ['mlx5_4', '3b:02.1', '0000:3b:02', 'eth0', '../../etc/passwd', '0000:3b:02.1\n']) {
    refuses(platformOf(podSpec([vf1])), { deviceID }, 'noVfForPod', JSON.stringify(deviceID));
  }
  const gpu = 'vendor.com/gpu=gpu0';
  refuses(platformOf(podSpec([vf1])), { deviceID: gpu }, 'noVfForPod', 'kind vendor.com/gpu');
  const withInfo = { deviceID: 'mlx5_4', deviceInfoFile: cniInfo };
  assert.is(resolve(platformOf(pciInfo(vf2)), withInfo).pci, vf2);
});

test('a CDI device of a claim is found by its name, for every vendor and format', () => {
  for (const vendor of vendors) {
    for (const extension of ['yaml', 'json'] as const) {
      const files = platformOf(
        podSpec([vf3, vf2], { vendor, extension }),
        claimSpec(claimA, { [vf2]: '', [vf3]: '' }, { vendor, extension }),
      );
      const name = `${claimA}-${dashed(vf3)}`;
      for (const deviceID of [name, `${vendor.kind}=${name}`]) {
        const { pci, source } = resolve(files, { deviceID });
        assert.is(pci, vf3);
        assert.ok(source.includes(specPath(claimA, vendor, extension)), source);
      }
    }
  }
});

test('a CDI device is found under any file name, and whatever the device is called', () => {
  const path = '/var/run/cdi/by-hand.json';
  const elsewhere = platformOf(podSpec([vf1]), claimSpec(claimA, { [vf1]: '' }, { extension: 'json', path }));
  assert.is(resolve(elsewhere, { deviceID: `${claimA}-${dashed(vf1)}` }).pci, vf1);
  const renamed = JSON.stringify({
    kind: vendors[0].kind,
    devices: [{ name: `${claimA}-port7`, containerEdits: { env: [`SRIOVNETWORK_VF_DEVICE_port7=${vf1}`] } }],
  });
  const files = platformOf(podSpec([vf1]), { [specPath(claimA, vendors[0], 'json')]: renamed });
  assert.is(resolve(files, { deviceID: `${claimA}-port7` }).pci, vf1);
  assert.is(resolve(files, { deviceID: `${vendors[0].kind}=${claimA}-port7` }).pci, vf1);
});

test("a claim's device that the pod does not have is refused", () => {
  const files = platformOf(podSpec([vf1]), claimSpec(claimB, { [vf2]: '' }));
  refuses(files, { deviceID: `${claimB}-${dashed(vf2)}` }, 'contradictorySources', specPath(podUid), specPath(claimB));
});

test('after a reboot the name of a claim device counts only where the per-pod spec lists its address', () => {
  const deviceID = `${claimA}-${dashed(vf1)}`;
  const { pci, source } = resolve(platformOf(podSpec([vf2, vf1])), { deviceID });
  assert.is(pci, vf1);
  assert.ok(source.includes(specPath(podUid)), source);
  refuses(platformOf(podSpec([vf2])), { deviceID }, 'noVfForPod', specPath(podUid));
  refuses(platformOf(), { deviceID }, 'noVfForPod', 'no per-pod CDI spec', podUid);
  refuses(platformOf(checkpoint([{ claim: claimA, pci: vf1 }])), { deviceID }, 'noVfForPod', deviceID);
  assert.is(resolve(platformOf(podSpec([vf2, vf1])), { deviceID: dashed(vf1) }).pci, vf1);
});

test("the pod's own UID as device ID means any of its VFs", () => {
  const files = platformOf(podSpec([vf2, vf1]));
  for (const deviceID of [podUid, `${vendors[0].kind}=${podUid}`]) {
    assert.equal(attachAll(files, ['n', 'n'], { deviceID }), [vf1, vf2]);
  }
  assert.is(resolve(platformOf(checkpoint([{ claim: claimA, pci: vf3 }])), { deviceID: podUid }).pci, vf3);
});

test("another pod's UID is refused, in whatever key and form", () => {
  const files = platformOf(podSpec([vf1]), podSpec([vf2], { uid: otherPodUid }));
  for (const deviceID of [otherPodUid, `${vendors[0].kind}=${otherPodUid}`]) {
    for (const key of ['deviceID', 'pciBusID', 'runtimeConfig.deviceID'] as const)
      refuses(files, { deviceHints: [{ key, value: deviceID }] }, 'contradictorySources', otherPodUid, podUid);
  }
});

test('a VF without a CDI spec, as after a reboot, is refused if the checkpoint gives it to another pod, and taken if to this one', () => {
  const files = platformOf(checkpoint([{ claim: claimB, pci: vf1 }], otherPodUid));
  refuses(files, { deviceID: vf1 }, 'contradictorySources', vf1, 'checkpoint.json', otherPodUid);
  refuses(files, { deviceID: vf1, pod: null }, 'contradictorySources', vf1, 'checkpoint.json', otherPodUid);
  assert.is(resolve(files, { deviceID: vf2 }).pci, vf2);
  const own = platformOf(checkpoint([{ claim: claimA, pci: vf1 }]));
  assert.match(resolve(own, { deviceID: vf1 }).trace.at(-1)?.verdict ?? '', 'checkpoint');
});

test('without K8S_POD_UID no pod’s files are looked at, even if a device ID or a file tells a pod’s UID', () => {
  const file = '/var/run/k8s.cni.cncf.io/devinfo/cni/ns-nad-c1_net1';
  const info = JSON.stringify({ type: 'pci', version: '1.1.0', pci: { 'pci-address': vf1 } });
  const files = platformOf(
    podSpec([vf1]),
    claimSpec(claimA, { [vf1]: '' }),
    checkpoint([{ claim: claimA, pci: vf1 }]),
    {
      [file]: info,
    },
  );
  const nameless = [null, { namespace: 'vf-test8', name: 'pod0' }, { uid: '../x', name: 'pod0' }];
  for (const pod of nameless) {
    for (const deviceID of [podUid, `${vendors[0].kind}=${podUid}`])
      refuses(files, { deviceID, pod }, 'noVfForPod', podUid, 'K8S_POD_UID');
    for (const deviceID of [vf1, `${claimA}-${dashed(vf1)}`, `${vendors[0].kind}=${claimA}-${dashed(vf1)}`])
      refuses(files, { deviceID, pod }, 'contradictorySources', vf1, podUid);
    refuses(files, { deviceInfoFile: file, pod }, 'contradictorySources', vf1, podUid);
  }
});

test('the CDI names that Multus 4.2 hands out in turn give each attachment a VF of its own', () => {
  const files = platformOf(podSpec([vf3, vf1, vf2]), claimSpec(claimA, { [vf1]: '', [vf2]: '', [vf3]: '' }));
  const handedOut = [`${claimA}-${dashed(vf1)}`, podUid, `${claimA}-${dashed(vf2)}`];
  const held: Record<string, string> = {};
  const taken = handedOut.map((deviceID, index) => {
    const { pci } = resolve(files, { deviceID, held: { ...held } });
    held[pci] = `net${index + 1}`;
    return pci;
  });
  assert.equal(taken, [vf1, vf2, vf3]);
  refuses(files, { deviceID: `${claimA}-${dashed(vf2)}`, held }, 'vfBusy', vf2, 'net2');
});

test('the first VF in string order stands in for a held one, whatever order the claim lists them in', () => {
  const files = platformOf(podSpec([vf1, vf2, vf3]), claimSpec(claimA, { [vf1]: '', [vf3]: '', [vf2]: '' }));
  assert.is(resolve(files, { deviceID: `${claimA}-${dashed(vf1)}`, held: { [vf1]: 'net1' } }).pci, vf2);
});

test('only a VF of the same claim stands in for a held one', () => {
  const files = platformOf(podSpec([vf1, vf2]), claimSpec(claimA, { [vf1]: '' }), claimSpec(claimB, { [vf2]: '' }));
  refuses(files, { deviceID: `${claimA}-${dashed(vf1)}`, held: { [vf1]: 'net1' } }, 'vfBusy', vf1, 'net1');
});

test('without a per-pod spec no other VF stands in for a held one', () => {
  const held = { [vf1]: 'net1' };
  const deviceID = `${claimA}-${dashed(vf1)}`;
  const claim = claimSpec(claimA, { [vf1]: '', [vf2]: '' });
  const prepared = checkpoint([vf1, vf2].map((pci) => ({ claim: claimA, pci })));
  refuses(platformOf(claim, prepared), { deviceID, held }, 'vfBusy', vf1, 'net1');
  assert.is(resolve(platformOf(claim, prepared, podSpec([vf1, vf2])), { deviceID, held }).pci, vf2);
});

test('another VF stands in for a held one only where nothing contradicts the one that was named', () => {
  const files = platformOf(podSpec([vf1, vf2]), claimSpec(claimA, { [vf1]: '', [vf2]: '' }), pciInfo(vf2));
  const asked = { deviceID: `${claimA}-${dashed(vf1)}`, held: { [vf1]: 'net1' } };
  assert.is(resolve(files, asked).pci, vf2);
  refuses(files, { ...asked, deviceInfoFile: cniInfo }, 'contradictorySources', vf1, vf2, cniInfo);
});

test('a device-info file names the VF where the config has no device ID', () => {
  const { pci, source } = resolve(platformOf(pciInfo(vf2)), { deviceInfoFile: cniInfo });
  assert.equal([pci, source], [vf2, `device info ${cniInfo}`]);
  refuses(
    platformOf(pciInfo(vf2), podSpec([vf1])),
    { deviceInfoFile: cniInfo },
    'contradictorySources',
    cniInfo,
    specPath(podUid),
  );
  const absent = explain(platformOf(podSpec([vf1])), { deviceInfoFile: cniInfo });
  assert.is(absent.found?.pci, vf1);
  assert.equal([absent.trace[0]?.source, absent.trace[0]?.held], [`device info ${cniInfo}`, []]);
});

test('a device-info file of another type or without sense is an error that names it', () => {
  const options = { deviceInfoFile: cniInfo };
  const pod = podSpec([vf1]);
  for (const type of ['vhost-user', 'memif', 'vdpa']) {
    refuses(platformOf(pod, { [cniInfo]: JSON.stringify({ type }) }), options, 'noVfForPod', cniInfo, type);
  }
  for (const text of [
    '',
    '{',
    '[]',
    'null',
    '{"type":7}',
    '{"type":"pci"}',
    '{"type":"pci","pci":{"pci-address":"x"}}',
  ]) {
    refuses(platformOf(pod, { [cniInfo]: text }), options, 'decode', cniInfo);
  }
});

test('a link in place of a device-info file is not followed', () => {
  const linked = createMemoryPlatform({
    links: { [cniInfo]: '/tmp/other' },
    files: { '/tmp/other': pciInfo(vf1)[cniInfo] ?? '' },
  });
  refuses(linked, { deviceInfoFile: cniInfo }, 'decode', cniInfo, 'ELOOP');
});

test('nothing of a device-info file gets into the error', () => {
  const result = explain(platformOf({ [cniInfo]: 'root:$6$secret:19000' }), { deviceInfoFile: cniInfo });
  assert.ok(isCniError(result.failure, 'decode'));
  assert.not.ok(JSON.stringify([result.failure?.message, result.trace, result.failure?.cause]).includes('secret'));
});

test('an address and a device-info file that differ are refused', () => {
  const options = { deviceID: vf1, deviceInfoFile: cniInfo };
  refuses(platformOf(pciInfo(vf2)), options, 'contradictorySources', vf1, vf2, cniInfo);
  assert.is(resolve(platformOf(pciInfo(vf1)), options).pci, vf1);
  assert.is(resolve(platformOf({ [cniInfo]: 'torn' }), options).pci, vf1);
});

test('without a device ID the pod gets its VFs in string order, whatever order the driver wrote', () => {
  for (const vendor of vendors) {
    for (const extension of ['yaml', 'json'] as const) {
      const files = platformOf(podSpec([vf3, vf2, vf1], { vendor, extension }));
      assert.equal(attachAll(files, ['vf-test1', 'vf-test1', 'vf-test1']), [vf1, vf2, vf3]);
    }
  }
});

test('one claim of two VFs and one VF too few', () => {
  const files = platformOf(podSpec([vf2, vf1]), claimSpec(claimA, { [vf1]: 'vf-test1', [vf2]: 'vf-test1' }));
  assert.equal(attachAll(files, ['vf-test1', 'vf-test1']), [vf1, vf2]);
  const held = { [vf1]: 'net1', [vf2]: 'net2' };
  refuses(files, { held }, 'noVfForPod', vf1, 'net1', vf2, 'net2', specPath(podUid), podUid);
});

test('two claims that name their NADs map right in either annotation order', () => {
  const files = platformOf(
    podSpec([vf1, vf2]),
    claimSpec(claimA, { [vf1]: 'vf-data' }),
    claimSpec(claimB, { [vf2]: 'vf-control' }),
  );
  assert.equal(attachAll(files, ['vf-control', 'vf-data']), [vf2, vf1]);
  assert.equal(attachAll(files, ['vf-data', 'vf-control']), [vf1, vf2]);
  refuses(files, { network: 'other' }, 'noVfForPod', '"vf-data"', '"vf-control"');
});

test('a NAD name may carry its namespace', () => {
  const files = platformOf(
    podSpec([vf1, vf2]),
    claimSpec(claimA, { [vf1]: 'infra/vf-data', [vf2]: 'infra/vf-control' }),
  );
  assert.equal(attachAll(files, ['vf-control', 'vf-data']), [vf2, vf1]);
});

test('a VF whose claim names no NAD is for any network, unless another was claimed for this one', () => {
  const files = platformOf(
    podSpec([vf1, vf2]),
    claimSpec(claimA, { [vf1]: '' }),
    claimSpec(claimB, { [vf2]: 'vf-data' }),
  );
  assert.equal(attachAll(files, ['vf-data', 'other']), [vf2, vf1]);
  assert.equal(attachAll(files, ['other', 'vf-data']), [vf1, vf2]);
  refuses(files, { network: 'vf-data', held: { [vf2]: 'net1' } }, 'noVfForPod', vf2);
  const allNameless = platformOf(podSpec([vf2, vf1]), claimSpec(claimA, { [vf1]: '', [vf2]: '' }));
  assert.equal(attachAll(allNameless, ['a', 'b']), [vf1, vf2]);
});

test('after a reboot the NAD names come from the checkpoint', () => {
  const devices = [
    { claim: claimA, pci: vf1, nad: 'vf-data' },
    { claim: claimB, pci: vf2, nad: 'vf-control' },
  ];
  const files = platformOf(podSpec([vf1, vf2]), checkpoint(devices));
  assert.equal(attachAll(files, ['vf-control', 'vf-data']), [vf2, vf1]);
  const broken = platformOf(podSpec([vf1, vf2]), { [checkpointPath]: '{"v1":' });
  refuses(broken, { network: 'vf-control' }, 'decode', checkpointPath);
  assert.equal(attachAll(platformOf(podSpec([vf2, vf1])), ['vf-control', 'vf-data']), [vf1, vf2]);
});

test('the network of a VF’s own spec counts; the checkpoint is asked for VFs that have none', () => {
  const stale = checkpoint([
    { claim: claimA, pci: vf1, nad: 'vf-control' },
    { claim: claimB, pci: vf2, nad: 'vf-control' },
  ]);
  const files = platformOf(podSpec([vf1, vf2]), claimSpec(claimA, { [vf1]: 'vf-data' }), stale);
  assert.equal(attachAll(files, ['vf-control', 'vf-data']), [vf2, vf1]);
});

test('sources that give a VF to no network and to another one contradict each other, whoever asks', () => {
  const files = platformOf(podSpec([vf1]), claimSpec(claimA, { [vf1]: '' }), claimSpec(claimB, { [vf1]: 'other' }));
  for (const network of ['vf-test1', 'other']) refuses(files, { network }, 'contradictorySources', vf1, claimA, claimB);
});

test('VFs that were ruled out are listed in string order, whichever rule came first', () => {
  const files = platformOf(podSpec([vf3, vf1, vf2]), deviceInfo('example.com/fast', vf2));
  const asked = { resourceName: 'example.com/fast', held: { [vf3]: 'net1', [vf2]: 'net2' } };
  const { message } = throws(() => resolve(files, asked), 'noVfForPod');
  const places = [vf1, vf2, vf3].map((pci) => message.indexOf(`${pci} `));
  assert.ok(Math.min(...places) >= 0, message);
  assert.equal(
    places,
    places.toSorted((one, other) => one - other),
    message,
  );
});

test('if all VFs are held, claims are not read: a broken spec among them is not the reason', () => {
  const broken = { [specPath(claimA)]: `kind: [ # ${vf1}` };
  refuses(platformOf(podSpec([vf1]), broken), {}, 'decode', claimA);
  refuses(platformOf(podSpec([vf1]), broken), { held: { [vf1]: 'net1' } }, 'noVfForPod', vf1, 'net1');
});

test('the checkpoint alone knows the pod', () => {
  const files = platformOf(
    checkpoint([
      { claim: claimB, pci: vf2, nad: 'x' },
      { claim: claimA, pci: vf1, nad: 'x' },
    ]),
  );
  assert.equal(attachAll(files, ['x', 'x']), [vf1, vf2]);
  const { source } = resolve(files, { network: 'x' });
  assert.is(source, `driver checkpoint ${checkpointPath}`);
  const emptySpec = platformOf(podSpec([]), checkpoint([{ claim: claimA, pci: vf3 }]));
  assert.is(resolve(emptySpec).pci, vf3);
});

test('no source knows the pod: every one is listed', () => {
  const files = platformOf(
    podSpec([vf1], { uid: otherPodUid }),
    checkpoint([{ claim: claimA, pci: vf1 }], otherPodUid),
  );
  refuses(
    files,
    {},
    'noVfForPod',
    'vf-test8/pod0',
    podUid,
    '/var/run/cdi and /etc/cdi',
    '/var/lib/kubelet/plugins',
    'ResourceClaim',
  );
  refuses(files, { pod: null }, 'noVfForPod', 'no K8S_POD_UID');
  refuses(files, { pod: { uid: '../../etc/shadow' } }, 'noVfForPod', 'K8S_POD_UID');
});

test('a resourceName takes VFs of that resource only, by device-info or checkpoint', () => {
  const pod = podSpec([vf1, vf2]);
  const options = { resourceName: 'example.com/fast' };
  assert.is(resolve(platformOf(pod, deviceInfo('example.com/fast', vf2)), options).pci, vf2);
  assert.is(resolve(platformOf(pod, deviceInfo('example.com/fast', 'port-7', vf2)), options).pci, vf2);
  assert.is(
    resolve(platformOf(pod, checkpoint([{ claim: claimA, pci: vf2, resource: 'example.com/fast' }])), options).pci,
    vf2,
  );
  const claim = claimSpec(claimA, { [vf1]: '', [vf2]: '' });
  const torn = platformOf(pod, claim, deviceInfo('example.com/fast', vf2), { [checkpointPath]: '{' });
  assert.is(resolve(torn, options).pci, vf2);
  refuses(torn, { ...options, held: { [vf2]: 'net1' } }, 'decode', checkpointPath);
  const slow = platformOf(
    pod,
    checkpoint([{ claim: claimA, pci: vf2, resource: 'slow' }]),
    deviceInfo('example.com/fast-too', vf2),
  );
  refuses(slow, options, 'noVfForPod', 'checkpoint', '"slow"');
  refuses(platformOf(pod, deviceInfo('example.com/fast', vf2, vf3)), options, 'noVfForPod', 'example.com/fast');
});

test('the same answer whatever the order of files and addresses', () => {
  const { random, shuffle } = seeded(7);
  for (let round = 0; round < 100; round++) {
    const files = [
      podSpec(shuffle([vf1, vf2, vf3])),
      claimSpec(
        claimA,
        Object.fromEntries(
          shuffle([
            [vf1, 'vf-data'],
            [vf3, 'vf-data'],
          ]),
        ),
      ),
      claimSpec(claimB, { [vf2]: 'vf-control' }),
      podSpec([vf1], { uid: otherPodUid }),
      { '/var/run/cdi/gpu.yaml': 'kind: vendor.com/gpu\ndevices: []\n', '/var/run/cdi/0.json': '{' },
    ];
    const platform = platformOf(...shuffle(files));
    const shuffled: Platform = { ...platform, readDir: (path) => shuffle([...(platform.readDir(path) ?? [])]) };
    assert.equal(
      attachAll(shuffled, ['vf-data', 'vf-control', 'vf-data']),
      [vf1, vf2, vf3],
      `round ${round} ${random()}`,
    );
  }
});

test('explainAllocation gives the error of resolveVf and its trace without throwing', () => {
  const files = platformOf(podSpec([vf1]));
  const { found, failure, trace } = explain(files, { held: { [vf1]: 'net1' } });
  assert.is(found, null);
  assert.ok(isCniError(failure, 'noVfForPod'));
  const { source, held, verdict = '', candidates = [] } = trace.at(-1) ?? {};
  assert.equal([source, held], [`per-pod CDI spec ${specPath(podUid)}`, [vf1]]);
  assert.match(verdict, new RegExp(`^${vf1} ruled out: .*\\bnet1\\b`));
  assert.equal(
    candidates.map(({ pci, ruledOut }) => [pci, ruledOut !== null && verdict.includes(ruledOut)]),
    [[vf1, true]],
  );
  const success = explain(files);
  assert.equal([success.found?.pci, success.failure], [vf1, null]);
  assert.is(success.trace.at(-1)?.verdict, `${vf1} taken`);
});

/** A small generator, so that a failure can be repeated. */
function seeded(seed: number): { random: () => number; shuffle: <T>(list: T[]) => T[] } {
  let state = seed;
  const random = (): number => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return state / 2147483648;
  };
  const shuffle = <T>(list: T[]): T[] =>
    list
      .map((item) => [random(), item] as const)
      .sort(([a], [b]) => a - b)
      .map(([, item]) => item);
  return { random, shuffle };
}
