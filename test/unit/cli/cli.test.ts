import { runCli } from '../../../src/cli/cli.ts';
import { version } from '../../../src/version.ts';
import { createMemoryPlatform } from '../../support/memory-platform.ts';
import { sourceParts } from '../../support/source-parts.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('cli/cli');

function run(argv: readonly string[], files: Readonly<Record<string, string>> = {}) {
  const platform = createMemoryPlatform({ argv, files });
  const code = runCli(platform, sourceParts);
  assert.is(platform.exitCode, null);
  return { code, stdout: platform.stdout, stderr: platform.stderr };
}

test('it tells its version', () => {
  for (const flag of ['--version', '-V']) assert.equal(run([flag]), { code: 0, stdout: `${version}\n`, stderr: '' });
});

test('without arguments it says what it is, on stderr, as skel does', () => {
  const { code, stdout, stderr } = run([]);
  assert.is(code, 0);
  assert.is(stdout, '');
  assert.match(stderr, `CNI plugin dra-sriov v${version}\n`);
  assert.match(stderr, 'CNI protocol versions supported: 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0\n');
  assert.match(stderr, 'validate');
});

test('help goes to stdout and succeeds', () => {
  for (const argv of [['--help'], ['-h'], ['help'], ['validate', '--help'], ['help', 'validate']]) {
    const { code, stdout, stderr } = run(argv);
    assert.is(code, 0, argv.join(' '));
    assert.match(stdout, 'Usage: dra-sriov');
    assert.is(stderr, '');
  }
});

test('installed as sriov, help and completion speak of sriov, and so does what is to be typed', () => {
  const asSriov = (...argv: string[]): string => {
    const platform = createMemoryPlatform({ argv });
    runCli({ ...platform, executable: '/opt/cni/bin/sriov' }, sourceParts);
    return `${platform.stdout}${platform.stderr}`;
  };
  assert.match(asSriov('--help'), 'Usage: sriov [options] [command]');
  assert.match(asSriov('gc', '--help'), '  sriov gc --dry-run\n');
  assert.match(asSriov('completion', 'bash'), /complete -o filenames -F _sriov sriov\n$/);
  assert.not.match(asSriov('completion', 'zsh'), 'dra-sriov');
  const platform = createMemoryPlatform({ argv: ['--help'] });
  runCli({ ...platform, executable: '/usr/bin/node' }, sourceParts);
  assert.match(platform.stdout, 'Usage: dra-sriov');
});

/** The exit code; null if the command waits for its next look, because only a signal ends it. */
function exitCodeOf(argv: readonly string[]): number | null {
  const platform = createMemoryPlatform({ argv });
  const waited = new Error('it waits');
  const sleepMs = (): never => {
    throw waited;
  };
  try {
    return runCli({ ...platform, sleepMs }, sourceParts);
  } catch (thrown) {
    if (thrown === waited) return null;
    throw thrown;
  }
}

test('the command lines that help names begin with the program, and are right', () => {
  const helps = [...run(['--help']).stdout.matchAll(/^ {2}([a-z]+)(?= )/gm)].map(([, name = '']) =>
    run(['help', name]),
  );
  const lines = helps.flatMap(({ stdout }) => stdout.split('Examples:\n')[1]?.split('\n') ?? []);
  assert.ok(lines.length > 15, String(lines.length));
  for (const line of lines.filter((each) => each !== '')) {
    const [, words = ''] = /^ {2}(?:[A-Z_]+=\S+ |source <\(|kubectl .* \| )?dra-sriov ([^)>]+)/.exec(line) ?? [];
    assert.ok(words !== '', line);
    const argv = words
      .trim()
      .split(' ')
      .map((word) => word.replace(/^(?=.*(?:\.\w+|\/)$)/, '/'));
    assert.is.not(exitCodeOf(argv), 2, line);
  }
});

test('version, for people and for programs', () => {
  assert.match(run(['version']).stdout, `dra-sriov ${version}\nCNI 0.1.0, `);
  const { cniVersions, ...rest } = JSON.parse(run(['version', '--json']).stdout);
  assert.equal(rest, { version });
  assert.is(cniVersions.at(-1), '1.1.0');
});

test('a wrong command line is said on stderr and fails', () => {
  const cases: readonly (readonly [readonly string[], string])[] = [
    [['nope'], "'nope'"],
    [['validate'], "'file'"],
    [['--nope'], "'--nope'"],
    [['validate', '--nope', 'x'], "'--nope'"],
    [['validate', 'x', '--type'], "'--type <name>'"],
    [['inspct'], 'inspect'],
    [['inspect', '--jsn'], '--json'],
    [['inspect', 'a', 'b'], 'inspect'],
    [['resolve'], "'--pod-uid <uid>'"],
    [['completion', 'fish'], 'allowed: bash, zsh'],
  ];
  for (const [argv, words] of cases) {
    const { code, stdout, stderr } = run(argv);
    assert.is(code, 2, argv.join(' '));
    assert.is(stdout, '');
    assert.match(stderr, words);
  }
});

test('validate: 0 where all files are valid, 1 where one is not', () => {
  const files = { '/good.json': '{"name":"a","type":"sriov"}', '/bad.json': '{"name":"a","type":"sriov","vlan":5000}' };
  assert.equal(run(['validate', '/good.json'], files), { code: 0, stdout: 'valid: /good.json\n', stderr: '' });
  const { code, stdout } = run(['validate', '/good.json', '/bad.json'], files);
  assert.is(code, 1);
  assert.match(stdout, /^valid: \/good\.json\nerror: \/bad\.json:1:35: vlan: 5000 .*allowed: .*4094\n$/);
});

test('validate --type adds names of this plugin, and may be repeated', () => {
  const files = { '/a.json': '{"name":"a","type":"my-sriov","vlan":5000}' };
  assert.is(run(['validate', '/a.json'], files).code, 0);
  assert.is(run(['validate', '--type', 'my-sriov', '/a.json'], files).code, 1);
  assert.is(run(['validate', '/a.json', '--type', 'x', '--type', 'my-sriov'], files).code, 1);
  // The second run has forgotten the names that the first was given.
  assert.is(run(['validate', '/a.json'], files).code, 0);
});

test('the help of every command has examples, and fits the screen', () => {
  for (const name of [
    'inspect',
    'attachments',
    'resolve',
    'explain',
    'gc',
    'probe',
    'stats',
    'metrics',
    'doctor',
    'validate',
    'completion',
  ]) {
    const { stdout } = run([name, '--help']);
    assert.match(stdout, `Examples:\n  dra-sriov ${name}`);
    for (const line of [...stdout.split('\n'), ...run(['--help']).stdout.split('\n')])
      assert.ok(line.length <= 80, line);
  }
});

test('the help of a command needs neither the node nor the plugin', () => {
  const never = (): never => {
    throw new Error('this part must not be loaded');
  };
  const platform = createMemoryPlatform({ argv: ['inspect', '--help'] });
  assert.is(runCli(platform, { operator: never, yaml: never, sriovCniCache: never }), 0);
});
