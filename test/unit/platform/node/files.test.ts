import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import process from 'node:process';
import { createNodePlatform } from '../../../support/node-platform.ts';
import { assert, suite } from '../../../support/suite.ts';
import { withTemporaryDirectory } from '../../../support/temporary-directory.ts';
import { throws } from '../../../support/throws.ts';

const test = suite('platform/node/files');
const platform = createNodePlatform({});
const usual = { mode: 0o600, durable: false };

function withUmask<T>(mask: number, task: () => T): T {
  const before = process.umask(mask);
  try {
    return task();
  } finally {
    process.umask(before);
  }
}

test('absent files and paths below files read as null', () => {
  withTemporaryDirectory((directory) => {
    writeFileSync(`${directory}/file`, 'x');
    for (const path of [`${directory}/absent`, `${directory}/file/below`]) {
      assert.is(platform.readFile(path), null);
      assert.is(platform.readDir(path), null);
      assert.is(platform.readLink(path), null);
      assert.is(platform.stat(path), null);
      assert.is(platform.isExecutable(path), false);
      assert.is(platform.unlink(path), false);
      assert.is(platform.removeDir(path), false);
    }
    assert.is(platform.readDir(`${directory}/file`), null);
    assert.is(platform.readLink(`${directory}/file`), null);
  });
});

test('reads all bytes, also where fstat says 0 (procfs) or 4096 (sysfs)', () => {
  withTemporaryDirectory((directory) => {
    const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, index) => (index * 7) % 256));
    writeFileSync(`${directory}/binary`, bytes);
    assert.ok(platform.readFile(`${directory}/binary`)?.equals(bytes));
    writeFileSync(`${directory}/empty`, '');
    assert.is(platform.readFile(`${directory}/empty`)?.length, 0);
  });
  assert.match(platform.readFile('/proc/self/status')?.toString() ?? '', new RegExp(`\\nPid:\\s+${process.pid}\\n`));
  assert.is(platform.readFile('/sys/class/net/lo/ifindex')?.toString(), '1\n');
});

test('the size limit holds to the byte', () => {
  withTemporaryDirectory((directory) => {
    writeFileSync(`${directory}/ten`, '0123456789');
    assert.is(platform.readFile(`${directory}/ten`, { maxBytes: 10 })?.length, 10);
    throws(() => platform.readFile(`${directory}/ten`, { maxBytes: 9 }), 'EOVERFLOW', `read ${directory}/ten`);
    throws(() => platform.readFile(`${directory}/ten`, { maxBytes: 0 }), 'EOVERFLOW', `read ${directory}/ten`);
    truncateSync(`${directory}/ten`, 1024 * 1024 + 1);
    throws(() => platform.readFile(`${directory}/ten`), 'EOVERFLOW', 'more than 1048576 bytes');
  });
  throws(() => platform.readFile('/proc/self/status', { maxBytes: 5 }), 'EOVERFLOW', '/proc/self/status');
});

test('a FIFO, a socket, a device and a directory are refused, not waited for', () => {
  withTemporaryDirectory((directory) => {
    execFileSync('mkfifo', [`${directory}/fifo`]);
    const listen = `require('node:net').createServer().listen('${directory}/socket', () => process.exit(0))`;
    execFileSync(process.execPath, ['-e', listen]);
    mkdirSync(`${directory}/dir`);
    for (const path of [`${directory}/fifo`, `${directory}/dir`, '/dev/null']) {
      throws(() => platform.readFile(path), 'EINVAL', `read ${path}`);
    }
    if (existsSync(`${directory}/socket`)) {
      throws(() => platform.readFile(`${directory}/socket`), 'EINVAL', 'not a regular file');
    }
    throws(() => platform.appendFile(`${directory}/fifo`, 'x'), 'EINVAL', 'not a regular file');
    throws(() => platform.writeSystemFile(`${directory}/fifo`, 'x'), 'EINVAL', 'not a regular file');
    throws(() => platform.lock(`${directory}/fifo`, 0, ''), 'EINVAL', 'fifo');
  });
});

