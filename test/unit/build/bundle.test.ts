import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleProgram, bytesByPackage, packageOf } from '../../../scripts/build/bundle.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('build/bundle');

test('a path names its package', () => {
  assert.is(packageOf('src/main.ts'), undefined);
  assert.is(packageOf('node_modules/yaml/dist/index.js'), 'yaml');
  assert.is(packageOf('node_modules/@scope/name/index.js'), '@scope/name');
  assert.is(packageOf('node_modules/outer/node_modules/inner/index.js'), 'inner');
});

test('bytes are summed by package, largest first', () => {
  const files = {
    'src/a.ts': { bytesInOutput: 10 },
    'src/b/c.ts': { bytesInOutput: 5 },
    'node_modules/yaml/x.js': { bytesInOutput: 20 },
  };
  assert.equal(
    [...bytesByPackage(files)],
    [
      ['yaml', 20],
      ['src', 15],
    ],
  );
});

/** Bundles a program of an entry and a part, and runs it. Returns what it leaves in globalThis.seen. */
async function runBundled(entry: string, part: string): Promise<unknown> {
  const directory = mkdtempSync(join(tmpdir(), 'dra-sriov-bundle-'));
  try {
    writeFileSync(join(directory, 'entry.ts'), entry);
    writeFileSync(join(directory, 'part.ts'), part);
    const output = join(directory, 'out.js');
    await bundleProgram(directory, 'entry.ts', output);
    const seen: string[] = [];
    new Function('seen', 'require', readFileSync(output, 'utf8'))(seen, () => {
      throw new Error('the bundle requires something at run time');
    });
    return seen;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

test('a part is initialised by the require of it, not before', async () => {
  const entry =
    "declare function require(p: string): { value: string }; seen.push('entry'); seen.push(require('./part.ts').value);";
  const part = "seen.push('part'); export const value = 'value of part';";
  assert.equal(await runBundled(`declare const seen: string[]; ${entry}`, `declare const seen: string[]; ${part}`), [
    'entry',
    'part',
    'value of part',
  ]);
});
