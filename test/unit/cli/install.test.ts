import { runCli } from '../../../src/cli/cli.ts';
import { formatVersions } from '../../../src/cni/versions.ts';
import { SystemError } from '../../../src/lib/system-error.ts';
import type { ProcessRequest, ProcessResult } from '../../../src/platform/platform.ts';
import { version } from '../../../src/version.ts';
import { createMemoryPlatform, type FileOperation, type MemoryPlatform } from '../../support/memory-platform.ts';
import { sourceParts } from '../../support/source-parts.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';

const test = suite('cli/install');

const self = '/opt/cni/bin/dra-sriov';
const target = '/plugins/sriov';
const backup = '/plugins/sriov.before-dra-sriov';
const usual = { [self]: `dra-sriov ${version}`, '/plugins/bridge': 'bridge' };
const record = '/var/lib/cni/dra-sriov/vf-test1/c1/net1.json';

/** Executables say what they are by their content: `dra-sriov VERSION`, or any other plugin; `broken` can't be run. */
function answer(content: string, { env, path }: ProcessRequest): ProcessResult {
  const result = { status: 0, signal: null, timedOut: false, stdout: '', stderr: '' };
  if (content === 'broken') throw new SystemError(`run ${path}`, 8);
  if (env['CNI_COMMAND'] === 'VERSION') {
    return { ...result, stdout: content === `dra-sriov ${version}` ? `${formatVersions()}\n` : '{}\n' };
  }
  return { ...result, stderr: `CNI plugin ${content.replace(' ', ' v')}\nCNI protocol versions supported: 1.0.0\n` };
}

function nodeWith(files: Readonly<Record<string, string>>, links: Readonly<Record<string, string>> = {}) {
  const platform: MemoryPlatform = createMemoryPlatform({
    files: { ...usual, ...files },
    links,
    processes: (request) => answer(String(platform.readFile(request.path) ?? 'broken'), request),
  });
  return platform;
}

function run(platform: MemoryPlatform, ...args: readonly string[]): string {
  const before = platform.stdout.length;
  const argv = ['install', '--to', '/plugins', '--as', 'sriov', ...args];
  assert.is(runCli({ ...platform, argv, writeStdout: platform.writeStdout }, sourceParts), 0);
  return platform.stdout.slice(before);
}

/** Asserts that it fails with that code (2: the command line is wrong). Returns what it says on stderr. */
function refuse(platform: MemoryPlatform, code: 1 | 2, ...args: readonly string[]): string {
  const before = [platform.stdout, platform.stderr.length] as const;
  const argv = ['install', '--to', '/plugins', '--as', 'sriov', ...args];
  assert.is(runCli({ ...platform, argv }, sourceParts), code, args.join(' '));
  assert.is(platform.stdout, before[0]);
  return platform.stderr.slice(before[1]);
}

/** Files below /plugins, without the plugin that nobody may touch. */
function plugins(platform: MemoryPlatform): Readonly<Record<string, string>> {
  assert.is(platform.files.get('/plugins/bridge'), 'bridge');
  const others = [...platform.files].filter(([path]) => path.startsWith('/plugins/') && path !== '/plugins/bridge');
  return Object.fromEntries(others);
}

test('it installs itself, executable for all, and nothing else is left', () => {
  const platform = nodeWith({});
  assert.is(run(platform), `installed ${target}, version ${version}\n`);
  assert.equal(plugins(platform), { [target]: `dra-sriov ${version}` });
  assert.is(platform.stat(target)?.mode, 0o755);
  assert.is(run(platform), `installed ${target}, version ${version}\n`);
  assert.equal(plugins(platform), { [target]: `dra-sriov ${version}` });
});

test('an older version of this plugin is replaced and not kept', () => {
  const platform = nodeWith({ [target]: 'dra-sriov 0.0.1' });
  assert.is(run(platform), `installed ${target}, version ${version}, was 0.0.1\n`);
  assert.equal(plugins(platform), { [target]: `dra-sriov ${version}` });
});

test('another plugin of that name is kept once, through updates, and comes back with its mode', () => {
  const platform = nodeWith({ [target]: 'sriov-cni' });
  platform.makeDir('/plugins', 0o755);
  platform.copyFileAtomic(target, target, 0o750);
  for (let time = 0; time < 2; time++) {
    const said = run(platform);
    assert.match(said, `installed ${target}, version ${version}\n`);
    assert.match(said, backup);
  }
  assert.equal(plugins(platform), { [target]: `dra-sriov ${version}`, [backup]: 'sriov-cni' });
  assert.match(run(platform, '--uninstall'), `removed ${target}, version ${version}`);
  assert.equal(plugins(platform), { [target]: 'sriov-cni' });
  assert.is(platform.stat(target)?.mode, 0o750);
  assert.match(run(platform, '--uninstall'), target);
  assert.equal(plugins(platform), { [target]: 'sriov-cni' });
});

test('of two other plugins that had the name the last is kept', () => {
  const platform = nodeWith({ [target]: 'sriov-cni 2', [backup]: 'sriov-cni 1' });
  run(platform);
  assert.equal(plugins(platform), { [target]: `dra-sriov ${version}`, [backup]: 'sriov-cni 2' });
});

test('a file that can not be run counts as another plugin', () => {
  const platform = nodeWith({ [target]: 'broken' });
  run(platform);
  assert.is(platform.files.get(backup), 'broken');
});

test('uninstalling removes it, and what is not there is no failure', () => {
  const platform = nodeWith({ [target]: 'dra-sriov 0.0.1' });
  assert.is(run(platform, '--uninstall'), `removed ${target}, version 0.0.1\n`);
  assert.equal(plugins(platform), {});
  assert.match(run(platform, '--uninstall'), target);
});

