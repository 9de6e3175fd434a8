import { printable } from '../lib/quote.ts';
import type { Platform } from '../platform/platform.ts';

export type Paint = (text: string) => string;

export interface Style {
  /**
   * Width for tables: that of the terminal; unlimited if another program reads them, which must not get names that are
   * cut.
   */
  readonly tableWidth: number;
  /** Width for prose. */
  readonly proseWidth: number;
  readonly strong: Paint;
  readonly faint: Paint;
  readonly good: Paint;
  readonly warning: Paint;
  readonly bad: Paint;
}

type Colour = Exclude<keyof Style, 'tableWidth' | 'proseWidth'>;

type Terminal = Pick<Platform, 'environment' | 'isTerminal' | 'terminalColumns'>;

/** SGR of ECMA-48: begin and end. */
const codes = {
  strong: ['1', '22'],
  faint: ['2', '22'],
  good: ['32', '39'],
  warning: ['33', '39'],
  bad: ['31', '39'],
} as const satisfies Record<Colour, readonly [string, string]>;

/** True on a terminal that knows colours, unless NO_COLOR (no-color.org) is set and not empty. */
function hasColours({ environment, isTerminal }: Terminal): boolean {
  return isTerminal('stdout') && (environment['NO_COLOR'] ?? '') === '' && environment['TERM'] !== 'dumb';
}

/** The style of stdout: with colours on a terminal, without elsewhere. */
export function createStyle(platform: Terminal): Style {
  const coloured = hasColours(platform);
  const paint = (name: Colour): Paint => {
    const [begin, end] = codes[name];
    return coloured ? (text) => `\u001b[${begin}m${text}\u001b[${end}m` : (text) => text;
  };
  return {
    tableWidth: platform.isTerminal('stdout') ? columnsOf(platform) : Number.POSITIVE_INFINITY,
    proseWidth: proseWidthOf(platform),
    strong: paint('strong'),
    faint: paint('faint'),
    good: paint('good'),
    warning: paint('warning'),
    bad: paint('bad'),
  };
}

/** Width of a terminal that doesn't tell its own, and of prose that another program reads. */
const usualColumns = 80;
/** Longer lines are hard to read, and shorter ones are too short for a word. */
const [minProseWidth, maxProseWidth] = [40, 120];

type Stream = 'stdout' | 'stderr';

/** The width that COLUMNS says, else that of the terminal. */
function columnsOf({ environment, terminalColumns }: Terminal, stream: Stream = 'stdout'): number {
  const given = environment['COLUMNS'] ?? '';
  const columns = /^[1-9]\d{0,4}$/.test(given) ? Number(given) : terminalColumns(stream);
  return columns ?? usualColumns;
}

/** Width for prose. */
export function proseWidthOf(platform: Terminal, stream: Stream = 'stdout'): number {
  const columns = platform.isTerminal(stream) ? columnsOf(platform, stream) : usualColumns;
  return Math.min(Math.max(columns, minProseWidth), maxProseWidth);
}

/** Wraps each line of prose that a terminal would cut within a word. A program gets the lines as they are. */
export function fitLines(platform: Terminal, stream: Stream, text: string): string {
  if (!platform.isTerminal(stream)) return text;
  const proseWidth = proseWidthOf(platform, stream);
  return text
    .split('\n')
    .map((line) => wrap({ proseWidth }, line.trimStart(), line.length - line.trimStart().length))
    .join('\n');
}

export interface Column {
  readonly title: string;
  /** Right-aligned: numbers. */
  readonly right?: boolean;
  /** The column may be cut to this width if the table is too wide. */
  readonly minWidth?: number;
}

/** A text, or one with a colour, which takes no room. */
export type Cell = string | { readonly text: string; readonly paint: Paint };

export interface Row {
  readonly cells: readonly Cell[];
  /** Lines below the row. */
  readonly notes?: readonly Cell[];
}

interface Layout {
  readonly indent: number;
  readonly style: Pick<Style, 'faint' | 'tableWidth' | 'proseWidth'>;
}

/** Beginnings and widths of columns. */
interface Grid {
  readonly gap: number;
  readonly widths: readonly number[];
}

