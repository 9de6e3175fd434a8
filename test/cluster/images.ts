// Container images for the cluster, made of Debian's static busybox.
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeLayout } from '../../scripts/build/oci-layout.ts';
import { packTar } from '../../scripts/build/tarball.ts';

const sleep = ['/bin/busybox', 'sleep', 'infinity'];

/** busybox under all its names; bash is its shell too. */
function toolboxLayer(busybox: string, folder: string): Buffer {
  const root = mkdtempSync(join(folder, 'image-'));
  try {
    for (const name of ['bin', 'etc', 'tmp', 'root', 'proc', 'sys', 'dev']) mkdirSync(join(root, name));
    copyFileSync(busybox, join(root, 'bin/busybox'));
    chmodSync(join(root, 'bin/busybox'), 0o755);
    const names = execFileSync(busybox, ['--list'], { encoding: 'utf8' }).split('\n').filter(Boolean);
    for (const name of names) if (name !== 'busybox') symlinkSync('busybox', join(root, 'bin', name));
    writeFileSync(join(root, 'bin/bash'), '#!/bin/busybox sh\nexec /bin/busybox sh "$@"\n', { mode: 0o755 });
    writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
    return packTar(root, 0);
  } finally {
    rmSync(root, { recursive: true });
  }
}

/**
 * Writes the layouts of both images into a folder: `toolbox`, a shell and network tools, and `pause`, which holds a
 * pod's namespaces.
 */
export function makeImages(busybox: string, folder: string): { readonly toolbox: string; readonly pause: string } {
  const layer = toolboxLayer(busybox, folder);
  const path = 'PATH=/bin:/usr/bin:/sbin:/usr/sbin';
  const make = (name: string, config: Readonly<Record<string, unknown>>): string => {
    const layout = join(folder, name);
    const reference = `docker.io/library/${name}:1`;
    writeLayout(layout, { reference, layer, history: 'busybox', config, annotations: {}, epoch: 0 });
    return layout;
  };
  return {
    toolbox: make('toolbox', { Cmd: ['/bin/sh'], Env: [path] }),
    pause: make('pause', { Entrypoint: sleep, Env: [path] }),
  };
}
