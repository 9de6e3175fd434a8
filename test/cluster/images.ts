// Container images for the cluster: Debian's static busybox, and the plugin.
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { ownCpu } from '../../scripts/build/cpu.ts';
import { imageName, nativeImageParts, writeImageLayout } from '../../scripts/build/image.ts';
import { writeLayout } from '../../scripts/build/oci-layout.ts';
import { packTar } from '../../scripts/build/tarball.ts';
import { executable } from '../lab/lab-node.ts';

/** Repository of another build of the plugin. */
export const nextImageName = `${imageName}-next`;

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
 * Writes two layouts into a folder: `toolbox`, a shell and network tools, and `pause`, which holds a
 * pod's namespaces.
 */
export function makeBaseImages(busybox: string, folder: string): { readonly toolbox: string; readonly pause: string } {
  const layer = toolboxLayer(busybox, folder);
  const path = 'PATH=/bin:/usr/bin:/sbin:/usr/sbin';
  const make = (name: string, config: Readonly<Record<string, unknown>>): string => {
    const layout = join(folder, name);
    const reference = `docker.io/library/${name}:1`;
    writeLayout(layout, { cpu: ownCpu, reference, layer, history: 'busybox', config, annotations: {}, epoch: 0 });
    return layout;
  };
  return {
    toolbox: make('toolbox', { Cmd: ['/bin/sh'], Env: [path] }),
    pause: make('pause', { Entrypoint: sleep, Env: [path] }),
  };
}

/**
 * Writes the layouts of the plugin's image and of another build's into a folder, the same but for some bytes behind the
 * executable's end.
 */
export function makePluginImages(folder: string): Readonly<Record<string, string>> {
  const { cpu, licenses, epoch } = nativeImageParts(ownCpu);
  const next = join(folder, 'next-build');
  copyFileSync(executable, next);
  appendFileSync(next, 'next');
  const make = (name: string, program: string): string => {
    const layout = join(folder, name);
    writeImageLayout(layout, { cpu, executable: program, licenses, epoch });
    return layout;
  };
  return { [imageName]: make(imageName, executable), [nextImageName]: make(nextImageName, next) };
}
