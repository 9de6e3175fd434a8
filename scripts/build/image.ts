// Makes dist/image, an OCI image layout, and dist/image.tar, the same as an archive, of the static executable. No
// container engine is needed, and the bytes are the same every time. Run by build.sh with the pinned Node.
import { chmodSync, copyFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { version } from '../../src/version.ts';
import { type Cpu, chosenCpu, distFolder } from './cpu.ts';
import { say } from './delivery.ts';
import { type Image, writeLayout } from './oci-layout.ts';
import { packTar, sourceDateEpoch } from './tarball.ts';

const root = join(import.meta.dirname, '../..');

export const imageName = 'dra-sriov-cni';
export interface ImageParts {
  readonly cpu: Cpu;
  /** Path of the static executable, the only program in the image. */
  readonly executable: string;
  /** Path of the text with the licences of all that the executable holds. */
  readonly licenses: string;
  /** Seconds since 1970. */
  readonly epoch: number;
}

function packLayer({ executable, licenses, epoch }: ImageParts): Buffer {
  const files = mkdtempSync(join(tmpdir(), 'dra-sriov-layer-'));
  try {
    copyFileSync(executable, join(files, 'dra-sriov'));
    chmodSync(join(files, 'dra-sriov'), 0o755);
    copyFileSync(licenses, join(files, 'licenses.txt'));
    return packTar(files, epoch);
  } finally {
    rmSync(files, { recursive: true, force: true });
  }
}

function pluginImage(parts: ImageParts): Image {
  const labels = {
    'org.opencontainers.image.title': imageName,
    'org.opencontainers.image.description': 'SR-IOV CNI plugin; installs itself into a CNI directory of the node',
    'org.opencontainers.image.version': version,
    'org.opencontainers.image.licenses': 'Apache-2.0',
    'org.opencontainers.image.created': new Date(parts.epoch * 1000).toISOString(),
  };
  return {
    cpu: parts.cpu,
    reference: `docker.io/library/${imageName}:${version}`,
    layer: packLayer(parts),
    history: 'the executable and its licences',
    config: { User: '0:0', Entrypoint: ['/dra-sriov'], WorkingDir: '/', Labels: labels },
    annotations: labels,
    epoch: parts.epoch,
  };
}

/** Fills the directory, which must be empty, with the layout of the plugin's image. */
export function writeImageLayout(layout: string, parts: ImageParts): void {
  writeLayout(layout, pluginImage(parts));
}

/** The ingredients of the image of what was built last for this CPU. */
export function nativeImageParts(cpu: Cpu): ImageParts {
  const executable = join(distFolder(root, 'native', cpu), 'dra-sriov');
  return { cpu, executable, licenses: `${executable}.licenses.txt`, epoch: sourceDateEpoch(root) };
}

function buildImage(cpu: Cpu): void {
  const parts = nativeImageParts(cpu);
  const layout = distFolder(root, 'image', cpu);
  const shown = relative(root, layout);
  const part = `${layout}.part`;
  rmSync(part, { recursive: true, force: true });
  writeImageLayout(part, parts);
  rmSync(layout, { recursive: true, force: true });
  renameSync(part, layout);
  const archive = packTar(layout, parts.epoch);
  writeFileSync(`${layout}.tar`, archive);
  const megabytes = (archive.length / 1e6).toFixed(1);
  say(`${shown} and ${shown}.tar: ${imageName}:${version} for ${cpu}, ${megabytes} MB`);
}

if (import.meta.main) buildImage(chosenCpu());
