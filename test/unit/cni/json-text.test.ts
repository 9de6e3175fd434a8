import { parseJson } from '../../../src/cni/json-text.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';

const test = suite('cni/json-text');

const refuses = (text: string, ...tokens: readonly string[]): void => {
  throws(() => parseJson(text, 'the text'), 'decode', ...tokens);
};

test('refuses empty and malformed text', () => {
  for (const text of ['', ' \n\t']) refuses(text, 'the text', 'empty');
  for (const text of ['{', '{"a":}', "{'a':1}", '{"a":1,}', 'nope', '{}x', '\ufeff{}', '{"a":"\u0000"}', '}{', '"\\']) {
    refuses(text, 'the text', 'JSON');
  }
});

test('takes 64 levels and refuses 65, whatever brackets are in strings', () => {
  const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
  assert.ok(Array.isArray(parseJson(nested(64), 'the text')));
  refuses(nested(65), 'the text', '64');
  refuses(`${'{"a":'.repeat(65)}1${'}'.repeat(65)}`, 'the text', '64');
  refuses('['.repeat(500_000), 'the text', '64');
  refuses(`${'[{"a":'.repeat(33)}1${'}]'.repeat(33)}`, 'the text', '64');
  const inString = JSON.stringify({ a: `${'['.repeat(100)}"\\${'{'.repeat(100)}` });
  assert.equal(parseJson(inString, 'the text'), JSON.parse(inString));
  assert.is((parseJson(`[${'[],'.repeat(1000)}[]]`, 'the text') as unknown[]).length, 1001);
});

test('the last of repeated keys counts, and __proto__ is a key like others', () => {
  assert.equal(parseJson('{"a":1,"a":2}', 'the text'), { a: 2 });
  const parsed = parseJson('{"__proto__":{"polluted":true}}', 'the text');
  assert.is((parsed as Record<string, unknown>)['polluted'], undefined);
  assert.is(({} as Record<string, unknown>)['polluted'], undefined);
});
