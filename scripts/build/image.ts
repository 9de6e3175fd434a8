// Makes dist/image, an OCI image layout (image-spec v1.1), and dist/image.tar, the same as an archive, of the static
// executable. No container engine is needed, and the bytes are the same every time. Run by build.sh with the pinned Node.
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { gzipSync } from 'node:zlib';
import { version } from '../../src/version.ts';
import { say } from './delivery.ts';
import { packTar, sourceDateEpoch } from './tarball.ts';

const root = join(import.meta.dirname, '../..');

export const imageName = 'dra-sriov-cni';
/** Kubernetes' and OCI's name of this CPU. */
export const imageArch = process.arch === 'x64' ? 'amd64' : process.arch;

export interface ImageParts {
  /** Path of the static executable: all that runs in the image. */
  readonly executable: string;
  /** Path of the text with the licences of what it holds. */
  readonly licenses: string;
  /** Seconds since 1970. */
  readonly epoch: number;
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

function writeBlob(layout: string, mediaType: string, bytes: Uint8Array): Descriptor {
  const digest = digestOf(bytes);
  writeFileSync(join(layout, 'blobs', digest.replace(':', '/')), bytes);
  return { mediaType, digest, size: bytes.length };
}

const writeJsonBlob = (layout: string, mediaType: string, value: unknown): Descriptor =>
  writeBlob(layout, mediaType, Buffer.from(JSON.stringify(value)));

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

/** Fills the directory, which must be empty, with the image layout. */
export function writeImageLayout(layout: string, parts: ImageParts): void {
  mkdirSync(join(layout, 'blobs/sha256'), { recursive: true });
  const tar = packLayer(parts);
  const layer = writeBlob(layout, 'application/vnd.oci.image.layer.v1.tar+gzip', gzipSync(tar, { level: 9 }));
  const created = new Date(parts.epoch * 1000).toISOString();
  const labels = {
    'org.opencontainers.image.title': imageName,
    'org.opencontainers.image.description': 'SR-IOV CNI plugin; installs itself into a CNI directory of the node',
    'org.opencontainers.image.version': version,
    'org.opencontainers.image.licenses': 'Apache-2.0',
    'org.opencontainers.image.created': created,
  };
  const config = writeJsonBlob(layout, 'application/vnd.oci.image.config.v1+json', {
    created,
    architecture: imageArch,
    os: 'linux',
    config: { User: '0:0', Entrypoint: ['/dra-sriov'], WorkingDir: '/', Labels: labels },
    rootfs: { type: 'layers', diff_ids: [digestOf(tar)] },
    history: [{ created, created_by: 'build.sh --image', comment: 'the executable and its licences' }],
  });
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = writeJsonBlob(layout, mediaType, {
    schemaVersion: 2,
    mediaType,
    config,
    layers: [layer],
    annotations: labels,
  });
  const annotations = {
    'org.opencontainers.image.ref.name': version,
    // under which containerd knows it when it is imported
    'io.containerd.image.name': `docker.io/library/${imageName}:${version}`,
  };
  const platform = { architecture: imageArch, os: 'linux' };
  const index = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [{ ...manifest, platform, annotations }],
  };
  writeFileSync(join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  writeFileSync(join(layout, 'index.json'), JSON.stringify(index));
}

/** What the image of this build is made of. */
export function nativeImageParts(): ImageParts {
  const executable = join(root, 'dist/native/dra-sriov');
  return { executable, licenses: `${executable}.licenses.txt`, epoch: sourceDateEpoch(root) };
}

function buildImage(layout: string): void {
  const parts = nativeImageParts();
  const part = `${layout}.part`;
  rmSync(part, { recursive: true, force: true });
  writeImageLayout(part, parts);
  rmSync(layout, { recursive: true, force: true });
  renameSync(part, layout);
  const archive = packTar(layout, parts.epoch);
  writeFileSync(`${layout}.tar`, archive);
  say(
    `dist/image and dist/image.tar: ${imageName}:${version} for ${imageArch}, ${(archive.length / 1e6).toFixed(1)} MB`,
  );
}

if (import.meta.main) buildImage(join(root, 'dist/image'));
