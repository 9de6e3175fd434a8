/** A line of the text: its indentation, and what follows. */
interface Line {
  readonly indent: number;
  readonly text: string;
}

/** Ends the reading of a text that needs the library. */
class Unusual extends Error {}

const maxDepth = 32;

/** `key:` or `key: value`. A value that has a `: ` of its own is left to the library. */
const entry = /^([A-Za-z][A-Za-z0-9_./-]{0,127}):(?: (.*))?$/;

/** A text that begins otherwise may be quoted, a number of some form, an alias, a comment, ... */
const plainBegin = /^[A-Za-z0-9/]/;

/** The words and numbers of YAML's core schema, without plain decimal integers. */
const notText =
  /^(?:null|Null|NULL|true|True|TRUE|false|False|FALSE|\d+\.?\d*(?:[eE][-+]?\d+)?|0x[\da-fA-F]+|0o[0-7]+)$/;

const integer = /^(?:0|[1-9]\d{0,14})$/;

function readScalar(text: string): unknown {
  if (text === '{}') return {};
  if (text === '[]') return [];
  if (integer.test(text)) return Number(text);
  const isPlain = plainBegin.test(text) && !text.includes(': ') && !text.includes(' #') && !/[: ]$/.test(text);
  if (!isPlain || notText.test(text)) throw new Unusual();
  return text;
}

/** Reads lines from the first on, each node as far as its indentation goes. */
class BlockReader {
  readonly #lines: Line[];
  #at = 0;

  constructor(lines: Line[]) {
    this.#lines = lines;
  }

  readAll(): unknown {
    const value = this.#readNode(0, 0);
    if (this.#at < this.#lines.length) throw new Unusual();
    return value;
  }

  #peek(): Line | undefined {
    return this.#lines[this.#at];
  }

  /** Reads the node that begins at the next line, which has this indentation. */
  #readNode(indent: number, depth: number): unknown {
    const line = this.#peek();
    if (line === undefined || line.indent !== indent || depth > maxDepth) throw new Unusual();
    if (line.text.startsWith('- ')) return this.#readList(indent, depth);
    if (entry.test(line.text)) return this.#readMap(indent, depth);
    this.#at++;
    return readScalar(line.text);
  }

  #readList(indent: number, depth: number): unknown[] {
    const items: unknown[] = [];
    for (let line = this.#peek(); line?.indent === indent && line.text.startsWith('- '); line = this.#peek()) {
      // The text behind the dash is a node that is indented by two more.
      this.#lines[this.#at] = { indent: indent + 2, text: line.text.slice(2) };
      items.push(this.#readNode(indent + 2, depth + 1));
    }
    return items;
  }

  #readMap(indent: number, depth: number): Record<string, unknown> {
    const map: Record<string, unknown> = {};
    for (let line = this.#peek(); line?.indent === indent && !line.text.startsWith('- '); line = this.#peek()) {
      const [, key = '', value] = entry.exec(line.text) ?? [];
      if (key === '' || notText.test(key) || Object.hasOwn(map, key)) throw new Unusual();
      this.#at++;
      map[key] = value === undefined ? this.#readInner(indent, depth) : readScalar(value);
    }
    return map;
  }

  /** Reads the value of a key in the lines below it: indented more, or a list at the key's own indentation. */
  #readInner(indent: number, depth: number): unknown {
    const line = this.#peek();
    const isInner =
      line !== undefined && (line.indent > indent || (line.indent === indent && line.text.startsWith('- ')));
    if (!isInner) throw new Unusual();
    const isScalar = !line.text.startsWith('- ') && !entry.test(line.text);
    if (isScalar) throw new Unusual();
    return this.#readNode(line.indent, depth + 1);
  }
}

/**
 * Reads the YAML that Go's libraries write of plain data: one document of maps and lists in block style, texts without
 * quotes, and decimal integers. Undefined for everything else, valid or not, which the YAML library reads. What this
 * reads, the library reads as the same.
 */
export function readBlockYaml(text: string): unknown {
  const body = text.startsWith('---\n') ? text.slice(4) : text;
  // Only printable ASCII: no tabs, other line ends or special blanks.
  if (!/^[\x20-\x7e\n]+$/.test(body)) return undefined;
  const lines = body.split('\n');
  if (lines.at(-1) === '') lines.pop();
  try {
    return new BlockReader(lines.map(splitLine)).readAll();
  } catch (thrown) {
    if (thrown instanceof Unusual) return undefined;
    throw thrown;
  }
}

function splitLine(line: string): Line {
  const text = line.trimStart();
  if (text === '' || text.endsWith(' ') || text.startsWith('--') || text.startsWith('...')) throw new Unusual();
  return { indent: line.length - text.length, text };
}
