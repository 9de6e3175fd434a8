import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundlePart, findShared, formatPartTable, parts } from '../../../scripts/build/parts.ts';
import { settingTexts } from '../../../src/settings/settings.ts';
import { sourceParts } from '../../support/source-parts.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('build/parts');

const root = join(import.meta.dirname, '../../..');

test('every part that src/parts.ts loads has bytecode of its own on QuickJS', () => {
  for (const name of Object.keys(sourceParts)) assert.ok(name in parts, name);
  for (const [name, { entry }] of Object.entries(parts)) assert.ok(existsSync(join(root, entry)), name);
});

test('the executable includes each, as it was written', () => {
  const table = formatPartTable();
  for (const [name, { deflated = false }] of Object.entries(parts))
    assert.match(table, `Part { name: "${name}", deflated: ${deflated}, bytes: include_bytes!("${name}") }`);
});

test('each part can be bundled: of a part that is called by its functions others import nothing else', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'dra-sriov-part-'));
  try {
    const shared = await findShared(root);
    for (const name of Object.keys(parts)) await bundlePart(root, name, join(directory, name), shared);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('what documents say of a setting is not read at every start of a pod', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'dra-sriov-part-'));
  try {
    const output = join(directory, 'part.js');
    await bundlePart(root, 'plugin', output, await findShared(root));
    const bundled = readFileSync(output, 'utf8');
    assert.match(bundled, 'IFLA_VF_LINK_STATE');
    for (const texts of settingTexts)
      for (const [key, { does }] of Object.entries(texts)) assert.not(bundled.includes(does), key);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
