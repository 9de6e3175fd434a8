import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert, suite } from '../../support/suite.ts';

const test = suite('docs/lines');

const root = join(import.meta.dirname, '../../..');
const widest = 120;

const files = (...patterns: readonly string[]): readonly string[] => globSync(patterns, { cwd: root });

function tooLong(path: string, isProse: (line: string) => boolean): readonly string[] {
  const lines = readFileSync(join(root, path), 'utf8').split('\n');
  return lines.flatMap((line, at) => (line.length > widest && isProse(line) ? [`${path}:${at + 1}: ${line}`] : []));
}

test('comments end at 120', () => {
  const sources = files('{src,test,scripts,bin}/**/*.ts');
  assert.ok(sources.length > 300, `${sources.length} files`);
  assert.equal(
    sources.flatMap((path) => tooLong(path, (line) => /^\s*(\/\/|\/?\*)/.test(line))),
    [],
  );
});

test('shell scripts, Rust, TOML and YAML end at 120', () => {
  const written = files(
    '{bin,.ci}/*',
    '*.sh',
    '{scripts,conf-examples,deploy,native,test}/**/*.{sh,rs,toml,yaml}',
  ).filter((path) => !/(^|\/)(target|node_modules)\//.test(path));
  assert.ok(written.length > 50, `${written.length} files`);
  assert.equal(
    written.flatMap((path) => tooLong(path, () => true)),
    [],
  );
});

test('prose in documents ends at 120, outside of tables, of what programs print, and of what is made from the sources', () => {
  const documents = files('*.md', '{docs,deploy,conf-examples}/**/*.md');
  assert.ok(documents.length > 15, `${documents.length} documents`);
  for (const path of documents) {
    let isCode = false;
    let isMade = false;
    const isProse = (line: string): boolean => {
      if (/^\s*```/.test(line)) isCode = !isCode;
      if (line.includes('<!-- begin')) isMade = true;
      const answer = !isCode && !isMade && !/^[|<]/.test(line);
      if (line.includes('<!-- end')) isMade = false;
      return answer;
    };
    const text = readFileSync(join(root, path), 'utf8').split('\n');
    assert.equal(
      text.filter((line) => isProse(line) && line.length > widest),
      [],
      path,
    );
  }
});
