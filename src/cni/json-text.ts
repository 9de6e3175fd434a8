import { describeProblems, normalize, problemsIn, type Schema, type ValueOf } from '../lib/json-schema.ts';
import { CniError } from './errors.ts';

const maxDepth = 64;

/**
 * The depth of nesting of JSON text, found by brackets outside of strings, without parsing. Malformed text gets some
 * number.
 */
function nestingDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (inString) {
      if (char === '\\') at++;
      else if (char === '"') inString = false;
    } else if (char === '"') inString = true;
    else if (char === '{' || char === '[') deepest = Math.max(deepest, ++depth);
    else if (char === '}' || char === ']') depth--;
  }
  return deepest;
}

/** Whether a text may be nested deeper than `limit`: counts its brackets, those in strings included. */
function mayBeDeeper(text: string, limit: number): boolean {
  let left = limit;
  for (const bracket of '{[') {
    for (let at = text.indexOf(bracket); at !== -1; at = text.indexOf(bracket, at + 1)) {
      if (left-- === 0) return true;
    }
  }
  return false;
}

/**
 * Parses JSON text that comes from outside; `what` names it in errors. Of a repeated key the last one counts. Throws
 * CniError decode for malformed text and for nesting deeper than 64, which is checked first because a parser may
 * recurse.
 */
export function parseJson(text: string, what: string): unknown {
  if (text.trim() === '') throw new CniError('decode', `${what} is empty; expected JSON`);
  if (mayBeDeeper(text, maxDepth) && nestingDepth(text) > maxDepth) {
    throw new CniError('decode', `${what} is nested deeper than ${maxDepth} levels`);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CniError('decode', `${what} is not JSON`, { cause });
  }
}

/**
 * Brings what another program has written into the form of a schema (`normalize`); `what` begins the paths in errors.
 * Throws CniError decode, naming each field that is wrong, its value, and what is allowed.
 */
export function readAs<Of extends Schema>(schema: Of, json: unknown, what: string): ValueOf<Of> {
  const value = normalize(schema, json);
  const problems = problemsIn(schema, value, what);
  if (problems.length > 0) throw new CniError('decode', describeProblems(problems));
  return value as ValueOf<Of>;
}
