import { type CniError, type ErrorName, errorCodes, explain, isCniError } from '../../src/cni/errors.ts';
import { type ErrnoName, isSystemError, type SystemError } from '../../src/lib/system-error.ts';
import { assert } from './suite.ts';

/** `EBUSY` and the like, or SystemError's text for an errno without a name. */
type Errno = ErrnoName | `errno ${number}`;

type Kind = ErrorName | number | Errno | 'Error';

function isOfKind(thrown: unknown, kind: Kind): boolean {
  if (typeof kind === 'number') return isCniError(thrown) && thrown.code === kind;
  if (kind === 'Error') return thrown instanceof Error && !isCniError(thrown) && !isSystemError(thrown);
  return kind in errorCodes ? isCniError(thrown, kind as ErrorName) : isSystemError(thrown) && thrown.code === kind;
}

/**
 * Runs `task`, which must throw a CniError of that name (or code), a SystemError of that errno, or any other `Error`.
 * It must name each of `tokens` (keys, values, paths: no sentences), in its message, those of its causes, or its
 * details. Returns it.
 */
export function throws(task: () => unknown, kind: ErrorName | number, ...tokens: readonly string[]): CniError;
export function throws(task: () => unknown, kind: Errno, ...tokens: readonly string[]): SystemError;
export function throws(task: () => unknown, kind: 'Error', ...tokens: readonly string[]): Error;
export function throws(task: () => unknown, kind: Kind, ...tokens: readonly string[]): Error {
  const expected = [kind, ...tokens].join(', ');
  const thrown = thrownBy(task, expected);
  assert.ok(isOfKind(thrown, kind), `not ${expected}: ${thrown.name}: ${explain(thrown)}`);
  const said = `${explain(thrown)}\n${isCniError(thrown) ? (thrown.details ?? '') : ''}`;
  for (const token of tokens) assert.ok(said.includes(token), `${JSON.stringify(token)} is not named in: ${said}`);
  return thrown;
}

function thrownBy(task: () => unknown, expected: string): Error {
  try {
    task();
  } catch (thrown) {
    if (thrown instanceof Error) return thrown;
    throw new Error(`what was thrown is no Error: ${String(thrown)}`);
  }
  throw new Error(`nothing was thrown, not ${expected}`);
}
