import process from 'node:process';

const colours = process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined;

function paint(code: number, text: string): string {
  return colours ? `\u001b[${code}m${text}\u001b[0m` : text;
}

export function say(text = ''): void {
  process.stdout.write(`${text}\n`);
}

export function chapter(title: string): void {
  say(`\n${paint(1, title)}`);
}

/** A command as a person would type it, on one line or several. */
export function command(text: string): void {
  const [first = '', ...rest] = text.split('\n');
  say(`  ${paint(36, '$')} ${paint(36, first)}`);
  for (const line of rest) say(`      ${paint(36, line)}`);
}

export function output(text: string): void {
  for (const line of text.trimEnd().split('\n')) say(`    ${line}`);
}

export function verdict(good: boolean, text: string): void {
  say(`  ${good ? paint(32, 'ok') : paint(31, 'FAILED')} ${text}`);
}

/** Columns as wide as their widest cell. */
export function table(rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  for (const [at, row] of rows.entries()) {
    const line = row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
    say(`  ${at === 0 ? paint(1, line) : line}`);
  }
}
