import { SystemError } from '../../src/lib/system-error.ts';
import { runMain } from '../../src/main.ts';
import type { Parts } from '../../src/parts.ts';
import { MemoryNode } from '../support/memory-node.ts';
import { createMemoryPlatform, MemoryExit, type MemoryPlatform } from '../support/memory-platform.ts';
import { sourceParts } from '../support/source-parts.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('main');

const ENOSPC = 28;

const environment = { CNI_CONTAINERID: 'c1', CNI_NETNS: '/run/netns/a', CNI_IFNAME: 'net1', CNI_PATH: '/opt/cni/bin' };

interface Outcome {
  readonly exitCode: number;
  readonly platform: MemoryPlatform;
  readonly error: { readonly cniVersion: string; readonly code: number; readonly msg: string };
}

function run(platform: MemoryPlatform, parts: Parts = sourceParts): Outcome {
  let exitCode: number | null = null;
  try {
    runMain(platform, parts);
  } catch (thrown) {
    if (!(thrown instanceof MemoryExit)) throw thrown;
    exitCode = thrown.code;
  }
  if (exitCode === null) throw new Error('it didn’t end');
  const error = platform.stdout.startsWith('{') ? (JSON.parse(platform.stdout) as Outcome['error']) : undefined;
  return { exitCode, platform, error: error ?? { cniVersion: '', code: 0, msg: platform.stdout } };
}

function withoutStdin(platform: MemoryPlatform): MemoryPlatform {
  return Object.assign(platform, {
    readStdin: () => {
      throw new Error('stdin was read');
    },
  });
}

const never = (): never => {
  throw new Error('this part must not be loaded');
};

test('VERSION says which versions there are, and reads no stdin', () => {
  const platform = withoutStdin(createMemoryPlatform({ environment: { CNI_COMMAND: 'VERSION' } }));
  const { exitCode } = run(platform, {
    cli: never,
    operator: never,
    plugin: never,
    failures: never,
    yaml: never,
    sriovCniCache: never,
  });
  assert.is(exitCode, 0);
  assert.equal(JSON.parse(platform.stdout), {
    cniVersion: '1.1.0',
    supportedVersions: ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'],
  });
});

test('a verb that CNI doesn’t have is 4, and stdin isn’t read', () => {
  for (const command of ['BOGUS', 'add', 'toString', '__proto__']) {
    const platform = withoutStdin(createMemoryPlatform({ environment: { ...environment, CNI_COMMAND: command } }));
    const { exitCode, error } = run(platform);
    assert.is(exitCode, 1);
    assert.is(error.code, 4);
    assert.match(error.msg, command);
  }
});

