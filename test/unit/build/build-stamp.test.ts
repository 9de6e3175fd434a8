import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BuildStamp, hashSources } from '../../../scripts/build/build-stamp.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('build/build-stamp');

function withTree(body: (root: string) => void): void {
  const root = mkdtempSync(join(tmpdir(), 'dra-sriov-stamp-'));
  try {
    for (const folder of ['src/deep', 'scripts/build', 'dist']) mkdirSync(join(root, folder), { recursive: true });
    for (const file of ['package.json', 'package-lock.json', 'src/deep/a.ts', 'dist/out']) {
      writeFileSync(join(root, file), file);
    }
    body(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

test('the hash follows content, names and new files, not times', () => {
  withTree((root) => {
    const before = hashSources(root);
    writeFileSync(join(root, 'src/deep/a.ts'), 'src/deep/a.ts');
    assert.is(hashSources(root), before);
    writeFileSync(join(root, 'src/deep/a.ts'), 'changed');
    const changed = hashSources(root);
    assert.is.not(changed, before);
    writeFileSync(join(root, 'src/b.ts'), '');
    assert.is.not(hashSources(root), changed);
  });
});

function stampOf(root: string, sources = hashSources(root)): BuildStamp {
  return new BuildStamp(join(root, 'cache/stamp'), sources, [join(root, 'dist/out')]);
}

test('a build is fresh once it is written, until its sources change', () => {
  withTree((root) => {
    assert.is(stampOf(root).isFresh(), false);
    stampOf(root).write();
    assert.is(stampOf(root).isFresh(), true);
    assert.is(stampOf(root, 'other sources').isFresh(), false);
  });
});

test('a build is not fresh where its output is gone or another', () => {
  withTree((root) => {
    stampOf(root).write();
    writeFileSync(join(root, 'dist/out'), 'somebody else wrote this');
    assert.is(stampOf(root).isFresh(), false);
    stampOf(root).write();
    rmSync(join(root, 'dist/out'));
    assert.is(stampOf(root).isFresh(), false);
  });
});
