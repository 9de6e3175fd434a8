import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { formatPartTable, parts } from '../../../scripts/build/parts.ts';
import { sourceParts } from '../../support/source-parts.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('build/parts');

test('every part that src/parts.ts loads has bytecode of its own on QuickJS', () => {
  for (const name of Object.keys(sourceParts)) assert.ok(name in parts, name);
  const root = join(import.meta.dirname, '../../..');
  for (const [name, { entry }] of Object.entries(parts)) assert.ok(existsSync(join(root, entry)), name);
});

test('the executable includes each, as it was written', () => {
  const table = formatPartTable();
  for (const [name, { deflated = false }] of Object.entries(parts))
    assert.match(table, `Part { name: "${name}", deflated: ${deflated}, bytes: include_bytes!("${name}") }`);
});