test('variables that are missing are named in one message, before stdin is read', () => {
  const platform = withoutStdin(createMemoryPlatform({ environment: { CNI_COMMAND: 'ADD' } }));
  const { error } = run(platform);
  assert.is(error.code, 4);
  for (const name of ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME']) assert.match(error.msg, name);
});

test('an error is CNI JSON on stdout, one line, with exit code 1', () => {
  const cases: [string, number][] = [
    ['', 6],
    ['nonsense', 6],
    ['[]', 6],
    ['{}', 7],
    ['{"cniVersion":"1.0.0","name":"n"}', 7],
    ['{"cniVersion":"9.0.0","name":"n","type":"t"}', 1],
  ];
  for (const [stdin, code] of cases) {
    const { exitCode, error, platform } = run(
      createMemoryPlatform({ stdin, environment: { ...environment, CNI_COMMAND: 'ADD' } }),
    );
    assert.is(exitCode, 1, stdin);
    assert.is(error.code, code, stdin);
    assert.is(platform.stdout.split('\n').length, 2);
    assert.ok(platform.stdout.endsWith('}\n'));
  }
});

test('an error is in the version that the config claims, else in the newest', () => {
  for (const [stdin, version] of [
    ['{"cniVersion":"0.4.0"}', '0.4.0'],
    ['{"cniVersion":5}', '1.1.0'],
    ['{"cniVersion":""}', '1.1.0'],
    ['nonsense', '1.1.0'],
    ['null', '1.1.0'],
  ] as const) {
    const { error } = run(createMemoryPlatform({ stdin, environment: { ...environment, CNI_COMMAND: 'DEL' } }));
    assert.is(error.cniVersion, version, stdin);
  }
});

test('more stdin than any config is refused: 5', () => {
  const stdin = JSON.stringify({ name: 'x'.repeat(2 ** 20) });
  const { error } = run(createMemoryPlatform({ stdin, environment: { ...environment, CNI_COMMAND: 'ADD' } }));
  assert.is(error.code, 5);
});

function deaf(platform: MemoryPlatform, times: number): MemoryPlatform {
  const { writeStdout } = platform;
  let left = times;
  return Object.assign(platform, {
    writeStdout: (text: string) => {
      if (left-- > 0) throw new SystemError('write to stdout', ENOSPC);
      writeStdout(text);
    },
  });
}

test('an ADD whose result can’t be written is undone, since nobody hears of it; the error is, where it can be', () => {
  for (const times of [1, 2]) {
    const node = new MemoryNode();
    const before = node.picture();
    deaf(node.platform, times);
    const { status, stdout, stderr } = node.cni('ADD');
    assert.is(status, 1);
    assert.match(times === 1 ? stdout : stderr, 'ENOSPC');
    assert.is(times === 1, stdout !== '');
    assert.equal(node.picture(), before);
  }
});

test('an error that can’t be written either ends as an error', () => {
  for (const command of ['VERSION', 'DEL', 'BOGUS']) {
    const platform = createMemoryPlatform({ stdin: 'nonsense', environment: { ...environment, CNI_COMMAND: command } });
    const { exitCode } = run(deaf(platform, 9));
    assert.is(exitCode, 1);
    assert.match(platform.stderr, /^dra-sriov: .+\n$/);
  }
});

test('a bug is 999, with where it happened', () => {
  const plugin = (): never => {
    throw new TypeError('undefined');
  };
  const stdin = '{"cniVersion":"1.0.0","name":"n","type":"t"}';
  const platform = createMemoryPlatform({ stdin, environment: { ...environment, CNI_COMMAND: 'ADD' } });
  const { exitCode, error } = run(platform, { ...sourceParts, plugin });
  assert.is(exitCode, 1);
  assert.is(error.code, 999);
  assert.match(error.msg, 'undefined');
});

test('the log is on stderr, of the level asked for, and a failure is in it', () => {
  const node = new MemoryNode();
  const quiet = node.cni('ADD', node.conf({ logLevel: 'error' }));
  assert.is(quiet.stderr, '');
  const failed = node.cni('ADD', node.conf({ logLevel: 'error' }));
  assert.is(failed.status, 1);
  assert.match(
    failed.stderr,
    /^time=\S+ level=error msg="ADD failed" command=ADD container=c1 ifname=net1 network=vf-net/,
  );
});

test('a log file takes the log; one that can’t be written fails nothing', () => {
  const node = new MemoryNode();
  node.platform.files.set('/var/log/old', '');
  node.succeed('ADD', node.conf({ logFile: '/var/log/sriov.log' }));
  assert.match(node.platform.files.get('/var/log/sriov.log') ?? '', 'VF found');
  node.platform.failNext('appendFile', '/var/log/sriov-full.log', 28);
  const outcome = node.cni('DEL', node.conf({ logFile: '/var/log/sriov-full.log' }));
  assert.is(outcome.status, 0);
  assert.match(outcome.stderr, /ENOSPC/);
  assert.match(outcome.stderr, 'detached');
});

test('an IPAM plugin that is this one itself ends where it would begin to start another, and so on', () => {
  const node = new MemoryNode();
  const env = { DRA_SRIOV_DELEGATED: '1' };
  for (const command of ['ADD', 'DEL', 'CHECK', 'STATUS', 'GC']) {
    const error = node.fail(command, node.conf(), { env });
    assert.is(error.code, 7, command);
    assert.match(error.msg, command);
  }
  assert.equal(node.changes, []);
});

test('a relative directory in CNI_PATH is warned about', () => {
  const node = new MemoryNode();
  const { stderr } = node.cni('ADD', node.conf(), { env: { CNI_PATH: 'bin::/opt/cni/bin:../x' } });
  const relative = [...stderr.matchAll(/level=warning msg="a relative directory.*directory=(\S+)/g)];
  assert.equal(
    relative.map(([, directory]) => directory),
    ['bin', '../x'],
  );
});

test('without CNI_COMMAND it is a command line tool, with that tool’s exit code', () => {
  for (const command of [undefined, '']) {
    const platform = withoutStdin(createMemoryPlatform({ environment: { CNI_COMMAND: command }, argv: ['--version'] }));
    const { exitCode } = run(platform, { ...sourceParts, plugin: never });
    assert.is(exitCode, 0);
    assert.match(platform.stdout, /\d+\.\d+\.\d+/);
  }
  const cli = { ...sourceParts, cli: () => ({ runCli: () => 7 }) as unknown as ReturnType<Parts['cli']> };
  assert.is(run(createMemoryPlatform(), cli).exitCode, 7);
});

test('a bug of the command line tool is told on stderr, not as CNI JSON', () => {
  const platform = createMemoryPlatform({ argv: ['validate'] });
  const broken = (): never => {
    throw new Error('a bug');
  };
  const { exitCode } = run(platform, {
    ...sourceParts,
    cli: () => ({ runCli: broken }) as unknown as ReturnType<Parts['cli']>,
  });
  assert.is(exitCode, 1);
  assert.is(platform.stdout, '');
  assert.is(platform.stderr, 'dra-sriov: a bug\n');
});
