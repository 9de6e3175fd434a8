import { type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';
import { explain } from '../../cni/errors.ts';
import { parseJson } from '../../cni/json-text.ts';
import type { YamlDocument } from '../../lib/yaml.ts';
import { error, type Finding, type Part, type Path } from './finding.ts';

/** A document of a file, and where what is in it stands. */
export interface SourceDocument {
  readonly value: unknown;
  /** Offset in the file's text; the path may go on into the JSON of a text. */
  offsetOf(path: Path, part: Part): number;
  /** Where the characters of the text at a path stand. */
  inText(path: Path): (index: number) => number;
}

export interface JsonText {
  /** Null where it is no JSON. */
  readonly document: SourceDocument | null;
  /** What is wrong with it, also where it can be read. */
  readonly findings: readonly Finding[];
}

/**
 * Where a character of a text that is in quotes, folded or indented stands in its source, which begins with the quote
 * or the `|`.
 */
function alignment(raw: string, value: string): readonly number[] {
  const isBlock = /^[|>]/.test(raw);
  const isDouble = raw.startsWith('"');
  const isSingle = raw.startsWith("'");
  let at = isBlock ? raw.indexOf('\n') + 1 : isDouble || isSingle ? 1 : 0;
  const offsets: number[] = [];
  for (const char of value.split('')) {
    const isSpace = /\s/.test(char);
    while (!isSpace && at < raw.length && /\s/.test(raw[at] ?? '')) at++;
    offsets.push(at);
    if (isDouble && raw[at] === '\\') at += { u: 6, x: 4, U: 10 }[raw[at + 1] ?? ''] ?? 2;
    else if (isSingle && char === "'") at += 2;
    else if (raw[at] === char) at++;
  }
  return offsets;
}

function within(raw: string, value: string, toFile: (index: number) => number): (index: number) => number {
  const offsets = alignment(raw, value);
  return (index) => toFile(offsets[Math.min(index, offsets.length - 1)] ?? 0);
}

interface Place {
  /** In the file. */
  readonly offset: number;
  /** Of a text: where its characters stand in the file. */
  readonly inText: ((index: number) => number) | null;
}

/** Steps into the tree as far as the path leads, and into JSON in its texts. */
function findInTree(root: Node, text: string, path: Path, part: Part, toFile: (index: number) => number): Place {
  let node = root;
  const inTextOf = ({ type, offset, length, value }: Node): Place['inText'] =>
    type === 'string'
      ? within(text.slice(offset, offset + length), String(value), (index) => toFile(offset + index))
      : null;
  for (const [at, segment] of path.entries()) {
    const inText = inTextOf(node);
    if (inText !== null)
      return intoText(String(node.value), path.slice(at), part, inText) ?? { offset: toFile(node.offset), inText };
    const isObject = node.type === 'object';
    const property = isObject ? node.children?.findLast(({ children }) => children?.[0]?.value === segment) : undefined;
    const key = isObject ? property?.children?.[0] : node.children?.[Number(segment)];
    if (key === undefined) break;
    if (part === 'key' && at === path.length - 1) return { offset: toFile(key.offset), inText: null };
    node = isObject ? (property?.children?.[1] ?? key) : key;
  }
  return { offset: toFile(node.offset), inText: inTextOf(node) };
}

/** Null where the text is no JSON. */
function intoText(value: string, path: Path, part: Part, toFile: (index: number) => number): Place | null {
  const root = parseTree(value);
  return root === undefined ? null : findInTree(root, value, path, part, toFile);
}

/** By the name of jsonc-parser's error code. */
const reasons: Readonly<Record<string, string>> = {
  InvalidSymbol: 'this is no JSON: texts and keys stand in double quotes',
  InvalidNumberFormat: 'this is no number of JSON',
  PropertyNameExpected: 'a key in double quotes is missing here',
  ValueExpected: 'a value is missing here',
  ColonExpected: 'a colon is missing before this',
  CommaExpected: 'a comma is missing before this',
  CloseBraceExpected: 'the text ends, and a } is missing',
  CloseBracketExpected: 'the text ends, and a ] is missing',
  EndOfFileExpected: 'this is too much: the JSON ends before it',
  InvalidCommentToken: 'JSON has no comments',
  UnexpectedEndOfComment: 'JSON has no comments',
  UnexpectedEndOfString: 'the text that begins here has no closing quote on its line',
  UnexpectedEndOfNumber: 'this number is not complete',
  InvalidUnicode: 'a \\u here is not followed by four hex digits',
  InvalidEscapeCharacter: 'a backslash here begins no escape of JSON',
  InvalidCharacter: 'a control character stands here',
};

function reasonOf(text: string, { error: code, offset }: ParseError): string {
  const before = text.slice(0, offset).trimEnd().at(-1);
  const isTrailing = before === ',' && /[}\]]/.test(text[offset] ?? '');
  return isTrailing ? 'the comma before this is too much' : (reasons[printParseErrorCode(code)] ?? 'this is not JSON');
}

