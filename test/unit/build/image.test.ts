import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { gunzipSync } from 'node:zlib';
import { ownCpu } from '../../../scripts/build/cpu.ts';
import { writeImageLayout } from '../../../scripts/build/image.ts';
import { packTar, sourceDateEpoch } from '../../../scripts/build/tarball.ts';
import { version } from '../../../src/version.ts';
import { assert, suite } from '../../support/suite.ts';
import { withTemporaryDirectory } from '../../support/temporary-directory.ts';
import { throws } from '../../support/throws.ts';

const test = suite('build/image');
const epoch = 1_700_000_000;

const skopeo = (...args: readonly string[]): string =>
  execFileSync('skopeo', args, { encoding: 'utf8', env: { PATH: process.env['PATH'], HOME: '/nonexistent' } });

/** Makes an image of a stand-in for the executable, in a directory of its own, with that umask and at that time. */
function withImage<T>(umask: number, time: Date, body: (layout: string, directory: string) => T): T {
  return withTemporaryDirectory((directory) => {
    const before = process.umask(umask);
    try {
      const [executable, licenses, layout] = ['some-executable', 'licences', 'out/layout'].map((name) =>
        join(directory, name),
      );
      if (executable === undefined || licenses === undefined || layout === undefined) throw new Error('no names');
      writeFileSync(executable, '#!/bin/sh\necho hello\n');
      writeFileSync(licenses, 'licences\n');
      chmodSync(executable, 0o700);
      for (const path of [executable, licenses]) utimesSync(path, time, time);
      writeImageLayout(layout, { cpu: ownCpu, executable, licenses, epoch });
      return body(layout, directory);
    } finally {
      process.umask(before);
    }
  });
}

const usual = <T>(body: (layout: string, directory: string) => T): T => withImage(0o022, new Date(), body);

test('skopeo reads it, and takes it apart and together without a change', () => {
  usual((layout, directory) => {
    const image = `oci:${layout}:${version}`;
    const { config, created, architecture, os } = JSON.parse(skopeo('inspect', '--config', image));
    assert.equal([created, architecture, os], ['2023-11-14T22:13:20Z', ownCpu, 'linux']);
    assert.equal(config.Entrypoint, ['/dra-sriov']);
    assert.is(config.Cmd, undefined);
    assert.is(config.Labels['org.opencontainers.image.version'], version);
    const digest = JSON.parse(skopeo('inspect', image)).Digest;
    // Copying checks every digest.
    skopeo('copy', '--quiet', image, `dir:${directory}/apart`);
    skopeo('copy', '--quiet', `dir:${directory}/apart`, `oci:${directory}/again:${version}`);
    assert.is(JSON.parse(skopeo('inspect', `oci:${directory}/again:${version}`)).Digest, digest);
  });
});

test('an archive of it is one that skopeo reads', () => {
  usual((layout, directory) => {
    writeFileSync(join(directory, 'image.tar'), packTar(layout, epoch));
    assert.is(JSON.parse(skopeo('inspect', `oci-archive:${directory}/image.tar`)).Architecture, ownCpu);
  });
});

test('the layer holds the executable and the licences, of root, and nothing else', () => {
  usual((layout) => {
    const [layer] = JSON.parse(skopeo('inspect', `oci:${layout}:${version}`)).Layers;
    const tar = gunzipSync(readFileSync(join(layout, 'blobs', layer.replace(':', '/'))));
    const listing = execFileSync('tar', ['--list', '--verbose', '--numeric-owner', '--utc'], {
      input: tar,
      encoding: 'utf8',
    });
    const lines = listing
      .trimEnd()
      .split('\n')
      .map((line) => line.replace(/ +/g, ' '));
    assert.equal(lines, [
      '-rwxr-xr-x 0/0 21 2023-11-14 22:13 dra-sriov',
      '-rw-r--r-- 0/0 9 2023-11-14 22:13 licenses.txt',
    ]);
  });
});

test('the same bytes from other directories, at other times, under another umask', () => {
  const contents = (layout: string): string => packTar(layout, epoch).toString('base64');
  const [one, other] = [withImage(0o022, new Date(), contents), withImage(0o077, new Date('2001-01-01'), contents)];
  assert.is(one, other);
});

test('an archive is sorted, whatever order a directory has', () => {
  withTemporaryDirectory((directory) => {
    mkdirSync(join(directory, 'b'));
    for (const name of ['z', 'b/y', 'b/x', 'a']) writeFileSync(join(directory, name), name);
    assert.equal(readdirSync(directory).length, 3);
    const listing = execFileSync('tar', ['--list'], { input: packTar(directory, epoch), encoding: 'utf8' });
    assert.is(listing, 'a\nb/\nb/x\nb/y\nz\n');
  });
});

test('SOURCE_DATE_EPOCH sets the time, and nonsense is refused', () => {
  const before = process.env['SOURCE_DATE_EPOCH'];
  try {
    process.env['SOURCE_DATE_EPOCH'] = '12';
    assert.is(sourceDateEpoch('/nonexistent'), 12);
    process.env['SOURCE_DATE_EPOCH'] = 'yesterday';
    throws(() => sourceDateEpoch('/nonexistent'), 'Error', 'SOURCE_DATE_EPOCH', 'yesterday');
    delete process.env['SOURCE_DATE_EPOCH'];
    assert.is(sourceDateEpoch('/nonexistent'), 0);
  } finally {
    if (before === undefined) delete process.env['SOURCE_DATE_EPOCH'];
    else process.env['SOURCE_DATE_EPOCH'] = before;
  }
});
