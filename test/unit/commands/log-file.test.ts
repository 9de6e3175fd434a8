import { LogFile } from '../../../src/commands/log-file.ts';
import { createMemoryPlatform, type MemoryPlatform } from '../../../src/platform/memory.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('commands/log-file');

function withLogs(): MemoryPlatform {
  const files = { '/var/log/old.log': 'before\n', '/etc/passwd': 'root\n', '/var/log/pods/x/app.log': '' };
  return createMemoryPlatform({ files, links: { '/var/log/link.log': '/etc/passwd', '/var/log/away': '/etc' } });
}

function append(platform: MemoryPlatform, path: string): void {
  const file = new LogFile(platform, path);
  file.append('one\n');
  file.append('two\n');
}

test('a file below the log directory is appended to, a new one made for root alone', () => {
  for (const path of ['/var/log/new.log', '/var/log//./new.log', '/var/log/pods/x/new.log', '/var/log/old.log']) {
    const platform = withLogs();
    append(platform, path);
    assert.is(platform.stderr, '', path);
    const at = path.replace('//./', '/');
    assert.is(platform.files.get(at), path.includes('old') ? 'before\none\ntwo\n' : 'one\ntwo\n');
  }
});

test('for any other file the lines go to stderr, after one that says why', () => {
  const odd: readonly (readonly [string, RegExp, ((platform: MemoryPlatform) => unknown)?])[] = [
    ['/etc/cron.d/x', /must be below \/var\/log \(DRA_SRIOV_LOG_DIR\)/],
    ['/var/log', /must be below/],
    ['/var/logs/x', /must be below/],
    ['/var/log/../../etc/passwd', /must be below/],
    ['/var/log/link.log', /is no regular file/],
    ['/var/log/away/passwd', /\/var\/log\/away is no directory/],
    ['/var/log/pods', /is no regular file/],
    ['/var/log/none/x.log', /\/var\/log\/none doesn't exist/],
    ['/var/log/old.log', /belongs to user 1000/, ({ owners }) => owners.set('/var/log/old.log', 1000)],
    ['/var/log/old.log', /others \(mode 0662\)/, ({ modes }) => modes.set('/var/log/old.log', 0o662)],
    ['/var/log/old.log', /others \(mode 0660\)/, ({ modes }) => modes.set('/var/log/old.log', 0o660)],
    ['/var/log/pods/x/app.log', /pods\/x belongs to user 65534/, ({ owners }) => owners.set('/var/log/pods/x', 65_534)],
    ['/var/log/pods/x/app.log', /pods may be written/, ({ modes }) => modes.set('/var/log/pods', 0o1777)],
    ['/var/log/new.log', /EROFS/, (platform) => platform.failNext('appendFile', '/var/log/new.log', 30)],
    ['/var/log/new.log', /EIO/, (platform) => platform.failNext('stat', '/var/log/new.log', 5)],
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

test('a log directory that is a link, as on nodes that keep /var elsewhere', () => {
  const platform = createMemoryPlatform({ files: { '/data/log/x': '' }, links: { '/var/log': '/data/log' } });
  append(platform, '/var/log/sriov.log');
  assert.is(platform.files.get('/data/log/sriov.log'), 'one\ntwo\n');
});

test('what says why is on one line, and drives no terminal', () => {
  const platform = withLogs();
  append(platform, '/tmp/\u202egol.x\u2028');
  assert.match(platform.stderr, "logFile /tmp/\\u202egol.x\\u2028 can't be written");
});
