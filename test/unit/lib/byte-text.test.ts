import { bytesFromText, textFromBytes } from '../../../src/lib/byte-text.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('lib/byte-text');

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

test('UTF-8 is what it says, U+FFFD included', () => {
  for (const text of ['', 'net1', 'à', '網', '😀', 'a\ufffdb']) {
    assert.is(textFromBytes(Buffer.from(text)), text);
    assert.equal(bytesFromText(text), Buffer.from(text));
  }
});

test('a byte that is no UTF-8 stands for itself, and comes back', () => {
  const cases: readonly [string, string][] = [
    ['61 ff 62', 'a\udcffb'],
    ['80', '\udc80'],
    ['c3', '\udcc3'],
    ['c3 28', '\udcc3('],
    ['c0 af', '\udcc0\udcaf'],
    ['e2 82', '\udce2\udc82'],
    ['ed b2 80', '\udced\udcb2\udc80'],
    ['f5 80 80 80', '\udcf5\udc80\udc80\udc80'],
    ['c3 a0 ff c3 a0', 'à\udcffà'],
    ['ef bf bd ff', '\ufffd\udcff'],
  ];
  for (const [bytes, text] of cases) {
    assert.is(textFromBytes(hex(bytes)), text, bytes);
    assert.equal(bytesFromText(text), hex(bytes), bytes);
  }
});

test('every pair of bytes comes back, through JSON too, and no two are one name', () => {
  const names = new Set<string>();
  for (let pair = 0; pair < 0x10000; pair++) {
    const bytes = Buffer.from([pair >> 8, pair & 0xff]);
    const text = textFromBytes(bytes);
    names.add(text);
    if (!bytesFromText(JSON.parse(JSON.stringify(text)) as string).equals(bytes))
      throw new Error(bytes.toString('hex'));
  }
  assert.is(names.size, 0x10000);
});
