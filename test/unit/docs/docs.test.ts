import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { drawPictures } from '../../../scripts/pictures/pictures.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('docs');

const root = join(import.meta.dirname, '../../..');
const docs = join(root, 'docs');
const named = (directory: string): string[] => readdirSync(directory).filter((name) => name.endsWith('.md'));
const folders = [root, docs, join(root, 'deploy'), join(root, 'conf-examples'), join(root, 'conf-examples/cnitool')];
const texts = folders.flatMap((folder) => named(folder).map((name) => join(folder, name)));

/** A heading's anchor as GitHub makes it. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');

function anchorsIn(path: string): readonly string[] {
  return [...readFileSync(path, 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchorOf(heading ?? ''));
}

test('every link leads somewhere', () => {
  let count = 0;
  for (const path of texts) {
    for (const [, target = ''] of readFileSync(path, 'utf8').matchAll(
      /\]\((?!https?:)([^)\s]+)\)|(?<=src=")([^"]+)(?=")/g,
    )) {
      const [file = '', anchor] = target.split('#');
      const where = file === '' ? path : join(dirname(path), file);
      const from = `${relative(root, path)}: ${target}`;
      assert.ok(existsSync(where), from);
      if (anchor !== undefined) assert.ok(anchorsIn(where).includes(anchor), from);
      count++;
    }
  }
  assert.ok(count > 50, String(count));
});

test('the index names every document', () => {
  const index = readFileSync(join(docs, 'README.md'), 'utf8');
  for (const name of named(docs)) if (name !== 'README.md') assert.ok(index.includes(`](${name})`), name);
});

test('the pictures are those of their texts: run `npm run pictures`', async () => {
  const pictures = await drawPictures();
  assert.ok(pictures.size >= 2);
  for (const [path, picture] of pictures) assert.is(readFileSync(path, 'utf8'), picture, path);
});
