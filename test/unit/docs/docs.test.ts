import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { drawPictures } from '../../../scripts/pictures/pictures.ts';
import { createFiles } from '../../../scripts/write-schema.ts';
import { runCli } from '../../../src/cli/cli.ts';
import { createMemoryPlatform } from '../../support/memory-platform.ts';
import { sourceParts } from '../../support/source-parts.ts';
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

/** Commands of this program and of build.sh in the console blocks of all documents, by words. */
function commandsInDocs(): readonly { readonly path: string; readonly words: readonly string[] }[] {
  return texts.flatMap((path) =>
    [...readFileSync(path, 'utf8').matchAll(/^\$ (?:[^\s=]*\/)?(dra-sriov|sriov|build\.sh)((?: [^#<>|&\n]+)?)/gm)].map(
      ([, program = '', rest = '']) => ({ path: relative(root, path), words: [program, ...rest.trim().split(/ +/)] }),
    ),
  );
}

function helpOf(words: readonly string[]): string {
  const [program, command = ''] = words;
  if (program === 'build.sh') return execFileSync(join(root, 'build.sh'), ['--help'], { encoding: 'utf8' });
  const platform = createMemoryPlatform({ argv: command.startsWith('-') ? ['--help'] : ['help', command] });
  assert.is(runCli(platform, sourceParts), 0, words.join(' '));
  return platform.stdout;
}

test('commands in documents have only options that there are', () => {
  const commands = commandsInDocs();
  assert.ok(commands.length >= 10, String(commands.length));
  for (const { path, words } of commands) {
    const help = helpOf(words);
    for (const word of words.filter((each) => each.startsWith('--'))) {
      assert.match(help, new RegExp(`${word}\\b`), `${path}: ${words.join(' ')}`);
    }
  }
});

/** All that documents have between backticks and in blocks of code, outside of prose. */
function codeIn(path: string): readonly string[] {
  const text = readFileSync(path, 'utf8');
  const blocks = [...text.matchAll(/^```.*?\n(.*?)^```/gms)].map(([, block = '']) => block);
  const rest = text.replaceAll(/^```.*?\n.*?^```/gms, '');
  return [...blocks, ...[...rest.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code)];
}

test('every script, command and file of this repository that a document names is there', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object };
  const platform = createMemoryPlatform({ argv: ['--help'] });
  runCli(platform, sourceParts);
  const commands = [...platform.stdout.matchAll(/^ {2}([a-z]+)(?= )/gm)].map(([, command]) => command);
  const seen = { scripts: 0, commands: 0, files: 0 };
  for (const path of texts.filter((text) => !text.endsWith('CHANGELOG.md'))) {
    const from = relative(root, path);
    for (const code of codeIn(path)) {
      for (const [, name = ''] of code.matchAll(/\bnpm run (?:--\S+ )*([a-z][\w:-]*)/g)) {
        assert.ok(name in scripts, `${from}: npm run ${name}`);
        seen.scripts++;
      }
      for (const [, command] of code.matchAll(/(?:^|[;|&(] *|-- )dra-sriov ([a-z]+)/gm)) {
        assert.ok(commands.includes(command), `${from}: dra-sriov ${command}`);
        seen.commands++;
      }
      for (const [file] of code.matchAll(/(?<![\w./-])(?:src|test|scripts|deploy|conf-examples)\/[\w./-]*\.\w+\b/g)) {
        assert.ok(existsSync(join(root, file)), `${from}: ${file}`);
        seen.files++;
      }
    }
  }
  assert.ok(seen.scripts > 15 && seen.commands > 30 && seen.files > 30, JSON.stringify(seen));
});

test('README lists the variables of the environment that the plugin reads', () => {
  const namesIn = (text: string): readonly string[] => [...new Set(text.match(/\bDRA_SRIOV_[A-Z_]+/g))].sort();
  const read = namesIn(readFileSync(join(root, 'src/platform/node-paths.ts'), 'utf8'));
  assert.equal(namesIn(readFileSync(join(root, 'README.md'), 'utf8')), read);
});

test('the pictures are those of their texts: run `npm run pictures`', async () => {
  const pictures = await drawPictures();
  assert.ok(pictures.size >= 2);
  for (const [path, picture] of pictures) assert.is(readFileSync(path, 'utf8'), picture, path);
});

test('what is generated is current: run `npm run schema`', () => {
  for (const [path, content] of createFiles()) assert.is(readFileSync(join(root, path), 'utf8'), content, path);
});
