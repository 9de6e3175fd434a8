import { execFileSync } from 'node:child_process';
import { printable, quote, shellWord, show } from '../../../src/lib/quote.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('lib/quote');

test('quotes as JSON, with what terminals act on escaped', () => {
  assert.is(quote('a "b" \\ ä 🙂'), '"a \\"b\\" \\\\ ä 🙂"');
  assert.is(
    quote('\n\u0000\u007f\u0085\u202e\u2066\u200b\ufeff\u2028'),
    '"\\n\\u0000\\u007f\\u0085\\u202e\\u2066\\u200b\\ufeff\\u2028"',
  );
  assert.is(quote('\ud800'), '"\\ud800"');
});

test('cuts what is long', () => {
  assert.is(quote('abcdef', 3), '"abc…"');
  assert.is(quote('abc', 3), '"abc"');
  assert.is(show([1, 2, 3, 4], 4), '[1,2…');
});

test('text as it is, bar what a terminal acts on', () => {
  assert.is(printable('a "b" \\ c ’'), 'a "b" \\ c ’');
  assert.is(printable('a\u001b[2J\u202e\n'), 'a\\u001b[2J\\u202e\\n');
  assert.is(printable('abcdef', 3), 'abc…');
});

test('shows any value on one line', () => {
  const cases: readonly (readonly [unknown, string])[] = [
    ['x', '"x"'],
    [5, '5'],
    [-0, '0'],
    [Number.NaN, 'NaN'],
    [Number.POSITIVE_INFINITY, 'Infinity'],
    [true, 'true'],
    [null, 'null'],
    [undefined, 'undefined'],
    [7n, '7'],
    [{ a: ['\u202e', 8n] }, '{"a":["\\u202e","8"]}'],
  ];
  for (const [value, expected] of cases) assert.is(show(value), expected);
});

test('a word of a command line is one for a shell, whatever it is', () => {
  for (const plain of ['net1', '/run/netns/cni-1', 'a@b:c']) assert.is(shellWord(plain), plain);
  assert.is(shellWord('a;b'), "'a;b'");
  assert.is(shellWord(''), "''");
  for (const odd of ['$(id)', "it's", '`id`', 'a b', '*', '~'])
    assert.is(execFileSync('sh', ['-c', `printf %s ${shellWord(odd)}`], { encoding: 'utf8' }), odd);
});
