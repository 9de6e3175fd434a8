import { openLogFile } from '../../../src/commands/log-file.ts';
import { createMemoryPlatform, type MemoryPlatform } from '../../support/memory-platform.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('commands/log-file');

const own = '/var/log/dra-sriov';

function withLogs(): MemoryPlatform {
  const files = {
    [`${own}/old.log`]: 'before\n',
    '/etc/passwd': 'root\n',
    '/var/log/audit/audit.log': '',
    '/var/log/syslog': '',
  };
  return createMemoryPlatform({
    files,
    links: { [`${own}/link.log`]: '/etc/passwd', '/var/log/sriov-link.log': '/etc/passwd' },
  });
}

function append(platform: MemoryPlatform, path: string): void {
  const file = openLogFile(platform, path);
  file.append('one\n');
  file.append('two\n');
}

test('a log file in the log directory, or with a name as sriov-cni has, is appended to; a new one is for root alone', () => {
  for (const [path, at] of [
    [`${own}/new.log`],
    [`//var/./log/dra-sriov//new`, `${own}/new`],
    [`${own}/old.log`],
    ['/var/log/sriov.log'],
    ['/var/log/sriov-cni.log'],
    ['/var/log/dra-sriov.log'],
    ['/var/log/sriov_net1.2.log'],
  ] as const) {
    const platform = withLogs();
    append(platform, path);
    assert.is(platform.stderr, '', path);
    assert.is(platform.files.get(at ?? path), path.includes('old') ? 'before\none\ntwo\n' : 'one\ntwo\n');
    if (!path.includes('old')) assert.is(platform.stat(at ?? path)?.mode, 0o600);
    assert.equal(platform.stat(own)?.mode, 0o755, path);
  }
});

test('for any other file the lines go to stderr, after one that says why', () => {
  const odd: readonly (readonly [string, RegExp, ((platform: MemoryPlatform) => unknown)?])[] = [
    ['/etc/cron.d/x', /\/var\/log\/dra-sriov \(DRA_SRIOV_LOG_DIR\).*\/var\/log\/sriov\*\.log/],
    ['/var/log', /DRA_SRIOV_LOG_DIR/],
    [own, /DRA_SRIOV_LOG_DIR/],
    ['/var/log/audit/audit.log', /DRA_SRIOV_LOG_DIR/],
    ['/var/log/syslog', /DRA_SRIOV_LOG_DIR/],
    ['/var/log/x-sriov.log', /DRA_SRIOV_LOG_DIR/],
    ['/var/log/sriov.log.1', /DRA_SRIOV_LOG_DIR/],
    ['/var/log/audit/sriov.log', /DRA_SRIOV_LOG_DIR/],
    [`${own}/deeper/x.log`, /DRA_SRIOV_LOG_DIR/],
    [`${own}/../syslog`, /DRA_SRIOV_LOG_DIR/],
    [`${own}/..`, /DRA_SRIOV_LOG_DIR/],
    [`${own}/link.log`, /regular file/],
    ['/var/log/sriov-link.log', /regular file/],
    [`${own}/x`, /dra-sriov .*user 1000/, ({ owners }) => owners.set(own, 1000)],
    [`${own}/x`, /dra-sriov .*written/, ({ modes }) => modes.set(own, 0o1777)],
    [`${own}/old.log`, /user 1000/, ({ owners }) => owners.set(`${own}/old.log`, 1000)],
    [`${own}/old.log`, /mode 0662/, ({ modes }) => modes.set(`${own}/old.log`, 0o662)],
    [`${own}/old.log`, /mode 0660/, ({ modes }) => modes.set(`${own}/old.log`, 0o660)],
    [`${own}/new.log`, /EROFS/, (platform) => platform.failNext('appendFile', `${own}/new.log`, 30)],
    [`${own}/new.log`, /EIO/, (platform) => platform.failNext('stat', `${own}/new.log`, 5)],
  ];
  for (const [path, reason, spoil] of odd) {
    const platform = withLogs();
    spoil?.(platform);
    const before = JSON.stringify([...platform.files]);
    append(platform, path);
    const lines = platform.stderr.split('\n');
    assert.match(lines[0] ?? '', reason);
    assert.equal(lines.slice(1), ['one', 'two', ''], path);
    assert.is(JSON.stringify([...platform.files]), before, path);
  }
});

test('the log directory is made for root alone, where the node has logs', () => {
  const platform = createMemoryPlatform({ files: { '/var/log/syslog': '' } });
  append(platform, `${own}/x.log`);
  assert.is(platform.stat(own)?.mode, 0o700);
  assert.is(platform.files.get(`${own}/x.log`), 'one\ntwo\n');
  const bare = createMemoryPlatform();
  const elsewhere = createMemoryPlatform({ files: { '/var/log/syslog': '' } });
  append(elsewhere, '/var/log/sriov.log');
  assert.is(elsewhere.stat(own), null);
  append(bare, `${own}/x.log`);
  assert.match(bare.stderr, "doesn't exist");
  assert.is(bare.stat('/var'), null);
});

test('another log directory, by DRA_SRIOV_LOG_DIR, is the only one', () => {
  const paths = { logDir: '/data//logs/' };
  const platform = createMemoryPlatform({ files: { '/data/logs/x': '', '/var/log/syslog': '' }, paths });
  append(platform, '/data/logs/new.log');
  assert.is(platform.files.get('/data/logs/new.log'), 'one\ntwo\n');
  append(platform, '/var/log/sriov.log');
  assert.match(platform.stderr, /\/data\/\/logs\/ \(DRA_SRIOV_LOG_DIR\)$/m);
  assert.is(platform.files.has('/var/log/sriov.log'), false);
  assert.is(platform.stat(own), null);
});

test('a log directory that is named with `..` has no files: what is in it can’t be told', () => {
  for (const path of ['/data/../logs/x', '/etc/../cron.d/x', '/logs/x']) {
    const platform = createMemoryPlatform({ files: { '/logs/x': '' }, paths: { logDir: '/data/../logs' } });
    append(platform, path);
    assert.match(platform.stderr, 'DRA_SRIOV_LOG_DIR');
    assert.is(platform.files.get('/logs/x'), '');
  }
});

test('a log directory that is a link, as on nodes that keep /var elsewhere', () => {
  const platform = createMemoryPlatform({ files: { '/data/log/x': '' }, links: { '/var/log': '/data/log' } });
  append(platform, '/var/log/sriov.log');
  assert.is(platform.files.get('/data/log/sriov.log'), 'one\ntwo\n');
});

test('what says why is on one line, and drives no terminal', () => {
  const platform = withLogs();
  append(platform, '/tmp/\u202egol.x\u2028');
  assert.match(platform.stderr, 'logFile /tmp/\\u202egol.x\\u2028 ');
});
