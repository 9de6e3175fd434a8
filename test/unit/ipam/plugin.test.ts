import {
  findPlugin,
  type IpamCall,
  type IpamProcess,
  isNotImplemented,
  startPlugin,
} from '../../../src/ipam/plugin.ts';
import { createLog } from '../../../src/lib/log.ts';
import { SystemError } from '../../../src/lib/system-error.ts';
import type { ProcessResult } from '../../../src/platform/platform.ts';
import { createMemoryPlatform, type MemoryPlatform } from '../../support/memory-platform.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';

const test = suite('ipam/plugin');

const found = { type: 'host-local', pluginDirs: ['/opt/cni/bin'] };
const request = {
  pluginDirs: found.pluginDirs,
  stdin: '{"name": "n",   "ipam": {"type":"host-local"}}\n',
  cniVersion: '1.0.0',
};

const quiet: ProcessResult = { status: 0, signal: null, timedOut: false, stdout: '', stderr: '' };
const answer = { cniVersion: '1.0.0', ips: [{ address: '10.0.2.5/24', gateway: '10.0.2.1' }] };

interface Run {
  readonly platform: MemoryPlatform;
  readonly process: IpamProcess;
  readonly log: readonly string[];
}

function start(
  result: Partial<ProcessResult> | Error,
  change: Partial<IpamCall> = {},
  cniVersion = request.cniVersion,
): Run {
  const log: string[] = [];
  const platform = createMemoryPlatform({
    executables: ['/opt/cni/bin/host-local'],
    environment: {
      CNI_COMMAND: 'DEL',
      CNI_CONTAINERID: 'c1',
      CNI_NETNS: '/run/netns/a',
      HOME: '/root',
      GONE: undefined,
    },
    processes: () => {
      if (result instanceof Error) throw result;
      return { ...quiet, ...result };
    },
  });
  const write = (line: string): void => void log.push(line);
  const caller = { platform, log: createLog({ level: 'debug', write }), request: { ...request, cniVersion } };
  const process = startPlugin(caller, { command: 'ADD', type: found.type, ...change });
  return { platform, process, log };
}

test('gets stdin verbatim, no arguments, and a time limit below the runtime’s', () => {
  const [made] = start({}).platform.startedProcesses;
  assert.is(made?.path, '/opt/cni/bin/host-local');
  assert.is(made?.stdin, request.stdin);
  assert.equal(made?.args, []);
  assert.ok((made?.timeoutMs ?? 0) > 10_000 && (made?.timeoutMs ?? 0) < 120_000);
});

test('gets our environment, with the verb that it is for and what the call sets', () => {
  const [same] = start({}).platform.startedProcesses;
  const environment = { CNI_CONTAINERID: 'c1', CNI_NETNS: '/run/netns/a', HOME: '/root' };
  assert.equal(same?.env, { ...environment, CNI_COMMAND: 'ADD', DRA_SRIOV_DELEGATED: '1' });
  const variables = { CNI_NETNS: '', CNI_CONTAINERID: 'dead', CNI_COMMAND: 'ADD' };
  const [other] = start({}, { command: 'DEL', variables }).platform.startedProcesses;
  const ofDead = { HOME: '/root', CNI_NETNS: '', CNI_CONTAINERID: 'dead', CNI_COMMAND: 'DEL' };
  assert.equal(other?.env, { ...ofDead, DRA_SRIOV_DELEGATED: '1' });
});

test('is the first executable of that name in CNI_PATH; relative directories are passed over', () => {
  const platform = createMemoryPlatform({
    files: { '/a/host-local': 'not executable' },
    executables: ['/b/host-local', '/c/host-local'],
  });
  const pluginDirs = ['bin', '/none', '/a', '/b', '/c'];
  assert.is(findPlugin(platform, { type: 'host-local', pluginDirs }), '/b/host-local');
});

test('a plugin that everybody may write to is not run, nor one in such a directory: 111, naming it', () => {
  for (const path of ['/opt/cni/bin', '/opt/cni/bin/host-local']) {
    for (const mode of [0o777, 0o1777, 0o702]) {
      const platform = createMemoryPlatform({ executables: ['/opt/cni/bin/host-local'] });
      platform.modes.set(path, mode);
      throws(() => findPlugin(platform, found), 'ipamFailed', `${path} (mode 0${mode.toString(8)})`);
      platform.modes.set(path, 0o775);
      assert.is(findPlugin(platform, found), '/opt/cni/bin/host-local');
    }
  }
});

