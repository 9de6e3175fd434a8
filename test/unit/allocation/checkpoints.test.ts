import { listCheckpointPods, readCheckpoints } from '../../../src/allocation/checkpoints.ts';
import { Trace } from '../../../src/allocation/trace.ts';
import { createMemoryPlatform } from '../../support/memory-platform.ts';
import { assert, suite } from '../../support/suite.ts';
import {
  checkpoint,
  checkpointPath,
  claimA,
  claimB,
  platformOf,
  podUid,
  refuses,
  resolve,
  vf1,
  vf2,
  vf3,
} from './fixture.ts';

const test = suite('allocation/checkpoints');

const read = (content: unknown) =>
  readCheckpoints(platformOf({ [checkpointPath]: JSON.stringify(content) }), podUid, new Trace());

test('the present format', () => {
  const vfs = read(
    JSON.parse(Object.values(checkpoint([{ claim: claimA, pci: vf1, nad: 'ns/vf-data', resource: 'nic' }]))[0] ?? ''),
  );
  assert.equal(vfs, [
    { pci: vf1, claimUid: claimA, networkName: 'vf-data', resourceName: 'nic', cdiDevices: [], file: checkpointPath },
  ]);
});

test('the CDI devices of a VF, as far as they are texts; an empty text is none', () => {
  const device = { device_name: 'x', cdi_device_ids: ['k/v=a', 7, null, 'k/v=b'] };
  const of = (vf: object) => read({ v1: { preparedClaimsByPodUID: { [podUid]: { [claimA]: [vf] } } } })[0];
  assert.equal(of({ PciAddress: vf1, Device: device })?.cdiDevices, ['k/v=a', 'k/v=b']);
  assert.equal(of({ PciAddress: vf1, Device: { cdi_device_ids: 'k/v=a' } })?.cdiDevices, []);
  assert.is(of({ PciAddress: vf1, MultusResourceName: '' })?.resourceName, null);
  assert.is(of({ PciAddress: '', Device: { PciAddress: vf2 } })?.pci, vf2);
});

test('a driver without a checkpoint has prepared nothing, ours too', () => {
  const plugins = '/var/lib/kubelet/plugins';
  const bare = platformOf(
    { [`${plugins}/gpu.example.com/plugin.sock`]: '' },
    { [`${plugins}/x-sriov/plugin.sock`]: '' },
  );
  assert.equal(readCheckpoints(bare, podUid, new Trace()), []);
});

test('all pods that have VFs, by the checkpoints of ours and those that have the needle in their text', () => {
  const plugins = '/var/lib/kubelet/plugins';
  const content = (uid: string, key: string, pci: string): string =>
    JSON.stringify({ v1: { preparedClaimsByPodUID: { [uid]: { [claimA]: [{ [key]: pci }] } } } });
  const platform = platformOf({
    [checkpointPath]: content('p1', 'pci_address', vf1),
    [`${plugins}/a.example.com/checkpoint.json`]: content('p2', 'PciAddress', vf2),
    [`${plugins}/b.example.com/checkpoint.json`]: content('p3', 'pci_address', vf3),
    [`${plugins}/c.example.com/checkpoint.json`]: content('p4', 'PciAddress', 'none'),
  });
  const pods = (needle?: string): unknown =>
    listCheckpointPods(platform, new Trace(), needle).map(({ podUid: uid, vfs }) => [uid, vfs.map(({ pci }) => pci)]);
  assert.equal(pods(), [
    ['p2', [vf2]],
    ['p1', [vf1]],
  ]);
  assert.equal(pods('p3'), [
    ['p3', [vf3]],
    ['p1', [vf1]],
  ]);
});

test('field names in other spellings, and the network in Config', () => {
  const devices = [
    { pciAddress: vf1, config: { netAttachDefName: 'vf-data' }, multusResourceName: 'nic' },
    {
      pci_address: vf2.toUpperCase(),
      container_edits: { env: ['A=b', 7, 'SRIOVNETWORK_NET_ATTACH_DEF_NAME=vf-control'] },
    },
    { Device: { 'pci-address': vf3 }, Config: null, ContainerEdits: null },
  ];
  for (const key of ['preparedClaimsByPodUID', 'PreparedClaimsByPodUid', 'prepared_claims_by_pod_uid']) {
    for (const content of [
      { [key]: { [podUid]: { [claimA]: devices } } },
      { v2: { [key]: { [podUid]: { [claimA]: devices } } } },
    ]) {
      const vfs = read(content).map(({ pci, networkName, resourceName }) => [pci, networkName, resourceName]);
      assert.equal(vfs, [
        [vf1, 'vf-data', 'nic'],
        [vf2, 'vf-control', null],
        [vf3, null, null],
      ]);
    }
  }
});

test('what is not understood holds nothing', () => {
  const at = (claims: unknown) => ({ v1: { preparedClaimsByPodUID: { [podUid]: claims } } });
  const strange = [
    null,
    [],
    7,
    'x',
    {},
    { v1: null },
    { v1: { preparedClaimsByPodUID: [] } },
    at(null),
    at([]),
    at({ c: null }),
  ];
  const devices = [
    [null],
    [7],
    [{}],
    [{ PciAddress: 7 }],
    [{ PciAddress: '../..' }],
    [{ PciAddress: '' }],
    [{ Device: 'x' }],
  ];
  for (const content of [...strange, ...devices.map((list) => at({ c: list }))]) assert.equal(read(content), []);
});

test('broken checkpoints of other drivers are skipped, ours are named', () => {
  const good = checkpoint([{ claim: claimA, pci: vf1 }]);
  const gpu = '/var/lib/kubelet/plugins/gpu.example.com/checkpoint.json';
  assert.is(resolve(platformOf(good, { [gpu]: `{"${podUid}":` })).pci, vf1);
  refuses(platformOf({ [checkpointPath]: '{"v1":' }), {}, 'decode', checkpointPath, 'not JSON');
  refuses(createMemoryPlatform({ links: { [checkpointPath]: '/etc/shadow' } }), {}, 'decode', checkpointPath, 'ELOOP');
  refuses(
    platformOf({ [checkpointPath]: `"${'x'.repeat(4 * 1024 * 1024)}"` }),
    {},
    'decode',
    checkpointPath,
    'EOVERFLOW',
  );
  const denied = platformOf(good);
  denied.failNext('readDir', '/var/lib/kubelet/plugins', 13);
  refuses(denied, {}, 'io', '/var/lib/kubelet/plugins', 'EACCES');
});

test('a fork of the driver under another name is read too', () => {
  const path = '/var/lib/kubelet/plugins/nic.example.com/checkpoint.json';
  assert.is(resolve(platformOf(checkpoint([{ claim: claimA, pci: vf2 }], podUid, path))).pci, vf2);
});

test('two checkpoints that list different VFs for the pod are refused, naming both', () => {
  const older = '/var/lib/kubelet/plugins/sriovnetwork.openshift.io/checkpoint.json';
  const one = checkpoint([{ claim: claimA, pci: vf1 }]);
  refuses(
    platformOf(one, checkpoint([{ claim: claimB, pci: vf2 }], podUid, older)),
    {},
    'contradictorySources',
    checkpointPath,
    older,
  );
  assert.is(resolve(platformOf(one, checkpoint([{ claim: claimB, pci: vf1 }], podUid, older))).pci, vf1);
});
