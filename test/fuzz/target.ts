import type fc from 'fast-check';
import { formatError } from '../../src/cni/error-output.ts';
import { errorCodes, isCniError } from '../../src/cni/errors.ts';
import { isSystemError } from '../../src/lib/system-error.ts';

/** A decoder, what it is fed with, and what must be true of every answer. */
export interface Target {
  readonly name: string;
  readonly input: fc.Arbitrary<unknown>;
  /** Feeds the decoder; returns the outcome in one word, throws where it is wrong. */
  readonly feed: (input: never) => string;
  /** This target gets so many times the usual number of inputs; 1 if absent. */
  readonly speed?: number;
}

export function target<Input>(
  name: string,
  input: fc.Arbitrary<Input>,
  feed: (input: Input) => string,
  speed = 1,
): Target {
  return { name, input, feed: feed as (input: never) => string, speed };
}

/** Characters on which a terminal acts, which a log viewer hides, or which it takes for a line's end. */
const unprintable = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069\u200b-\u200f\ufeff]/u;

export function requirePrintable(text: string, what: string): void {
  const found = unprintable.exec(text);
  if (found !== null)
    throw new Error(`${what} holds U+${found[0].charCodeAt(0).toString(16)}: ${JSON.stringify(text)}`);
}

/** Throws unless it is an error of known meaning, in printable words. */
function requireKnownError(thrown: unknown): string {
  if (!isCniError(thrown) && !isSystemError(thrown)) throw thrown;
  const {
    code,
    msg,
    details = '',
  } = JSON.parse(formatError(thrown)) as { code: number; msg: string; details?: string };
  if (code === errorCodes.internal) throw thrown;
  requirePrintable(`${msg}${details}`, 'the error');
  if (msg.length > 5000 || msg === '') throw new Error(`a message of ${msg.length} characters`);
  return String(code);
}

/** What `run` returns, or the code of the known error that it throws. */
export function outcomeOf(run: () => string): string {
  try {
    return run();
  } catch (thrown) {
    return requireKnownError(thrown);
  }
}

export function require(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what);
}
