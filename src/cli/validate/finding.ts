import { explain } from '../../cni/errors.ts';
import { parseJson } from '../../cni/json-text.ts';

/** Something that `validate` has to say about a file. */
export interface Finding {
  readonly severity: 'error' | 'warning';
  /** `plugins[1].vlan`, `NetworkAttachmentDefinition ns/name: spec.config: vlan`; '' for the whole file. */
  readonly path: string;
  readonly message: string;
}

export const error = (path: string, message: string): Finding => ({ severity: 'error', path, message });

export const warning = (path: string, message: string): Finding => ({ severity: 'warning', path, message });

/** The findings with `prefix` before each path, joined by `separator`. */
export function under(prefix: string, separator: string, findings: readonly Finding[]): Finding[] {
  return findings.map((finding) => ({
    ...finding,
    path: finding.path === '' ? prefix : `${prefix}${separator}${finding.path}`,
  }));
}

/** Parses JSON text, or says in which line it stops being JSON. */
export function readJson(text: string): { readonly value: unknown; readonly findings: readonly Finding[] } {
  const at = locateJsonError(text);
  if (at !== null) {
    const atEnd = text.trim() === '' ? 'the text is empty' : 'this is not JSON';
    return { value: undefined, findings: [error('', `line ${at.line}, column ${at.column}: ${atEnd}`)] };
  }
  try {
    return { value: parseJson(text, 'the text'), findings: [] };
  } catch (thrown) {
    return { value: undefined, findings: [error('', explain(thrown))] };
  }
}

export interface JsonPosition {
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
}

const space = /[ \t\r\n]*/y;
const token =
  /[{}[\],:]|"(?:[^"\\\p{Cc}]|[\u007f-\u009f]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null/uy;

type Expectation = 'value' | 'value or ]' | 'key' | 'key or }' | ':' | ', or end' | 'nothing';

/** What may follow a whole value, by the brackets that are open around it. */
const afterValue = (open: readonly string[]): Expectation => (open.length === 0 ? 'nothing' : ', or end');

/** The next state, or null where the token may not stand here. Changes `open`, the stack of open brackets. */
function advance(found: string, expected: Expectation, open: string[]): Expectation | null {
  const wantsValue = expected === 'value' || expected === 'value or ]';
  const wantsKey = expected === 'key' || expected === 'key or }';
  const innermost = open.at(-1);
  if (found === '{' || found === '[') {
    if (!wantsValue) return null;
    open.push(found);
    return found === '{' ? 'key or }' : 'value or ]';
  }
  if (found === '}' || found === ']') {
    const mayClose = expected === ', or end' || expected === (found === '}' ? 'key or }' : 'value or ]');
    if (!mayClose || innermost !== (found === '}' ? '{' : '[')) return null;
    open.pop();
    return afterValue(open);
  }
  if (found === ':') return expected === ':' ? 'value' : null;
  if (found === ',') return expected === ', or end' ? (innermost === '{' ? 'key' : 'value') : null;
  if (wantsKey) return found.startsWith('"') ? ':' : null;
  return wantsValue ? afterValue(open) : null;
}

function matchAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

/** Offset of the first character that is not JSON; the length of the text where it ends too early; null where it is JSON. */
function findOffset(text: string): number | null {
  const open: string[] = [];
  let expected: Expectation = 'value';
  for (let at = 0; ; ) {
    at += matchAt(space, text, at)?.length ?? 0;
    if (at >= text.length) return expected === 'nothing' ? null : text.length;
    const found = matchAt(token, text, at);
    const next: Expectation | null = found === undefined ? null : advance(found, expected, open);
    if (found === undefined || next === null) return at;
    expected = next;
    at += found.length;
  }
}

/** Where a text stops being JSON, or null where it is JSON. What JSON.parse says of it differs between engines. */
export function locateJsonError(text: string): JsonPosition | null {
  const offset = findOffset(text);
  if (offset === null) return null;
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: offset - lineStart + 1 };
}