/** Keys that are there twice in one object: the last counts, silently. */
function findRepeated(node: Node, toFile: (index: number) => number): Finding[] {
  const seen = new Set<unknown>();
  return (node.children ?? []).flatMap((child) => {
    const [key, value] = node.type === 'object' ? (child.children ?? []) : [undefined, child];
    const inner = value === undefined ? [] : findRepeated(value, toFile);
    if (key === undefined) return inner;
    const isRepeated = seen.has(key.value);
    seen.add(key.value);
    const finding = error(String(key.value), 'is there twice in one object, of which only the last counts', {
      offset: toFile(key.offset),
    });
    return isRepeated ? [finding, ...inner] : inner;
  });
}

/** Reads JSON; `toFile` tells where its characters stand in the file. What is wrong has a position and a reason. */
export function readJson(text: string, toFile: (index: number) => number = (index) => index): JsonText {
  const errors: ParseError[] = [];
  try {
    const root = parseTree(text, errors, { disallowComments: true, allowTrailingComma: false });
    const [first] = errors;
    if (text.trim() === '')
      return { document: null, findings: [error('', 'the text is empty', { offset: toFile(0) })] };
    if (first !== undefined || root === undefined) {
      const reason = first === undefined ? 'this is not JSON' : reasonOf(text, first);
      return { document: null, findings: [error('', reason, { offset: toFile(first?.offset ?? 0) })] };
    }
    const value = parseJson(text, 'the text');
    const place = (path: Path, part: Part): Place => findInTree(root, text, path, part, toFile);
    const document = {
      value,
      offsetOf: (path: Path, part: Part) => place(path, part).offset,
      inText: (path: Path) => place(path, 'value').inText ?? (() => place(path, 'value').offset),
    };
    return { document, findings: findRepeated(root, toFile) };
  } catch (thrown) {
    const isTooDeep = thrown instanceof RangeError || /stack/i.test(explain(thrown));
    return {
      document: null,
      findings: [error('', isTooDeep ? 'nested too deep' : explain(thrown), { offset: toFile(0) })],
    };
  }
}

/** A document of YAML, in whose texts there may be JSON. */
export function fromYaml({ value, find }: YamlDocument): SourceDocument {
  const inText = (path: Path): ((index: number) => number) => {
    // A step beyond the text leads into the JSON in it.
    const { offset, inner } = find([...path, 0], 'value');
    return inner === null ? () => offset : within(inner.raw, inner.value, (index) => offset + index);
  };
  const offsetOf = (path: Path, part: Part): number => {
    const { offset, inner } = find(path, part);
    if (inner === null) return offset;
    const into = within(inner.raw, inner.value, (index) => offset + index);
    return intoText(inner.value, inner.rest, part, into)?.offset ?? offset;
  };
  return { value, offsetOf, inText };
}
