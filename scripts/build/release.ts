// Makes dist/release of the native executable: an archive for people, the image, the bill of materials and their
// checksums, the same bytes every time. Run by build.sh with the pinned Node.
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { version } from '../../src/version.ts';
import { say } from './delivery.ts';
import { imageName, nativeImageParts, writeImageLayout } from './image.ts';
import { imageArch } from './oci-layout.ts';
import { packTar, sourceDateEpoch } from './tarball.ts';

const root = join(import.meta.dirname, '../..');

/** Path below the top of the repository -> name in the archive. */
const archived = {
  'dist/native/dra-sriov': 'dra-sriov',
  'dist/native/dra-sriov.licenses.txt': 'licenses.txt',
  'dist/native/dra-sriov.cdx.json': 'dra-sriov.cdx.json',
  LICENSE: 'LICENSE',
  'README.md': 'README.md',
  'CHANGELOG.md': 'CHANGELOG.md',
  docs: 'docs',
  'conf-examples': 'conf-examples',
  deploy: 'deploy',
};

function inTemporaryDirectory(task: (directory: string) => Buffer): Buffer {
  const directory = mkdtempSync(join(tmpdir(), 'dra-sriov-release-'));
  try {
    return task(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function packArchive(name: string, epoch: number): Buffer {
  return inTemporaryDirectory((directory) => {
    for (const [from, to] of Object.entries(archived)) {
      cpSync(join(root, from), join(directory, name, to), { recursive: true });
    }
    return gzipSync(packTar(directory, epoch), { level: 9 });
  });
}

function packImage(): Buffer {
  return inTemporaryDirectory((directory) => {
    const parts = nativeImageParts();
    writeImageLayout(directory, parts);
    return packTar(directory, parts.epoch);
  });
}

/** Lines as sha256sum(1) writes and checks them. */
function checksums(files: ReadonlyMap<string, Uint8Array>): string {
  const lines = [...files].map(([name, bytes]) => `${createHash('sha256').update(bytes).digest('hex')}  ${name}\n`);
  return lines.join('');
}

/** Fills the directory with all that is released; returns the files' sizes in bytes by name. */
export function writeRelease(directory: string): ReadonlyMap<string, number> {
  const name = `${imageName}-${version}-linux-${imageArch}`;
  const files = new Map<string, Uint8Array>([
    [`${name}.tar.gz`, packArchive(name, sourceDateEpoch(root))],
    [`${name}.image.tar`, packImage()],
    [`${name}.cdx.json`, readFileSync(join(root, 'dist/native/dra-sriov.cdx.json'))],
  ]);
  for (const [file, bytes] of files) writeFileSync(join(directory, file), bytes);
  writeFileSync(join(directory, 'SHA256SUMS'), checksums(files));
  return new Map([...files].map(([file, { length }]) => [file, length]));
}

function buildRelease(release: string): void {
  const part = `${release}.part`;
  rmSync(part, { recursive: true, force: true });
  mkdirSync(part, { recursive: true });
  const sizes = writeRelease(part);
  rmSync(release, { recursive: true, force: true });
  renameSync(part, release);
  for (const [file, size] of sizes) say(`dist/release/${file}: ${(size / 1e6).toFixed(2)} MB`);
}

if (import.meta.main) buildRelease(join(root, 'dist/release'));
