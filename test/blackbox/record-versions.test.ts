import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AttachmentRecord } from '../../src/state/attachment-record.ts';
import { withHostLocal11 } from '../support/peers.ts';
import {
  withNextBuild as next,
  type StandInCall,
  type StandInNode,
  withStandInNode,
} from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';
import { linkNames } from './pod-view.ts';

const test = withHostLocal11(suite('blackbox/record-versions'));

const recordOf = (node: StandInNode, containerId: string): string =>
  readFileSync(join(node.directory, `state/vf-test1/${containerId}/net1.json`), 'utf8');

test('two builds take turns on one state directory: the older leaves alone what the newer attached, the newer gives back both', () => {
  withStandInNode({ built: true, vfs: 4 }, (node) => {
    const conf = (at: number): Record<string, unknown> =>
      node.conf({ cniVersion: '1.1.0', deviceID: node.vfPcis[at], ipam: node.ipam() });
    const c2: StandInCall = { containerId: 'c2', ifname: 'net1', netns: node.pod.path };
    const before = node.picture();
    node.succeed('ADD', conf(0));
    node.succeed('DEL', conf(0), next('version'));
    assert.equal(node.picture(), before, 'the newer build reads what the older wrote');

    const added = node.succeed('ADD', conf(0), next('version'));
    const record = recordOf(node, 'c1');
    assert.is((JSON.parse(record) as { version: number }).version, 2);
    node.forgetSweep();
    node.succeed('ADD', conf(1), { ...c2, ifname: 'net2' });
    assert.is(node.fail('ADD', conf(0), { ...c2, ifname: 'net3' }).code, 116, 'the VF is not taken over');
    for (const verb of ['DEL', 'ADD', 'CHECK']) {
      const { code, msg } = node.fail(verb, { ...conf(0), prevResult: added.json });
      assert.is(code, 116, msg);
      assert.match(msg, 'vf-test1/c1/net1');
    }
    const gc = node.fail('GC', { ...conf(0), 'cni.dev/valid-attachments': [{ containerID: 'c2', ifname: 'net2' }] });
    assert.is(gc.code, 114);
    assert.match(gc.msg, 'of version 2');
    node.forgetSweep();
    node.succeed('DEL', conf(1), { ...c2, ifname: 'net2' });
    assert.is(recordOf(node, 'c1'), record);
    assert.ok(linkNames(node.pod).includes('net1'), 'the VF is still in its pod');
    assert.equal(
      node.stateFiles().filter((name) => name.startsWith('.damaged')),
      [],
    );

    node.succeed('DEL', conf(0), next('version'));
    assert.equal(node.picture(), before);
  });
});

test('fields that a newer build has added are no damage', () => {
  withStandInNode({ built: true }, (node) => {
    const conf = node.conf({ deviceID: node.vfPcis[0], ipam: node.ipam() });
    const before = node.picture();
    const added = node.succeed('ADD', conf, next('field'));
    assert.match(recordOf(node, 'c1'), '"added":"later"');
    node.succeed('CHECK', { ...conf, prevResult: added.json });
    node.succeed('DEL', conf);
    assert.equal(node.picture(), before);
  });
});

/** Fields of a record that differ from node to node. */
type Facts = Pick<AttachmentRecord, 'bootId' | 'netns' | 'podIfindex' | 'ipam'> & {
  readonly snapshot: { readonly netdev: { readonly ifindex: number; readonly mac: string } };
};

/**
 * The record that the build of November 2026 wrote for such an attachment, word for word. It must never be changed.
 */
const recordOfNovember2026 = ({ bootId, netns, podIfindex, ipam, snapshot: { netdev } }: Facts): string =>
  `{"version":1,"phase":"attached","key":{"network":"vf-test1","containerId":"c1","ifname":"net1"},"pod":null,"identity":{"pci":"0000:3b:02.0","pfPci":"0000:3b:00.0","pfName":"pf0","pfDriver":"igb","vfIndex":0,"driver":"igbvf","kind":"netdev"},"resolvedFrom":"deviceID","snapshot":{"admin":null,"netdev":{"name":"vf0","ifindex":${netdev.ifindex},"mac":"${netdev.mac}","mtu":1500,"up":false,"altnames":[],"identifiedBy":"ifindex","settings":{"flags":4096,"attributes":{"alias":"","broadcast":"ffffffffffff","mode":"00","txqueuelen":"e8030000","group":"00000000","protodown":"00"},"ethtool":{},"files":{}}},"macIsFree":true},"mac":"02:00:00:00:00:01","netns":{"path":"${netns.path}","device":"${netns.device}","inode":"${netns.inode}","cookie":"${netns.cookie}"},"bootId":"${bootId}","podIfindex":${podIfindex},"addresses":["10.0.2.2/24"],"routes":[],"ipam":{"type":"host-local","stdin":${JSON.stringify(ipam?.stdin)},"args":"","pluginDirs":${JSON.stringify(ipam?.pluginDirs)}},"config":${JSON.stringify(ipam?.stdin)},"cniArgs":"","createdAt":"2026-11-28T17:04:18.965Z","begunMs":1}
`;

test('a record as the build of November 2026 wrote it, word for word, gives back VF and address', () => {
  withStandInNode({ built: true }, (node) => {
    const conf = node.conf({ deviceID: node.vfPcis[0], mac: '02:00:00:00:00:01', mtu: 1400, ipam: node.ipam() });
    const before = node.picture();
    node.succeed('ADD', conf);
    const text = recordOfNovember2026(JSON.parse(recordOf(node, 'c1')) as Facts);
    for (const path of ['vf-test1/c1/net1.json', '.vfs/0000:3b:02.0'])
      writeFileSync(join(node.directory, 'state', path), text);
    // DEL works without a usable config here, even of the IPAM plugin.
    node.succeed('DEL', node.conf());
    assert.equal(node.picture(), before);
  });
});