test('links are followed for reading unless forbidden, and never for appending and locking', () => {
  withTemporaryDirectory((directory) => {
    writeFileSync(`${directory}/target`, 'content');
    symlinkSync('target', `${directory}/link`);
    symlinkSync('loop', `${directory}/loop`);
    assert.is(platform.readFile(`${directory}/link`)?.toString(), 'content');
    assert.is(platform.readLink(`${directory}/link`), 'target');
    assert.is(platform.stat(`${directory}/link`)?.kind, 'link');
    throws(() => platform.readFile(`${directory}/link`, { followLinks: false }), 'ELOOP', 'link');
    throws(() => platform.readFile(`${directory}/loop`), 'ELOOP', 'loop');
    throws(() => platform.appendFile(`${directory}/link`, 'x'), 'ELOOP', 'link');
    throws(() => platform.lock(`${directory}/link`, 0, 'note'), 'ELOOP', 'link');
    platform.writeFileAtomic(`${directory}/link`, 'mine', usual);
    assert.is(readFileSync(`${directory}/target`, 'utf8'), 'content');
    assert.is(platform.stat(`${directory}/link`)?.kind, 'file');
  });
});

test('an atomic write has exactly its mode under any umask, and leaves nothing else', () => {
  withTemporaryDirectory((directory) => {
    for (const mask of [0, 0o777]) {
      for (const mode of [0o600, 0o644, 0o755]) {
        withUmask(mask, () =>
          platform.writeFileAtomic(`${directory}/record`, `mode ${mode}`, { mode, durable: mode === 0o600 }),
        );
        assert.is(statSync(`${directory}/record`).mode & 0o7777, mode);
        assert.is(readFileSync(`${directory}/record`, 'utf8'), `mode ${mode}`);
      }
    }
    assert.equal(readdirSync(directory), ['record']);
  });
});

test('an atomic write that fails leaves nothing and changes nothing', () => {
  withTemporaryDirectory((directory) => {
    mkdirSync(`${directory}/taken`);
    throws(() => platform.writeFileAtomic(`${directory}/taken`, 'x', usual), 'EISDIR', `write ${directory}/taken`);
    assert.equal(readdirSync(directory), ['taken']);
    throws(
      () => platform.writeFileAtomic(`${directory}/absent/x`, 'x', usual),
      'ENOENT',
      `write ${directory}/absent/x`,
    );
    throws(() => platform.writeFileAtomic(`${directory}/nul\0`, 'x', usual), 'EINVAL', 'write');
  });
});

test('an atomic write that fails half-way (file size limit) removes its temporary file and keeps the old content', () => {
  withTemporaryDirectory((directory) => {
    writeFileSync(`${directory}/record`, 'old');
    const script = `
      import { createNodePlatform } from '${import.meta.dirname}/../../../../test/support/node-platform.ts';
      process.on('SIGXFSZ', () => {});
      try {
        createNodePlatform({}).writeFileAtomic('${directory}/record', 'x'.repeat(100000), { mode: 0o600, durable: true });
      } catch (thrown) { process.stdout.write(thrown.name + ' ' + thrown.errno); }`;
    const command = 'ulimit -f 4; exec "$0" --input-type=module -e "$1"';
    // The limit is for all that Node writes, its cache too.
    const { NODE_COMPILE_CACHE: _, ...env } = process.env;
    const out = execFileSync('/bin/sh', ['-c', command, process.execPath, script], { env });
    assert.is(out.toString(), 'SystemError 27');
    assert.equal(readdirSync(directory), ['record']);
    assert.is(readFileSync(`${directory}/record`, 'utf8'), 'old');
  });
});

test('a copy of any size has exactly its mode under any umask; links to the source are followed, one in the way is replaced', () => {
  withTemporaryDirectory((directory) => {
    const bytes = Buffer.from(Array.from({ length: 200_001 }, (_, index) => (index * 7) % 256));
    writeFileSync(`${directory}/source`, bytes);
    writeFileSync(`${directory}/bystander`, 'untouched');
    symlinkSync('source', `${directory}/link`);
    symlinkSync('bystander', `${directory}/copy`);
    for (const mask of [0, 0o777]) {
      withUmask(mask, () => platform.copyFileAtomic(`${directory}/link`, `${directory}/copy`, 0o755));
      assert.ok(readFileSync(`${directory}/copy`).equals(bytes));
      assert.is(lstatSync(`${directory}/copy`).mode, 0o100755);
    }
    assert.is(readFileSync(`${directory}/bystander`, 'utf8'), 'untouched');
    throws(() => platform.copyFileAtomic(directory, `${directory}/copy`, 0o755), 'EINVAL', `copy ${directory} to`);
    throws(() => platform.copyFileAtomic(`${directory}/absent`, `${directory}/copy`, 0o755), 'ENOENT', 'copy');
    throws(() => platform.copyFileAtomic(`${directory}/source`, `${directory}/absent/copy`, 0o755), 'ENOENT', 'copy');
    assert.equal(readdirSync(directory), ['bystander', 'copy', 'link', 'source']);
  });
});

