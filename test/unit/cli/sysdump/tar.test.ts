import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { formatTar, readTar } from '../../../../src/cli/sysdump/tar.ts';
import { assert, suite } from '../../../support/suite.ts';
import { withTemporaryDirectory } from '../../../support/temporary-directory.ts';

const test = suite('cli/sysdump/tar');

const epoch = 1_767_225_600;
const longName = `node/${'a'.repeat(90)}/${'b'.repeat(120)}.json`;
const members = [
  ['node.json', '{}\n'],
  ['empty', ''],
  ['block', 'x'.repeat(512)],
  [longName, 'ä long name\n'],
  ['node/naïve', '☃'],
] as const;
const archive = Buffer.from(formatTar(members, epoch));

const contents = (bytes: Buffer): readonly (readonly string[])[] =>
  readTar(bytes, 100).map((member) => [member.name, member.bytes.toString('utf8')]);

test('what is written is read, by tar too', () => {
  assert.equal(contents(archive), members);
  withTemporaryDirectory((directory) => {
    writeFileSync(join(directory, 'a.tar'), archive);
    const { status, stderr } = spawnSync('tar', ['-xf', 'a.tar'], { cwd: directory, encoding: 'utf8' });
    assert.equal([status, stderr], [0, '']);
    for (const [name, content] of members) assert.is(readFileSync(join(directory, name), 'utf8'), content, name);
  });
});

/** What GNU tar makes of files, and of more. */
function byTar(format: string, make: (directory: string) => void, ...args: readonly string[]): Buffer {
  return withTemporaryDirectory((directory) => {
    make(directory);
    const { stdout } = spawnSync('tar', ['-cf', '-', `--format=${format}`, '-C', directory, ...args]);
    return stdout;
  });
}

const write = (directory: string, name: string, content = 'x'): void => {
  mkdirSync(dirname(join(directory, name)), { recursive: true });
  writeFileSync(join(directory, name), content);
};

test('an archive that was unpacked and packed again by tar', () => {
  const name = `${'d'.repeat(60)}/${'f'.repeat(80)}`;
  const packed = byTar('ustar', (directory) => write(directory, name), name);
  assert.equal(contents(packed), [[name, 'x']]);
});

/** With another header; the checksum is made to fit. */
function withHeader(change: (header: Buffer) => void): Buffer {
  const bytes = Buffer.from(archive);
  change(bytes);
  bytes.write(' '.repeat(8), 148);
  const sum = bytes.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return bytes;
}

test('hostile and broken archives are refused, each for its reason', () => {
  const link = (directory: string): void => symlinkSync('/etc/shadow', join(directory, 'node.json'));
  const cases: Readonly<Record<string, readonly [Buffer, RegExp]>> = {
    'a way up': [Buffer.from(formatTar([['node/../../etc/passwd', '']], epoch)), /is no name of a file/],
    'an absolute path': [Buffer.from(formatTar([['/etc/passwd', '']], epoch)), /is no name of a file/],
    'a link': [byTar('ustar', link, 'node.json'), /no regular file/],
    'a directory': [byTar('ustar', (directory) => write(directory, 'a/b'), 'a'), /no regular file/],
    'a name twice': [
      Buffer.from(
        formatTar(
          [
            ['a', ''],
            ['a', ''],
          ],
          epoch,
        ),
      ),
      /twice/,
    ],
    'a huge size': [withHeader((header) => header.write('77777777777', 124)), /cut short/],
    'a size of no number': [withHeader((header) => header.write('-1         ', 124)), /cut short/],
    'too many files': [
      Buffer.from(
        formatTar(
          Array.from({ length: 101 }, (_, at) => [`f${at}`, '']),
          epoch,
        ),
      ),
      /more than 100/,
    ],
    'a bit that was flipped': [Buffer.from(archive.map((byte, at) => (at === 0 ? byte ^ 1 : byte))), /no tar archive/],
    'a later header': [Buffer.from(archive.map((byte, at) => (at === 1024 ? byte ^ 1 : byte))), /damaged at byte 1024/],
    'a foreign header': [
      byTar('posix', (directory) => write(directory, 'a'), '--pax-option=comment:=x', 'a'),
      /no sysdump has/,
    ],
    'no archive': [Buffer.alloc(2048, 'x'), /no tar archive/],
    nothing: [Buffer.alloc(0), /cut short/],
  };
  for (const [what, [bytes, reason]] of Object.entries(cases)) {
    assert.throws(() => readTar(bytes, 100), reason, what);
  }
  for (let length = 0; length < archive.length - 1024; length += 512) {
    assert.throws(() => readTar(archive.subarray(0, length), 100), /cut short/, String(length));
  }
});
