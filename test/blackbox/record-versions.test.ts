import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { withHostLocal11 } from '../support/peers.ts';
import { type StandInCall, type StandInNode, sourceProgram, withStandInNode } from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';
import { linkNames } from './pod-view.ts';

const test = withHostLocal11(suite('blackbox/record-versions'));

/** Calls of the build after this one. */
function next(change: 'version' | 'field', call: StandInCall = {}): StandInCall {
  const [node = '', ...rest] = sourceProgram;
  const program = [node, '--import', join(import.meta.dirname, '../support/next-build.ts'), ...rest];
  return { ...call, program, env: { NEXT_BUILD: change } };
}

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
      assert.match(msg, 'vf-test1/c1/net1 is of version 2');
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