test('temporary names that a killed process left are passed over', () => {
  withTemporaryDirectory((directory) => {
    platform.writeFileAtomic(`${directory}/a`, '1', usual);
    const leftovers = Array.from({ length: 50 }, (_, index) => `.dra-sriov-${process.pid}-${index}.tmp`);
    for (const name of leftovers) writeFileSync(`${directory}/${name}`, 'left over');
    platform.writeFileAtomic(`${directory}/a`, '2', usual);
    assert.is(readFileSync(`${directory}/a`, 'utf8'), '2');
    assert.equal(readdirSync(directory).sort(), [...leftovers, 'a'].sort());
    for (const name of leftovers) assert.is(readFileSync(`${directory}/${name}`, 'utf8'), 'left over');
  });
});

test('a system file is written whole, and never made', () => {
  withTemporaryDirectory((directory) => {
    writeFileSync(`${directory}/sriov_numvfs`, '255\n');
    platform.writeSystemFile(`${directory}/sriov_numvfs`, '0');
    assert.is(readFileSync(`${directory}/sriov_numvfs`, 'utf8'), '0');
    throws(() => platform.writeSystemFile(`${directory}/absent`, '1\n'), 'ENOENT', `write '1' to ${directory}/absent`);
    assert.not(existsSync(`${directory}/absent`));
  });
});

test('an append makes a private file and adds to it', () => {
  withTemporaryDirectory((directory) => {
    withUmask(0, () => platform.appendFile(`${directory}/log`, 'a\n'));
    platform.appendFile(`${directory}/log`, 'b\n');
    assert.is(readFileSync(`${directory}/log`, 'utf8'), 'a\nb\n');
    assert.is(statSync(`${directory}/log`).mode & 0o7777, 0o600);
    throws(() => platform.appendFile(`${directory}/absent/log`, 'a'), 'ENOENT', 'append to');
  });
});

test('directories get their mode under any umask, and those that were there keep theirs', () => {
  withTemporaryDirectory((directory) => {
    chmodSync(directory, 0o751);
    withUmask(0o077, () => platform.makeDir(`${directory}/a/b`, 0o755));
    withUmask(0, () => platform.makeDir(`${directory}/a/b/c/d`, 0o700));
    const modes = ['', '/a', '/a/b', '/a/b/c', '/a/b/c/d'].map((path) => statSync(directory + path).mode & 0o7777);
    assert.equal(modes, [0o751, 0o755, 0o755, 0o755, 0o700]);
    platform.makeDir(`${directory}/a`, 0o700);
    assert.is(statSync(`${directory}/a`).mode & 0o7777, 0o755);
    writeFileSync(`${directory}/file`, '');
    throws(() => platform.makeDir(`${directory}/file`, 0o700), 'EEXIST', `make directory ${directory}/file`);
    throws(() => platform.makeDir(`${directory}/file/x`, 0o700), 'ENOTDIR', 'make directory');
    symlinkSync('nowhere', `${directory}/dangling`);
    throws(() => platform.makeDir(`${directory}/dangling/x`, 0o700), 'ENOENT', 'make directory');
  });
});

const ofB = { endings: ['.a', '.b'], mark: 'mark', texts: [] as string[], maxFiles: 20, maxBytes: 1000 };

test('searches the files with an ending for a mark, in name or content, and for one of several texts', () => {
  withTemporaryDirectory((directory) => {
    for (const name of ['one.a', 'two.b', 'three.c']) writeFileSync(`${directory}/${name}`, `mark, and ${name}`);
    writeFileSync(`${directory}/mark.b`, 'two');
    writeFileSync(`${directory}/other.b`, 'two');
    writeFileSync(`${directory}/empty.b`, '');
    assert.equal(platform.searchFiles(directory, ofB), ['mark.b', 'one.a', 'two.b']);
    assert.equal(platform.searchFiles(directory, { ...ofB, texts: ['none', 'two'] }), ['mark.b', 'two.b']);
    assert.equal(platform.searchFiles(directory, { ...ofB, texts: ['three'] }), []);
    assert.is(platform.searchFiles(`${directory}/absent`, ofB), null);
    throws(() => platform.searchFiles(directory, { ...ofB, maxFiles: 4 }), 'EOVERFLOW', `list ${directory}`);
  });
});

