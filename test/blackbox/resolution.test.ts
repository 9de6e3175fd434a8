import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { claimDeviceName } from '../support/driver-files.ts';
import { asRoot } from '../support/netns.ts';
import { pfPci, type StandInNode, withStandInNode } from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';
import { linkNames, linkOf } from './pod-view.ts';

const test = suite('resolution');
const root = asRoot(test);

const podUid = '6f2d8a0c-11aa-4c57-9d5e-3f1b0a7c9e01';
const claimUid = '0b9e3a52-7c1d-4e8f-a6b0-2d4c6e8f0a13';
const kind = 'sriovnetwork.k8snetworkplumbingwg.io';
const call = { args: `IgnoreUnknown=true;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=pod0;K8S_POD_UID=${podUid}` };

const deviceName = (pci: string): string => claimDeviceName(claimUid, pci);

function writeCheckpoint(node: StandInNode, pcis: readonly string[]): void {
  const directory = join(node.directory, 'kubelet/plugins', kind);
  mkdirSync(directory, { recursive: true });
  const devices = pcis.map((pci) => ({ PciAddress: pci, MultusDeviceID: pci, PodUID: podUid }));
  const v1 = { preparedClaimsByPodUID: { [podUid]: { [claimUid]: devices } } };
  writeFileSync(join(directory, 'checkpoint.json'), JSON.stringify({ checksum: 1, v1 }));
}

function macOf(node: StandInNode, index: number): string {
  return linkOf(node.host, node.vfName(index)).address;
}

/** ADD, which takes VF `index`, as its MAC in the pod shows; then DEL. */
function assertTakes(node: StandInNode, index: number, keys: Readonly<Record<string, unknown>> = {}): void {
  const mac = macOf(node, index);
  node.succeed('ADD', node.conf(keys), call);
  assert.is(linkOf(node.pod, 'net1').address, mac);
  node.succeed('DEL', node.conf(keys), call);
}

function assertFails(
  node: StandInNode,
  code: number,
  keys: Readonly<Record<string, unknown>>,
  ...parts: readonly string[]
): void {
  const before = node.picture();
  const error = node.fail('ADD', node.conf(keys), call);
  assert.is(error.code, code, error.msg);
  const text = `${error.msg}\n${error.details ?? ''}`;
  for (const part of parts) assert.ok(text.includes(part), `${part} is not in: ${text}`);
  assert.equal(node.picture(), before);
}

root('per-pod CDI spec: two networks of one pod get two VFs, the first in string order first, and no third', () => {
  withStandInNode({ built: true, vfs: 4 }, (node) => {
    const [, one = '', two = '', three = ''] = node.vfPcis;
    const macs = [1, 2].map((index) => macOf(node, index));
    for (const order of [
      [two, one],
      [one, two],
    ]) {
      node.writePodSpec(podUid, order);
      node.succeed('ADD', node.conf(), { ...call, ifname: 'net1' });
      node.succeed('ADD', node.conf({ name: 'vf-test2' }), { ...call, ifname: 'net2' });
      assert.equal([linkOf(node.pod, 'net1').address, linkOf(node.pod, 'net2').address], macs);
      const error = node.fail('ADD', node.conf(), { ...call, ifname: 'net3' });
      assert.is(error.code, 100);
      for (const part of [one, two, 'net1', 'net2', podUid]) assert.match(`${error.msg} ${error.details}`, part);
      assert.not.match(`${error.msg} ${error.details}`, three);
      node.succeed('DEL', node.conf({ name: 'vf-test2' }), { ...call, ifname: 'net2' });
      node.succeed('DEL', node.conf(), { ...call, ifname: 'net1' });
    }
    assert.equal(linkNames(node.pod), ['lo']);
  });
});

root('per-claim CDI specs tell which VF is for which network', () => {
  withStandInNode({ built: true }, (node) => {
    const [one = '', two = ''] = node.vfPcis;
    node.writePodSpec(podUid);
    node.writeClaimSpec(claimUid, [
      [one, 'vf-control'],
      [two, 'vf-data'],
    ]);
    assertTakes(node, 1, { name: 'vf-data' });
    assertTakes(node, 0, { name: 'vf-control' });
    assertFails(node, 100, { name: 'vf-other' }, 'vf-control', 'vf-data', one, two);
  });
});

