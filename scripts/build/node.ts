// Builds dist/node/dra-sriov, the plugin on Node, and makes it dist/dra-sriov. Run by build.sh with the pinned Node.
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { BuildStamp, hashSources } from './build-stamp.ts';
import { type Bundle, bundleProgram, bytesByPackage, packageOf } from './bundle.ts';
import { deliver, say, tryOut } from './delivery.ts';
import { packageExecutable } from './executable.ts';
import { joinLicenses } from './licenses.ts';
import { npmPackages } from './npm-packages.ts';

const root = join(import.meta.dirname, '../..');
const outputDirectory = join(root, 'dist/node');
const output = join(outputDirectory, 'dra-sriov');
const licenses = join(outputDirectory, 'dra-sriov.licenses.txt');
const delivered = join(root, 'dist/dra-sriov');
const stampPath = join(root, 'node_modules/.cache/dra-sriov-cni/build-node');

function writeLicenses({ files }: Bundle): void {
  const packages = new Set(Object.keys(files).flatMap((path) => packageOf(path) ?? []));
  writeFileSync(licenses, joinLicenses(npmPackages(root, [...packages, `node-linux-${process.arch}`])));
}

/** The new file takes the name when it is whole. Running plugins keep the old one. */
async function makeExecutable(bundle: string, workDirectory: string): Promise<void> {
  const part = `${output}.part`;
  try {
    await packageExecutable(bundle, part, realpathSync(process.execPath), workDirectory);
    chmodSync(part, 0o755);
    tryOut(part);
    renameSync(part, output);
  } finally {
    rmSync(part, { force: true });
  }
}

async function build(workDirectory: string): Promise<void> {
  const begin = performance.now();
  const bundlePath = join(workDirectory, 'dra-sriov.js');
  const bundle = await bundleProgram(root, 'src/hosts/node.ts', bundlePath);
  const shares = [...bytesByPackage(bundle.files)].map(([name, bytes]) => `${name} ${(bytes / 1e3).toFixed(0)}`);
  say(`bundle ${(bundle.bytes / 1e3).toFixed(0)} KB: ${shares.join(', ')}`);
  mkdirSync(outputDirectory, { recursive: true });
  await makeExecutable(bundlePath, workDirectory);
  writeLicenses(bundle);
  deliver(output, delivered);
  const megabytes = (statSync(output).size / 1e6).toFixed(1);
  const seconds = ((performance.now() - begin) / 1e3).toFixed(1);
  say(`dist/node/dra-sriov and dist/dra-sriov: Node ${process.version}, ${megabytes} MB, in ${seconds} s`);
}

const stamp = new BuildStamp(stampPath, hashSources(root), [output, licenses, delivered]);
if (!process.argv.includes('--force') && stamp.isFresh()) {
  say('dist/dra-sriov is up to date');
} else {
  const workDirectory = mkdtempSync(join(tmpdir(), 'dra-sriov-build-'));
  try {
    await build(workDirectory);
    stamp.write();
  } finally {
    rmSync(workDirectory, { recursive: true, force: true });
  }
}
