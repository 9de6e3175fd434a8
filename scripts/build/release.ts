// Makes dist/release of the native executable: an archive for people, the image, the bill of materials and their
// checksums, the same bytes every time. Run by build.sh with the pinned Node.
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';
import { version } from '../../src/version.ts';
import { type Cpu, chosenCpu, distFolder } from './cpu.ts';
import { say } from './delivery.ts';
import { imageName, nativeImageParts, writeImageLayout } from './image.ts';
import { packTar, sourceDateEpoch } from './tarball.ts';

const root = join(import.meta.dirname, '../..');

/** Name in the folder of the executable -> name in the archive. */
const built = {
  'dra-sriov': 'dra-sriov',
  'dra-sriov.licenses.txt': 'licenses.txt',
  'dra-sriov.cdx.json': 'dra-sriov.cdx.json',
};

/** Path below the top of the repository -> name in the archive. */
const archived = {
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

function packArchive(name: string, cpu: Cpu, epoch: number): Buffer {
  return inTemporaryDirectory((directory) => {
    const copy = (from: string, to: string): void => cpSync(from, join(directory, name, to), { recursive: true });
    for (const [from, to] of Object.entries(built)) copy(join(distFolder(root, 'native', cpu), from), to);
    for (const [from, to] of Object.entries(archived)) copy(join(root, from), to);
    return gzipSync(packTar(directory, epoch), { level: 9 });
  });
}

function packImage(cpu: Cpu): Buffer {
  return inTemporaryDirectory((directory) => {
    const parts = nativeImageParts(cpu);
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
export function writeRelease(directory: string, cpu: Cpu): ReadonlyMap<string, number> {
  const name = `${imageName}-${version}-linux-${cpu}`;
  const files = new Map<string, Uint8Array>([
    [`${name}.tar.gz`, packArchive(name, cpu, sourceDateEpoch(root))],
    [`${name}.image.tar`, packImage(cpu)],
    [`${name}.cdx.json`, readFileSync(join(distFolder(root, 'native', cpu), 'dra-sriov.cdx.json'))],
  ]);
  for (const [file, bytes] of files) writeFileSync(join(directory, file), bytes);
  writeFileSync(join(directory, 'SHA256SUMS'), checksums(files));
  return new Map([...files].map(([file, { length }]) => [file, length]));
}

function buildRelease(cpu: Cpu): void {
  const release = distFolder(root, 'release', cpu);
  const part = `${release}.part`;
  rmSync(part, { recursive: true, force: true });
  mkdirSync(part, { recursive: true });
  const sizes = writeRelease(part, cpu);
  rmSync(release, { recursive: true, force: true });
  renameSync(part, release);
  for (const [file, size] of sizes) say(`${relative(root, release)}/${file}: ${(size / 1e6).toFixed(2)} MB`);
}

if (import.meta.main) buildRelease(chosenCpu());
