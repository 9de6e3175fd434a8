const fontSize = 14;
const cellWidth = 8.4;
const lineHeight = 19;
const padding = 16;
const titleHeight = 34;

const background = '#1b1f27';
const foreground = '#d7dce3';

/** SGR code (ECMA-48, 8.3.117) -> what it sets. */
const looks: Readonly<Record<string, Partial<Look>>> = {
  1: { bold: true },
  31: { colour: '#f07178' },
  32: { colour: '#9ccc65' },
  33: { colour: '#ffcb6b' },
  36: { colour: '#6cc7e0' },
};

interface Look {
  readonly colour: string;
  readonly bold: boolean;
}

const plain: Look = { colour: foreground, bold: false };

function lookAfter(before: Look, codes: string): Look {
  let look = before;
  for (const code of codes.split(';')) {
    const change = code === '' || code === '0' ? plain : looks[code];
    if (change === undefined) throw new Error(`terminal picture: SGR code ${code} is not known`);
    look = { ...look, ...change };
  }
  return look;
}

const escapeXml = (text: string): string =>
  text.replace(/[&<>]/g, (char) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[char] ?? char);

/** A piece of a line with one style. Its length is set, so that columns line up in any font. */
function drawPiece(text: string, { colour, bold }: Look, column: number, y: number): string {
  const spaces = /^ */.exec(text)?.[0].length ?? 0;
  const words = text.trim();
  if (words === '') return '';
  const x = (padding + (column + spaces) * cellWidth).toFixed(1);
  const weight = bold ? ' font-weight="bold"' : '';
  const length = (words.length * cellWidth).toFixed(1);
  return `<text x="${x}" y="${y}" fill="${colour}"${weight} textLength="${length}" lengthAdjust="spacingAndGlyphs">${escapeXml(words)}</text>\n`;
}

function drawLine(line: string, y: number): string {
  let [look, column, drawn] = [plain, 0, ''];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
  for (const [, codes, text = ''] of line.matchAll(/(?:\u001b\[([\d;]*)m)?([^\u001b]*)/g)) {
    if (codes !== undefined) look = lookAfter(look, codes);
    drawn += drawPiece(text, look, column, y);
    column += text.length;
  }
  return drawn;
}

/** The picture of a terminal, SVG, of text with colours as a program wrote them. */
export function drawTerminal(text: string, title: string): string {
  const lines = text.trimEnd().split('\n');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
  const columns = Math.max(...lines.map((line) => line.replaceAll(/\u001b\[[\d;]*m/g, '').length));
  const width = Math.ceil(columns * cellWidth + 2 * padding);
  const height = titleHeight + lines.length * lineHeight + padding;
  const dots = ['#f07178', '#ffcb6b', '#9ccc65'].map(
    (colour, index) => `<circle cx="${padding + 6 + index * 18}" cy="${titleHeight / 2}" r="5.5" fill="${colour}"/>\n`,
  );
  const drawn = lines.map((line, index) => drawLine(line, titleHeight + (index + 1) * lineHeight - 6));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" `,
    `font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="${fontSize}" xml:space="preserve">\n`,
    `<title>${escapeXml(title)}</title>\n`,
    `<rect width="${width}" height="${height}" rx="8" fill="${background}"/>\n`,
    ...dots,
    `<text x="${width / 2}" y="${titleHeight / 2 + 5}" fill="#8a94a0" text-anchor="middle">${escapeXml(title)}</text>\n`,
    ...drawn,
    '</svg>\n',
  ].join('');
}