test('links to a directory and to a plugin are followed, and have no mode of their own', () => {
  const platform = createMemoryPlatform({
    executables: ['/usr/lib/cni/all'],
    links: { '/opt/cni/bin': '/data/bin', '/data/bin/host-local': '/usr/lib/cni/all' },
  });
  assert.is(findPlugin(platform, found), '/opt/cni/bin/host-local');
  platform.modes.set('/data/bin', 0o777);
  throws(() => findPlugin(platform, found), 'ipamFailed', '/opt/cni/bin (mode 0777)');
});

test('an answer that is nested without end is no result', () => {
  throws(() => start({ stdout: `{"ips":${'['.repeat(1_000_000)}` }).process.finishAdd(), 'decode', 'host-local', '64');
});

test('not found: 111, naming plugin and directories', () => {
  const platform = createMemoryPlatform();
  throws(() => findPlugin(platform, { type: 'dhcp', pluginDirs: ['/a', '/b'] }), 'ipamFailed', '"dhcp"', '/a:/b');
  throws(() => findPlugin(platform, { type: 'dhcp', pluginDirs: [] }), 'ipamFailed', '"dhcp"', 'CNI_PATH');
  assert.equal(platform.startedProcesses, []);
});

test('its result is read, in the config’s version where it claims none', () => {
  const result = start({ stdout: JSON.stringify(answer) }).process.finishAdd();
  assert.equal(result.ips, answer.ips);
  const old = JSON.stringify({ ip4: { ip: '10.0.2.5/24', gateway: '10.0.2.1' } });
  assert.equal(start({ stdout: old }, {}, '0.2.0').process.finishAdd().ips, answer.ips);
});

test('what is no result is 6, with the beginning of what it said', () => {
  const garbage = ['', 'Killed', '[]', '{"ips":{}}', '{"ips":[{"address":"10.0.2.5"}]}', `${'x'.repeat(5000)}`];
  for (const stdout of garbage) {
    const shown = JSON.stringify(stdout.slice(0, 60)).slice(0, -1);
    const error = throws(() => start({ stdout }).process.finishAdd(), 'decode', 'host-local', shown);
    assert.ok(error.message.length < 400);
  }
});

test('its error is passed on with its own code, message and details', () => {
  const stdout = JSON.stringify({ cniVersion: '1.0.0', code: 11, msg: 'no addresses left', details: 'pool 1' });
  const error = throws(
    () => start({ status: 1, stdout }).process.finish(),
    11,
    'host-local',
    'ADD',
    'no addresses left',
  );
  assert.is(error.details, 'pool 1');
});

test('a failure without CNI JSON is 111, with exit code or signal and what it wrote', () => {
  const cases: [Partial<ProcessResult>, ...string[]][] = [
    [{ status: 2, stderr: 'panic: oops\n' }, 'exit code 2', 'panic: oops'],
    [{ status: 1, stdout: 'plain words' }, 'exit code 1', 'plain words'],
    [{ status: 1 }, 'exit code 1'],
    [{ status: 1, stdout: '{"code":7}' }, 'exit code 1', '{"code":7}'],
    [{ status: 1, stdout: 'null' }, 'exit code 1', 'null'],
    [{ status: null, signal: 'SIGSEGV' }, 'SIGSEGV'],
  ];
  for (const [result, ...tokens] of cases) {
    throws(() => start(result).process.finish(), 'ipamFailed', 'host-local', 'ADD', ...tokens);
  }
});

test('an error that it printed is one, whatever its exit code', () => {
  for (const status of [0, 1, 7]) {
    const { process } = start({ status, stdout: '{"code":7,"msg":"no range"}' });
    throws(() => process.finishAdd(), 7, 'host-local', 'ADD', 'no range');
  }
  throws(() => start({ stdout: '{"code":7}' }).process.finishAdd(), 7, 'host-local', 'ADD');
});

test('a code that CNI doesn’t have is 111, with what it said in the details', () => {
  for (const code of ['1e999', '-1', '0.5', '1e300', '"7"', 'true', '[]']) {
    const stdout = `{"code":${code},"msg":"x","details":"y"}`;
    for (const status of [0, 1]) {
      const error = throws(() => start({ status, stdout }).process.finishAdd(), 'ipamFailed', 'host-local', 'ADD');
      assert.match(error.message, /\bx$/);
      assert.match(error.details ?? '', /^y\b/);
      assert.ok(error.details?.includes(code.replaceAll('"', '\\"')), code);
    }
  }
  throws(() => start({ status: 1, stdout: '{"code":0,"msg":"x"}' }).process.finish(), 'ipamFailed', 'host-local');
});