root('a device-info file, through runtimeConfig.CNIDeviceInfoFile', () => {
  withStandInNode({ built: true }, (node) => {
    const [, two = ''] = node.vfPcis;
    const file = join(node.directory, 'devinfo/cni/ns-nad-c1_net1');
    const keys = { runtimeConfig: { CNIDeviceInfoFile: file } };
    assertFails(node, 100, keys, file);
    writeFileSync(file, JSON.stringify({ type: 'pci', version: '1.1.0', pci: { 'pci-address': two } }));
    assertTakes(node, 1, keys);
    writeFileSync(file, JSON.stringify({ type: 'vhost-user', version: '1.1.0', 'vhost-user': { path: '/x' } }));
    assertFails(node, 100, keys, file, 'vhost-user');
    writeFileSync(file, '{"type":');
    assertFails(node, 6, keys, file);
  });
});

root('a deviceID of CDI’s form: through the claim’s spec, and as the pod’s own name', () => {
  withStandInNode({ built: true }, (node) => {
    const [one = '', two = ''] = node.vfPcis;
    node.writePodSpec(podUid);
    node.writeClaimSpec(claimUid, [
      [one, ''],
      [two, ''],
    ]);
    for (const key of ['deviceID', 'pciBusID']) assertTakes(node, 1, { [key]: deviceName(two) });
    assertTakes(node, 1, { deviceID: `${kind}/vf=${deviceName(two)}` });
    assertTakes(node, 1, { runtimeConfig: { deviceID: deviceName(two) } });
    assertTakes(node, 0, { deviceID: podUid });
    for (const args of ['', 'IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=pod0', 'K8S_POD_UID=']) {
      const error = node.fail('ADD', node.conf({ deviceID: podUid }), { args });
      assert.is(error.code, 100, 'whoever names a pod may be another');
      assert.match(error.msg, 'CNI_ARGS has no K8S_POD_UID');
    }
    const unknown = `${claimUid}-0000-ff-ff-7`;
    assertFails(node, 100, { deviceID: unknown }, unknown);
    assertFails(node, 100, { deviceID: 'gpu-7' }, 'gpu-7');
  });
});

root('a PCI address from the runtime: runtimeConfig before deviceID before pciBusID', () => {
  withStandInNode({ built: true }, (node) => {
    const [one, two] = node.vfPcis;
    assertTakes(node, 1, { deviceID: two });
    assertTakes(node, 1, { pciBusID: two });
    assertTakes(node, 1, { deviceID: two?.toUpperCase(), pciBusID: two });
    assertTakes(node, 1, { runtimeConfig: { deviceID: two }, deviceID: one, pciBusID: one });
    assertTakes(node, 1, { deviceID: two, pciBusID: one });
  });
});

root('the driver’s checkpoint alone, as after a reboot', () => {
  withStandInNode({ built: true }, (node) => {
    const [, two = ''] = node.vfPcis;
    writeCheckpoint(node, [two]);
    assertTakes(node, 1);
    const error = node.fail('ADD', node.conf({ deviceID: two }), { args: 'K8S_POD_UID=another-pod' });
    assert.is(error.code, 101, 'whoever names it');
    assert.match(error.msg, podUid);
    const file = join(node.directory, 'kubelet/plugins', kind, 'checkpoint.json');
    writeFileSync(file, '{"v1":');
    assertFails(node, 6, {}, file);
  });
});

root('nothing anywhere: 100, with every source that was looked at', () => {
  withStandInNode({ built: true }, (node) => {
    const sources = [
      join(node.directory, 'cdi'),
      join(node.directory, 'kubelet/plugins'),
      podUid,
      'ns/pod0',
      'vf-test1',
    ];
    assertFails(node, 100, {}, ...sources);
    node.writePodSpec('another-pod');
    assertFails(node, 100, {}, ...sources);
    const error = node.fail('ADD', node.conf());
    assert.is(error.code, 100);
    assert.match(error.msg, 'K8S_POD_UID');
  });
});

root('sources that contradict each other: 101, naming both', () => {
  withStandInNode({ built: true }, (node) => {
    const [one = '', two = ''] = node.vfPcis;
    node.writePodSpec(podUid, [one]);
    assertFails(node, 101, { deviceID: two }, one, two, 'deviceID', podUid);
    const file = join(node.directory, 'devinfo/cni/info');
    writeFileSync(file, JSON.stringify({ type: 'pci', version: '1.1.0', pci: { 'pci-address': two } }));
    assertFails(node, 101, { runtimeConfig: { CNIDeviceInfoFile: file } }, one, two, file);
    assertFails(node, 101, { deviceID: one, runtimeConfig: { CNIDeviceInfoFile: file } }, one, two, file);
    assertFails(node, 101, { deviceID: one, vfSelector: { drivers: ['ixgbevf'] } }, 'vfSelector', 'ixgbevf');
  });
});

