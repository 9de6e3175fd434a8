import { readJson } from '../../../../src/cli/validate/source.ts';
import { place } from '../../../../src/cli/validate/validate.ts';
import { assert, suite } from '../../../support/suite.ts';

const test = suite('cli/validate/source');

/** Where a text stops being JSON; null where it is JSON. */
function locateJsonError(text: string): { readonly line: number | null; readonly column: number | null } | null {
  const { document, findings } = readJson(text);
  const [first] = findings;
  if (document !== null || first === undefined) return null;
  const { line, column } = place(text, first);
  return { line, column };
}

const valid = [
  '{}',
  '[]',
  ' [1, -2.5e+10, 0, "x\\u00e9\\n\\"", true, false, null, {"a": {"b": []}}]\r\n',
  '"text"',
  '0',
  '{"a":1,"a":2}',
  '"\u007f\u0085\u2028 ä 🙂"',
];

const invalid: readonly (readonly [text: string, line: number, column: number])[] = [
  ['', 1, 1],
  ['  ', 1, 1],
  ['{', 1, 2],
  ['{"a": 1,\n "b": 2,\n}', 3, 1],
  ['{"a": 1\n "b": 2}', 2, 2],
  ["{'a': 1}", 1, 2],
  ['{a: 1}', 1, 2],
  ['[1,]', 1, 4],
  ['[1 2]', 1, 4],
  ['[1}', 1, 3],
  ['{"a" 1}', 1, 6],
  ['{"a":}', 1, 6],
  ['{"a":1}}', 1, 8],
  ['{}\n{}', 2, 1],
  ['01', 1, 2],
  ['+1', 1, 1],
  ['.5', 1, 1],
  ['1.', 1, 1],
  ['NaN', 1, 1],
  ['nul', 1, 1],
  ['"a\nb"', 1, 1],
  ['"\\x"', 1, 1],
  ['"open', 1, 1],
  ['// comment\n{}', 1, 1],
  ['\ufeff{}', 1, 1],
  [']', 1, 1],
  [',', 1, 1],
  ['[:]', 1, 2],
];

test('finds nothing in JSON', () => {
  for (const text of valid) assert.is(locateJsonError(text), null, text);
});

test('finds where a text stops being JSON', () => {
  for (const [text, line, column] of invalid) assert.equal(locateJsonError(text), { line, column }, text);
});

test('agrees with JSON.parse on every prefix and every changed character', () => {
  const text = ' {"a": [1.5e3, "x\\n", {"b": null}], "c": true} ';
  const agrees = (candidate: string): void => {
    let parses = true;
    try {
      JSON.parse(candidate);
    } catch {
      parses = false;
    }
    assert.is(locateJsonError(candidate) === null, parses, candidate);
  };
  for (let at = 0; at <= text.length; at++) {
    agrees(text.slice(0, at));
    for (const char of ['', '"', '{', '}', '[', ']', ',', ':', '0', '-', 'x', '\\', ' ', '\n', '\u0001']) {
      agrees(text.slice(0, at) + char + text.slice(at + 1));
    }
  }
});

test('text that is nested too deep is an error', () => {
  for (const text of ['['.repeat(500_000), `${'['.repeat(1000)}${']'.repeat(1000)}`]) {
    assert.is(readJson(text).document, null);
    assert.match(
      readJson(text)
        .findings.map(({ message }) => message)
        .join(),
      'deep',
    );
  }
});

test('a reason for each kind of mistake, and repeated keys', () => {
  const says = (text: string): string =>
    readJson(text)
      .findings.map(({ message }) => message)
      .join('; ');
  assert.match(says('{"a":1,}'), 'comma');
  assert.match(says('{"a" 1}'), 'colon');
  assert.match(says('{"a":1 "b":2}'), 'comma');
  assert.match(says('{a: 1}'), 'quotes');
  assert.match(says('{} // x'), 'comment');
  assert.match(says('{"a":1'), '}');
  assert.match(says('{"a":1,"b":{"c":1,"c":2}}'), 'twice');
});