test('of a link, a directory, a FIFO and a file too large the name alone counts in a search', () => {
  withTemporaryDirectory((directory) => {
    writeFileSync(`${directory}/file`, 'mark');
    for (const name of ['', 'mark-']) {
      writeFileSync(`${directory}/${name}large.b`, 'mark'.padEnd(1001));
      symlinkSync('file', `${directory}/${name}link.b`);
      mkdirSync(`${directory}/${name}directory.b`);
      execFileSync('mkfifo', [`${directory}/${name}fifo.b`]);
    }
    const marked = ['mark-directory.b', 'mark-fifo.b', 'mark-large.b', 'mark-link.b'];
    for (const texts of [[], ['none']]) assert.equal(platform.searchFiles(directory, { ...ofB, texts }), marked);
  });
});

test('lists sorted, removes, renames', () => {
  withTemporaryDirectory((directory) => {
    for (const name of ['b', 'a', 'B', '10', '9']) writeFileSync(`${directory}/${name}`, name);
    assert.equal(platform.readDir(directory), ['10', '9', 'B', 'a', 'b']);
    assert.is(platform.unlink(`${directory}/a`), true);
    platform.rename(`${directory}/b`, `${directory}/9`);
    assert.is(readFileSync(`${directory}/9`, 'utf8'), 'b');
    throws(() => platform.rename(`${directory}/b`, `${directory}/x`), 'ENOENT', `rename ${directory}/b to`);
    throws(() => platform.unlink(directory), 'EISDIR', `unlink ${directory}`);
    assert.is(platform.removeDir(directory), false);
    mkdirSync(`${directory}/empty`);
    assert.is(platform.removeDir(`${directory}/empty`), true);
    assert.not(existsSync(`${directory}/empty`));
  });
});

test('stat tells kind, mode, size and identity', () => {
  withTemporaryDirectory((directory) => {
    writeFileSync(`${directory}/file`, '12345');
    chmodSync(`${directory}/file`, 0o640);
    utimesSync(`${directory}/file`, 0, 1_700_000_000.1234);
    const status = platform.stat(`${directory}/file`);
    const expected = statSync(`${directory}/file`, { bigint: true });
    assert.equal(status, {
      kind: 'file',
      mode: 0o640,
      uid: process.getuid?.(),
      sizeBytes: 5,
      modifiedMs: 1_700_000_000_123,
      device: expected.dev,
      inode: expected.ino,
    });
    assert.is(platform.stat(directory)?.kind, 'directory');
    assert.is(platform.stat('/dev/null')?.kind, 'other');
  });
});

test('executable is a regular file with an x bit, links followed', () => {
  withTemporaryDirectory((directory) => {
    writeFileSync(`${directory}/plain`, '', { mode: 0o644 });
    writeFileSync(`${directory}/program`, '', { mode: 0o755 });
    symlinkSync('program', `${directory}/link`);
    symlinkSync('nowhere', `${directory}/dangling`);
    const names = ['plain', 'program', 'link', 'dangling', '.'];
    assert.equal(
      names.map((name) => platform.isExecutable(`${directory}/${name}`)),
      [false, true, true, false, false],
    );
  });
});

test('boot id, clocks and arguments', () => {
  assert.match(platform.bootId(), /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  const beginMs = platform.monotonicMs();
  platform.sleepMs(30);
  const tookMs = platform.monotonicMs() - beginMs;
  assert.ok(tookMs >= 29 && tookMs < 20_000, `slept ${tookMs} ms`);
  platform.sleepMs(0);
  platform.sleepMs(-1);
  const epochs = [Date.now(), platform.epochMs(), Date.now()];
  assert.equal(
    epochs,
    epochs.toSorted((one, other) => one - other),
  );
  assert.equal(platform.argv, process.argv.slice(2));
  assert.is(platform.pid, process.pid);
  assert.ok(platform.executable.startsWith('/'));
});

test('odd paths in the environment are refused by the name of their variable', () => {
  throws(() => createNodePlatform({ DRA_SRIOV_STATE_DIR: 'state' }), 'Error', 'DRA_SRIOV_STATE_DIR');
  assert.is(createNodePlatform({ DRA_SRIOV_SYSFS: '/t' }).paths.sysfs, '/t');
});
