// npm run pictures: draws what is in docs/pictures from the texts beside it. A test checks that they are current.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import process from 'node:process';
import { instance } from '@viz-js/viz';
import { drawTerminal } from './terminal.ts';

const directory = join(import.meta.dirname, '../../docs/pictures');

type Draw = (text: string) => string;

/**
 * By suffix of the text: Graphviz' language, and what a program wrote to a terminal, with its command in the first
 * line.
 */
async function painters(): Promise<Readonly<Record<string, Draw>>> {
  const graphviz = await instance();
  return {
    '.dot': (text) => graphviz.renderString(text, { format: 'svg' }),
    '.ansi': (text) => drawTerminal(text.slice(text.indexOf('\n') + 1), text.slice(0, text.indexOf('\n'))),
  };
}

/** Path of each picture -> its content. */
export async function drawPictures(): Promise<ReadonlyMap<string, string>> {
  const draw = await painters();
  return new Map(
    readdirSync(directory).flatMap((name) => {
      const suffix = extname(name);
      const drawn = draw[suffix]?.(readFileSync(join(directory, name), 'utf8'));
      return drawn === undefined ? [] : [[join(directory, `${name.slice(0, -suffix.length)}.svg`), drawn]];
    }),
  );
}

if (import.meta.main) {
  for (const [path, picture] of await drawPictures()) {
    writeFileSync(path, picture);
    process.stdout.write(`wrote ${path}\n`);
  }
}
