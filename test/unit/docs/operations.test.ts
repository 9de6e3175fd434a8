import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert, suite } from '../../support/suite.ts';

const test = suite('docs/operations');

const root = join(import.meta.dirname, '../../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const text = read('docs/operations.md');

/** The tables below a heading. */
function tablesOf(heading: string): string {
  const [, section = ''] = text.split(new RegExp(`^## ${heading}$`, 'm'));
  const lines = (section.split(/^## /m)[0] ?? '').split('\n');
  return lines.filter((line) => line.startsWith('|')).join('\n');
}

test('every check of doctor is described, and tried or said not to be', () => {
  const sources = readdirSync(join(root, 'src/cli/doctor')).map((name) => read(`src/cli/doctor/${name}`));
  const made = sources.flatMap((source) => [
    ...source.matchAll(/(?<verdict>ok|note|warning|wrong|\))\(\s*'(?<id>[a-z-]+)',/g),
  ]);
  const ids = [...new Set(made.map(({ groups }) => groups?.['id'] ?? ''))];
  assert.ok(ids.length > 20, ids.join(' '));
  const described = tablesOf('doctor');
  assert.equal(
    ids.filter((id) => !described.includes(`\`${id}\``)),
    [],
  );
  const advising = made.filter(({ groups }) => groups?.['verdict'] !== 'ok' && groups?.['verdict'] !== 'note');
  const tried = `${read('test/blackbox/remedies.test.ts')}${read('test/lab/e2e/remedies.test.ts')}`;
  const [, untried = ''] = read('docs/evidence.md').split(/^## What doctor advises$/m);
  const forgotten = [...new Set(advising.map(({ groups }) => groups?.['id'] ?? ''))].filter(
    (id) => !tried.includes(`id: '${id}'`) && !tried.includes(`check('${id}'`) && !untried.includes(`\`${id}\``),
  );
  assert.equal(forgotten, []);
});

test('every metric is described', () => {
  const source = read('src/cli/stats/families.ts');
  const counters = [...source.matchAll(/^ {2}([rt]x_\w+): \[/gm)].map(([, name]) => `sriov_vf_${name}`);
  const gauges = [...source.matchAll(/'((?:dra_)?sriov_\w+)'/g)].map(([, name]) => `${name}`);
  assert.ok(counters.length >= 10 && gauges.length >= 8, [...counters, ...gauges].join(' '));
  const described = tablesOf('metrics');
  const isDescribed = (name: string): boolean =>
    described.includes(`\`${name}\``) || described.includes(`\`…_${name.split('_').at(-1)}\``);
  assert.equal(
    [...counters, ...gauges].filter((name) => !isDescribed(name)),
    [],
  );
});
