// OCI image layouts (image-spec v1.1), made without a container engine; the bytes are the same every time.
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Cpu } from './cpu.ts';

/** An image of one layer. */
export interface Image {
  readonly cpu: Cpu;
  /** Name in containerd after an import: `docker.io/library/busybox:1.37`. */
  readonly reference: string;
  /** The layer, an uncompressed tar archive. */
  readonly layer: Uint8Array;
  readonly history: string;
  /** `config` of the image's configuration: entrypoint, user, labels. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly annotations: Readonly<Record<string, string>>;
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

/** Fills the directory, which must be empty, with the layout of an image. */
export function writeLayout(layout: string, image: Image): void {
  mkdirSync(join(layout, 'blobs/sha256'), { recursive: true });
  const layer = writeBlob(layout, 'application/vnd.oci.image.layer.v1.tar+gzip', gzipSync(image.layer, { level: 9 }));
  const created = new Date(image.epoch * 1000).toISOString();
  const config = writeJsonBlob(layout, 'application/vnd.oci.image.config.v1+json', {
    created,
    architecture: image.cpu,
    os: 'linux',
    config: image.config,
    rootfs: { type: 'layers', diff_ids: [digestOf(image.layer)] },
    history: [{ created, created_by: 'build.sh --image', comment: image.history }],
  });
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = writeJsonBlob(layout, mediaType, {
    schemaVersion: 2,
    mediaType,
    config,
    layers: [layer],
    annotations: image.annotations,
  });
  const annotations = {
    'org.opencontainers.image.ref.name': image.reference.slice(image.reference.lastIndexOf(':') + 1),
    // containerd knows the image under this name after an import.
    'io.containerd.image.name': image.reference,
  };
  const platform = { architecture: image.cpu, os: 'linux' };
  const index = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [{ ...manifest, platform, annotations }],
  };
  writeFileSync(join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  writeFileSync(join(layout, 'index.json'), JSON.stringify(index));
}