test('a result without an address that an interface can have is 111, with it', () => {
  const addresses = [
    '0.0.0.0/0',
    '0.0.0.0/24',
    '255.255.255.255/32',
    '224.0.0.1/24',
    '239.9.9.9/8',
    '::/64',
    'ff02::1/64',
    '300.0.2.5/24',
  ];
  for (const address of addresses) {
    const ips = [{ address: '10.0.2.5/24' }, { address }];
    const error = throws(
      () => start({ stdout: JSON.stringify({ ips }) }).process.finishAdd(),
      'ipamFailed',
      'host-local',
    );
    assert.match(error.message, ` ${address},`);
  }
  for (const answered of [
    {},
    { ips: [] },
    { ips: null, routes: [{ dst: '0.0.0.0/0' }] },
    { dns: { domain: 'x' } },
    { code: 0 },
  ]) {
    throws(() => start({ stdout: JSON.stringify(answered) }).process.finishAdd(), 'ipamFailed', 'host-local');
  }
  const usable = [
    { address: '127.0.0.2/8' },
    { address: 'fe80::5/64' },
    { address: '240.0.0.1/32' },
    { address: '10.0.0.0/31' },
  ];
  assert.equal(start({ stdout: JSON.stringify({ ips: usable }) }).process.finishAdd().ips, usable);
});

test('an ADD that ended by itself with an error, or never ran, gave nothing; of any other that isn’t known', () => {
  const outcomes: [Partial<ProcessResult> | Error, boolean][] = [
    [{ status: 1, stdout: '{"code":7,"msg":"no range"}' }, true],
    [{ status: 0, stdout: '{"code":7}' }, true],
    [new SystemError('run', 8), true],
    [new SystemError('run', 2), true],
    [new SystemError('run', 75), false],
    [{ status: 2, stderr: 'panic' }, false],
    [{ status: null, signal: 'SIGKILL', stdout: '{"code":7,"msg":"no range"}' }, false],
    [{ status: null, timedOut: true, stdout: '{"code":7,"msg":"no range"}' }, false],
    [{ status: 0, stdout: 'garbage' }, false],
    [{ status: 0, stdout: '{}' }, false],
  ];
  for (const [outcome, expected] of outcomes) {
    for (const join of ['finishAdd', 'settle'] as const) {
      const { process } = start(outcome);
      if (join === 'settle') process.settle();
      else assert.throws(() => process.finishAdd());
      assert.is(process.gaveNothing, expected, `${join} ${JSON.stringify(outcome)}`);
    }
  }
});

test('this plugin is no IPAM plugin, by whatever name it is installed: 7, and it isn’t started', () => {
  const own = '/opt/cni/bin/dra-sriov';
  const copy = 'the same bytes';
  const files = { [own]: copy, '/opt/cni/bin/a-copy': copy, '/opt/cni/bin/other': 'another bytes.' };
  const links = { '/opt/cni/bin/a-link': 'b-link', '/opt/cni/bin/b-link': own, '/opt/cni/bin/endless': 'endless' };
  const platform = createMemoryPlatform({
    files,
    links,
    executables: [...Object.keys(files), '/opt/cni/bin/host-local'],
  });
  for (const type of ['dra-sriov', 'a-copy', 'a-link', 'b-link']) {
    throws(() => findPlugin(platform, { ...found, type }), 'invalidConfig', `"${type}"`);
  }
  for (const type of ['other', 'host-local']) assert.ok(findPlugin(platform, { ...found, type }));
});

test('too slow: 111, naming verb and limit', () => {
  const { process } = start({ status: null, signal: 'SIGKILL', timedOut: true });
  throws(() => process.finish(), 'ipamFailed', 'host-local', 'ADD', '60000 ms');
});

test('can’t be started: 111, with the errno', () => {
  const { process } = start(new SystemError('run /opt/cni/bin/host-local', 13));
  throws(() => process.finish(), 'ipamFailed', 'EACCES');
});

test('its stderr goes to the log', () => {
  const { process, log } = start({ stdout: JSON.stringify(answer), stderr: 'two\nlines\n' });
  process.finishAdd();
  assert.is(log.length, 1);
  assert.match(log[0] ?? '', /two\\nlines/);
});

test('settle joins once and throws nothing', () => {
  const failed = start(new SystemError('run', 2));
  failed.process.settle();
  assert.match(failed.log.join(''), 'level=warning');
  const done = start({ stdout: JSON.stringify(answer) });
  done.process.finish();
  done.process.settle();
  assert.equal(done.log, []);
});

test('a plugin that doesn’t know the verb is told from one that failed', () => {
  const unknown = [
    'unknown CNI_COMMAND: STATUS',
    'unknown command GC',
    'IPAM plugin x: GC: not implemented',
    'not yet implemented',
    'unsupported command "STATUS"',
  ];
  for (const message of unknown) assert.is(isNotImplemented(new Error(message)), true, message);
  const failed = [new Error('no addresses left'), new Error('unknown network'), 'unknown command', undefined];
  for (const thrown of failed) assert.is(isNotImplemented(thrown), false, String(thrown));
});
