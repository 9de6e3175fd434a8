import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert, suite } from '../../support/suite.ts';

const test = suite('docs/reliability');

const docs = join(import.meta.dirname, '../../../docs');
const text = readFileSync(join(docs, 'reliability.md'), 'utf8');
const rows = [...text.matchAll(/^\| (\d+) \| .*$/gm)].map(([line, number]) => ({ line, number: Number(number) }));

test('every problem from the field has its row, and a test', () => {
  assert.equal(
    rows.map(({ number }) => number),
    Array.from({ length: 32 }, (_, index) => index + 1),
  );
  const without = rows.filter(({ line }) => !line.includes('](../test/'));
  assert.equal(without, []);
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
