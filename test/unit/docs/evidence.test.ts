import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert, suite } from '../../support/suite.ts';

const test = suite('docs/evidence');

const docs = join(import.meta.dirname, '../../../docs');
const text = readFileSync(join(docs, 'evidence.md'), 'utf8');
const rows = [...text.matchAll(/^\| (\d+) \| .*$/gm)].map(([line, number]) => ({ line, number: Number(number) }));

test('problems from the field are numbered upwards, and each has a test', () => {
  const numbers = rows.map(({ number }) => number);
  assert.equal(
    numbers,
    [...new Set(numbers)].sort((one, other) => one - other),
  );
  assert.ok(numbers.length >= 32, `${numbers.length} rows`);
  const without = rows.filter(({ line }) => !line.includes('](../test/'));
  assert.equal(without, []);
});

test('every promise to tenants is listed here, with a test', () => {
  const tenants = (file: string): readonly string[] => {
    const [, section = ''] = readFileSync(join(docs, file), 'utf8').split(/^## (?=Promises to tenants$)/m);
    return (section.split(/^## /m)[0] ?? '')
      .split('\n')
      .filter((line) => /^\| /.test(line))
      .slice(1);
  };
  const shown = tenants('evidence.md');
  const without = shown.filter((line) => !line.includes('](../test/'));
  assert.equal(without, []);
  const promises = (lines: readonly string[]) => lines.map((line) => line.split(' | ')[0]);
  assert.ok(shown.length >= 10, `${shown.length} promises`);
  assert.equal(promises(shown), promises(tenants('reliability.md')));
});

test('every test that it names is in the file that it names', () => {
  const links = [...text.matchAll(/\[([^\]]+)\]\(\.\.\/(test\/[^)]+)\)/g)];
  assert.ok(links.length > 50, `${links.length} links`);
  for (const [, name = '', file = ''] of links) {
    const path = join(docs, '..', file);
    assert.ok(existsSync(path), file);
    const quoted = [`'${name}'`, `\`${name}\``].some((literal) => readFileSync(path, 'utf8').includes(literal));
    assert.ok(quoted, `${file} has no test called: ${name}`);
  }
});

test('every test file that it names is there', () => {
  for (const [file] of text.matchAll(/\btest\/[\w/.-]+\.test\.ts/g))
    assert.ok(existsSync(join(docs, '..', file)), file);
});
