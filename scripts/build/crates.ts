import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { type Cpu, muslCompiler, ownCpu, rustTarget } from './cpu.ts';
import { type Ingredient, licenseTexts } from './licenses.ts';

/**
 * Paths of source files that Rust and C write begin with this, so the executable is the same in any directory.
 */
function pathPrefixes(crate: string): readonly (readonly [path: string, name: string])[] {
  const cargoHome = process.env['CARGO_HOME'] ?? join(homedir(), '.cargo');
  return [
    [crate, 'native'],
    [cargoHome, 'cargo'],
  ];
}

/** PATH with the toolchain first, because the first cargo of a machine may lack the source of Rust's library. */
function toolchainPath(): string {
  const folder = execFileSync(join(import.meta.dirname, '../toolchain.sh'), { encoding: 'utf8' }).trim();
  return `${folder}:${process.env['PATH'] ?? ''}`;
}

/**
 * Runs cargo in native/; its progress goes to stderr. RUSTFLAGS of the environment would replace those of the crate.
 */
function cargo(crate: string, cpu: Cpu, ...args: readonly string[]): string {
  const prefixes = pathPrefixes(crate);
  const rustflags = prefixes.map(([path, name]) => `--remap-path-prefix=${path}=${name}`);
  const { RUSTFLAGS: _, CFLAGS = '', ...others } = process.env;
  const prefixMaps = prefixes.map(([path, name]) => `-ffile-prefix-map=${path}=${name}`);
  // Nothing unwinds and nothing is relocated, see native/musl.toml. Functions and jumps' targets at round addresses
  // take 2 % of the executable and save no instruction.
  const unaligned = ['functions', 'jumps', 'labels', 'loops'].map((what) => `-falign-${what}=1`);
  // Reading bytecode calls small functions all the time. Inlining more of them than -O2 does saves 5 % of the
  // instructions of ADD and DEL, and takes 1 % of the executable; -O3 would save 8 %, and take 6 %.
  const inlining = ['--param max-inline-insns-auto=20', '--param inline-min-speedup=15', '-fno-tree-vectorize'];
  const cflags = [CFLAGS, '-fno-asynchronous-unwind-tables', '-fno-pie', ...unaligned, ...inlining, ...prefixMaps].join(
    ' ',
  );
  const target = rustTarget(cpu);
  const compiler = muslCompiler(cpu);
  const env = {
    ...others,
    PATH: toolchainPath(),
    CFLAGS: cflags,
    RUSTC_BOOTSTRAP: '1',
    [`CC_${target.replaceAll('-', '_')}`]: compiler,
  };
  const stdio = ['ignore', 'pipe', 'inherit'] as ['ignore', 'pipe', 'inherit'];
  const config = [
    'musl.toml',
    `build.rustflags=${JSON.stringify(rustflags)}`,
    `target.${target}.linker=${JSON.stringify(compiler)}`,
  ].flatMap((each) => ['--config', each]);
  return execFileSync('cargo', [...config, ...args], {
    cwd: crate,
    env,
    encoding: 'utf8',
    stdio,
    maxBuffer: 64 * 1024 * 1024,
  });
}

interface CrateBuild {
  /** Default: this machine's. */
  readonly cpu?: Cpu;
  /** Below it the program is built; default: the crate's own `target`. */
  readonly directory?: string;
}

/** Builds a program of native/ with musl; returns its path. */
export function buildCrate(
  crate: string,
  program: string,
  { cpu = ownCpu, directory = join(crate, 'target') }: CrateBuild = {},
): string {
  const target = rustTarget(cpu);
  const options = ['--release', '--locked', '--quiet', '--bin', program, '--target', target, '--target-dir', directory];
  cargo(crate, cpu, 'build', ...options);
  return join(directory, target, 'release', program);
}

interface Crate {
  readonly name: string;
  readonly version: string;
  readonly license: string | null;
  readonly manifest_path: string;
  /** Null for our own. */
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

function describeCrate(crate: Crate, all: readonly Crate[], lock: string): Ingredient {
  const { name, version, license } = crate;
  const checksum = new RegExp(`name = "${name}"\nversion = "${version}"\nsource = .*\nchecksum = "(\\w+)"`).exec(
    lock,
  )?.[1];
  return {
    name,
    version,
    license: license ?? '',
    licenseTexts: licenseTexts(licenseDirectory(crate, all)),
    purl: `pkg:cargo/${name}@${version}`,
    ...(checksum === undefined ? {} : { hash: { algorithm: 'SHA-256', hex: checksum } }),
  };
}

/** The engine, which lies in the crate rquickjs-sys. */
function quickJs({ manifest_path }: Crate): Ingredient {
  const directory = join(dirname(manifest_path), 'quickjs');
  const header = readFileSync(join(directory, 'quickjs.h'), 'utf8');
  const version = ['MAJOR', 'MINOR', 'PATCH']
    .map((part) => new RegExp(`^#define QJS_VERSION_${part} (\\d+)$`, 'm').exec(header)?.[1] ?? 'unknown')
    .join('.');
  const purl = `pkg:github/quickjs-ng/quickjs@v${version}`;
  return { name: 'quickjs-ng', version, license: 'MIT', licenseTexts: licenseTexts(directory), purl };
}

/** Ingredients of the executable that cargo has fetched: crates, and the engine that lies in one of them. */
export function linkedCrates(crate: string): readonly Ingredient[] {
  const tree = cargo(crate, ownCpu, 'tree', '--locked', '--edges', 'normal', '--prefix', 'none', '--format', '{p}');
  const names = new Set(tree.split('\n').map((line) => line.split(' ')[0] ?? ''));
  const lock = readFileSync(join(crate, 'Cargo.lock'), 'utf8');
  const { packages } = JSON.parse(cargo(crate, ownCpu, 'metadata', '--locked', '--format-version', '1')) as {
    readonly packages: readonly Crate[];
  };
  return packages
    .filter(({ name, source }) => source !== null && names.has(name))
    .flatMap((each) => {
      const described = describeCrate(each, packages, lock);
      return each.name === 'rquickjs-sys' ? [described, quickJs(each)] : [described];
    });
}
