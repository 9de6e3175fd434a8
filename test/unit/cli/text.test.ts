import { createStyle, fitLines, formatFields, formatTable, formatTables, wrap } from '../../../src/cli/text.ts';
import { createMemoryPlatform } from '../../support/memory-platform.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('cli/text');

const style = { tableWidth: 80, proseWidth: 80, faint: (text: string): string => text };
const layout = { indent: 2, style };
const row = (...cells: readonly string[]): { readonly cells: readonly string[] } => ({ cells });

test('columns as wide as their widest cell, two spaces apart, nothing behind the last', () => {
  const columns = [{ title: 'N', right: true }, { title: 'NAME' }, { title: 'X' }];
  assert.is(
    formatTable(columns, [row('1', 'one', 'a'), row('20', 'twenty', '')], layout),
    '   N  NAME    X\n   1  one     a\n  20  twenty\n',
  );
});

test('what doesn’t fit: one space, then columns cut down to what they may be', () => {
  const columns = [{ title: 'A' }, { title: 'B', minWidth: 5 }];
  const [title = '', line = ''] = formatTable(columns, [row('x'.repeat(30), 'y'.repeat(60))], layout).split('\n');
  assert.is(line.length, 80);
  assert.match(line, /^ {2}x{30} y+…$/);
  assert.match(title, /^ {2}A {30}B$/);
});

test('several tables have the same columns', () => {
  const tables = formatTables([{ title: 'A' }, { title: 'B' }], [[row('x', 'y')], [row('long', 'z')]], layout);
  assert.equal(tables, ['  A     B\n  x     y\n', '  A     B\n  long  z\n']);
});

test('colours take no room', () => {
  const paint = (text: string): string => `\u001b[31m${text}\u001b[39m`;
  const text = formatTable(
    [{ title: 'A' }, { title: 'B' }],
    [{ cells: [{ text: 'x', paint }, 'y'] }, row('zz', 'y')],
    layout,
  );
  assert.is(text, '  A   B\n  \u001b[31mx\u001b[39m   y\n  zz  y\n');
});

test('notes are below their row, wrapped', () => {
  const text = formatTable([{ title: 'A' }], [{ cells: ['x'], notes: ['word '.repeat(20).trim()] }], layout);
  const [, , first = '', second = ''] = text.split('\n');
  assert.ok(first.startsWith('      word') && first.length <= 80);
  assert.match(second, /^ {8}word/);
});

test('fields, and values that are wrapped below themselves', () => {
  const text = formatFields(
    style,
    [
      ['key', 'a'],
      ['longer', 'word '.repeat(20).trim()],
    ],
    2,
  );
  const [first, second = '', third = ''] = text.split('\n');
  assert.is(first, '  key     a');
  assert.ok(second.length <= 80);
  assert.match(third, /^ {10}word/);
});

test('a word that is longer than the line stays whole: addresses and paths are copied', () => {
  assert.is(wrap(style, `see ${'p'.repeat(90)}`, 2), `  see\n    ${'p'.repeat(90)}`);
});

test('colours on a terminal only, and not where NO_COLOR or TERM=dumb say so', () => {
  const styled = (terminal: boolean, environment: Readonly<Record<string, string>> = {}): string =>
    createStyle(createMemoryPlatform({ terminal, environment })).bad('x');
  assert.is(styled(true), '\u001b[31mx\u001b[39m');
  assert.is(styled(true, { NO_COLOR: '' }), '\u001b[31mx\u001b[39m');
  for (const text of [styled(false), styled(true, { NO_COLOR: '1' }), styled(true, { TERM: 'dumb' })])
    assert.is(text, 'x');
});

test('as wide as the terminal, or as COLUMNS says; a pipe gets tables whole and prose of 80 columns', () => {
  const widths = (columns: number | null, environment: Readonly<Record<string, string>> = {}, isTerminal = true) => {
    const { tableWidth, proseWidth } = createStyle({
      environment,
      isTerminal: () => isTerminal,
      terminalColumns: () => columns,
    });
    return [tableWidth, proseWidth];
  };
  assert.equal(widths(80), [80, 80]);
  assert.equal(widths(120), [120, 120]);
  assert.equal(widths(200), [200, 120]);
  assert.equal(widths(20), [20, 40]);
  assert.equal(widths(null), [80, 80]);
  assert.equal(widths(120, { COLUMNS: '100' }), [100, 100]);
  for (const COLUMNS of ['', '0', 'x', '-5', '100000']) assert.equal(widths(120, { COLUMNS }), [120, 120], COLUMNS);
  assert.equal(widths(null, { COLUMNS: '100' }, false), [Number.POSITIVE_INFINITY, 80]);
});

test('lines of prose are wrapped on a terminal, by its width, and left alone elsewhere', () => {
  const text = `error: ${'word '.repeat(20)}there are:\n  0000:3b:00.0 (pf0)`;
  const terminal = { environment: {}, isTerminal: () => true, terminalColumns: () => 60 };
  const lines = fitLines(terminal, 'stderr', text).split('\n');
  assert.ok(lines.every((line) => line.length <= 60));
  assert.equal(lines.at(-1), '  0000:3b:00.0 (pf0)');
  assert.is(lines.map((line) => line.trim()).join(' '), text.replace('\n ', ''));
  assert.is(fitLines({ ...terminal, isTerminal: () => false }, 'stderr', text), text);
});
