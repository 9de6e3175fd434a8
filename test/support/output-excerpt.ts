/** Lines that are shown of one failing test. */
export const shownLines = 50;
const shownEnd = 15;
const lineLength = 500;

/** uvu's heading of a failure. */
const failureHead = /^\s*FAIL /;

function shortenLine(line: string): string {
  if (line.length <= lineLength) return line;
  return `${line.slice(0, lineLength)}... (${line.length} characters)`;
}

/** The begin and the end of the lines, with a note of how many were left out. */
function shortenBlock(lines: readonly string[]): readonly string[] {
  if (lines.length <= shownLines) return lines;
  const begin = shownLines - shownEnd - 1;
  const omitted = lines.length - begin - shownEnd;
  return [...lines.slice(0, begin), `    ... ${omitted} lines left out ...`, ...lines.slice(-shownEnd)];
}

/** What a failing file printed, with at most `shownLines` lines for each of its tests, and long lines cut. */
export function excerptOutput(output: string): string {
  const blocks: string[][] = [[]];
  for (const line of output.split('\n')) {
    if (failureHead.test(line)) blocks.push([]);
    blocks.at(-1)?.push(shortenLine(line));
  }
  return blocks.flatMap(shortenBlock).join('\n');
}
