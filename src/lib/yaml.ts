import { type Document, parseAllDocuments } from 'yaml';

/** Text that is no YAML, or YAML that is meant to hurt. Recognised by `name`. */
export class YamlError extends Error {
  override readonly name = 'YamlError';
  /** From 1, where it is known. */
  readonly line: number | undefined;

  constructor(message: string, position?: { readonly line: number; readonly col: number }) {
    super(position === undefined ? message : `line ${position.line}, column ${position.col}: ${message}`);
    this.line = position?.line;
  }
}

export interface YamlLimits {
  /** Aliases that all anchors together may be expanded to. */
  readonly maxAliasCount?: number;
  readonly maxDepth?: number;
}

/** Also ends at a circle, which an alias to its own parent makes. */
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

/**
 * Reads all documents of a YAML 1.2 text as plain values; empty ones are left out. Throws YamlError with the line for
 * malformed text, repeated keys, and for more aliases or levels than the limits (default 20 and 64) allow.
 */
export function parseYamlDocuments(text: string, { maxAliasCount = 20, maxDepth = 64 }: YamlLimits = {}): unknown[] {
  try {
    const documents = parseAllDocuments(text, { logLevel: 'silent' });
    const values = [...documents].map((document) => toValue(document as Document.Parsed, maxAliasCount));
    for (const value of values) checkDepth(value, maxDepth);
    return values.filter((value) => value !== null && value !== undefined);
  } catch (thrown) {
    if (thrown instanceof Error && thrown.name === 'YamlError') throw thrown;
    throw new YamlError(thrown instanceof Error ? thrown.message : String(thrown));
  }
}

/** The first document of a YAML 1.2 text, or null where there is none. Throws as parseYamlDocuments. */
export function parseYaml(text: string): unknown {
  return parseYamlDocuments(text)[0] ?? null;
}
