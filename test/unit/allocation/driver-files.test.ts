import { parse } from 'yaml';
import { DriverFiles } from '../../../src/allocation/driver-files.ts';
import type { Platform } from '../../../src/platform/platform.ts';
import { assert, suite } from '../../support/suite.ts';
import {
  checkpoint,
  checkpointPath,
  claimA,
  claimB,
  claimSpec,
  dashed,
  otherPodUid,
  platformOf,
  podSpec,
  podUid,
  specPath,
  vendors,
  vf1,
  vf2,
  vf3,
} from './fixture.ts';

const test = suite('allocation/driver-files');

const filesOf = (platform: Platform): DriverFiles => new DriverFiles({ platform, parseYaml: parse });

test('the pods that the DRA driver knows: their VFs by spec and by checkpoint, and CDI devices that no spec has', () => {
  const device = (pci: string): string => `${vendors[0].kind}=${claimA}-${dashed(pci)}`;
  const platform = platformOf(
    podSpec([vf2, vf1]),
    claimSpec(claimA, { [vf1]: '' }),
    checkpoint(
      [
        { claim: claimA, pci: vf2, cdiDevices: [device(vf2), device(vf1)] },
        { claim: claimA, pci: vf1, cdiDevices: [device(vf2)] },
      ],
      otherPodUid,
    ),
  );
  assert.equal(filesOf(platform).listPods(), [
    { podUid, specified: [vf1, vf2], prepared: null, unspecified: [] },
    { podUid: otherPodUid, specified: null, prepared: [vf1, vf2], unspecified: [device(vf2)] },
  ]);
  assert.equal(filesOf(platformOf()).listPods(), []);
});

test('the specs of ours that can’t be read', () => {
  const platform = platformOf(
    { [specPath(podUid)]: 'kind: [', '/etc/cdi/x.yaml': 'kind: [' },
    podSpec([vf1], { uid: otherPodUid }),
  );
  assert.equal(
    filesOf(platform)
      .listBroken()
      .map(({ file }) => file),
    [specPath(podUid)],
  );
});

test('claims that are gone: the checkpoint has their VF for another claim, or nobody has it', () => {
  const platform = platformOf(
    podSpec([vf1]),
    claimSpec(claimA, { [vf1]: '', [vf2]: '', [vf3]: '' }),
    claimSpec(claimB, { [vf2]: '' }),
    checkpoint([{ claim: claimB, pci: vf2 }], otherPodUid),
  );
  assert.equal(
    filesOf(platform)
      .listLeftOver()
      .map(({ pci, claimUid }) => [pci, claimUid]),
    [
      [vf2, claimA],
      [vf3, claimA],
    ],
  );
});

test('no file is read twice, whatever is asked', () => {
  const platform = platformOf(
    podSpec([vf1]),
    claimSpec(claimA, { [vf1]: '' }),
    checkpoint([{ claim: claimA, pci: vf1 }]),
  );
  const reads: string[] = [];
  const { readFile } = platform;
  const counting: typeof readFile = (path, ...rest) => {
    reads.push(path);
    return readFile(path, ...rest);
  };
  const files = filesOf({ ...platform, readFile: counting });
  assert.equal([files.listBroken(), files.listLeftOver()], [[], []]);
  assert.is(files.listPods().length, 1);
  assert.equal(reads.sort(), [specPath(claimA), specPath(podUid), checkpointPath].sort());
});
