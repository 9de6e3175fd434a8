// Builds dist/native/dra-sriov, the plugin on QuickJS, and makes it dist/dra-sriov; for another CPU (--cpu) only
// dist/native-CPU/dra-sriov. Run by build.sh with the pinned Node.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import process from 'node:process';
import { BuildStamp, hashSources } from './build-stamp.ts';
import { bytesByPackage, packageOf } from './bundle.ts';
import { chosenCpu, distFolder, ownCpu, runnerOf } from './cpu.ts';
import { buildCrate, linkedCrates } from './crates.ts';
import { deliver, say, tryOut } from './delivery.ts';
import { joinLicenses } from './licenses.ts';
import { npmPackages } from './npm-packages.ts';
import { bundlePart, findShared, formatPartTable, parts } from './parts.ts';
import { createSbom } from './sbom.ts';
import type { SharedModule } from './shared-modules.ts';
import { linkedByToolchain } from './toolchain.ts';

const root = join(import.meta.dirname, '../..');
const crate = join(root, 'native');
/** Where native/.cargo/config.toml says that the bytecode lies. */
const partsDirectory = join(crate, 'target/parts');
const cpu = chosenCpu();
const folder = distFolder(root, 'native', cpu);
const output = join(folder, 'dra-sriov');
const licenses = `${output}.licenses.txt`;
const sbom = `${output}.cdx.json`;
const delivered = join(root, 'dist/dra-sriov');
/** Where the executable is in the end. */
const places = cpu === ownCpu ? [output, delivered] : [output];
const shown = places.map((path) => relative(root, path));
const sources = {
  folders: ['native/src', 'native/.cargo', 'native/no-unwind'],
  files: ['native/Cargo.toml', 'native/Cargo.lock', 'native/musl.toml'],
};

function kilobytes(bytes: number): string {
  return `${(bytes / 1e3).toFixed(0)} KB`;
}

/** Makes the bytecode of a part; returns the npm packages in it. */
async function compilePart(
  compiler: string,
  name: string,
  shared: readonly SharedModule[],
  workDirectory: string,
): Promise<string[]> {
  const source = join(workDirectory, `${name}.js`);
  const bytecode = join(partsDirectory, name);
  const bundle = await bundlePart(root, name, source, shared);
  execFileSync(compiler, [source, bytecode, parts[name]?.deflated ? 'deflated' : 'plain']);
  const shares = [...bytesByPackage(bundle.files)].map(([owner, bytes]) => `${owner} ${(bytes / 1e3).toFixed(0)}`);
  say(`part ${name} ${kilobytes(bundle.bytes)} (${shares.join(', ')}), bytecode ${kilobytes(statSync(bytecode).size)}`);
  return Object.keys(bundle.files).flatMap((path) => packageOf(path) ?? []);
}

async function compileParts(compiler: string, workDirectory: string): Promise<ReadonlySet<string>> {
  mkdirSync(partsDirectory, { recursive: true });
  const packages: string[] = [];
  const shared = await findShared(root);
  writeFileSync(join(partsDirectory, 'parts.rs'), formatPartTable());
  for (const name of Object.keys(parts)) {
    packages.push(...(await compilePart(compiler, name, shared, workDirectory)));
  }
  return new Set(packages);
}

function describeContents(packages: ReadonlySet<string>): void {
  const ingredients = [...npmPackages(root, packages), ...linkedCrates(crate), ...linkedByToolchain(cpu)];
  writeFileSync(licenses, joinLicenses(ingredients));
  writeFileSync(sbom, createSbom(ingredients));
}

/** The new file takes the name when it is whole. Running plugins keep the old one. */
function placeExecutable(built: string): void {
  const part = `${output}.part`;
  copyFileSync(built, part);
  const runner = runnerOf(cpu);
  if (runner === null) say(`not tried, because there is no emulator of ${cpu} (qemu-user-static)`);
  else tryOut(part, runner);
  renameSync(part, output);
}

async function build(workDirectory: string): Promise<void> {
  const begin = performance.now();
  const packages = await compileParts(buildCrate(crate, 'compile-part'), workDirectory);
  const built = buildCrate(crate, 'dra-sriov', { cpu });
  mkdirSync(folder, { recursive: true });
  placeExecutable(built);
  describeContents(packages);
  if (cpu === ownCpu) deliver(output, delivered);
  const megabytes = (statSync(output).size / 1e6).toFixed(1);
  const seconds = ((performance.now() - begin) / 1e3).toFixed(1);
  say(`${shown.join(' and ')}: ${megabytes} MB, in ${seconds} s`);
}

const stampPath = join(root, 'node_modules/.cache/dra-sriov-cni', `build-native-${cpu}`);
const stamp = new BuildStamp(stampPath, hashSources(root, sources), [...places, licenses, sbom]);
if (!process.argv.includes('--force') && stamp.isFresh()) {
  say(`${shown.at(-1)} is up to date`);
} else {
  const workDirectory = mkdtempSync(join(tmpdir(), 'dra-sriov-build-'));
  try {
    await build(workDirectory);
    stamp.write();
  } finally {
    rmSync(workDirectory, { recursive: true, force: true });
  }
}
