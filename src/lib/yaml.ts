import { type Document, isAlias, isMap, isNode, isScalar, isSeq, type Node, parseAllDocuments } from 'yaml';

/** The text is no YAML, or exceeds the limits. Recognised by `name`. */
export class YamlError extends Error {
  override readonly name = 'YamlError';
  /** Line and column from 1, if they are known. */
  readonly line: number | undefined;
  readonly column: number | undefined;

  constructor(message: string, position?: { readonly line: number; readonly col: number }) {
    super(position === undefined ? message : `line ${position.line}, column ${position.col}: ${message}`);
    this.line = position?.line;
    this.column = position?.col;
  }
}

export interface YamlLimits {
  /** Aliases that all anchors together may be expanded to. */
  readonly maxAliasCount?: number;
  readonly maxDepth?: number;
}

/** Also stops at a circle, which an alias to its own parent makes. */
function checkDepth(value: unknown, levelsLeft: number): void {
  if (typeof value !== 'object' || value === null) return;
  if (levelsLeft === 0) throw new YamlError('nested too deep');
  for (const inner of Object.values(value)) checkDepth(inner, levelsLeft - 1);
}

function toValue(document: Document.Parsed, maxAliasCount: number): unknown {
  const [error] = document.errors;
  if (error === undefined) return document.toJS({ maxAliasCount });
  const [firstLine = ''] = error.message.split(' at line ');
  throw new YamlError(/stack/i.test(firstLine) ? 'nested too deep' : firstLine, error.linePos?.[0]);
}

/** Keys and indexes from the top of a document. */
export type YamlPath = readonly (string | number)[];

/** The place of something in a YAML text, by offsets. */
export interface YamlPlace {
  readonly offset: number;
  /** A text into which the path goes on, as it stands in the file and as it is read. */
  readonly inner: { readonly raw: string; readonly value: string; readonly rest: YamlPath } | null;
}

export interface YamlDocument {
  readonly value: unknown;
  /** The place of the key or value at a path; if it isn't there, that of the deepest one on the way. */
  find(path: YamlPath, part: 'key' | 'value'): YamlPlace;
}

/** The inner node of a collection, with its key. */
function step(node: Node, segment: string | number): { readonly key: unknown; readonly value: unknown } | null {
  if (isMap(node)) {
    return node.items.find(({ key }) => isScalar(key) && String(key.value) === String(segment)) ?? null;
  }
  const value: unknown = isSeq(node) ? node.items[Number(segment)] : undefined;
  return value === undefined ? null : { key: value, value };
}

const startOf = (node: unknown, otherwise: number): number =>
  isNode(node) ? (node.range?.[0] ?? otherwise) : otherwise;

function findIn(document: Document.Parsed, text: string, path: YamlPath, part: 'key' | 'value'): YamlPlace {
  let node: Node | null = document.contents;
  let offset = startOf(node, 0);
  for (const [at, segment] of path.entries()) {
    if (isAlias(node)) node = node.resolve(document) ?? null;
    if (isScalar(node) && typeof node.value === 'string' && node.range != null) {
      const [start, end] = node.range;
      return { offset, inner: { raw: text.slice(start, end), value: node.value, rest: path.slice(at) } };
    }
    const found: ReturnType<typeof step> = node === null ? null : step(node, segment);
    if (found === null) break;
    const isKey = part === 'key' && at === path.length - 1;
    offset = startOf(isKey ? found.key : found.value, startOf(found.key, offset));
    node = isNode(found.value) ? found.value : null;
  }
  return { offset, inner: null };
}

/**
 * Reads all documents of a YAML 1.2 text; empty ones are left out. Throws YamlError with the line for malformed text,
 * repeated keys, and for more aliases or levels than the limits (default 20 and 64) allow.
 */
export function parseYamlSource(text: string, { maxAliasCount = 20, maxDepth = 64 }: YamlLimits = {}): YamlDocument[] {
  try {
    const documents = [...parseAllDocuments(text, { logLevel: 'silent' })] as Document.Parsed[];
    const read = documents.map((document) => ({
      value: toValue(document, maxAliasCount),
      find: (path: YamlPath, part: 'key' | 'value') => findIn(document, text, path, part),
    }));
    for (const { value } of read) checkDepth(value, maxDepth);
    return read.filter(({ value }) => value !== null && value !== undefined);
  } catch (thrown) {
    if (thrown instanceof Error && thrown.name === 'YamlError') throw thrown;
    throw new YamlError(thrown instanceof Error ? thrown.message : String(thrown));
  }
}

/** The same as plain values. */
export function parseYamlDocuments(text: string, limits: YamlLimits = {}): unknown[] {
  return parseYamlSource(text, limits).map(({ value }) => value);
}

/** The first document of a YAML 1.2 text, or null if there is none. Throws as parseYamlDocuments does. */
export function parseYaml(text: string): unknown {
  return parseYamlDocuments(text)[0] ?? null;
}
