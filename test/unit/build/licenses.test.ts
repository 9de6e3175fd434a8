import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { collectLicenses } from '../../../scripts/build/licenses.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('build/licenses');

function withPackage(files: Readonly<Record<string, string>>, body: (root: string) => void): void {
  const root = mkdtempSync(join(tmpdir(), 'dra-sriov-licenses-'));
  try {
    const directory = join(root, 'node_modules/some-package');
    mkdirSync(directory, { recursive: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
    body(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

test('every licence file of a package is taken, and nothing else', () => {
  withPackage({ 'LICENSE.md': 'the licence\n', NOTICE: 'the notice\n', 'README.md': 'the manual' }, (root) => {
    const text = collectLicenses(root, ['some-package']);
    assert.match(text, /= some-package =.*the licence.*the notice/s);
    assert.not.match(text, /the manual/);
  });
});

test('a package without a licence file is refused by name', () => {
  withPackage({ 'README.md': 'the manual' }, (root) => {
    assert.throws(() => collectLicenses(root, ['some-package']), /some-package has no licence file/);
  });
});
