import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { version } from '../../../src/version.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('build/version');
const root = join(import.meta.dirname, '../../..');

test('the program and package.json carry one version', () => {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { readonly version: string };
  assert.is(version, manifest.version);
});
