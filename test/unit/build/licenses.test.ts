import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Ingredient, joinLicenses } from '../../../scripts/build/licenses.ts';
import { npmPackages } from '../../../scripts/build/npm-packages.ts';
import { assert, suite } from '../../support/suite.ts';
import { withTemporaryDirectory } from '../../support/temporary-directory.ts';
import { throws } from '../../support/throws.ts';

const test = suite('build/licenses');

const manifest = { name: '@some/package', version: '1.2.3', license: 'MIT' };
const integrity = `sha512-${Buffer.from('a hash').toString('base64')}`;

/** The licence text for a package with these files. */
function packageWith(files: Readonly<Record<string, string>>): Ingredient {
  return withTemporaryDirectory((root) => {
    const path = join('node_modules', manifest.name);
    mkdirSync(join(root, path), { recursive: true });
    writeFileSync(join(root, 'package-lock.json'), JSON.stringify({ packages: { [path]: { integrity } } }));
    const all = { 'package.json': JSON.stringify(manifest), ...files };
    for (const [name, text] of Object.entries(all)) writeFileSync(join(root, path, name), text);
    const [ingredient] = npmPackages(root, [manifest.name]);
    if (ingredient === undefined) throw new Error('no package');
    return ingredient;
  });
}

test('every licence file of a package is taken, and nothing else', () => {
  const files = { 'LICENSE.md': 'the licence\n', NOTICE: 'the notice\n', 'README.md': 'the manual' };
  const text = joinLicenses([packageWith(files)]);
  assert.match(text, /= @some\/package =.*the licence.*the notice/s);
  assert.not.match(text, /the manual/);
});

test('a package without a licence file is refused by name', () => {
  const nothing = packageWith({ 'README.md': 'the manual' });
  throws(() => joinLicenses([nothing]), 'Error', '@some/package');
});

test('version, licence, package URL and hash are those of manifest and lock file', () => {
  const { licenseTexts: _, ...told } = packageWith({ LICENSE: 'x' });
  assert.equal(told, {
    ...manifest,
    purl: 'pkg:npm/%40some/package@1.2.3',
    hash: { algorithm: 'SHA-512', hex: Buffer.from('a hash').toString('hex') },
  });
});
