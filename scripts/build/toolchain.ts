import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Cpu, machineOf, runnerOf } from './cpu.ts';
import type { Ingredient } from './licenses.ts';

/**
 * The licence texts that the machine has; if it has none, a line that says so, because the licence itself is known.
 */
function textsAt(paths: readonly string[], license: string): readonly string[] {
  const found = paths.filter((path) => existsSync(path)).map((path) => readFileSync(path, 'utf8').trim());
  return found.length > 0 ? found : [`${license}. The machine that built this keeps no copy of the text.`];
}

const ask = (program: string, ...args: readonly string[]): string =>
  execFileSync(program, args, { encoding: 'utf8' }).trim();

/** The version that musl's loader prints when it is run. */
function muslVersion(cpu: Cpu): string {
  const [program = '', ...args] = [...(runnerOf(cpu) ?? []), `/lib/ld-musl-${machineOf(cpu)}.so.1`];
  const { stderr } = spawnSync(program, args, { encoding: 'utf8' });
  return /^Version (\S+)$/m.exec(stderr ?? '')?.[1] ?? 'unknown';
}

/** Ingredients that compiler and linker add to a static executable: Rust's library and the C library. */
export function linkedByToolchain(cpu: Cpu): readonly Ingredient[] {
  const rust = /^rustc (\S+)/.exec(ask('rustc', '--version'))?.[1] ?? 'unknown';
  const sysroot = ask('rustc', '--print', 'sysroot');
  const rustTexts = [
    ...['licenses/MIT.txt', 'licenses/Apache-2.0.txt', 'LICENSE-MIT', 'LICENSE-APACHE'].map((name) =>
      join(sysroot, 'share/doc/rust', name),
    ),
    join(sysroot, 'share/doc/rustc-web/copyright'),
  ];
  const rustLicense = 'MIT OR Apache-2.0';
  const musl = muslVersion(cpu);
  const muslTexts = ['/usr/share/doc/musl-dev/copyright', '/usr/share/licenses/musl/COPYRIGHT'];
  return [
    {
      name: 'rust-std',
      version: rust,
      license: rustLicense,
      licenseTexts: textsAt(rustTexts, rustLicense),
      purl: `pkg:github/rust-lang/rust@${rust}`,
    },
    {
      name: 'musl',
      version: musl,
      license: 'MIT',
      licenseTexts: textsAt(muslTexts, 'MIT'),
      purl: `pkg:generic/musl@${musl}`,
    },
  ];
}
