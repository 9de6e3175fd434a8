import { createBuffer } from '../../../src/platform/native/buffer.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';

const test = suite('platform/native-buffer');
const Ours = createBuffer({
  encode: (text) => new Uint8Array(Buffer.from(text)).buffer,
  decode: (bytes) => Buffer.from(bytes).toString(),
});

/** A result that can be compared: bytes as an array with a mark, errors by class. */
function plain(run: () => unknown): unknown {
  try {
    const result = run();
    if (result instanceof Uint8Array) return { bytes: [...result] };
    return result;
  } catch (thrown) {
    return thrown instanceof RangeError ? 'RangeError' : `thrown: ${(thrown as Error).constructor.name}`;
  }
}

/** Runs `use` with Node's Buffer and with ours: both have to do the same. */
function same(what: string, use: (Class: BufferConstructor) => unknown): void {
  assert.equal(
    plain(() => use(Ours)),
    plain(() => use(Buffer)),
    what,
  );
}

const texts = ['', 'a', 'hällo', '\u0000x', '😀 ok', '\ud800 half', '\ufeffbom', 'ÿ'.repeat(300)];

test('from and toString agree for every encoding', () => {
  for (const text of texts) {
    for (const encoding of ['utf8', 'hex'] as const) {
      same(`from ${text} ${encoding}`, (Class) => Class.from(text, encoding));
      same(`round ${text} ${encoding}`, (Class) => Class.from(text, 'utf8').toString(encoding));
    }
    same(`default ${text}`, (Class) => Class.from(text).toString());
  }
  for (const hex of ['00ff', 'FFfe', '0', 'abc', '12zz34', 'zz', '1 2']) same(hex, (Class) => Class.from(hex, 'hex'));
  same('array', (Class) => Class.from([1, 256, -1, 1.9]));
  same('bytes', (Class) => Class.from(new Uint8Array([1, 2, 3])));
  throws(() => Ours.from('x', 'base64'), 'Error', 'base64');
});

test('malformed UTF-8 decodes alike', () => {
  const cases = [
    [0xff],
    [0xc3],
    [0xe2, 0x82],
    [0xf0, 0x9f, 0x98, 0x41],
    [0xed, 0xa0, 0x80],
    [0xc0, 0x80],
    [0x61, 0x80],
  ];
  for (const bytes of cases) same(String(bytes), (Class) => Class.from(bytes).toString('utf8'));
});

test('from shares an ArrayBuffer and copies a Uint8Array', () => {
  const shared = new Uint8Array([1, 2, 3, 4]);
  same('window', (Class) => Class.from(shared.buffer, 1, 2));
  const window = Ours.from(shared.buffer);
  shared[0] = 9;
  assert.is(window[0], 9);
  const copy = Ours.from(shared);
  shared[0] = 1;
  assert.is(copy[0], 9);
});

test('alloc, concat and compare agree', () => {
  same('alloc', (Class) => Class.alloc(3));
  same('alloc filled', (Class) => Class.alloc(3, 7));
  const parts = [new Uint8Array([1, 2]), new Uint8Array(0), new Uint8Array([3])];
  for (const list of [parts, [], parts.slice(1)]) same(`concat ${list.length}`, (Class) => Class.concat(list));
  for (const [one, other] of [
    ['a', 'b'],
    ['b', 'a'],
    ['a', 'a'],
    ['a', 'aa'],
    ['', ''],
  ] as const) {
    same(`compare ${one} ${other}`, (Class) => Class.compare(Class.from(one), Class.from(other)));
    same(`equals ${one} ${other}`, (Class) => Class.from(one).equals(Class.from(other)));
  }
});

test('what is cut out of a buffer is a buffer on the same bytes', () => {
  const whole = Ours.from('0123456789');
  const part = whole.subarray(2, 5);
  assert.ok(part instanceof Ours);
  assert.is(part.toString(), '234');
  whole[2] = 0x78;
  assert.is(part.toString(), 'x34');
  same('negative', (Class) => Class.from('0123456789').subarray(-3));
});

const reading = ['readUInt16BE', 'readInt32LE', 'readUInt32LE'] as const;
const writing = ['writeUInt8', 'writeUInt16LE', 'writeUInt16BE', 'writeInt32LE', 'writeUInt32LE'] as const;

test('reading and writing numbers agrees, at every offset and past the end', () => {
  const bytes = [0x80, 0xff, 0x01, 0x7f, 0xfe, 0x00, 0x90, 0xab, 0xcd, 0x12, 0x34];
  for (const name of reading) {
    for (const offset of [undefined, 0, 1, 3, 7, 9, 10, 11, -1]) {
      same(`${name} ${offset}`, (Class) => Class.from(bytes)[name](offset));
    }
  }
  for (const name of writing) {
    for (const value of [0, 1, 255, 65535, 65536, 0x7fffffff, 0x80000000, 0xffffffff, 2 ** 32, -1]) {
      same(`${name} ${value}`, (Class) => {
        const buffer = Class.alloc(10);
        const end = buffer[name](value, 1);
        return [end, ...buffer];
      });
    }
    same(`${name} past the end`, (Class) => Class.alloc(0)[name](1, 0));
  }
});

test('searching and filling agree', () => {
  for (const offset of [0, 1, 4, -2, 99]) {
    same(`from ${offset}`, (Class) => Class.from('abcabc').indexOf(0x61, offset));
    same(`from ${offset}`, (Class) => Class.from('abcabc').includes(0x61, offset));
  }
  same('fill', (Class) => Class.alloc(4).fill(5, 1, 3));
});
