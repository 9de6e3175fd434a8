import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { replaceGenerated } from '../../scripts/generated.ts';

const path = join(import.meta.dirname, '../../docs/performance.md');

/** Puts what a benchmark prints between its marker comments in docs/performance.md. */
export function writeFindings(name: string, command: string, text: string): void {
  const block = `\`\`\`text\n${text.trimEnd()}\n\`\`\`\n`;
  writeFileSync(path, replaceGenerated(readFileSync(path, 'utf8'), name, command, block));
}