test('it is not removed while a VF is in a pod, unless forced', () => {
  const platform = nodeWith({ [target]: `dra-sriov ${version}`, [record]: '{}' });
  assert.match(refuse(platform, 1, '--uninstall'), /^error: .*net1 of container c1 \(network vf-test1\).*--force/);
  assert.equal(plugins(platform), { [target]: `dra-sriov ${version}` });
  run(platform);
  run(platform, '--uninstall', '--force');
  assert.equal(plugins(platform), {});
});

test('--json tells the same to programs', () => {
  const platform = nodeWith({ [target]: 'sriov-cni' });
  const installed = { path: target, action: 'installed', now: version, before: 'another plugin', backup };
  assert.equal(JSON.parse(run(platform, '--json')), [installed]);
  const removed = { path: target, action: 'restored', now: 'another plugin', before: version, backup: null };
  assert.equal(JSON.parse(run(platform, '--json', '--uninstall')), [removed]);
});

test('several names at once, and the usual one', () => {
  const platform = nodeWith({});
  const also = '/plugins/dra-sriov';
  assert.is(
    run(platform, '--as', 'dra-sriov'),
    `installed ${target}, version ${version}\ninstalled ${also}, version ${version}\n`,
  );
  assert.is(runCli({ ...platform, argv: ['install', '--to', '/plugins', '--uninstall'] }, sourceParts), 0);
  assert.equal(Object.keys(plugins(platform)), [target]);
  run(platform, '--uninstall', '--as', 'dra-sriov');
  assert.equal(plugins(platform), {});
});

test('an executable that does not work here takes no name', () => {
  const platform = nodeWith({ [target]: 'sriov-cni' });
  for (const content of ['broken', 'dra-sriov 9.9.9', 'node']) {
    platform.files.set(self, content);
    assert.match(refuse(platform, 1), target);
    assert.equal(plugins(platform), { [target]: 'sriov-cni' });
  }
});

test('a failure at any step leaves the old plugin, and nothing beside it', () => {
  const steps: readonly (readonly [FileOperation, string])[] = [
    ['lock', '/plugins'],
    ['stat', target],
    ['readDir', '/plugins'],
    ['copyFileAtomic', '/plugins/.sriov.new'],
    ['copyFileAtomic', backup],
    ['rename', '/plugins/.sriov.new'],
  ];
  for (const [operation, path] of steps) {
    const platform = nodeWith({ [target]: 'sriov-cni' });
    platform.failNext(operation, path, 28);
    assert.match(refuse(platform, 1), 'ENOSPC', `${operation} ${path}`);
    const { [backup]: _, ...left } = plugins(platform);
    assert.equal(left, { [target]: 'sriov-cni' }, `${operation} ${path}`);
    assert.is(platform.heldLocks.size, 0);
  }
});

test('what a killed installation left is cleared away', () => {
  const leftovers = { '/plugins/.dra-sriov-1-0.tmp': 'dra', '/plugins/.sriov.new': 'dra-sriov 0.0.1' };
  for (const args of [[], ['--uninstall']]) {
    const platform = nodeWith({ [target]: `dra-sriov ${version}`, ...leftovers });
    run(platform, ...args);
    assert.equal(plugins(platform), args.length === 0 ? { [target]: `dra-sriov ${version}` } : {});
  }
});

test('two installations do not mix', () => {
  const platform = nodeWith({});
  platform.heldLocks.set('/plugins/.dra-sriov-install.lock', 'process 1');
  assert.match(refuse(platform, 1), /process 1|\.dra-sriov-install\.lock|\/plugins/);
  assert.equal(plugins(platform), {});
});

test('links and directories under the name stay', () => {
  for (const [files, links, said] of [
    [{}, { [target]: 'multi-call' }, 'link to "multi-call"'],
    [{ [`${target}/x`]: '' }, {}, 'directory'],
  ] as const) {
    for (const args of [[], ['--uninstall']]) assert.match(refuse(nodeWith(files, links), 1, ...args), said);
  }
});

test('the directory may be a link, relative, or end with a slash', () => {
  const links = { '/linked': '/plugins', '/proc/self/cwd': '/' };
  for (const [to, path] of [
    ['/linked', '/linked/sriov'],
    ['/plugins//', target],
    ['plugins', '//plugins/sriov'],
  ] as const) {
    const platform = nodeWith({}, links);
    assert.match(run(platform, '--to', to), `installed ${path}, `);
    assert.is(platform.files.get(target), `dra-sriov ${version}`, to);
  }
});

test('odd names and directories are refused before anything is done', () => {
  const platform = nodeWith({ '/file': 'x' }, { '/proc/self/cwd': '/' });
  platform.makeDir('/open', 0o777);
  for (const [code, args, said] of [
    [2, ['--as', '../sriov'], /^error: --as "..\/sriov" .*allowed: .*\n$/],
    [2, ['--as', ''], /--as "" .*allowed: /],
    [2, ['--force'], /--force .*--uninstall/],
    [1, ['--to', 'absent'], '--to "absent"'],
    [1, ['--to', '/absent'], '--to "/absent"'],
    [1, ['--to', '/file'], '--to "/file"'],
    [1, ['--to', '/open'], '--to "/open"'],
  ] as const) {
    assert.match(refuse(platform, code, ...args), said, args.join(' '));
  }
  assert.equal(plugins(platform), {});
});

test('pause only sleeps', () => {
  const platform = nodeWith({});
  let sleeps = 0;
  const sleepMs = (): void => {
    if (++sleeps === 3) throw new Error('ended by a signal');
  };
  throws(() => runCli({ ...platform, argv: ['pause'], sleepMs }, sourceParts), 'Error');
  assert.is(sleeps, 3);
});
