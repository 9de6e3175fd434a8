import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';

/** A CPU that the plugin is built for, by its name in Kubernetes and OCI. */
export type Cpu = 'amd64' | 'arm64';

/** Names in the triplets of Rust and GNU, and in those of QEMU's emulators. */
const machines: Readonly<Record<Cpu, string>> = { amd64: 'x86_64', arm64: 'aarch64' };

/** That of this machine; the build for development refuses others. */
export const ownCpu: Cpu = process.arch === 'arm64' ? 'arm64' : 'amd64';

/** What to build for: `--cpu CPU` of the arguments, or this machine's. Throws for a CPU that is not supported. */
export function chosenCpu(args: readonly string[] = process.argv): Cpu {
  const at = args.indexOf('--cpu');
  if (at < 0) return ownCpu;
  const cpu = args[at + 1];
  if (cpu !== 'amd64' && cpu !== 'arm64')
    throw new Error(`--cpu ${cpu}: allowed are ${Object.keys(machines).join(', ')}`);
  return cpu;
}

export const machineOf = (cpu: Cpu): string => machines[cpu];

export const rustTarget = (cpu: Cpu): string => `${machines[cpu]}-unknown-linux-musl`;

/** musl's wrapper of gcc. Debian's packages of musl for other CPUs have it under the CPU's name. */
export const muslCompiler = (cpu: Cpu): string => (cpu === ownCpu ? 'musl-gcc' : `${machines[cpu]}-linux-musl-gcc`);

/**
 * Folder of what a build makes. `native` has the executable, its licences and its bill of materials. Another CPU's are
 * beside this machine's.
 */
export const distFolder = (root: string, name: 'native' | 'image' | 'release', cpu: Cpu): string =>
  join(root, 'dist', cpu === ownCpu ? name : `${name}-${cpu}`);

/** Words before a program's path that make it run here: none on its own CPU. Null if there is no emulator. */
export function runnerOf(cpu: Cpu): readonly string[] | null {
  if (cpu === ownCpu) return [];
  const emulators = [`qemu-${machines[cpu]}-static`, `qemu-${machines[cpu]}`];
  const found = emulators.find((each) => spawnSync(each, ['--version']).status === 0);
  return found === undefined ? null : [found];
}
