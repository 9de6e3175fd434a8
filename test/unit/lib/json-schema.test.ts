import {
  allowedBy,
  arrayOf,
  describeProblems,
  fits,
  integer,
  mapOf,
  normalize,
  nullable,
  object,
  oneOf,
  optional,
  problemsIn,
  type Schema,
  text,
  textThat,
} from '../../../src/lib/json-schema.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('lib/json-schema');

const short = text('up to 3 letters', /^[a-z]{0,3}$/);

const whole = object({
  name: short,
  size: optional(integer(0, 7), 0),
  tag: optional(short, ''),
  list: optional(arrayOf(object({ id: integer(1) }), 'an array of things')),
  map: optional(mapOf(short, oneOf('on', 'off'))),
  none: optional(nullable(oneOf(true))),
});

test('each kind takes its values, and no others', () => {
  const cases: readonly (readonly [Schema, readonly unknown[], readonly unknown[]])[] = [
    [text(), ['', 'x'], [1, null, undefined, {}, []]],
    [short, ['', 'abc'], ['abcd', 'A', 1]],
    [textThat((value) => value === 'x', 'x'), ['x'], ['', 'xx', null]],
    [integer(), [0, -5, Number.MAX_SAFE_INTEGER], [0.5, 2 ** 53, Number.NaN, '1', null, true]],
    [integer(1, 3), [1, 3], [0, 4, -1, 2.5]],
    [oneOf('a', 'b'), ['a', 'b'], ['c', '', null, ['a']]],
    [oneOf(true), [true], [false, 'true', 1]],
    [nullable(oneOf('a')), ['a', null], ['b', undefined]],
    [arrayOf(integer()), [[], [1, 2]], [{}, '1', [1, 'x'], null]],
    [mapOf(short, integer()), [{}, { a: 1 }], [{ a: 'x' }, { long1: 1 }, [], null]],
    [object({ a: integer() }), [{ a: 1 }, { a: 1, more: 'x' }], [{}, { a: null }, [], null, 'x']],
    [object({ a: optional(integer()) }), [{}, { a: 1 }], [{ a: null }, { a: 'x' }]],
  ];
  for (const [schema, right, wrong] of cases) {
    for (const value of right) assert.ok(fits(schema, value), `${schema.kind} ${JSON.stringify(value)}`);
    for (const value of wrong) assert.not(fits(schema, value), `${schema.kind} ${JSON.stringify(value)}`);
  }
});

test('all that is wrong is named with path, value and what is allowed, in the order of the schema', () => {
  const problems = problemsIn(whole, {
    map: { a: 'on', b: 1, toolong: 'off' },
    list: [{ id: 1 }, { id: 0 }, 'x'],
    size: 9,
    none: false,
  });
  const shown = [
    ['name', 'up to 3 letters'],
    ['size', '9', 'from 0 to 7'],
    ['list[1].id', '0', 'from 1'],
    ['list[2]', '"x"', 'an object'],
    ['map.b', '1', '"on" or "off"'],
    ['map.toolong', '"toolong"', 'up to 3 letters'],
    ['none', 'false', 'true'],
  ];
  assert.equal(
    problems.map(({ path }) => path),
    shown.map(([path]) => path),
  );
  for (const [at, tokens] of shown.entries())
    for (const token of tokens.slice(1)) assert.match(problems[at]?.message ?? '', token);
  assert.match(describeProblems(problemsIn(whole, [])), /\[\].*an object/);
});

test('a message is no longer than somebody reads', () => {
  const message = describeProblems(
    problemsIn(
      arrayOf(short),
      Array.from({ length: 1000 }, () => 5),
    ),
  );
  assert.match(message, '[19]: 5');
  assert.match(message, /980/);
});

test('what is allowed is told in words', () => {
  assert.is(allowedBy(integer()), 'an integer');
  assert.is(allowedBy(integer(0)), 'an integer from 0 on');
  assert.is(allowedBy(oneOf('a', 'b', 'c')), '"a", "b" or "c"');
  assert.is(allowedBy(nullable(oneOf('a'))), '"a", or null');
});

test('a key of the prototype stands for none of the schema', () => {
  assert.equal(
    problemsIn(object({ toString: text(), constructor: optional(text()) }), {}).map(({ path }) => path),
    ['toString'],
  );
});

test('what another program means: known keys, without null and what stands for absent', () => {
  const given = { name: 'a', more: 1, size: 0, tag: '', list: [{ id: 1, more: 2 }, null], map: null, none: undefined };
  assert.equal(normalize(whole, given), { name: 'a', list: [{ id: 1 }, null] });
  assert.equal(normalize(whole, { name: null, size: 3, tag: 'x' }), { size: 3, tag: 'x' });
  for (const other of ['x', 5, null, [1]]) assert.is(normalize(whole, other), other);
  assert.is(given.list.length, 2);
});

test('no key of a JSON text reaches a prototype', () => {
  const hostile = JSON.parse('{"name": "a", "__proto__": {"size": 5}}') as unknown;
  const known = normalize(whole, hostile) as Record<string, unknown>;
  assert.is(known['size'], undefined);
  assert.equal(Object.keys(known), ['name']);
});
