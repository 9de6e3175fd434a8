import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { asRoot } from '../support/netns.ts';
import { withHostLocal11 } from '../support/peers.ts';
import { type StandInNode, withStandInNode } from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';
import { linkNames, linkOf } from './pod-view.ts';

const test = suite('settings');
const root = asRoot(test);

// The PF of a stand-in reports no settings of its VFs, as a driver without ndo_get_vf_config.

function addAndDel(node: StandInNode, keys: Readonly<Record<string, unknown>>, args: string, mac: string): void {
  const conf = node.conf({ deviceID: node.vfPcis[0], ...keys });
  const before = node.picture();
  node.succeed('ADD', conf, { args });
  assert.is(linkOf(node.pod, 'net1').address, mac);
  node.succeed('DEL', conf, { args });
  assert.equal(node.picture(), before);
}

root('settings that the PF can’t have: 106, naming key and PF, nothing changed', () => {
  withStandInNode({ built: true }, (node) => {
    const before = node.picture();
    const settings = {
      vlan: 5,
      spoofchk: 'on',
      trust: 'off',
      link_state: 'auto',
      min_tx_rate: 10,
      max_tx_rate: 10,
    };
    const refuse = (keys: Readonly<Record<string, unknown>>): void => {
      const error = node.fail('ADD', node.conf({ deviceID: node.vfPcis[0], ipam: node.ipam(), ...keys }));
      assert.is(error.code, 106, error.msg);
      for (const part of ['PF pf0', '0000:3b:00.0', 'VF 0']) assert.match(error.msg, part);
      for (const [key, value] of Object.entries(keys)) assert.match(error.msg, `${key} = ${value}`);
      assert.equal(node.picture(), before);
    };
    for (const [key, value] of Object.entries(settings)) if (key !== 'min_tx_rate') refuse({ [key]: value });
    refuse(settings);
  });
});

root('vlan 0 asks for nothing that isn’t there', () => {
  withStandInNode({ built: true }, (node) => {
    for (const keys of [{ vlan: 0 }, { vlan: 0, vlanQoS: 0 }, { vlan: 0, vlanProto: '802.1Q' }]) {
      const conf = node.conf({ deviceID: node.vfPcis[0], ...keys });
      const { json } = node.succeed('ADD', conf);
      node.succeed('CHECK', { ...conf, prevResult: json });
      node.succeed('DEL', conf);
    }
  });
});

root('mac: from the config, CNI_ARGS, args.cni and runtimeConfig, in rising order', () => {
  withStandInNode({ built: true }, (node) => {
    const mac = (last: number): string => `02:00:00:00:00:0${last}`;
    addAndDel(node, { mac: mac(1) }, '', mac(1));
    addAndDel(node, { mac: mac(1) }, `MAC=${mac(2)}`, mac(2));
    addAndDel(node, { mac: mac(1), args: { cni: { mac: mac(3) } } }, `MAC=${mac(2)}`, mac(3));
    const all = { mac: mac(1), args: { cni: { mac: mac(3) } }, runtimeConfig: { mac: '0200.0000.000A' } };
    addAndDel(node, all, `MAC=${mac(2)}`, '02:00:00:00:00:0a');
    addAndDel(node, { mac: '02-00-00-00-00-0B' }, '', '02:00:00:00:00:0b');
  });
});

root('mtu: set, in the result of 1.1.0, and given back', () => {
  withStandInNode({ built: true }, (node) => {
    for (const mtu of [68, 1280, 9000]) {
      const conf = node.conf({ cniVersion: '1.1.0', deviceID: node.vfPcis[0], mtu });
      const before = node.picture();
      const { json } = node.succeed('ADD', conf);
      assert.is(linkOf(node.pod, 'net1').mtu, mtu);
      assert.is((json as { interfaces: { mtu: number }[] }).interfaces[0]?.mtu, mtu);
      node.succeed('CHECK', { ...conf, prevResult: json });
      node.succeed('DEL', conf);
      assert.equal(node.picture(), before);
    }
  });
});

root('empty values mean what they mean to sriov-cni: absent', () => {
  withStandInNode({ built: true }, (node) => {
    const empty = { mac: '', spoofchk: '', trust: '', link_state: '', logLevel: '', logFile: '', pciBusID: '' };
    const nulls = { vlan: null, mtu: null, vlanQoS: null, min_tx_rate: null, args: null, prevResult: null, dns: null };
    const conf = node.conf({ deviceID: node.vfPcis[0], ...empty, ...nulls });
    node.succeed('ADD', conf);
    node.succeed('DEL', conf);
  });
});

root('a VF of vfio-pci: its address in the result, nothing in the pod', () => {
  withStandInNode({ built: true }, (node) => {
    node.bindToVfio(0);
    const conf = node.conf({ cniVersion: '1.1.0', deviceID: node.vfPcis[0], vlan: 0 });
    const before = node.picture();
    const { json } = node.succeed('ADD', conf);
    const made = { name: 'net1', sandbox: node.pod.path, pciID: node.vfPcis[0] };
    assert.equal(json, { cniVersion: '1.1.0', interfaces: [made] });
    assert.equal(linkNames(node.pod), ['lo']);
    node.succeed('CHECK', { ...conf, prevResult: json });
    const error = node.fail('ADD', { ...conf, mac: '02:00:00:00:00:01' }, { ifname: 'net2', containerId: 'c2' });
    assert.is(error.code, 102, 'it is taken');
    node.succeed('DEL', conf);
    assert.equal(node.picture(), before);
    assert.is(node.fail('ADD', { ...conf, mac: '02:00:00:00:00:01' }).code, 106, 'only the PF could set its MAC');
    assert.equal(node.picture(), before);
  });
});

withHostLocal11(test)('a VF without a PF on this machine', () => {
  withStandInNode({ built: true }, (node) => {
    node.hidePf();
    const conf = node.conf({ cniVersion: '1.1.0', deviceID: node.vfPcis[0], vlan: 0, mtu: 1400, ipam: node.ipam() });
    const before = node.picture();
    const { json } = node.succeed('ADD', conf);
    assert.is(linkOf(node.pod, 'net1').mtu, 1400);
    node.succeed('CHECK', { ...conf, prevResult: json });
    node.succeed('DEL', conf);
    assert.equal(node.picture(), before);
    for (const setting of [{ vlan: 5 }, { spoofchk: 'on' }, { trust: 'on' }, { max_tx_rate: 5 }]) {
      const error = node.fail('ADD', { ...conf, ...setting });
      assert.is(error.code, 106);
      assert.match(error.msg, `${Object.keys(setting)[0]} = `);
      assert.match(error.msg, `VF ${node.vfPcis[0]}`);
    }
    rmSync(join(node.directory, 'devinfo/dp'), { recursive: true });
    const error = node.fail('ADD', conf);
    assert.is(error.code, 103);
    assert.match(error.msg, 'host-device');
    assert.equal(node.picture(), before);
  });
});
