import type { Platform } from '../../platform/platform.ts';

export type Paint = (text: string) => string;

export interface Style {
  readonly strong: Paint;
  readonly faint: Paint;
  readonly good: Paint;
  readonly warning: Paint;
  readonly bad: Paint;
}

/** SGR of ECMA-48: how to begin, and how to end. */
const codes = {
  strong: ['1', '22'],
  faint: ['2', '22'],
  good: ['32', '39'],
  warning: ['33', '39'],
  bad: ['31', '39'],
} as const satisfies Record<keyof Style, readonly [string, string]>;

/** True on a terminal that knows colours, unless NO_COLOR (no-color.org) is set and not empty. */
function hasColours({ environment, isTerminal }: Pick<Platform, 'environment' | 'isTerminal'>): boolean {
  return isTerminal('stdout') && (environment['NO_COLOR'] ?? '') === '' && environment['TERM'] !== 'dumb';
}

/** How what is printed to stdout is set off: with colours, or not at all. */
export function createStyle(platform: Pick<Platform, 'environment' | 'isTerminal'>): Style {
  const coloured = hasColours(platform);
  const paint = (name: keyof Style): Paint => {
    const [begin, end] = codes[name];
    return coloured ? (text) => `\u001b[${begin}m${text}\u001b[${end}m` : (text) => text;
  };
  return {
    strong: paint('strong'),
    faint: paint('faint'),
    good: paint('good'),
    warning: paint('warning'),
    bad: paint('bad'),
  };
}
