import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { Spec, Validation } from '@cyclonedx/cyclonedx-library';
import { ownCpu } from '../../scripts/build/cpu.ts';
import { nativeImageParts, writeImageLayout } from '../../scripts/build/image.ts';
import { writeRelease } from '../../scripts/build/release.ts';
import { version } from '../../src/version.ts';
import { assert, suite, type TestBody } from '../support/suite.ts';
import { withTemporaryDirectory } from '../support/temporary-directory.ts';

const test = suite('release');

const root = join(import.meta.dirname, '../..');
const native = join(root, 'dist/native/dra-sriov');

/** Registers a test of image or release, which need the native executable. */
function ofNative(name: string, body: TestBody, needsRoot = false): void {
  const other = process.env['DRA_SRIOV_EXECUTABLE'] ?? '';
  if (other !== '') test.skip(name, `it is not about ${other}`, { allowedInCi: true });
  else if (!existsSync(native)) test.skip(name, 'the native executable is not built here', { allowedInCi: true });
  else if (needsRoot && process.getuid?.() !== 0) test.skip(name, 'needs root');
  else test(name, body);
}

const run = (program: string, ...args: readonly string[]): string => execFileSync(program, args, { encoding: 'utf8' });

/** The root directory of a container of the image, with a node's /opt/cni/bin where the DaemonSet mounts it. */
function withContainer(body: (container: string, plugins: string) => void): void {
  withTemporaryDirectory((directory) => {
    const [layout, container] = [join(directory, 'layout'), join(directory, 'container')];
    writeImageLayout(layout, nativeImageParts(ownCpu));
    const [layer] = JSON.parse(run('skopeo', 'inspect', `oci:${layout}:${version}`)).Layers;
    const plugins = join(container, 'host/opt/cni/bin');
    for (const path of [plugins, join(container, 'proc')]) mkdirSync(path, { recursive: true });
    run('tar', '--extract', `--file=${join(layout, 'blobs', layer.replace(':', '/'))}`, `--directory=${container}`);
    body(container, plugins);
  });
}

/**
 * Runs the image's entrypoint as its container would: root that has no capabilities (but chroot's, which this needs)
 * and can get none, with nothing but /proc and the image to see, read-only but for the mounted directory.
 */
function runInside(container: string, ...args: readonly string[]) {
  const script = `set -e
    mount --bind "$0" "$0"
    mount --bind "$0/host/opt/cni/bin" "$0/host/opt/cni/bin"
    mount -t proc proc "$0/proc"
    mount -o remount,bind,ro "$0"
    exec setpriv --no-new-privs --bounding-set=-all,+sys_chroot --inh-caps=-all chroot "$0" /dra-sriov "$@"`;
  const { status, stdout, stderr } = spawnSync('unshare', ['--mount', 'sh', '-c', script, container, ...args], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] },
  });
  return { status, stdout, stderr };
}

ofNative(
  'the image installs the plugin into the directory of the node, under other names too, and takes it away',
  () => {
    withContainer((container, plugins) => {
      writeFileSync(join(plugins, 'sriov'), 'sriov-cni');
      const to = ['--to', '/host/opt/cni/bin'];
      const installed = runInside(container, 'install', ...to, '--as', 'sriov');
      assert.equal([installed.status, installed.stderr], [0, '']);
      assert.ok(readFileSync(native).equals(readFileSync(join(plugins, 'sriov'))));
      assert.is(lstatSync(join(plugins, 'sriov')).mode, 0o100755);
      assert.is(runInside(container, 'install', ...to).status, 0);
      const removed = runInside(container, 'install', '--uninstall', ...to, '--as', 'dra-sriov', '--as', 'sriov');
      assert.equal([removed.status, removed.stderr], [0, '']);
      assert.equal(readdirSync(plugins), ['sriov']);
      assert.is(readFileSync(join(plugins, 'sriov'), 'utf8'), 'sriov-cni');
    });
  },
  true,
);

