import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { cargo } from '../../../scripts/build/crates.ts';
import { bundlePart } from '../../../scripts/build/parts.ts';

const root = join(import.meta.dirname, '../../..');
const crate = join(root, 'native');
const directory = join(crate, 'target/many-vfs');

/**
 * Builds the executable that boot.ts is for, of the parts that were built last; returns its path. Takes a minute the
 * first time.
 */
export async function buildWithManyVfs(): Promise<string> {
  const parts = join(directory, 'parts');
  mkdirSync(parts, { recursive: true });
  cpSync(join(crate, 'target/parts'), parts, { recursive: true });
  const source = join(directory, 'boot.js');
  await bundlePart(root, 'boot', source, [], 'test/bench/many-vfs/boot.ts');
  execFileSync(join(crate, 'target/release/compile-part'), [source, join(parts, 'boot'), 'plain']);
  process.env['DRA_SRIOV_PARTS'] = parts;
  try {
    cargo(crate, 'build', '--release', '--locked', '--quiet', '--bin', 'dra-sriov', '--target-dir', directory);
  } finally {
    delete process.env['DRA_SRIOV_PARTS'];
  }
  return join(directory, 'release/dra-sriov');
}
