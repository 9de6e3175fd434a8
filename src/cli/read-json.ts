import { explain } from '../cni/errors.ts';
import { parseJson } from '../cni/json-text.ts';
import { error, type Finding } from './finding.ts';
import { locateJsonError } from './json-error.ts';

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