ofNative(
  'the image does not take the plugin away while the state of the node, which it may only read, tells of an attachment',
  () => {
    withContainer((container, plugins) => {
      const remove = ['install', '--uninstall', '--to', '/host/opt/cni/bin'];
      assert.is(runInside(container, 'install', '--to', '/host/opt/cni/bin').status, 0);
      const record = join(container, 'var/lib/cni/dra-sriov/vf-test1/5f1c/net1.json');
      mkdirSync(dirname(record), { recursive: true, mode: 0o700 });
      writeFileSync(record, '{}', { mode: 0o600 });
      const { status, stderr } = runInside(container, ...remove);
      assert.is(status, 1);
      assert.match(stderr, 'net1 of container 5f1c (network vf-test1)');
      assert.equal(readdirSync(plugins), ['dra-sriov']);
      rmSync(record);
      assert.is(runInside(container, ...remove).status, 0);
      assert.equal(readdirSync(plugins), []);
    });
  },
  true,
);

ofNative(
  'the image writes nowhere else',
  () => {
    withContainer((container) => {
      mkdirSync(join(container, 'elsewhere'));
      const { status, stderr } = runInside(container, 'install', '--to', '/elsewhere');
      assert.is(status, 1);
      assert.match(stderr, 'EROFS');
    });
  },
  true,
);

ofNative('checksums, archive and image belong together, and are the same when made again', () => {
  withTemporaryDirectory((one) => {
    writeRelease(one, ownCpu);
    const name = `dra-sriov-cni-${version}-linux-${ownCpu}`;
    assert.equal(readdirSync(one), ['SHA256SUMS', `${name}.cdx.json`, `${name}.image.tar`, `${name}.tar.gz`]);
    const check = ['sh', '-c', `cd ${one} && sha256sum --check --strict SHA256SUMS`] as const;
    assert.is(run(...check).match(/: OK$/gm)?.length, 3);
    run('tar', '--extract', `--file=${one}/${name}.tar.gz`, `--directory=${one}`);
    assert.is(run(join(one, name, 'dra-sriov'), '--version'), `${version}\n`);
    for (const path of ['LICENSE', 'licenses.txt', 'docs', 'conf-examples/README.md', 'deploy/base/daemonset.yaml']) {
      assert.ok(existsSync(join(one, name, path)), path);
    }
    assert.is(JSON.parse(run('skopeo', 'inspect', `oci-archive:${one}/${name}.image.tar`)).Architecture, ownCpu);
    withTemporaryDirectory((other) => {
      writeRelease(other, ownCpu);
      assert.is(readFileSync(join(other, 'SHA256SUMS'), 'utf8'), readFileSync(join(one, 'SHA256SUMS'), 'utf8'));
    });
  });
});

ofNative(
  'the bill of materials fits its schema, and each thing in it has its licence beside the executable',
  async () => {
    const text = readFileSync(`${native}.cdx.json`, 'utf8');
    assert.is(await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(text), null);
    const licenses = readFileSync(`${native}.licenses.txt`, 'utf8');
    const components = JSON.parse(text).components as readonly { readonly name: string; readonly version: string }[];
    const titles = [...licenses.matchAll(/^={20} (\S+) ={20}$/gm)].map(([, title]) => title);
    assert.equal(components.map(({ name }) => name).sort(), titles.sort());
    for (const needed of ['commander', 'netlink', 'quickjs-ng', 'rustix', 'rust-std', 'musl']) {
      assert.ok(titles.includes(needed), needed);
    }
    for (const { name, version: its } of components) assert.match(its, /^\d+\.\d+/, name);
  },
);

ofNative('the executable names no directory of the machine that built it', () => {
  const text = readFileSync(native, 'latin1');
  for (const directory of [root, process.env['HOME'] ?? '/root'])
    assert.not.ok(text.includes(`${directory}/`), directory);
});
