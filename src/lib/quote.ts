// Characters that JSON doesn't escape, and that a terminal or a log viewer acts on or hides: DEL and C1 controls,
// bidirectional marks, zero-width characters.
const unprintable = /[\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

const escapeUnprintable = (json: string): string =>
  json.replace(unprintable, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);

/**
 * The text in double quotes on one line, with nothing in it that a terminal acts on; cut after `maxLength` characters.
 */
export function quote(text: string, maxLength = 120): string {
  const cut = text.length > maxLength;
  return escapeUnprintable(JSON.stringify(cut ? `${text.slice(0, maxLength)}…` : text));
}

/** The text on one line, with what a terminal acts on escaped; cut after `maxLength` characters. */
export function printable(text: string, maxLength = 1000): string {
  return quote(text, maxLength)
    .slice(1, -1)
    .replace(/\\(["\\])/g, '$1');
}

/**
 * One word of a command line that somebody may type: in single quotes where a shell would see more than a word. Pods
 * choose names of interfaces.
 */
export function shellWord(text: string): string {
  const word = printable(text);
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

const bigintsAsText = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);

/** Any value as JSON on one line, for people; cut after `maxLength` characters. */
export function show(value: unknown, maxLength = 120): string {
  if (typeof value === 'string') return quote(value, maxLength);
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  const json = escapeUnprintable(JSON.stringify(value, bigintsAsText) ?? String(value));
  return json.length > maxLength ? `${json.slice(0, maxLength)}…` : json;
}
