import { Spec, Validation } from '@cyclonedx/cyclonedx-library';
import type { Ingredient } from '../../../scripts/build/licenses.ts';
import { createSbom } from '../../../scripts/build/sbom.ts';
import { version } from '../../../src/version.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('build/sbom');

const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);

const ingredients: readonly Ingredient[] = [
  { name: 'b', version: '2.0.0', license: 'MIT OR Apache-2.0', licenseTexts: [], purl: 'pkg:cargo/b@2.0.0' },
  {
    name: 'a',
    version: '1.0.0',
    license: 'ISC',
    licenseTexts: [],
    purl: 'pkg:npm/a@1.0.0',
    hash: { algorithm: 'SHA-512', hex: 'ab'.repeat(64) },
  },
];

test('it fits the schema of CycloneDX, which would notice', async () => {
  const text = createSbom(ingredients);
  assert.is(await validator.validate(text), null);
  assert.is.not(await validator.validate(text.replace('"library"', '"book"')), null);
});

test('it names what is inside, with licence and hash, as what the program depends on', () => {
  const { metadata, components, dependencies } = JSON.parse(createSbom(ingredients));
  assert.is(metadata.component.version, version);
  assert.equal(components, [
    {
      type: 'library',
      name: 'b',
      version: '2.0.0',
      'bom-ref': 'pkg:cargo/b@2.0.0',
      licenses: [{ expression: 'MIT OR Apache-2.0' }],
      purl: 'pkg:cargo/b@2.0.0',
    },
    {
      type: 'library',
      name: 'a',
      version: '1.0.0',
      'bom-ref': 'pkg:npm/a@1.0.0',
      hashes: [{ alg: 'SHA-512', content: 'ab'.repeat(64) }],
      licenses: [{ license: { id: 'ISC' } }],
      purl: 'pkg:npm/a@1.0.0',
    },
  ]);
  const [ours] = dependencies.filter((each: { dependsOn?: unknown }) => each.dependsOn !== undefined);
  assert.equal(ours, { ref: metadata.component['bom-ref'], dependsOn: ['pkg:cargo/b@2.0.0', 'pkg:npm/a@1.0.0'] });
});

test('it is the same whatever the order, and names no time', () => {
  assert.is(createSbom(ingredients), createSbom([...ingredients].reverse()));
  assert.not.match(createSbom(ingredients), /timestamp|serialNumber/);
});
