import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { buildCrate } from '../../../scripts/build/crates.ts';
import { bundlePart } from '../../../scripts/build/parts.ts';

const root = join(import.meta.dirname, '../../..');
const crate = join(root, 'native');
const directory = join(crate, 'target/many-vfs');

/** Builds the executable with boot.ts of the parts that were built last; returns its path. Slow the first time. */
export async function buildWithManyVfs(): Promise<string> {
  const parts = join(directory, 'parts');
  mkdirSync(parts, { recursive: true });
  cpSync(join(crate, 'target/parts'), parts, { recursive: true });
  const source = join(directory, 'boot.js');
  await bundlePart(root, 'boot', source, [], 'test/bench/many-vfs/boot.ts');
  execFileSync(buildCrate(crate, 'compile-part'), [source, join(parts, 'boot'), 'plain']);
  process.env['DRA_SRIOV_PARTS'] = parts;
  try {
    return buildCrate(crate, 'dra-sriov', { directory });
  } finally {
    delete process.env['DRA_SRIOV_PARTS'];
  }
}