const textOf = (cell: Cell): string => printable(typeof cell === 'string' ? cell : cell.text);
const paintOf = (cell: Cell): Paint => (typeof cell === 'string' ? (text) => text : cell.paint);

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(width - 1, 0))}…`;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

/** Cuts columns that may be cut until the table fits, always the widest one. */
function shrink(widths: readonly number[], columns: readonly Column[], available: number): number[] {
  const result = [...widths];
  for (let excess = sum(result) - available; excess > 0; excess--) {
    const room = columns.map(({ minWidth }, at) =>
      minWidth !== undefined && (result[at] ?? 0) > minWidth ? (result[at] ?? 0) : 0,
    );
    const widest = room.indexOf(Math.max(...room));
    if (room[widest] === 0) break;
    result[widest] = (result[widest] ?? 0) - 1;
  }
  return result;
}

/** Puts two spaces between columns if there is room, else one, else cuts columns. */
function fitGrid(columns: readonly Column[], rows: readonly Row[], { indent, style }: Layout): Grid {
  const width = style.tableWidth;
  const natural = columns.map(({ title }, at) =>
    Math.max(title.length, ...rows.map(({ cells }) => textOf(cells[at] ?? '').length)),
  );
  const gaps = columns.length - 1;
  const gap = indent + sum(natural) + 2 * gaps <= width ? 2 : 1;
  return { gap, widths: shrink(natural, columns, width - indent - gap * gaps) };
}

function formatLine(columns: readonly Column[], cells: readonly Cell[], { gap, widths }: Grid): string {
  const padded = columns.map(({ right }, at) => {
    const cell = cells[at] ?? '';
    const width = widths[at] ?? 0;
    const text = cut(textOf(cell), width);
    const room = ' '.repeat(width - text.length);
    const painted = paintOf(cell)(text);
    if (right === true) return `${room}${painted}`;
    return at === columns.length - 1 ? painted : `${painted}${room}`;
  });
  return padded.join(' '.repeat(gap)).trimEnd();
}

/** Tables with the same columns, each as text that fits the screen. Notes are wrapped below their row. */
export function formatTables(
  columns: readonly Column[],
  tables: readonly (readonly Row[])[],
  layout: Layout,
): readonly string[] {
  const { indent, style } = layout;
  const grid = fitGrid(columns, tables.flat(), layout);
  const margin = ' '.repeat(indent);
  const titles = columns.map((column): Cell => ({ text: column.title, paint: style.faint }));
  return tables.map((rows) => {
    const lines = rows.flatMap(({ cells, notes = [] }) => [
      `${margin}${formatLine(columns, cells, grid)}`,
      ...notes.map((note) => paintOf(note)(wrap(style, textOf(note), indent + 4))),
    ]);
    return [`${margin}${formatLine(columns, titles, grid)}`, ...lines].map((text) => `${text}\n`).join('');
  });
}

/** One table. */
export function formatTable(columns: readonly Column[], rows: readonly Row[], layout: Layout): string {
  return formatTables(columns, [rows], layout).join('');
}

/** The text on lines that fit, behind `indent` spaces; lines after the first behind `hang` more. */
export function wrap({ proseWidth }: Pick<Style, 'proseWidth'>, text: string, indent: number, hang = 2): string {
  const lines: string[] = [];
  let line = ' '.repeat(indent);
  for (const word of text.split(' ')) {
    const isEmpty = line.trim() === '';
    if (!isEmpty && line.length + 1 + word.length > proseWidth) {
      lines.push(line);
      line = `${' '.repeat(indent + hang)}${word}`;
    } else {
      line = isEmpty ? `${line}${word}` : `${line} ${word}`;
    }
  }
  return [...lines, line].join('\n');
}

/** `key  value` lines; values are wrapped below themselves. */
export function formatFields(
  style: Pick<Style, 'proseWidth'>,
  fields: readonly (readonly [string, Cell])[],
  indent: number,
): string {
  const width = Math.max(...fields.map(([key]) => key.length));
  return fields
    .map(([key, cell]) => {
      const column = indent + width + 2;
      const value = wrap(style, textOf(cell), column, 0).trimStart();
      return `${' '.repeat(indent)}${key.padEnd(width)}  ${paintOf(cell)(value)}\n`;
    })
    .join('');
}

/** `1 VF`, `2 VFs` */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}