root(
  'a config can’t reach a VF that another pod’s claim, spec or attachment holds; one in no CDI spec is taken and logged',
  () => {
    withStandInNode({ built: true }, (node) => {
      const [one = '', two = ''] = node.vfPcis;
      node.writePodSpec('another-pod', [one]);
      const spec = join(node.directory, 'cdi', `${kind}-vf_another-pod.yaml`);
      for (const key of ['deviceID', 'pciBusID'])
        assertFails(node, 101, { [key]: one }, one, spec, 'another-pod', podUid);
      rmSync(spec);
      node.writeClaimSpec(claimUid, [[one, '']]);
      assertFails(node, 101, { deviceID: one }, one, claimUid);
      assertFails(node, 101, { deviceID: deviceName(one) }, one, claimUid);
      assertTakes(node, 1, { deviceID: two });
      const { stderr } = node.succeed('ADD', node.conf({ deviceID: two }), { ...call, containerId: 'c2' });
      assert.match(stderr, /\bCDI\b/);
      const error = node.fail('ADD', node.conf({ deviceID: two }), { ...call, ifname: 'net2' });
      assert.is(error.code, 102);
      for (const part of ['net1', 'ns/pod0']) assert.match(error.msg, part);
      node.succeed('DEL', node.conf({ deviceID: two }), { ...call, containerId: 'c2' });
    });
  },
);

root('broken files: one of ours is named, one of somebody else is passed over', () => {
  withStandInNode({ built: true }, (node) => {
    node.writePodSpec(podUid);
    writeFileSync(join(node.directory, 'cdi/vendor.com-gpu.yaml'), '{ broken: [');
    writeFileSync(join(node.directory, 'cdi/vendor.com-nic.json'), '{"broken":');
    assertTakes(node, 0);
    const own = join(node.directory, 'cdi', `${kind}-vf_${podUid}.yaml`);
    writeFileSync(own, 'kind: [');
    assertFails(node, 6, {}, own);
  });
});

root('a spec is found under whatever name; of what can’t be read only a file with a name of ours is an error', () => {
  withStandInNode({ built: true }, (node) => {
    const [one = ''] = node.vfPcis;
    const cdi = join(node.directory, 'cdi');
    const own = join(cdi, `${kind}-vf_${podUid}.yaml`);
    node.writePodSpec(podUid, [one]);
    for (const name of ['by-hand.yaml', Buffer.from('\xff.yaml', 'latin1')]) {
      const path = Buffer.concat([Buffer.from(`${cdi}/`), Buffer.from(name)]);
      renameSync(own, path);
      assertTakes(node, 0);
      assertTakes(node, 0, { deviceID: one });
      renameSync(path, own);
    }
    renameSync(own, join(cdi, 'by-hand.txt'));
    assertFails(node, 100, {});
    symlinkSync('by-hand.txt', join(cdi, 'link.yaml'));
    mkdirSync(join(cdi, 'directory.json'));
    assertFails(node, 100, {});
    assertTakes(node, 0, { deviceID: one });
    symlinkSync('by-hand.txt', join(cdi, `${kind}-vf_other.yaml`));
    assertFails(node, 6, { deviceID: one }, `${kind}-vf_other.yaml`, 'ELOOP');
    rmSync(join(cdi, `${kind}-vf_other.yaml`));
    for (let at = 0; at < 4096; at++) writeFileSync(join(cdi, `${at}.json`), '');
    assertFails(node, 5, { deviceID: one }, cdi, '4096');
  });
});

root('a PCI address that is no VF here: 103 with its source', () => {
  withStandInNode({ built: true }, (node) => {
    assertFails(node, 103, { deviceID: '0000:ff:1f.7' }, '0000:ff:1f.7', 'deviceID');
    assertFails(node, 103, { deviceID: pfPci }, pfPci, 'no PF');
    const [one = ''] = node.vfPcis;
    node.writePodSpec(podUid, [one]);
    node.removeDevice(0);
    assertFails(node, 103, {}, one, 'per-pod CDI spec');
    assert.equal(node.stateFiles(), []);
  });
});

root('a VF without driver or netdev: 104; a PF without netdev: 105', () => {
  withStandInNode({ built: true }, (node) => {
    const [one = '', two = ''] = node.vfPcis;
    const devices = join(node.directory, 'sys/bus/pci/devices');
    rmSync(join(devices, one, 'driver'));
    assertFails(node, 104, { deviceID: one }, one, 'driver');
    rmSync(join(devices, two, 'net'), { recursive: true });
    assertFails(node, 104, { deviceID: two }, two, 'igbvf', 'netdev');
    renameSync(join(devices, pfPci, 'net'), join(devices, pfPci, 'other'));
    assertFails(node, 105, { deviceID: one }, pfPci, one);
  });
});
