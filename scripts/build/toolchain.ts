import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Ingredient } from './licenses.ts';

/**
 * The texts that are there; without any, a line that says so: the license is known, and the machine may keep no copy.
 */
function textsAt(paths: readonly string[], license: string): readonly string[] {
  const found = paths.filter((path) => existsSync(path)).map((path) => readFileSync(path, 'utf8').trim());
  return found.length > 0 ? found : [`${license}. The machine that built this keeps no copy of the text.`];
}

const ask = (program: string, ...args: readonly string[]): string =>
  execFileSync(program, args, { encoding: 'utf8' }).trim();

/** What compiler and linker add to a static executable: Rust's library and the C library. */
export function linkedByToolchain(): readonly Ingredient[] {
  const rust = /^rustc (\S+)/.exec(ask('rustc', '--version'))?.[1] ?? 'unknown';
  const [rustDocs, glibc] = [
    join(ask('rustc', '--print', 'sysroot'), 'share/doc/rust'),
    ask('getconf', 'GNU_LIBC_VERSION'),
  ];
  const rustLicense = 'MIT OR Apache-2.0';
  const glibcLicense = 'LGPL-2.1-or-later';
  const glibcVersion = glibc.replace('glibc ', '');
  return [
    {
      name: 'rust-std',
      version: rust,
      license: rustLicense,
      licenseTexts: textsAt(
        ['licenses/MIT.txt', 'licenses/Apache-2.0.txt', 'LICENSE-MIT', 'LICENSE-APACHE'].map((name) =>
          join(rustDocs, name),
        ),
        rustLicense,
      ),
      purl: `pkg:github/rust-lang/rust@${rust}`,
    },
    {
      name: 'glibc',
      version: glibcVersion,
      license: glibcLicense,
      licenseTexts: textsAt(
        ['/usr/share/doc/libc6-dev/copyright', '/usr/share/licenses/glibc/COPYING.LIB'],
        glibcLicense,
      ),
      purl: `pkg:generic/glibc@${glibcVersion}`,
    },
  ];
}
