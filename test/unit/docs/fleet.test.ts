import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert, suite } from '../../support/suite.ts';

const test = suite('docs/fleet');

const root = join(import.meta.dirname, '../../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const fleet = read('docs/fleet.md');

/** The version of a module that the tests run, as its go.mod has it. */
function versionIn(folder: string, module: string): string {
  const [, version] = new RegExp(`${module} v([\\w.]+)`).exec(read(`test/peers/${folder}go.mod`)) ?? [];
  if (version === undefined) throw new Error(`test/peers/${folder}go.mod has no ${module}`);
  return version;
}

/** What the table says that was tested. */
function testedOf(subject: string): string {
  const [, tested] = new RegExp(`^\\| ${subject} \\| ([^|]*)`, 'm').exec(fleet) ?? [];
  return tested ?? '';
}

test('what was tested has the versions that the tests run', () => {
  const versions = [
    ['Multus', versionIn('kubernetes/', 'multus-cni.v4')],
    ['Multus', versionIn('multus-4.0/', 'multus-cni.v4')],
    ['Kubernetes', versionIn('cluster/', 'k8s.io/kubernetes')],
    ['runtime', versionIn('containerd/', 'containerd/containerd/v2')],
    ['runtime', versionIn('', 'containernetworking/cni')],
    ['IPAM', versionIn('', 'containernetworking/plugins')],
    ['in a chain', versionIn('rdma-cni/', 'rdma-cni')],
    ['sriov-cni', versionIn('sriov-cni/', 'k8snetworkplumbingwg/sriov-cni')],
  ] as const;
  for (const [subject, version] of versions) assert.match(testedOf(subject), version, `${subject} ${version}`);
});
