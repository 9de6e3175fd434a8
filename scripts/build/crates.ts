import { execFileSync } from 'node:child_process';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { type Licensed, licenseTexts } from './licenses.ts';

/** The same executable whatever directories it is built in: what Rust and C write of a source file's path begins here. */
function pathPrefixes(crate: string): readonly (readonly [path: string, name: string])[] {
  const cargoHome = process.env['CARGO_HOME'] ?? join(homedir(), '.cargo');
  return [
    [crate, 'native'],
    [cargoHome, 'cargo'],
  ];
}

/** Runs cargo in native/; its progress goes to stderr. RUSTFLAGS of the environment would replace those of the crate. */
export function cargo(crate: string, ...args: readonly string[]): string {
  const prefixes = pathPrefixes(crate);
  const rustflags = prefixes.map(([path, name]) => `--remap-path-prefix=${path}=${name}`);
  const { RUSTFLAGS: _, CFLAGS = '', ...others } = process.env;
  const env = {
    ...others,
    CFLAGS: [CFLAGS, ...prefixes.map(([path, name]) => `-ffile-prefix-map=${path}=${name}`)].join(' '),
  };
  const stdio = ['ignore', 'pipe', 'inherit'] as ['ignore', 'pipe', 'inherit'];
  return execFileSync('cargo', ['--config', `build.rustflags=${JSON.stringify(rustflags)}`, ...args], {
    cwd: crate,
    env,
    encoding: 'utf8',
    stdio,
    maxBuffer: 64 * 1024 * 1024,
  });
}

interface Crate {
  readonly name: string;
  readonly manifest_path: string;
  /** null for our own */
  readonly source: unknown;
  readonly repository: string | null;
}

/** Crates of one repository may leave the licence to one of them. */
function licenseDirectory({ manifest_path, repository }: Crate, all: readonly Crate[]): string {
  const own = dirname(manifest_path);
  if (licenseTexts(own).length > 0) return own;
  const siblings = all.filter((each) => repository !== null && each.repository === repository);
  return siblings.map((each) => dirname(each.manifest_path)).find((each) => licenseTexts(each).length > 0) ?? own;
}

/** What the executable holds that cargo brought: crates, and the engine that lies in one of them. */
export function linkedCrates(crate: string): readonly Licensed[] {
  const tree = cargo(crate, 'tree', '--locked', '--edges', 'normal', '--prefix', 'none', '--format', '{p}');
  const names = new Set(tree.split('\n').map((line) => line.split(' ')[0] ?? ''));
  const { packages } = JSON.parse(cargo(crate, 'metadata', '--locked', '--format-version', '1')) as {
    readonly packages: readonly Crate[];
  };
  return packages
    .filter(({ name, source }) => source !== null && names.has(name))
    .flatMap((each): Licensed[] => {
      const licensed: Licensed = [each.name, licenseDirectory(each, packages)];
      if (each.name !== 'rquickjs-sys') return [licensed];
      return [licensed, ['quickjs-ng', join(dirname(each.manifest_path), 'quickjs')]];
    });
}
