import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorReference } from '../../../scripts/error-reference.ts';
import { errorCodes } from '../../../src/cni/errors.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('docs/error-reference');

const src = join(import.meta.dirname, '../../../src');

/** All sources, with what is put into texts as `{}`. */
const sources = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => readFileSync(join(src, name), 'utf8'))
  .join('\n');

/** The fixed words of an example; `: ` joins an error to its cause. */
const fixedWords = (example: string): readonly string[] =>
  example
    .split(/\{[^}]*\}|: (?=[A-Z]+$)/)
    .flatMap((part) => part.split(/^: | \($|\)$|^\) |: $/))
    .filter((part) => /\w{3}/.test(part) && !/^E[A-Z]+$/.test(part));

test('the examples consist of words that the program says', () => {
  for (const [name, { example }] of Object.entries(errorReference)) {
    if (example === null) continue;
    for (const part of fixedWords(example))
      assert.ok(sources.includes(part), `${name}: "${part}" is not said any more`);
  }
});

test('an error that is never made has no example, and one that is made has one', () => {
  for (const [name, { meaning, remedy, example, causes }] of Object.entries(errorReference)) {
    const isMade = new RegExp(`'${name}',|errorCodes\\.${name}\\b|'${name}'\\s*:`).test(sources);
    if (example !== null) assert.ok(isMade, name);
    else if (name !== 'internal') assert.not.ok(isMade, name);
    assert.ok(meaning.length > 0 && remedy.length > 0 && causes.length > 0, name);
  }
  assert.equal(Object.keys(errorReference), Object.keys(errorCodes));
});
