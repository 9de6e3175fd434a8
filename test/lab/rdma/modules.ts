// Kernel modules that give a VF of the lab an RDMA device: ib_core as Debian has it, and fake_rdma.c, built here for
// that kernel.
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { runChecked, runChild } from '../child.ts';
import { reportToStderr } from '../progress.ts';
import { type Kit, kitPath } from '../setup/kit.ts';
import { provision, unpackDebs } from '../setup/provision.ts';

const buildTimeoutMs = 10 * 60_000;

/** Why the modules can't be built; null where they can. */
export async function missingForModules(): Promise<string | null> {
  if (process.env['LAB'] === 'hardware') return 'it takes a kernel of the lab’s own';
  for (const program of ['gcc', 'make']) {
    const found = await runChild([program, '--version'], { timeoutMs: 60_000 }).catch(() => null);
    if (found?.status !== 0) return `${program} is not installed`;
  }
  return null;
}

let built: Promise<Buffer> | undefined;

/** Puts `ib_core.ko`, `fake_rdma.ko` and a `busybox` that can load them into a folder. */
export async function provideRdmaModules(target: string): Promise<void> {
  const kit = await provision(reportToStderr);
  built ??= buildFakeRdma(kit);
  writeFileSync(join(target, 'fake_rdma.ko'), await built);
  copyFileSync(join(kitPath.modulesOnDemand(kit), 'ib_core.ko'), join(target, 'ib_core.ko'));
  copyFileSync(kitPath.busybox(kit), join(target, 'busybox'));
}

/** Takes some seconds. Debian's headers work from any folder, but their own Makefile looks for them in /usr/src. */
async function buildFakeRdma(kit: Kit): Promise<Buffer> {
  const scratch = mkdtempSync(join(kit.folder, 'building-'));
  try {
    const packages = readdirSync(kitPath.headers(kit)).map((name) => join(kitPath.headers(kit), name));
    await unpackDebs(packages, scratch);
    const sources = join(scratch, 'usr/src');
    const [common, flavour] = ['-common', '-amd64'].map((end) => {
      const name = readdirSync(sources).find((each) => each.startsWith('linux-headers-') && each.endsWith(end));
      return join(sources, name ?? `no headers of ${end}`);
    });
    const module = join(scratch, 'module');
    mkdirSync(module);
    copyFileSync(join(import.meta.dirname, 'fake_rdma.c'), join(module, 'fake_rdma.c'));
    writeFileSync(join(module, 'Makefile'), 'obj-m := fake_rdma.o\n');
    // BTF would need pahole, and nobody reads it here.
    const make = ['make', '-s', '-C', `${flavour}`, '-f', `${common}/Makefile`, `M=${module}`, 'CC=gcc'];
    await runChecked([...make, 'CONFIG_DEBUG_INFO_BTF_MODULES=', 'modules'], { timeoutMs: buildTimeoutMs });
    return readFileSync(join(module, 'fake_rdma.ko'));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
